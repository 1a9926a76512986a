"""What the E-step needs of a mixture: its components by precision, with their parameters.

Float64 descriptors are worked on in float64. Float32 descriptors are multiplied in float32 where
that loses nothing that counts, and in float64 elsewhere: components that cancel
(``statistics.in_double``), descriptors far from all components, and hard assignments.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import DTypeLike

from skvae._typing import FloatArray, IntArray
from skvae.mixture.assignment import Assignment, is_hard
from skvae.mixture.statistics import (
    Mixture,
    float32_nats,
    group_by_center,
    in_double,
    log_joints_at_means,
    natural_parameters,
    relative_parameters,
    spreads,
)

__all__ = [
    "LEAST_POSTERIOR",
    "Kernel",
    "Moved",
    "Part",
    "recent",
    "recent_centers",
    "recent_kernel",
]

# Bytes of posteriors and features worked on at a time: they stay in the cache, and each numpy call
# is long enough that threads seldom wait for one another in Python.
_CHUNK_BYTES = 2**22
# Spread in nats from which on least posteriors would count, times the squares of what lies far out.
_DISTANT = 1e12
# Values that a function keeps.
_N_RECENT = 2
# Least logarithm of a posterior, but for descriptors far from all components.
_LEAST = -50
LEAST_POSTERIOR = float(np.exp(_LEAST))

Value = TypeVar("Value")


class Part(NamedTuple):
    """Components that are worked on in one precision, and their parameters in it."""

    eta: FloatArray  # (k, 1 + 2 d)
    center: FloatArray  # (d,)
    offset: float  # that log-joints lack

    @classmethod
    def of(cls, eta: FloatArray, center: FloatArray, dtype: DTypeLike) -> "Part":
        """Parameters relative to the largest, rounded to a dtype."""
        eta, offset = relative_parameters(eta)
        return cls(eta.astype(dtype), center.astype(dtype), offset)


class Moved(NamedTuple):
    """Components far out, whose statistics are about a center of their own, in float64."""

    components: IntArray  # (k,)
    rows: slice  # of the joints
    eta: FloatArray  # (k, 1 + 2 d), less the offset of the part that has these rows
    center: FloatArray  # (d,)
    offset: float  # that log-joints lack


class Kernel:
    """Parameters of an E-step, which any number of threads may share.

    ``order`` says which component each row of posteriors is: those in double come last, and of
    these those with other centers (``moved``). What the parts say of them is written over.

    Parameters
    ----------
    mixture : Mixture
        Parameters.
    centers : ndarray of shape (d,) or (K, d)
        Subtracted from descriptors, for all components or for each.
    dtype : dtype
        Of the descriptors, float32 or float64.
    assignment : Assignment, default=None
        Which posteriors are kept; None keeps all.
    """

    def __init__(
        self,
        mixture: Mixture,
        centers: FloatArray,
        dtype: DTypeLike,
        assignment: Assignment | None = None,
    ) -> None:
        self.assignment, self.centers = assignment, centers
        self.hard = is_hard(assignment)
        eta = natural_parameters(mixture, centers)
        self.center, others = group_by_center(centers, len(eta))
        place = in_double(eta, mixture, dtype).astype(int)
        for i, (components, _) in enumerate(others):
            place[components] = 2 + i
        self.order = np.argsort(place, kind="stable")
        self.n_single = n = int((place == 0).sum())
        self.eta = eta[self.order]
        self.dtype = np.dtype(dtype if n else np.float64)
        per_row = self.dtype.itemsize * (len(eta) + 2 * eta.shape[1])
        if 0 < n < len(eta):
            per_row += 8 * (len(eta) - n + eta.shape[1])
        self.rows = int(np.clip(_CHUNK_BYTES // per_row, 256, 8192))
        self.least = np.full(self.rows, _LEAST, self.dtype)  # numpy is slow with one number
        precisions = [(self.eta[:n], self.dtype), (self.eta[n:], np.float64)]
        self.parts = [Part.of(eta, self.center, dtype) for eta, dtype in precisions if len(eta)]
        self.moved = [self._moved(place, 2 + i, *other) for i, other in enumerate(others)]
        highest = log_joints_at_means(eta, mixture.covariances)
        self.normalizers = highest[self.order[:n], None]
        self.lowest = highest[self.order[: n or None]].max() - float32_nats(len(self.center))
        if self.moved or spreads(eta, mixture.covariances).max() > _DISTANT:
            self.lowest = np.inf  # every descriptor is far from some component

    def _moved(
        self, places: IntArray, place: int, components: IntArray, center: FloatArray
    ) -> Moved:
        first = int((places < place).sum())
        rows = slice(first, first + len(components))
        eta, offset = self.eta[rows].copy(), self.parts[-1].offset
        eta[:, 0] -= offset
        return Moved(components, rows, eta, center, offset)


def recent(function: Callable[..., Value]) -> Callable[..., Value]:
    """Let a function of arrays, and of what can be compared, remember its last few values.

    The arrays come as a named tuple, such as a :class:`Mixture`. They are compared by their
    numbers, which takes less time than to work with them once. The function gets a copy that cannot
    be written to, and where such a copy is given again it is known without a look at its numbers.
    """
    kept: list[tuple[Any, list[Any], Any, Value]] = []

    def remembering(arrays: Any, *rest: Any, **named: Any) -> Value:
        known, beside = tuple(kept), (rest, named)
        for own, _, beside_own, value in known:
            if own is arrays and beside_own == beside:
                return value
        numbers = [(a.shape, a.dtype, a.tobytes()) for a in arrays]
        for _, of_own, beside_own, value in known:
            if of_own == numbers and beside_own == beside:
                return value
        own = _unwritable(arrays)
        value = function(own, *rest, **named)
        kept[:] = [(own, numbers, beside, value), *kept[: _N_RECENT - 1]]
        return value

    return remembering


def _unwritable(arrays: Any) -> Any:
    """Arrays that nobody can write to: themselves, where they are such copies, or copies."""
    if not any(a.flags.writeable or a.base is not None for a in arrays):
        return arrays
    copies = [np.copy(a) for a in arrays]
    for copy in copies:
        copy.flags.writeable = False
    return type(arrays)(*copies)


@recent
def recent_centers(mixture: Mixture, dtype: DTypeLike) -> FloatArray:
    """``mixture.centers(dtype)``, not to be written to."""
    return mixture.centers(dtype)


@recent
def recent_kernel(mixture: Mixture, dtype: DTypeLike, assignment: Assignment | None) -> Kernel:
    """The kernel of a mixture about its own centers."""
    return Kernel(mixture, mixture.centers(dtype), dtype, assignment)
