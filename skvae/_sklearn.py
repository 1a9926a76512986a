"""Every private scikit-learn name and version difference, in one place."""

from sklearn.base import _fit_context as fit_context
from sklearn.utils._param_validation import (
    HasMethods,
    Interval,
    StrOptions,
)

__all__ = [
    "HasMethods",
    "Interval",
    "StrOptions",
    "derive_random_states",
    "fit_context",
]


def derive_random_states(estimator, rng):
    """Give every ``random_state=None`` inside ``estimator`` a seed drawn from ``rng``.

    Like scikit-learn's ensembles, but a seed that the user has set is kept.

    Parameters
    ----------
    estimator : estimator
        Changed in place: pass a clone.
    rng : numpy.random.RandomState
        Source of the seeds; parameters are visited in sorted order.
    """
    unset = {
        name: int(rng.randint(2**31 - 1))
        for name, value in sorted(estimator.get_params(deep=True).items())
        if (name == "random_state" or name.endswith("__random_state")) and value is None
    }
    if unset:
        estimator.set_params(**unset)
