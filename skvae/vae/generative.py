"""The estimator's generative side: decoding, densities and samples."""

import numpy as np
from sklearn.utils import check_array, check_consistent_length, check_random_state
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from skvae.compute.sizes import check_memory
from skvae.data.containers import numbers
from skvae.data.rows import output_dtype
from skvae.vae.fitted import FittedModel, settled
from skvae.vae.labels import encode_labels
from skvae.vae.overflow import check_answer
from skvae.vae.seeds import SAMPLE, stream_seed

__all__ = ["GenerativeMixin"]


def _is_generative(estimator):
    if not settled(estimator, "variational"):
        raise AttributeError(
            "variational=False is a plain autoencoder, which has no density: score, "
            "score_samples and sample need variational=True."
        )
    return True


def _has_codes(estimator):
    if estimator.output == "fisher":
        raise AttributeError(
            "Fisher vectors cannot be decoded: inverse_transform needs output='mean', 'params', "
            "'sample' or 'refined'."
        )
    return True


def _cast(x, dtype):
    """Numbers in another type; what it cannot hold becomes infinite."""
    with np.errstate(over="ignore"):
        return x.astype(dtype, copy=False)


class GenerativeMixin(FittedModel):
    """Decoding, scores and samples of a fitted :class:`skvae.VAETransformer`."""

    @available_if(_has_codes)
    def inverse_transform(self, X, y=None):
        """Decode latent points.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_components) or (n_samples, 2 * n_components)
            Latent points, or ``[mean | log_var]``, of which the mean is used.
        y : label or array-like of shape (n_samples,), default=None
            Class of all or each of the points, for ``conditional="decoder"``; None averages over
            the classes by their frequency in the fit. Ignored otherwise.

        Returns
        -------
        X_original : ndarray of shape (n_samples, n_features)
            Mean of x given z, in the units of the data.

        Raises
        ------
        ValueError
            If float32 cannot decode a point.
        """
        check_is_fitted(self)
        Z = check_array(numbers(X), dtype=[np.float64, np.float32])
        d = self._architecture["n_components"]
        if Z.shape[1] not in (d, 2 * d):
            raise ValueError(f"X has {Z.shape[1]} columns, but z has {d} (or {2 * d} as params).")
        codes = None
        if self._architecture["labels_in_decoder"] and y is not None:
            codes = self._class_codes(y, len(Z))

        Z = Z[:, :d]

        return check_answer(_cast(self._decode(Z, codes), Z.dtype), Z, name="the latent points")

    def reconstruct(self, X, y=None):
        """Encode to the posterior mean and decode.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.
        y : label or array-like of shape (n_samples,), default=None
            Class of all or each of the rows, for ``conditional="decoder"``; None takes the one
            that :meth:`predict` finds. Another class than a row's own shows the row in its style.
            Ignored otherwise.

        Returns
        -------
        X_reconstructed : ndarray of shape (n_samples, n_features)
            In the units of the data.
        """
        X = self._check_rows(X)

        return self._reached(_cast(self._decode(*self._latent(X, y)), output_dtype(X)), X)

    def interpolate(self, X_a, X_b=None, n_steps=8, *, y_a=None, y_b=None):
        """Rows on the way from one row to another: a straight line of latent points, decoded.

        Parameters
        ----------
        X_a : array-like of shape (n_samples, n_features)
            Rows to start from.
        X_b : array-like of shape (n_samples, n_features), default=None
            Rows to arrive at. None turns the rows of ``X_a`` into class ``y_b``: their latent
            points keep their place in the class, in its standard deviations from its mean
            (``conditional="prior"``), or stay (``conditional="decoder"``).
        n_steps : int, default=8
            Points of each line, both ends included.
        y_a, y_b : label or array-like of shape (n_samples,), default=None
            Classes of the ends; None takes those that :meth:`predict` finds. With
            ``conditional="decoder"`` its indicator of the class is on a straight line as well.

        Returns
        -------
        X : ndarray of shape (n_samples, n_steps, n_features)
            Means of x, in the units of the data.
        """
        if n_steps < 2:
            raise ValueError(f"n_steps must be at least 2, the two ends, got {n_steps}.")
        conditional = settled(self, "conditional")
        if X_b is None and (y_b is None or conditional is None):
            raise ValueError("Without X_b, y_b has to name a class of a fit with conditional=.")
        X_a = self._check_rows(X_a)
        a, codes_a = self._latent(X_a, y_a)
        if X_b is None:
            codes_b = self._class_codes(y_b, len(X_a))
            b = a
            if conditional == "prior":
                if y_a is None:
                    codes_a = self._log_proba(X_a).argmax(axis=1)
                else:
                    codes_a = self._class_codes(y_a, len(X_a))
                mu, std = self._class_normals()
                b = mu[codes_b] + (a - mu[codes_a]) * (std[codes_b] / std[codes_a])
        else:
            b, codes_b = self._latent(self._check_rows(X_b), y_b)
            check_consistent_length(X_a, b)
        ends = self._decoder_input(a, codes_a), self._decoder_input(b, codes_b)
        t = np.linspace(0, 1, n_steps, dtype=np.float32)[:, None]
        path = (1 - t) * ends[0][:, None] + t * ends[1][:, None]  # (n, n_steps, inputs)
        decoded = self._scaling.to_units(self._infer("decode", path.reshape(-1, path.shape[2])))
        decoded = _cast(decoded.reshape(len(path), n_steps, -1), output_dtype(X_a))

        return self._reached(decoded, X_a)

    @available_if(_is_generative)
    def score_samples(self, X, y=None, n_importance=100):
        """Importance-weighted lower bound on log p(x) of each row [1]_.

        The noise of a row is a function of ``random_state`` and the row's values, not of its
        neighbours. The first k samples are the same for every ``n_importance >= k``.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.
        y : array-like of shape (n_samples,), default=None
            Classes, for p(x|y); unlabelled rows, or all rows without y, have p(x), the sum over
            classes. Ignored without ``conditional``.
        n_importance : int, default=100
            Samples per row; the bound rises to log p(x) with their number.

        Returns
        -------
        log_density : ndarray of shape (n_samples,), float64
            In nats, for densities in the units of X. Under ``likelihood="bernoulli"`` rows are
            clipped to its range, and grey levels have a cross-entropy instead, each with a warning.

        Raises
        ------
        ValueError
            If a row is out of the reach of float32, or of the likelihood.

        References
        ----------
        .. [1] Y. Burda, R. Grosse and R. Salakhutdinov, "Importance weighted autoencoders", ICLR
           2016.
        """
        if n_importance < 1:
            raise ValueError(f"n_importance must be at least 1, got {n_importance}.")
        check_memory(4096 * n_importance, f"n_importance={n_importance}")  # a tile's log weights

        return self._row_scores(X, y, n_importance)

    @available_if(_is_generative)
    def score(self, X, y=None):
        """Mean evidence lower bound on log p(x), at a KL weight of 1 whatever ``beta`` is.

        Never an accuracy, although with ``conditional`` the model classifies as well: pass
        ``scoring="accuracy"`` to scikit-learn's searches for that.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.
        y : array-like of shape (n_samples,), default=None
            As in :meth:`score_samples`.

        Returns
        -------
        elbo : float
            In nats per row, for densities in the units of X.
        """
        return float(self._row_scores(X, y, None).mean())

    @available_if(_is_generative)
    def sample(self, n_samples=1, y=None, draw=False, random_state=None):
        """Generate rows.

        Parameters
        ----------
        n_samples : int, default=1
            Number of rows.
        y : label or array-like of shape (n_samples,), default=None
            The class of all rows or of each row; None draws classes by their frequency in the
            fit. An error without ``conditional``.
        draw : bool, default=False
            Whether to draw x given z, or return its mean.
        random_state : int, RandomState instance or None, default=None
            None takes the seed of the fit: each call then gives the same rows.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features), float64
            In the units of the data.
        """
        check_is_fitted(self)
        if n_samples < 1:
            raise ValueError(f"n_samples must be at least 1, got {n_samples}.")
        check_memory(8 * n_samples * self.n_features_in_, f"n_samples={n_samples}")
        seed = stream_seed(self.seed_, SAMPLE)
        if random_state is not None:
            seed = int(check_random_state(random_state).randint(2**31 - 1))
        rng = np.random.default_rng(seed)
        codes = self._classes_to_draw(n_samples, y, rng)
        Z = self._draw_latent(n_samples if codes is None else len(codes), codes, rng)
        Z = self._decoder_input(Z, codes)
        x = self._infer("decode_draws", Z, seed) if draw else self._infer("decode", Z)

        return self._scaling.to_units(x.astype(np.float64))

    def _latent(self, X, y):
        """Posterior means of validated rows, and their classes where the decoder needs them."""
        Z = self._encode(X)
        if not self._architecture["labels_in_decoder"]:
            return Z, None
        if y is None:
            return Z, self._log_proba(X).argmax(axis=1)

        return Z, self._class_codes(y, len(X))

    def _decode(self, Z, codes):
        """E[x|z, y] in the units of the data; the average over classes where there is no y."""
        if codes is None and self._architecture["labels_in_decoder"]:
            frequencies = self._class_frequencies()
            return sum(
                share * self._decode(Z, np.full(len(Z), k)) for k, share in enumerate(frequencies)
            )
        return self._scaling.to_units(self._infer("decode", self._decoder_input(Z, codes)))

    def _decoder_input(self, Z, codes):
        """[z | indicator of the class], or z alone, float32."""
        if self._architecture["labels_in_decoder"]:
            Z = np.hstack([Z, np.eye(len(self.classes_))[codes]])

        return _cast(Z, np.float32)

    def _classes_to_draw(self, n_samples, y, rng):
        """Class numbers of rows to generate, (n,), or None where there are no classes."""
        if self._architecture["n_classes"] is None:
            if y is not None:
                raise ValueError("sample(y=...) needs a fit with conditional=.")

            return None
        if y is None:
            return rng.choice(len(self.classes_), n_samples, p=self._class_frequencies())

        return self._class_codes(y, len(y) if np.ndim(y) and n_samples == 1 else n_samples)

    def _class_codes(self, y, n_samples):
        """Class numbers of a label for all rows, or of one for each, (n_samples,)."""
        codes = encode_labels([y] if np.ndim(y) == 0 else y, self.classes_)
        if np.ndim(y) == 0:
            codes = codes.repeat(n_samples)
        if len(codes) != n_samples:
            raise ValueError(f"y has {len(codes)} labels, but n_samples={n_samples}.")
        if (codes < 0).any():
            raise ValueError("y must hold labels of classes; -1 means unlabelled.")

        return codes

    def _class_normals(self):
        """Means and standard deviations of p(z|y), (n_classes, n_components) each."""
        variances = getattr(self, "class_variances_", np.ones_like(self.class_means_))

        return self.class_means_, np.sqrt(variances)

    def _draw_latent(self, n_samples, codes, rng):
        """z from the prior, of the classes in ``codes``, (n_samples, n_components) float32."""
        means, stds = 0.0, 1.0
        if hasattr(self, "class_means_"):
            means, stds = (moments[codes] for moments in self._class_normals())
        elif hasattr(self, "prior_means_"):
            weights = self.prior_weights_.astype(np.float64)
            drawn = rng.choice(len(weights), n_samples, p=weights / weights.sum())
            means, stds = self.prior_means_[drawn], np.sqrt(self.prior_variances_[drawn])
        noise = rng.standard_normal((n_samples, self._architecture["n_components"]))

        return (means + stds * noise).astype(np.float32)

    def _row_scores(self, X, y, n_importance):
        X = self._check_rows(X, scored=True)
        codes = None
        if self._architecture["n_classes"] is not None and y is not None:
            codes = encode_labels(y, self.classes_)
            check_consistent_length(X, codes)

        return self._scaling.log_jacobian() + self._log_density(X, codes, n_importance)
