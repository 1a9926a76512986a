"""Sizes that no machine has: refused by name before anything is computed."""

import os
from numbers import Integral
from typing import Any

from joblib import effective_n_jobs

from skvae._sklearn import Interval

__all__ = ["N_JOBS", "check_count", "check_memory", "n_workers"]

_MOST_WORKERS = 1024

# scikit-learn's constraint of a parameter n_jobs.
N_JOBS: list[Any] = [
    Interval(Integral, None, -1, closed="right"),
    Interval(Integral, 1, _MOST_WORKERS, closed="both"),
    None,
]


def n_workers(n_jobs: int | None) -> int:
    """Number of workers that a parameter ``n_jobs`` asks for.

    Parameters
    ----------
    n_jobs : int or None
        None is what ``joblib.parallel_config`` says, else 1; -1 is all cores, -2 all but one.

    Returns
    -------
    int

    Raises
    ------
    ValueError
        If it is 0, no whole number, or more than any machine has.

    Examples
    --------
    >>> from skvae.compute.sizes import n_workers
    >>> n_workers(2)
    2
    """
    if not any(n_jobs is c or (c is not None and c.is_satisfied_by(n_jobs)) for c in N_JOBS):
        raise ValueError(
            f"n_jobs={n_jobs} must be None, a number of workers from 1 to {_MOST_WORKERS:,}, or "
            "negative: -1 is all cores."
        )
    return int(effective_n_jobs(n_jobs))


def check_count(number: Any, name: str, least: int = 1) -> None:
    """Refuse what is no number of things to make.

    Parameters
    ----------
    number : object
    name : str
        Of the argument.
    least : int, default=1
        The smallest one.

    Raises
    ------
    ValueError
        If it is no integer, or too small.
    """
    if not isinstance(number, Integral) or isinstance(number, bool) or number < least:
        wanted = "a positive integer" if least == 1 else f"an integer of at least {least}"
        raise ValueError(f"{name}={number!r} must be {wanted}.")


def check_memory(n_bytes: float, what: str) -> None:
    """Refuse what this machine cannot hold, before it is allocated piece by piece.

    Parameters
    ----------
    n_bytes : int
        That are needed at once.
    what : str
        Name and value of the parameter, such as ``"n_components=1000000000"``.

    Raises
    ------
    ValueError
        If that is more than the machine's memory, where the system tells it.

    Examples
    --------
    >>> from skvae.compute.sizes import check_memory
    >>> check_memory(8 * 10**15, "n_samples=10**15")
    Traceback (most recent call last):
    ...
    ValueError: n_samples=10**15 needs 8,000,000 GB of memory; this machine has ... Use less.
    """
    memory = _memory()
    if n_bytes > memory:
        raise ValueError(
            f"{what} needs {n_bytes / 1e9:,.0f} GB of memory; this machine has "
            f"{memory / 1e9:,.0f}. Use less."
        )


def _memory() -> int:
    """Bytes of memory of this machine; 1 TB where the system does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return 10**12
