"""Who in a set decided, and what the components of an encoder's model are."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skvae._typing import ArrayLike, FloatArray, SetsLike
from skvae.compute.parallel import map_ordered
from skvae.compute.threads import single_threaded
from skvae.fisher.codec import Codec
from skvae.fisher.contributions import check_coef, contributions
from skvae.fisher.reduction import Reduction
from skvae.fisher.sets import Sets, single_sets
from skvae.fisher.vectors import SetVectors

__all__ = ["InterpretationMixin"]


class InterpretationMixin:
    """Methods of a :class:`SetEncoder` that explain its vectors."""

    n_jobs: int | None

    if TYPE_CHECKING:

        @property
        def _n_features_out(self) -> int: ...

        def _codec(self) -> Codec: ...

        def _reduction(self) -> Reduction: ...

        def _source_of(self, X: Any, sample_weight: Any) -> Sets: ...

        def _vectors(self) -> SetVectors: ...

    def contributions(
        self, X: SetsLike, coef: ArrayLike, sample_weight: Iterable[Any] | None = None
    ) -> list[FloatArray]:
        r"""What each descriptor adds to the decision of a linear model on the vectors.

        Parameters
        ----------
        X : array, sequence, dask array or bag
            Sets of descriptors (see Notes), or rows for the extractor.
        coef : array-like of shape (n_features_out,) or (n_classes, n_features_out)
            Weights of the features, such as ``coef_`` of a fitted linear model. What stands between
            it and the encoder is folded in: ``coef / scaler.scale_`` for a ``StandardScaler``.
        sample_weight : array-like of n_sets arrays (n_i,), default=None
            How often each descriptor counts, as of ``transform``.

        Returns
        -------
        contributions : list of ndarray of shape (n_i,) or (n_i, n_classes), float64
            One array for each set, in the order of its descriptors. Their sum is ``coef`` times the
            vector of the set: the decision less its intercept.

        Raises
        ------
        ValueError
            If ``coef`` has not a number for every feature.

        Notes
        -----
        Power and norm are factors of the whole set, so each feature divides among descriptors as
        its gradient does; where their gradients cancel to rounding errors, equally. A descriptor
        may add more than the whole where others pull against it. Sums hold to the rounding of
        float64, in which all is computed.

        Examples
        --------
        >>> import numpy as np
        >>> from skvae import FisherVectorEncoder
        >>> rng = np.random.default_rng(0)
        >>> X = [rng.normal(size=(n, 3)) for n in (20, 35, 50)]
        >>> encoder = FisherVectorEncoder(4, random_state=0)
        >>> F, coef = encoder.fit_transform(X), rng.normal(size=28)
        >>> parts = encoder.contributions(X, coef)
        >>> bool(np.allclose([part.sum() for part in parts], F @ coef))
        True
        """
        check_is_fitted(self)
        weights = check_coef(coef, self._n_features_out)
        source = self._source_of(X, sample_weight)
        of_sets = self._vectors()
        with single_threaded():
            parts = map_ordered(
                lambda one: contributions(of_sets, one, np.atleast_2d(weights)),
                single_sets(source, of_sets.batches(source)),
                self.n_jobs,
            )
            return [part.reshape(len(part), *weights.shape[:-1]) for part in parts]

    def component_descriptors(self) -> tuple[FloatArray, FloatArray, FloatArray | None]:
        """Mean descriptor of each component of the model, as the extractor gives descriptors.

        Returns
        -------
        weights : ndarray of shape (K,)
            Of the components, with sum 1; all equal for a vocabulary.
        descriptors : ndarray of shape (K, d)
            Means, taken back through the reducer.
        positions : ndarray of shape (K, p) or None
            Where components lie, for ``spatial="xy"``.

        Raises
        ------
        AttributeError
            If the reducer cannot invert.
        """
        check_is_fitted(self)
        mixture, reduction = self._codec().mixture, self._reduction()
        reduced, positions = reduction.split(mixture.means)
        return mixture.weights, reduction.invert(reduced), positions
