"""The estimator's generative side: decoding, densities, samples and classes."""

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_array, check_consistent_length, check_random_state

from skvae._sklearn import available_if
from skvae._typing import Array, ArrayOrTable, FloatArray
from skvae.compute.sizes import check_count, check_memory
from skvae.data.containers import numbers
from skvae.data.rows import output_dtype, validate_rows
from skvae.data.weights import check_weights, moderate
from skvae.vae.attributes import parameter_of_fit
from skvae.vae.classification import log_class_probabilities
from skvae.vae.conditions import between
from skvae.vae.fitted import N_REFINEMENT, FittedVAE
from skvae.vae.labels import encode_labels
from skvae.vae.overflow import cast, check_answer
from skvae.vae.seeds import SAMPLE, stream_seed
from skvae.vae.told import told_classes, told_conditions, told_to_draw

__all__ = ["GenerativeMixin", "is_generative"]


def is_generative(self: Any) -> Literal[True]:
    """True for models with a density, an AttributeError for others."""
    if not parameter_of_fit(vars(self), "variational"):
        raise AttributeError(
            "variational=False is a plain autoencoder, which has no density: score, "
            "score_samples, sample and impute need variational=True."
        )
    return True


def _has_classes(self: Any) -> Literal[True]:
    attributes = vars(self)
    is_told = "_settled" not in attributes and attributes["conditions"] is not None
    if parameter_of_fit(attributes, "conditional") is None or is_told:
        raise AttributeError(
            "conditional=None, or one of conditions=, knows no classes to predict; put a "
            "classifier behind the features instead."
        )
    return True


class GenerativeMixin:
    """Decoding, scores, samples and classes of a fitted :class:`skvae.VAETransformer`."""

    if TYPE_CHECKING:
        output: str
        n_features_in_: int
        classes_: Array

        @property
        def fitted_(self) -> FittedVAE:
            """The fit as a value."""

    def inverse_transform(self, X: ArrayLike, y: Any = None) -> ArrayOrTable:
        """Decode latent points.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_components) or (n_samples, 2 * n_components)
            Latent points, or ``[mean | log_var]``, of which the mean is used.
        y : label or array-like of shape (n_samples,), default=None
            Class of all or each of the points, for ``conditional="decoder"``; None averages over
            the classes by their frequency in the fit. Ignored otherwise.
            With ``conditions``, a table of their columns instead, a data frame or an array, with a
            row for each point or one for all, which is needed: that of one batch for all points
            takes the batches out.

        Returns
        -------
        X_original : ndarray of shape (n_samples, n_features), or DataFrame
            Mean of x given z, in the units of the data; with ``conditions`` all columns, those of
            ``y`` among them. If the fit saw a DataFrame with likelihoods of its columns, one of
            that kind with its types: whole numbers are rounded, and categories the most probable
            ones.

        Raises
        ------
        ValueError
            If float32 cannot decode a point, or conditions are missing or unknown.
        """
        fitted = self.fitted_
        Z = check_array(numbers(X), dtype=[np.float64, np.float32])
        d = fitted.n_components
        if Z.shape[1] not in (d, 2 * d):
            raise ValueError(f"X has {Z.shape[1]} columns, but z has {d} (or {2 * d} as params).")
        told: np.ndarray | None = None
        values: list[np.ndarray] = []
        if fitted.conditions is not None:
            told, values = told_conditions(fitted.conditions, None, y, len(Z))
        elif fitted.labels_in_decoder and y is not None:
            told = told_classes(y, self.classes_, len(Z))
        Z = Z[:, :d]
        decoded = fitted.decode(Z, told, Z.dtype)

        return fitted.to_given(
            check_answer(decoded, Z, name="the latent points"), conditions=values
        )

    def reconstruct(self, X: ArrayLike, y: Any = None) -> ArrayOrTable:
        """Encode to the posterior mean and decode.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.
        y : label or array-like of shape (n_samples,), default=None
            Class of all or each of the rows, for ``conditional="decoder"``; None takes the one
            that :meth:`predict` finds. Another class than a row's own shows the row in its style.
            Ignored otherwise. With ``conditions`` a table of their columns, as for
            :meth:`inverse_transform`; None takes those of X.

        Returns
        -------
        X_reconstructed : ndarray of shape (n_samples, n_features), or DataFrame
            In the units of the data, as :meth:`inverse_transform` gives them.
        """
        fitted = self.fitted_
        rows = self._rows(X)
        Z, told, values = self._latent(X, rows, y)
        decoded = fitted.decode(Z, told, output_dtype(rows))

        return fitted.to_given(fitted.reached(decoded, rows), like=X, conditions=values)

    def interpolate(
        self,
        X_a: ArrayLike,
        X_b: ArrayLike | None = None,
        n_steps: int = 8,
        *,
        y_a: Any = None,
        y_b: Any = None,
    ) -> ArrayOrTable:
        """Rows on the way from one row to another: a straight line of latent points, decoded.

        Parameters
        ----------
        X_a : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows to start from.
        X_b : {array-like, sparse matrix} of shape (n_samples, n_features), default=None
            Rows to arrive at. None turns the rows of ``X_a`` into class ``y_b``: their latent
            points keep their place in the class, in its standard deviations from its mean
            (``conditional="prior"``), or stay (``conditional="decoder"``). With ``conditions``
            their conditions become ``y_b``.
        n_steps : int, default=8
            Points of each line, both ends included.
        y_a, y_b : label or array-like of shape (n_samples,), default=None
            Classes of the ends; None takes those that :meth:`predict` finds. With
            ``conditional="decoder"`` its indicator of the class is on a straight line as well.
            With ``conditions`` tables of their columns, as for :meth:`inverse_transform`; None
            takes those of the rows. On the way numbers change evenly, and a category is that of
            the nearer end.

        Returns
        -------
        X : ndarray of shape (n_samples, n_steps, n_features)
            Means of x, in the units of the data. Where columns have likelihoods of their own, a
            table of (n_samples * n_steps) rows, line after line.
        """
        check_count(n_steps, "n_steps", 2)
        conditional = parameter_of_fit(vars(self), "conditional")
        fitted = self.fitted_
        is_told = conditional is not None or fitted.conditions is not None
        if X_b is None and (y_b is None or not is_told):
            raise ValueError(
                "Without X_b, y_b has to name a class of a fit with conditional=, or conditions."
            )
        rows = self._rows(X_a)
        a, told_a, values_a = self._latent(X_a, rows, y_a)
        told_b: np.ndarray | None
        if X_b is not None:
            b, told_b, values_b = self._latent(X_b, self._rows(X_b), y_b)
            check_consistent_length(rows, b)
        elif fitted.conditions is not None:
            b, (told_b, values_b) = a, told_conditions(fitted.conditions, X_a, y_b, len(rows))
        else:
            b, told_b, values_b = a, told_classes(y_b, self.classes_, len(rows)), []
            if conditional == "prior":
                b = fitted.mixture_prior().move(a, self._classes_of(rows, y_a), told_b)
        ends = fitted.decoder_input(a, told_a), fitted.decoder_input(b, told_b)
        t = np.linspace(0, 1, n_steps, dtype=np.float32)[:, None]
        path = (1 - t) * ends[0][:, None] + t * ends[1][:, None]  # (n, n_steps, inputs)
        dtype = output_dtype(rows)
        decoded = fitted.decode_input(
            path.reshape(-1, path.shape[2]), lambda x: cast(fitted.to_units(x), dtype)
        )

        reached = fitted.reached(decoded.reshape(len(path), n_steps, -1), rows)
        if fitted.columns is not None:
            values = between(values_a, values_b, n_steps)
            return fitted.to_given(reached.reshape(len(decoded), -1), conditions=values)

        return reached

    @available_if(is_generative)
    def score_samples(self, X: ArrayLike, y: Any = None, n_importance: int = 100) -> FloatArray:
        """Importance-weighted lower bound on log p(x) of each row [1]_.

        The noise of a row is a function of ``random_state`` and the row's values, not of its
        neighbours. The first k samples are the same for every ``n_importance >= k``.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.
        y : array-like of shape (n_samples,), default=None
            Classes, for p(x|y); unlabelled rows, or all rows without y, have p(x), the sum over
            classes. Ignored without ``conditional`` and with ``conditions``, which X holds: the
            density is that of the other columns given these.
        n_importance : int, default=100
            Samples per row; the bound rises to log p(x) with their number.

        Returns
        -------
        log_density : ndarray of shape (n_samples,), float64
            In nats, for densities in the units of X; of a table's categories and counts
            probabilities, each column on its own given z. Under ``likelihood="bernoulli"`` rows are
            clipped to its range, and grey levels have a cross-entropy instead, each with a warning.

        Raises
        ------
        ValueError
            If a row is out of the reach of float32, or of the likelihood, or a condition of it is
            missing or unknown.

        References
        ----------
        .. [1] Y. Burda, R. Grosse and R. Salakhutdinov, "Importance weighted autoencoders", ICLR
           2016.
        """
        check_count(n_importance, "n_importance")
        check_memory(4096 * n_importance, f"n_importance={n_importance}")  # a tile's log weights

        return self._row_scores(X, y, n_importance)

    @available_if(is_generative)
    def score(self, X: ArrayLike, y: Any = None, sample_weight: ArrayLike | None = None) -> float:
        """Mean evidence lower bound on log p(x), at a KL weight of 1 whatever ``beta`` is.

        Never an accuracy, although with ``conditional`` the model classifies as well: pass
        ``scoring="accuracy"`` to scikit-learn's searches for that.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.
        y : array-like of shape (n_samples,), default=None
            As in :meth:`score_samples`.
        sample_weight : float or array-like of shape (n_samples,), default=None
            What each row counts in the mean.

        Returns
        -------
        elbo : float
            In nats per row, for densities in the units of X.

        Raises
        ------
        ValueError
            As for :meth:`score_samples`, and if a weight is negative, NaN or infinite, or all are
            zero.
        """
        scores = self._row_scores(X, y, None)
        if sample_weight is None:
            return float(scores.mean())

        weights = moderate(check_weights(sample_weight, len(scores)))
        return float(np.average(scores, weights=weights))

    @available_if(is_generative)
    def sample(
        self,
        n_samples: int = 1,
        y: Any = None,
        draw: bool = False,
        random_state: Any = None,
    ) -> ArrayOrTable:
        """Generate rows.

        Parameters
        ----------
        n_samples : int, default=1
            Number of rows.
        y : label or array-like of shape (n_samples,), default=None
            The class of all rows or of each row; None draws classes by their frequency in the
            fit. An error without ``conditional``. With ``conditions`` a table of their columns, as
            for :meth:`inverse_transform`, which is needed.
        draw : bool, default=False
            Whether to draw x given z, or return its mean.
        random_state : int, RandomState instance or None, default=None
            None takes the seed of the fit: each call then gives the same rows.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features), float64, or DataFrame
            In the units of the data; a table as :meth:`inverse_transform` gives it.
        """
        fitted = self.fitted_
        check_count(n_samples, "n_samples")
        check_memory(8 * n_samples * self.n_features_in_, f"n_samples={n_samples}")
        seed = stream_seed(fitted.seed, SAMPLE)
        if random_state is not None:
            seed = int(check_random_state(random_state).randint(2**31 - 1))
        rng = np.random.default_rng(seed)
        classes = self.classes_ if fitted.n_classes else None
        told, values = told_to_draw(fitted, classes, n_samples, y, rng)
        Z = fitted.draw_latent(n_samples if told is None else len(told), told, rng)
        if draw:
            return fitted.to_given(fitted.draw(Z, told, seed), conditions=values)
        mean = fitted.decode_input(
            fitted.decoder_input(Z, told), lambda x: fitted.to_units(x.astype(np.float64))
        )

        return fitted.to_given(mean, conditions=values)

    @available_if(_has_classes)
    def predict_proba(self, X: ArrayLike) -> FloatArray:
        r"""Probability of each class, with the class frequencies of the fit as p(y).

        With ``conditional="prior"`` the evidence lower bound on log p(x, y) depends on y through
        the prior alone, so that in closed form

        .. math:: p(y|x) \propto p(y) \exp(-KL(q(z|x) || p(z|y)))

        which is :math:`p(y) \exp(-|E_q z - \mu_y|^2 / 2)` for class means without variances.

        With ``conditional="decoder"`` it is :math:`p(y|x) \propto p(y) p(x|y)`, p(x|y) estimated
        as in :meth:`score_samples` with 50 samples, the same for all classes.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        proba : ndarray of shape (n_samples, n_classes), float64
            In the order of ``classes_``.
        """
        proba: FloatArray = np.exp(self._log_proba(self._rows(X)))

        return proba

    @available_if(_has_classes)
    def predict(self, X: ArrayLike) -> Array:
        """Most probable class.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            Labels among ``classes_``.
        """
        best = self._found(self._rows(X))
        labels: Array = self.classes_[best]

        return labels

    def _rows(self, X: Any, *, scored: bool = False) -> Any:
        """Rows validated, and admitted by the likelihood."""
        fitted = self.fitted_

        return fitted.admit(
            validate_rows(self, X, reset=False, to_matrix=fitted.to_matrix), scored=scored
        )

    def _latent(
        self, X: Any, rows: Any, y: Any
    ) -> tuple[np.ndarray, np.ndarray | None, list[np.ndarray]]:
        """Posterior means of admitted rows of X, and what the decoder is told beside them."""
        fitted = self.fitted_
        Z = fitted.encode(rows)
        if fitted.conditions is not None:
            return Z, *told_conditions(fitted.conditions, X, y, len(rows))

        return Z, self._classes_of(rows, y) if fitted.labels_in_decoder else None, []

    def _classes_of(self, rows: Any, y: Any) -> np.ndarray:
        """Class numbers of admitted rows, those that are found where y is None."""
        return self._found(rows) if y is None else told_classes(y, self.classes_, len(rows))

    def _log_proba(self, X: Any) -> np.ndarray:
        return log_class_probabilities(self.fitted_, X, N_REFINEMENT)

    def _found(self, X: Any) -> np.ndarray:
        """Numbers of the most probable classes of admitted rows."""
        found: np.ndarray = self._log_proba(X).argmax(axis=1)

        return found

    def _row_scores(self, X: Any, y: Any, n_importance: int | None) -> np.ndarray:
        rows, fitted = self._rows(X, scored=True), self.fitted_
        told, _ = told_conditions(fitted.conditions, X)
        if fitted.n_classes is not None and y is not None:
            told = encode_labels(y, self.classes_)
            check_consistent_length(rows, told)

        return fitted.score_rows(rows, told, n_importance)
