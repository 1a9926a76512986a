"""The estimator's imputation: missing values filled in."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_consistent_length, check_random_state

from skvae._sklearn import available_if
from skvae.compute.sizes import check_count, check_memory
from skvae.data.frames import with_values_of
from skvae.vae.generative import GenerativeMixin, is_generative
from skvae.vae.labels import encode_labels
from skvae.vae.seeds import IMPUTE, stream_seed
from skvae.vae.told import told_conditions

__all__ = ["ImputationMixin"]


class ImputationMixin(GenerativeMixin):
    """Missing values of rows under a fitted :class:`skvae.VAETransformer`."""

    @available_if(is_generative)
    def impute(
        self,
        X: ArrayLike,
        y: Any = None,
        *,
        n_importance: int = 100,
        draws: int | None = None,
        random_state: Any = None,
    ) -> Any:
        """Fill in missing values, NaN, from what is observed of their rows [1]_.

        What is observed stays as it is, to the last bit. A missing value becomes its expectation
        given what is observed of the row, by self-normalised importance sampling; a row without
        any value gets that of the prior.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows, NaN where missing.
        y : label or array-like of shape (n_samples,), default=None
            Class of all or each of the rows; unlabelled rows, or all rows without y, get the sum
            over classes. Ignored without ``conditional`` and with ``conditions``, which X holds.
        n_importance : int, default=100
            Latent points for each row. The answer becomes exact for the model with their number.
        draws : int, default=None
            Draws of the missing values given the observed ones, for multiple imputation, instead
            of expectations. Equal rows have different draws.
        random_state : int, RandomState instance or None, default=None
            None takes the seed of the fit: each call then gives the same values. Noise is that of
            the row's values, and with ``draws`` of its place as well.

        Returns
        -------
        X_imputed : ndarray of shape (n_samples, n_features) or (draws, n_samples, n_features)
            In the units of the data; float32 for X of float32, else float64, as where columns have
            likelihoods of their own. Expectations of binary features and of counts are
            probabilities and rates; draws are 0, 1, 2, ... Of a table it is a table, or a list of
            one for each draw, in which the most probable category stands for an expectation. Its
            columns have the types of the fit, or those of X where these alone hold what is
            observed, such as a category that the fit did not see.

        Raises
        ------
        ValueError
            If a row is out of the reach of float32, a condition is missing, or the likelihood is
            one of your own that cannot leave out missing values.

        References
        ----------
        .. [1] P.-A. Mattei and J. Frellsen, "MIWAE: deep generative modelling and imputation of
           incomplete data sets", ICML 2019.

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn.datasets import load_wine
        >>> from skvae import VAETransformer
        >>> X = load_wine().data
        >>> X[::2, 0] = np.nan
        >>> vae = VAETransformer(4, max_iter=20, random_state=0).fit(X)
        >>> np.isnan(vae.impute(X)).any()
        np.False_
        >>> vae.impute(X, draws=5).shape
        (5, 178, 13)
        """
        n_draws = 1 if draws is None else draws
        check_count(n_importance, "n_importance")
        check_count(n_draws, "draws")
        fitted, rows = self.fitted_, self._rows(X)
        check_memory(4096 * n_importance * fitted.n_components, f"n_importance={n_importance}")
        check_memory(16 * n_draws * rows.shape[0] * rows.shape[1], f"draws={draws}")
        seed = stream_seed(fitted.seed, IMPUTE)
        if random_state is not None:
            seed = int(check_random_state(random_state).randint(2**31 - 1))
        numbers, values = told_conditions(fitted.conditions, X)
        if fitted.n_classes is not None and y is not None:
            labels = np.full(len(rows), y) if np.ndim(y) == 0 else y
            numbers = encode_labels(labels, self.classes_)
            check_consistent_length(rows, numbers)

        filled = fitted.impute(rows, numbers, n_importance, draws, seed)
        if fitted.columns is None:
            return filled
        tables = [
            with_values_of(fitted.to_given(x, like=X, conditions=values), X, fitted.columns.frame)
            for x in (filled[None] if draws is None else filled)
        ]

        return tables[0] if draws is None else tables
