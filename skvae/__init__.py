"""Fisher vectors and variational autoencoders as scikit-learn transformers."""

import lazy_loader

__version__ = "0.1.0"

# Names load on first use, so that the Fisher half never pays for torch: __init__.pyi has them.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
