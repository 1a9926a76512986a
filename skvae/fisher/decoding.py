"""Back from Fisher vectors: to statistics of a set, to its mean descriptor, to an image."""

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted

from skvae._typing import ArrayLike, FloatArray
from skvae.data.containers import numbers
from skvae.fisher.codec import Codec
from skvae.fisher.inversion import mixture_regression, shift
from skvae.fisher.reduction import Reduction
from skvae.fisher.spatial import cells_of
from skvae.mixture.magnitudes import too_large

__all__ = ["DecodingMixin"]


class DecodingMixin:
    """Methods of a :class:`skvae.FisherVectorEncoder` that invert its vectors."""

    extractor_: Any
    mean_scales_: FloatArray
    _settings_of_fit: dict[str, Any]

    if TYPE_CHECKING:

        def _codec(self) -> Codec: ...

        def _reduction(self) -> Reduction: ...

        def _settings(self) -> dict[str, Any]: ...

    def _decode(self, X: ArrayLike) -> tuple[list[FloatArray], Codec, Any]:
        check_is_fitted(self)
        vectors = check_array(numbers(X), dtype=[np.float64, np.float32])
        codec = self._codec()
        if vectors.shape[1] != codec.n_features:
            raise ValueError(
                f"X has {vectors.shape[1]} features; this encoder gives {codec.n_features}."
            )
        with np.errstate(over="ignore", invalid="ignore"):
            statistics = codec.decode(vectors, self._scales(codec))
        if not all(np.isfinite(s).all() for s in statistics):
            raise too_large([vectors])
        return statistics, codec, vectors.dtype

    def _scales(self, codec: Codec) -> FloatArray:
        """Norms that stand in for those that vectors have lost."""
        if codec.norm is None:
            return np.ones((codec.n_cells, 1))
        now = self._settings()
        changed = [
            name
            for name, value in self._settings_of_fit.items()
            if name not in ("dtype", "device") and now[name] != value
        ]
        if changed:
            raise ValueError(
                f"{' and '.join(changed)} changed since the fit, which averaged the norms that "
                "decoding needs: set back what changed, or fit again."
            )
        return self.mean_scales_

    def decode_statistics(self, X: ArrayLike) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Soft counts, means and squares that a Fisher vector was made of.

        Exact for ``norm=None`` with all three gradients; exact with ``norm="l2"`` too for sets of
        one distinct descriptor, whose statistics fix the lost scale; otherwise the average norm
        seen in ``fit`` stands in for it. A gradient that was not kept counts as zero.

        Parameters
        ----------
        X : array-like of shape (n_sets, n_features_out)
            Fisher vectors.

        Returns
        -------
        s0 : ndarray of shape (n_sets, K)
            Sum of posteriors, divided by the number T of descriptors. With a pyramid, all three
            have an axis of cells after the first.
        s1, s2 : ndarray of shape (n_sets, K, d)
            Posterior-weighted sums of reduced descriptors and of their squares, divided by T.

        Raises
        ------
        ValueError
            If X has another number of columns, or values so large that statistics are not finite;
            or if ``norm`` is not None, and what vectors follow changed since the fit.
        """
        statistics, codec, _ = self._decode(X)
        s0, s1, s2 = statistics
        s0, s1, s2 = shift(s0, s1, s2, codec.mixture.center(np.float64))
        s0 = s0[..., 0]
        return (s0[:, 0], s1[:, 0], s2[:, 0]) if s0.shape[1] == 1 else (s0, s1, s2)

    def inverse_transform(self, X: ArrayLike) -> FloatArray:
        """What a Fisher vector was made of, as well as it can say that.

        Parameters
        ----------
        X : array-like of shape (n_sets, n_features_out)
            Fisher vectors.

        Returns
        -------
        X_original : ndarray of shape (n_sets, d) or (n_sets, n_pixels)
            The mean descriptor of each set, which for sets of one descriptor is the descriptor.
            With an extractor that can invert, images: each position's expected patch under the
            decoded mixture (with ``spatial="xy"`` given its position, with a pyramid given its cell
            of the last level), overlaps averaged.

        Raises
        ------
        AttributeError
            If the reducer cannot invert, or images of different sizes were fitted.
        ValueError
            If the extractor cannot: patches are of several scales.
        """
        (s0, s1, s2), codec, dtype = self._decode(X)
        center, reduction = codec.mixture.center(np.float64), self._reduction()
        if not hasattr(self.extractor_, "inverse_transform"):
            first = slice(codec.levels[0] ** 2)
            mean = s1[:, first].sum(axis=(1, 2)) / s0[:, first].sum(axis=(1, 2)) + center
            return reduction.invert(reduction.split(mean)[0]).astype(dtype)
        positions = self.extractor_.positions_
        where = reduction.place(positions)
        g = codec.levels[-1]
        cells = cells_of(positions, g)
        images = []
        for image in zip(s0, s1, s2, strict=True):
            patches = np.empty((len(positions), codec.mixture.means.shape[1] - where.shape[1]))
            for cell in np.unique(cells):
                inside = cells == cell
                statistics = [s[None, None, cell - g * g] for s in image]
                patches[inside] = mixture_regression(
                    statistics, codec.mixture, center, where[inside]
                )[0]
            images.append(self.extractor_.inverse_transform(reduction.invert(patches)[None])[0])
        return np.asarray(images, dtype)
