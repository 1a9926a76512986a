"""The epochs of a fit: where it starts, what listeners are told of each, and what is learned."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

__all__ = ["Arrays", "Epoch", "Fit", "History", "Listener", "Progress", "Start"]

Arrays = dict[str, np.ndarray]
History = dict[str, list[float]]


@dataclass(frozen=True)
class Start:
    """Where a fit starts: anew, from an earlier fit, or in its own middle.

    Parameters
    ----------
    seed : int
        Of all that is random in it.
    parameters : dict of ndarray or None, default=None
        Trained weights to go on from; None draws them.
    history : dict of list, default={}
        Of all epochs until then.
    kl_curves : ndarray of shape (n_epochs, d) or None, default=None
        Of the same epochs.
    epochs_done : int, default=0
        Epochs of this very fit among them.
    optimizer : dict of ndarray or None, default=None
        State of the optimizer to go on from.
    stopper : dict or None, default=None
        State of the early stopping.
    best : dict of ndarray or None, default=None
        Weights that early stopping would return to.
    is_finished : bool, default=False
        Whether the fit has ended there.
    products : str or None, default=None
        Library that multiplied the matrices until then.
    path : Path or None, default=None
        The file that this was read from, to be named if it is damaged.
    """

    seed: int
    parameters: Arrays | None = None
    history: History = field(default_factory=dict)
    kl_curves: np.ndarray | None = None
    epochs_done: int = 0
    optimizer: Arrays | None = None
    stopper: dict[str, Any] | None = None
    best: Arrays | None = None
    is_finished: bool = False
    products: str | None = None
    path: Path | None = None

    @property
    def n_epochs(self) -> int:
        """All epochs until then."""
        return len(self.history.get("loss", []))

    @property
    def epochs_before(self) -> int:
        """Epochs of earlier fits."""
        return self.n_epochs - self.epochs_done

    def epochs_left(self, n_epochs: int) -> int:
        """Epochs that a fit of so many has still to go."""
        return 0 if self.is_finished else max(n_epochs - self.epochs_done, 0)


class Progress(NamedTuple):
    """How far an epoch has come."""

    step: int  # steps done
    n_steps: int  # steps of the epoch
    record: dict[str, float]  # means over the rows seen so far, in nats


@dataclass
class Epoch:
    """An epoch that has ended, which listeners complete one after another.

    Parameters
    ----------
    number : int
        1, 2, ... within the fit.
    record : dict of float
        Means over rows, in nats.
    parameters : dict of ndarray
        Weights.
    model : VAE
        In use, with these weights.
    is_whole : bool, default=True
        False where the training diverged after the steps that the record is of.
    history : dict of list
        Records of all epochs, this one and those of earlier fits among them.
    kl_curves : ndarray of shape (n_epochs, d) or None
        What each latent dimension carried after each of them.
    stop : bool, default=False
        Whether the fit ends here.
    fitted : callable or None, default=None
        Gives the estimator as it would be if the fit ended here, where one is fitted.
    """

    number: int
    record: dict[str, float]
    parameters: Arrays
    model: Any
    is_whole: bool = True
    history: History = field(default_factory=dict)
    kl_curves: np.ndarray | None = None
    stop: bool = False
    fitted: Callable[[], Any] | None = None

    @property
    def prior(self) -> Arrays:
        """Parameters of the prior, by the names of an estimator's attributes."""
        attributes: Arrays = self.model.prior.fitted_attributes()
        return attributes


class Listener:
    """What is told of a fit; each method may be left as it is, doing nothing."""

    def fit_began(self, start: Start) -> None:
        """The training begins."""

    def progressed(self, progress: Progress) -> None:
        """Some steps have been taken."""

    def epoch_ended(self, epoch: Epoch) -> None:
        """An epoch has ended: complete it, or set its ``stop``."""

    def fit_ended(self) -> None:
        """The training has ended, in whatever way."""


@dataclass(frozen=True)
class Fit:
    """What a fit has learned.

    Parameters
    ----------
    seed : int
        Of all that was random in it.
    parameters, prior : dict of ndarray
        Weights; parameters of the prior by the names of an estimator's attributes.
    history : dict of list
        Of all epochs, those of earlier fits included.
    kl_curves : ndarray of shape (n_epochs, d) or None
        Of the same epochs; None without a KL term.
    kl_per_dimension : ndarray of shape (d,) or None
        What each latent dimension carries in the end, in nats.
    n_active : int
        Latent dimensions that depend on the input.
    best_score : float or None
        Of the rows held out.
    optimizer : dict of ndarray or None
        State of the optimizer; None where the training diverged.
    products : str
        Library that multiplied the matrices.
    """

    seed: int
    parameters: Arrays
    prior: Arrays
    history: History
    kl_curves: np.ndarray | None
    kl_per_dimension: np.ndarray | None
    n_active: int
    best_score: float | None
    optimizer: Arrays | None
    products: str
