"""Fisher scores of a variational autoencoder as a scikit-learn transformer."""

from collections.abc import Callable
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin, clone
from sklearn.utils import Tags, get_tags
from sklearn.utils.validation import check_is_fitted

from skvae._estimator import Estimator
from skvae._refit import fitted_aside
from skvae._sklearn import fit_context
from skvae._typing import Constraints, FloatArray, Names
from skvae.data.rows import PreparedRows, evenly_spaced, output_dtype, read_rows, validate_rows
from skvae.vae.attributes import parameter_of_fit
from skvae.vae.transformer import VAETransformer

__all__ = ["FisherScores"]

# Rows over which the information is taken: a mean, which more rows would hardly change.
_INFORMATION_ROWS = 10_000


class FisherScores(ClassNamePrefixFeaturesOutMixin, TransformerMixin, Estimator):
    r"""Features for linear classifiers from a variational autoencoder: its Fisher scores.

    A row becomes the gradient of the KL term with respect to the last layer of the encoder, whose
    output is :math:`W h(x) + b`,

    .. math:: U(x) = -\frac{\partial\, KL(q(z|x) || p(z))}{\partial\, (W, b)}
              \qquad \text{divided by } \sqrt{E\, U^2},

    scaled to unit length. The division whitens by the diagonal of the Fisher information [1]_. The
    other term of the bound, the reconstruction, gives worse features by far: its gradient is led by
    what the decoder cannot explain.

    Parameters
    ----------
    vae : VAETransformer
        The model, ``variational=True``. One that is fitted is used as it is; otherwise a clone is
        fitted with the scores. Its ``output`` plays no part. ``network=`` of your own needs an
        encoder that is an ``nn.Sequential`` and ends in ``nn.Linear``.

    Attributes
    ----------
    vae_ : VAETransformer
        The fitted model, ``vae`` itself or a clone.
    fisher_information_ : ndarray of shape (2 * n_components, n_hidden + 1)
        Mean squared score of each weight of the encoder's last layer and of its biases, over the
        rows of the fit, or 10,000 of them if there are more.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, if they are strings.

    See Also
    --------
    FisherVectorEncoder : Fisher vectors of sets of descriptors under a Gaussian mixture.

    Notes
    -----
    NaN is a missing value, which the encoder sees as :class:`skvae.VAETransformer` says.

    There are 2 d (width of the encoder's last hidden layer + 1) features, 12,864 for
    ``VAETransformer(32)``. A signed power behind them needs no parameter here, since lengths do not
    matter to it: ``FunctionTransformer(lambda F: np.sign(F) * np.abs(F) ** 0.5)``, then
    ``Normalizer()``.

    References
    ----------
    .. [1] T. Jaakkola and D. Haussler, "Exploiting generative models in discriminative
       classifiers", NeurIPS 1998.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from skvae import FisherScores, VAETransformer
    >>> X, y = load_digits(return_X_y=True)
    >>> vae = VAETransformer(8, hidden_layer_sizes=(40,), max_iter=3, random_state=0)
    >>> pipeline = make_pipeline(FisherScores(vae), LogisticRegression(C=10)).fit(X / 16, y)
    >>> pipeline[0].transform(X / 16).shape
    (1797, 656)
    """

    _parameter_constraints: Constraints = {"vae": [VAETransformer]}

    vae_: VAETransformer
    fisher_information_: FloatArray

    def __init__(self, vae: VAETransformer) -> None:
        self.vae = vae

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = get_tags(self.vae).target_tags.required
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        tags.input_tags.sparse = True
        tags.input_tags.allow_nan = True

        return tags

    @property
    def n_features_in_(self) -> int:
        """Number of features."""
        return self.vae_.n_features_in_

    @property
    def feature_names_in_(self) -> Names:
        """Names of the features, if they are strings."""
        return self.vae_.feature_names_in_

    @property
    def _n_features_out(self) -> int:
        return self.fisher_information_.size

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: ArrayLike, y: ArrayLike | None = None) -> Self:
        """Fit the model unless it is fitted, and measure the Fisher information.

        Parameters
        ----------
        X : array-like, sparse matrix or iterable of blocks, of shape (n_samples, n_features)
            Rows, as for :meth:`skvae.VAETransformer.fit`.
        y : array-like of shape (n_samples,), default=None
            Labels, for a model that is yet to be fitted with ``conditional``.

        Returns
        -------
        self : FisherScores

        Raises
        ------
        ValueError
            If the model is a plain autoencoder, has no linear layer at the encoder's end or cannot
            be fitted, or float32 cannot hold a row. The fit before stays.
        """
        if not parameter_of_fit(vars(self.vae), "variational"):
            raise ValueError(
                "vae has variational=False, a plain autoencoder without the KL term whose gradient "
                "the scores are. Use variational=True."
            )
        from skvae.vae.nn.fisher_scores import fisher_information

        with fitted_aside(self) as fitted:
            is_fitted = hasattr(self.vae, "parameters_")
            fitted.vae_ = self.vae if is_fitted else clone(self.vae).fit(X, y)
            model = fitted.vae_.fitted_
            rows, _ = read_rows(fitted.vae_, X, reset=False, to_matrix=model.to_matrix)
            some = model.admit(rows).part(evenly_spaced(len(rows), _INFORMATION_ROWS))
            information = fitted._ask_model(fisher_information, some)
            if not np.isfinite(information).all():
                raise ValueError(
                    "X holds rows so far from those that vae was fitted on that their scores are "
                    "not finite. Leave such rows out, or clip them to the range of that fit."
                )
            fitted.fisher_information_ = information

        return self

    def transform(self, X: ArrayLike) -> FloatArray:
        """Fisher scores of rows, each on its own, to the last bit.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        scores : ndarray of shape (n_samples, 2 * n_components * (n_hidden + 1))
            Of unit length; float32 for X of float32 or of numbers that are exact in it, such as
            uint8, else float64.

        Raises
        ------
        ValueError
            If a row is out of the reach of float32.
        """
        check_is_fitted(self)
        from skvae.vae.nn.fisher_scores import fisher_scores

        rows = self._rows(X)
        scores = self._ask_model(fisher_scores, rows, self.fisher_information_)

        reached = self.vae_.fitted_.reached(scores, rows)

        return reached.astype(output_dtype(rows), copy=False)

    def _rows(self, X: ArrayLike) -> Any:
        """Rows that the model can do with."""
        fitted = self.vae_.fitted_

        return fitted.admit(validate_rows(self.vae_, X, reset=False, to_matrix=fitted.to_matrix))

    def _ask_model(self, function: Callable[..., FloatArray], rows: Any, *args: Any) -> FloatArray:
        """What a function of the torch model says about validated rows."""
        fitted = self.vae_.fitted_

        return fitted.torch_model.apply(
            function,
            PreparedRows(rows, fitted.scaling.to_network),
            *args,
            n_jobs=fitted.n_jobs,
        )
