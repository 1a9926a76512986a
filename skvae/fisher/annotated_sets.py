"""Sets of any source, with positions and weights that a user gave for them."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from skvae._typing import FloatArray, IntArray
from skvae.data.blocks import random_rows
from skvae.data.containers import is_dask
from skvae.data.iterables import refuse_single_pass
from skvae.data.sequences import inner_ndim
from skvae.data.weights import are_whole, check_weights
from skvae.fisher.sets import PackedSets, Sets, joined

__all__ = ["AnnotatedSets", "SetWeights", "check_sizes", "random_sets"]

# Of a large collection, at least this share of the descriptors that are read is used.
_LEAST_SHARE = 1 / 16
# Sets that whole weights may stand for, of which a random order is drawn.
_MOST_SETS = 2**24


@dataclass(frozen=True, eq=False)
class SetWeights:
    """How often sets count, or the descriptors of each.

    Parameters
    ----------
    of_sets : ndarray of shape (n_sets,), default=None
        A weight for all descriptors of a set; None means once.
    of_descriptors : list of ndarray of shape (n_i,), default=None
        A weight for each descriptor of each set.
    name : str
        Of the argument they came by, for errors.
    """

    of_sets: FloatArray | None = None
    of_descriptors: list[Any] | None = None
    name: str = "sample_weight"

    @classmethod
    def read(
        cls, given: Any, n_sets: int, name: str = "sample_weight", *, all_zero: bool = False
    ) -> "SetWeights":
        """Validate weights as a user passes them.

        Parameters
        ----------
        given : array-like of shape (n_sets,), or of n_sets arrays of shape (n_i,)
            A weight for each set, or for each descriptor of each set.
        n_sets : int
            How many sets there are.
        name : str
            Of the argument, for errors.
        all_zero : bool, default=False
            Whether all weights may be zero.

        Returns
        -------
        SetWeights

        Raises
        ------
        ValueError
            If there are not as many, or weights are negative, not finite or all zero.
        TypeError
            If they can be read only once.
        """
        refuse_single_pass(given, name, "an encoder", f"Pass a list of its elements, list({name}).")
        if is_dask(given):
            given = given.compute()
        if hasattr(given, "__iter__") and not hasattr(given, "__array__"):
            given = list(given)
        if inner_ndim(given) < 2:
            return cls(check_weights(given, n_sets, name, "set", all_zero=all_zero), None, name)
        if len(given) != n_sets:
            raise ValueError(
                f"{name} has weights of the descriptors of {len(given)} sets, but there are "
                f"{n_sets} sets."
            )
        lists = [
            check_weights(w, None, f"{name} of set {i}", "descriptor", all_zero=True)
            for i, w in enumerate(given)
        ]
        if not all_zero and not any(w.any() for w in lists):
            raise ValueError(f"{name} is all zero: at least one descriptor has to count.")
        return cls(None, lists, name)

    def part(self, sets: slice | IntArray) -> "SetWeights":
        """Those of some of the sets."""
        own = self.of_descriptors
        if own is not None:
            own = own[sets] if isinstance(sets, slice) else [own[i] for i in sets]
        return replace(
            self,
            of_sets=None if self.of_sets is None else self.of_sets[sets],
            of_descriptors=own,
        )

    def of_rows(self, offsets: IntArray, numbers: IntArray) -> FloatArray:
        """A weight for each descriptor of packed sets.

        Parameters
        ----------
        offsets : ndarray of shape (n_sets + 1,)
            Where each set begins.
        numbers : ndarray of shape (n_sets,)
            What errors call the sets.
        """
        sizes = np.diff(offsets)
        if self.of_descriptors is None:
            assert self.of_sets is not None
            return np.repeat(self.of_sets, sizes)
        check_sizes(sizes, self.of_descriptors, numbers, f"weights in {self.name}")
        return np.concatenate([np.empty(0), *self.of_descriptors])


def check_sizes(sizes: IntArray, beside: Iterable[Any], numbers: IntArray, what: str) -> None:
    """Raise an error unless sets have as many descriptors as what stands beside them."""
    for i, n, found in zip(numbers, sizes, beside, strict=True):
        if len(found) != n:
            raise ValueError(f"Set {i} has {n} descriptors, but {len(found)} {what}.")


class AnnotatedSets:
    """Sets of a source, and what a user says of their descriptors.

    Parameters
    ----------
    source : Sets
        The sets.
    positions : list of ndarray of shape (n_i, p), default=None
        Where the descriptors of each lie; None leaves those that the source gives.
    weights : SetWeights, default=None
        How often they count, beside weights that the source gives.
    numbers : ndarray of shape (n_sets,), default=None
        What errors call the sets.
    """

    def __init__(
        self,
        source: Sets,
        positions: list[Any] | None = None,
        weights: SetWeights | None = None,
        numbers: IntArray | None = None,
    ) -> None:
        self.source, self.positions, self.weights = source, positions, weights
        self.numbers = np.arange(len(source)) if numbers is None else numbers
        self.dtype = source.dtype

    def __len__(self) -> int:
        return len(self.source)

    def batches(self, max_sets: int) -> list[slice]:
        """Batches of the source."""
        return self.source.batches(max_sets)

    def part(self, sets: slice | IntArray) -> "AnnotatedSets":
        """Some of the sets, by a slice or an array of their ascending numbers."""
        positions = self.positions
        if positions is not None:
            positions = positions[sets] if isinstance(sets, slice) else [positions[i] for i in sets]
        weights = None if self.weights is None else self.weights.part(sets)
        return AnnotatedSets(self.source.part(sets), positions, weights, self.numbers[sets])

    def pull(self) -> PackedSets:
        """All sets, with what belongs to their descriptors."""
        pulled = self.source.pull()
        if self.positions is not None:
            check_sizes(pulled.sizes, self.positions, self.numbers, "positions")
            positions = np.concatenate(self.positions)
            pulled = replace(pulled, positions=positions)
        if self.weights is not None:
            weights = self.weights.of_rows(pulled.offsets, self.numbers)
            before = 1.0 if pulled.weights is None else pulled.weights
            pulled = replace(pulled, weights=self._product(before, weights))
        return pulled

    def _product(self, before: Any, weights: FloatArray) -> FloatArray:
        assert self.weights is not None
        with np.errstate(over="ignore"):
            product: FloatArray = before * weights
        if not np.isfinite(product).all():
            raise ValueError(
                f"{self.weights.name} times the weights that the sets bring is infinite: divide "
                "weights by their largest."
            )
        return product

    @property
    def is_packed(self) -> bool:
        """Whether the sets lie in memory."""
        return isinstance(self.source, PackedSets) or getattr(self.source, "is_packed", False)

    @property
    def sizes(self) -> IntArray | None:
        """Descriptors of each set, (n_sets,); None where sets have to be read to know."""
        return getattr(self.source, "sizes", None)

    def set_weights(self) -> FloatArray | None:
        """How often each set counts, or None for once."""
        inner = self.source.set_weights() if isinstance(self.source, AnnotatedSets) else None
        own = None if self.weights is None else self.weights.of_sets
        if own is None or inner is None:
            return inner if own is None else own
        return inner * own

    def without_set_weights(self) -> "AnnotatedSets":
        """The sets, of which each counts once: no vector depends on how often."""
        source, weights = self.source, self.weights
        if isinstance(source, AnnotatedSets):
            source = source.without_set_weights()
        if weights is not None and weights.of_sets is not None:
            weights = None
        return AnnotatedSets(source, self.positions, weights, self.numbers)

    def _sample_in_memory(self, n: int, rng: np.random.RandomState) -> PackedSets:
        times, once = self.set_weights(), self.without_set_weights().pull()
        if times is None:
            return once.sample(n, rng)
        if are_whole(times) and (once.weights is None or are_whole(once.weights)):
            return replace(once.picked(_rows_of_repeated(once, times, n, rng)), weights=None)
        return self.pull().sample(n, rng)

    def sample(self, n: int, rng: np.random.RandomState) -> PackedSets:
        """At most n random descriptors, as one set; with whole weights, as often as they say."""
        sizes = self.sizes
        if self.is_packed or (sizes is not None and sizes.sum() <= n):
            return self._sample_in_memory(n, rng)
        batches = self.batches(len(self))
        share, found, total = None, [], 0
        for i in rng.permutation(len(batches)):
            pulled = self.part(batches[i]).pull().without_zeros()
            if share is None:
                n_sets = batches[i].stop - batches[i].start
                expected = len(pulled.descriptors) / n_sets * len(self)
                share = np.clip(n / max(expected, 1), _LEAST_SHARE, 1)
            drawn = rng.random_sample(len(pulled.descriptors)) < share
            found.append(pulled.picked(np.flatnonzero(drawn)[: n - total]))
            total += len(found[-1].descriptors)
            if total >= n:
                break
        return joined(found).sample(n, rng)


def _rows_of_repeated(
    sets: PackedSets, times: FloatArray, n: int, rng: np.random.RandomState
) -> IntArray:
    """Random descriptors of sets that stand in line as often as whole weights say, in order."""
    each = np.ones(len(sets.descriptors)) if sets.weights is None else sets.weights
    until = np.concatenate([[0], np.cumsum(each)])
    sizes = np.diff(until[sets.offsets])
    line = np.concatenate([[0], np.cumsum(times * sizes)])
    places = random_rows(int(line[-1]), n, rng)
    owners = np.searchsorted(line, places, side="right") - 1
    within = (places - line[owners]) % sizes[owners]
    rows: IntArray = np.searchsorted(until, until[sets.offsets[owners]] + within, side="right") - 1
    return rows


def random_sets(source: Sets, n: int, rng: np.random.RandomState) -> tuple[Sets, FloatArray]:
    """At most n random sets, and how often each of them counts.

    Parameters
    ----------
    source : Sets
        To choose from.
    n : int
        How many, at most.
    rng : numpy.random.RandomState
        Draws them.

    Returns
    -------
    sets : Sets
        Some of the source, in its order.
    times : ndarray of shape (n_sets,)
        A set of weight 2 is there twice, so that it may have been drawn once or twice.
    """
    weights = source.set_weights() if isinstance(source, AnnotatedSets) else None
    if weights is None:
        weights = np.ones(len(source))
    if are_whole(weights) and weights.sum() <= _MOST_SETS:
        places = rng.permutation(int(weights.sum()))[:n]
        drawn = np.searchsorted(np.cumsum(weights), places, side="right")
        numbers, times = np.unique(drawn, return_counts=True)
        return source.part(numbers), times.astype(np.float64)
    numbers = np.sort(rng.permutation(np.flatnonzero(weights))[:n])
    return source.part(numbers), weights[numbers]
