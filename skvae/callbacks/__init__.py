"""Callbacks for ``set_callbacks`` of scikit-learn 1.9: what a fit shows and writes as it goes."""

from skvae.callbacks.lines import Lines
from skvae.callbacks.pictures import Pictures
from skvae.callbacks.tensorboard import TensorBoard

__all__ = ["Lines", "Pictures", "TensorBoard"]
