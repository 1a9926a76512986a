"""Sets of descriptors with their positions and weights, in one container."""

from collections.abc import Iterator, Sequence
from typing import Any, NoReturn

import numpy as np

from skvae._typing import Array, ArrayLike, SetsLike
from skvae.data.containers import check_numbers
from skvae.data.iterables import refuse_single_pass
from skvae.data.sequences import is_table, sequence_of
from skvae.fisher.annotated_sets import AnnotatedSets, SetWeights, check_sizes
from skvae.fisher.packing import check_sets
from skvae.fisher.sources import read_sets

__all__ = ["DescriptorSets"]

# What positions may lie outside of [-1, 1] by rounding.
_ROUNDING = 1e-6


class DescriptorSets:
    """Sets of descriptors with where each descriptor lies and how much it counts.

    An encoder without an extractor takes them as X. They stay together wherever X goes, through
    ``Pipeline``, ``cross_val_score`` and ``GridSearchCV``, without metadata routing.

    Parameters
    ----------
    descriptors : array-like of shape (n_sets, n_descriptors, d) or sequence of arrays (n_i, d)
        The sets.
    positions : sequence of n_sets array-like of shape (n_i, p), default=None
        Where the descriptors of each lie, in [-1, 1] in each of any number p of dimensions. For
        ``spatial``; a pyramid takes two, (x, y).
    weights : array-like of shape (n_sets,), or of n_sets arrays (n_i,), default=None
        How often each set counts in ``fit``, or each descriptor of each set in ``fit`` and in
        ``transform``: as ``sample_weight``, by which they are multiplied where both are given.

    Raises
    ------
    ValueError
        If positions or weights do not match the descriptors, positions lie outside of [-1, 1], or
        weights are negative, not finite or all zero.
    TypeError
        If any of them can be read only once.

    See Also
    --------
    sets_from_table : Sets of the rows of a table.

    Notes
    -----
    ``len`` is the number of sets. A number, a slice, an array of numbers or a mask in brackets
    chooses sets, and gives ``DescriptorSets`` always, also of one.

    Examples
    --------
    >>> import numpy as np
    >>> from skvae import DescriptorSets, FisherVectorEncoder
    >>> rng = np.random.default_rng(0)
    >>> frames = [rng.normal(size=(n, 3)) for n in (20, 35, 50)]
    >>> times = [np.linspace(-1, 1, len(f))[:, None] for f in frames]
    >>> sets = DescriptorSets(frames, positions=times)
    >>> sets[1:]
    DescriptorSets of 2 sets, with positions
    >>> FisherVectorEncoder(4, spatial="xy", random_state=0).fit_transform(sets).shape
    (3, 36)
    """

    def __init__(
        self,
        descriptors: SetsLike,
        *,
        positions: Sequence[ArrayLike] | None = None,
        weights: Any = None,
    ) -> None:
        given = sequence_of(descriptors, "DescriptorSets")
        if is_table(given):
            raise ValueError(
                "descriptors must be a sequence of arrays (n_i, d), or one array (n_sets, "
                "n_descriptors, d); every row of a table is a set of one by X[:, None]."
            )
        self.descriptors = list(check_sets(given))
        self.positions = None if positions is None else _positions(positions, self.descriptors)
        self._weights = None
        if weights is not None:
            self._weights = SetWeights.read(weights, len(self), "weights")
            of_descriptors = self._weights.of_descriptors
            if of_descriptors is not None:
                _check_matching(self.descriptors, of_descriptors, "weights")

    @property
    def weights(self) -> Any:
        """How often each set counts, or each descriptor of each set; None for once."""
        found = self._weights
        if found is None:
            return None
        return found.of_descriptors if found.of_sets is None else found.of_sets

    @property
    def shape(self) -> tuple[int]:
        """(n_sets,)"""
        return (len(self),)

    def __len__(self) -> int:
        return len(self.descriptors)

    def __iter__(self) -> Iterator["DescriptorSets"]:
        return (self[i] for i in range(len(self)))

    def __getitem__(self, key: Any) -> "DescriptorSets":
        """Some of the sets, by a number, a slice, numbers or a mask."""
        if isinstance(key, tuple):  # as scikit-learn does: [key, ...]
            key = key[0]
        numbers = np.atleast_1d(np.arange(len(self))[np.asarray(key) if _is_list(key) else key])
        part = object.__new__(type(self))
        part.descriptors = [self.descriptors[i] for i in numbers]
        part.positions = None if self.positions is None else [self.positions[i] for i in numbers]
        part._weights = None if self._weights is None else self._weights.part(numbers)
        return part

    def __array__(self, dtype: Any = None, copy: Any = None) -> NoReturn:
        raise TypeError(
            "DescriptorSets are no array: they are for encoders of sets without an extractor, and "
            "their arrays are in descriptors, positions and weights."
        )

    def __repr__(self) -> str:
        beside = [name for name in ("positions", "weights") if getattr(self, name) is not None]
        with_them = f", with {' and '.join(beside)}" if beside else ""
        return f"DescriptorSets of {len(self)} sets{with_them}"

    def source(self, reader: str, width: int | None = None) -> tuple[AnnotatedSets, Array]:
        """What encoders read: see ``skvae.fisher.sources.read_sets``."""
        source: Any
        source, head = read_sets(self.descriptors, reader, width)
        return AnnotatedSets(source, self.positions, self._weights), head


def _is_list(key: Any) -> bool:
    return hasattr(key, "__len__")


def _positions(given: Sequence[ArrayLike], descriptors: list[Array]) -> list[Any]:
    refuse_single_pass(
        given, "positions", "DescriptorSets", "Pass a list of its elements, list(positions)."
    )
    if len(given) != len(descriptors):
        raise ValueError(
            f"positions are of {len(given)} sets, but there are {len(descriptors)} sets."
        )
    arrays = [
        check_numbers(p, f"positions of set {i}", ensure_min_samples=0, ensure_min_features=0)
        for i, p in enumerate(given)
    ]
    _check_matching(descriptors, arrays, "positions")
    n_dims = arrays[0].shape[1]
    if n_dims == 0:
        raise ValueError("positions have no dimension: they are arrays (n_i, p), p at least 1.")
    for i, found in enumerate(arrays):
        if found.shape[1] != n_dims:
            raise ValueError(
                f"positions of set {i} have {found.shape[1]} dimensions, those of set 0 {n_dims}."
            )
        if np.abs(found).max(initial=0) > 1 + _ROUNDING:
            raise ValueError(
                f"positions of set {i} reach from {found.min():g} to {found.max():g}; they must "
                "lie in [-1, 1]: take 2 * (p - low) / (high - low) - 1 in each dimension."
            )
    return arrays


def _check_matching(descriptors: list[Array], beside: list[Any], what: str) -> None:
    sizes = np.array([len(s) for s in descriptors])
    check_sizes(sizes, beside, np.arange(len(sizes)), what)
