"""The layout of a Fisher vector: which gradients it holds, where each lies, what they are called.

[weights (K) | means (K d) | stds (K d)], component after component: the order of ``GRADIENTS``,
which is written down nowhere else.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from skvae._typing import Array, FloatArray, IntArray
from skvae.mixture.moments import by_moment, n_moments, split_by_moment, split_moments

__all__ = ["GRADIENTS", "Gradient", "Layout", "by_gradient"]


class Gradient(NamedTuple):
    """The gradient with respect to one kind of a mixture's parameters."""

    label: str  # in names of features
    moment: int  # which moment of the descriptors it comes from

    def width(self, d: int) -> int:
        """Numbers for each component, whose descriptors have d dimensions."""
        return d if self.moment else 1


# In the order of a vector.
GRADIENTS = {
    "weights": Gradient("weight", 0),
    "means": Gradient("mean", 1),
    "stds": Gradient("std", 2),
}


def by_gradient(array: Array) -> dict[str, Array]:
    """Views of all gradients, by their names in the order of a vector.

    Parameters
    ----------
    array : ndarray of shape (..., K, 1 + 2 d)
        Gradients of each component, where the moments that they come from stand.

    Returns
    -------
    gradients : dict of ndarray of shape (..., K, 1) or (..., K, d)
    """
    moments = split_moments(array)
    return {name: moments[gradient.moment] for name, gradient in GRADIENTS.items()}


@dataclass(frozen=True)
class Layout:
    """Where the gradients that a Fisher vector holds lie in it.

    Parameters
    ----------
    kept : tuple of str
        Names of the gradients, in any order; they are laid out in that of ``GRADIENTS``.
    n_components : int
        K of the mixture.
    d : int
        Dimensions of its descriptors.

    Examples
    --------
    >>> from skvae.fisher.layout import Layout
    >>> Layout(("stds", "means"), 4, 3).slices()
    {'means': slice(0, 12, None), 'stds': slice(12, 24, None)}
    """

    kept: tuple[str, ...]
    n_components: int
    d: int

    @classmethod
    def of_length(cls, kept: tuple[str, ...], n_components: int, n_features: int) -> "Layout":
        """The layout of vectors of a given length.

        Raises
        ------
        ValueError
            If no d gives that length.
        """
        fixed, per_dimension = (cls(kept, n_components, d).n_features for d in (0, 1))
        d, rest = divmod(n_features - fixed, per_dimension - fixed)
        if rest or d < 1:
            raise ValueError(f"no d gives {n_features} features.")
        return cls(kept, n_components, d)

    def slices(self) -> dict[str, slice]:
        """Features of each gradient that is kept, by its name."""
        found, start = {}, 0
        for name, gradient in GRADIENTS.items():
            if name in self.kept:
                stop = start + self.n_components * gradient.width(self.d)
                found[name], start = slice(start, stop), stop
        return found

    @cached_property
    def n_features(self) -> int:
        """Length of a vector."""
        return max(int(features.stop) for features in self.slices().values())

    @cached_property
    def group_starts(self) -> IntArray:
        """Where what is normalised together begins: all weights, each mean, each deviation."""
        return np.concatenate(
            [
                np.arange(features.start, features.stop, self.d)
                if GRADIENTS[name].moment
                else [features.start]
                for name, features in self.slices().items()
            ]
        )

    def feature_names(self, *, labelled: bool = True) -> list[str]:
        """Gradient, component and dimension of each feature, such as ``mean_k3_d7``.

        Parameters
        ----------
        labelled : bool, default=True
            Whether to say which gradient it is; of one alone that can be left out.
        """
        names = []
        for name in self.slices():
            label, moment = GRADIENTS[name]
            start = f"{label}_" if labelled else ""
            ends = [f"_d{j}" for j in range(self.d)] if moment else [""]
            names += [f"{start}k{i}{end}" for i in range(self.n_components) for end in ends]
        return names

    @cached_property
    def _moments(self) -> list[int]:
        """Those of the gradients that are kept, in their order."""
        return [gradient.moment for name, gradient in GRADIENTS.items() if name in self.kept]

    def keep(self, gradients: FloatArray) -> FloatArray:
        """Lay gradients out as vectors.

        Parameters
        ----------
        gradients : ndarray of shape (n, K (1 + 2 d))
            Moment after moment, as ``encoding.whiten`` returns them.

        Returns
        -------
        vectors : ndarray of shape (n, n_features)
            The gradients themselves, where they lie as a vector does.
        """
        if self._moments == [0, 1, 2]:
            return gradients
        parts = split_by_moment(gradients, self.n_components)
        kept = [parts[moment].reshape(len(gradients), -1) for moment in self._moments]
        return np.concatenate(kept, axis=1)

    def flatten(self, gradients: FloatArray) -> FloatArray:
        """Lay gradients of each component, of shape (n, K, 1 + 2 d), out as ``keep`` does."""
        return self.keep(by_moment(gradients))

    def unflatten(self, vectors: FloatArray) -> FloatArray:
        """Undo ``flatten``; gradients that were not kept are zero.

        Parameters
        ----------
        vectors : ndarray of shape (n, n_features)
            Vectors.

        Returns
        -------
        gradients : ndarray of shape (n, K, 1 + 2 d), float64
        """
        gradients = np.zeros((len(vectors), self.n_components, n_moments(self.d)))
        parts = by_gradient(gradients)
        for name, features in self.slices().items():
            parts[name][:] = vectors[:, features].reshape(parts[name].shape)
        return gradients
