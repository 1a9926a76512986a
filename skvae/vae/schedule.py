"""Learning rate and KL weight, step by step."""

import math
from dataclasses import dataclass

__all__ = ["Schedule"]


@dataclass(frozen=True)
class Schedule:
    """Learning rate and KL weight at each step of a fit.

    Parameters
    ----------
    n_steps : int
        Steps in the whole fit.
    learning_rate_init : float
        Rate of the first step.
    cosine : bool
        Whether the rate falls to 0 along half a cosine, or stays.
    beta : float or None
        Final KL weight; None where there is no KL term.
    warm_up : float
        Fraction of the steps over which the KL weight rises from 0 to ``beta``.

    Examples
    --------
    >>> from skvae.vae.schedule import Schedule
    >>> schedule = Schedule(10, 1e-3, cosine=False, beta=1.0, warm_up=0.5)
    >>> [schedule.kl_weight(step) for step in range(6)]
    [0.2, 0.4, 0.6, 0.8, 1.0, 1.0]
    """

    n_steps: int
    learning_rate_init: float
    cosine: bool
    beta: float | None
    warm_up: float

    @property
    def is_open_ended(self) -> bool:
        """Whether no step depends on how many there are in all."""
        return not self.cosine and self.warm_up == 0

    def learning_rate(self, step: int) -> float:
        """Rate of step 0, 1, ..."""
        if not self.cosine:
            return self.learning_rate_init

        return self.learning_rate_init * 0.5 * (1 + math.cos(math.pi * step / self.n_steps))

    def kl_weight(self, step: int) -> float | None:
        """KL weight of step 0, 1, ...; the last step of the warm-up has ``beta`` already."""
        if self.beta is None:
            return None
        n_rising = self.warm_up * self.n_steps

        return self.beta * min(1.0, (step + 1) / n_rising) if n_rising else self.beta
