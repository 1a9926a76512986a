"""What a fitted VAE estimator does with rows, whichever question it answers."""

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skvae._devices import gpu_or_none, resolve_device
from skvae._threads import single_threaded
from skvae.vae import perceptrons
from skvae.vae.inputs import (
    PreparedRows,
    check_support,
    network_input,
    validate_rows,
    within_support,
)

__all__ = ["FittedModel"]


class FittedModel:
    """Rows checked and scaled for the model of :class:`skvae.VAETransformer`, and the model called.

    The part that its mixins share.
    """

    def _check_rows(self, X, *, scored=False):
        check_is_fitted(self)
        X = validate_rows(self, X, reset=False)
        if self.likelihood_ == "poisson":  # whose encoder sees log(1 + x)
            check_support(X, self.likelihood_, self.max_value)
        elif self.likelihood_ == "bernoulli" and scored:
            X = within_support(X, self.max_value, binary=self.binarize is None)

        return X

    def _encode(self, X, log_var=False):
        """Posterior means of validated rows, or ``[mean | log_var]``, float32."""
        return self._infer("encode", PreparedRows(X, self._prepare), log_var=log_var)

    def _prepare(self, X):
        threshold = self.binarize == "threshold"

        return network_input(X, self.mean_, self.scale_, self.max_value, threshold)

    def _to_units(self, x):
        return x * self.max_value if self.mean_ is None else x * self.scale_ + self.mean_

    def _log_jacobian(self):
        """log |d standardised x / d x|."""
        return 0.0 if self.scale_ is None else -float(np.log(self.scale_).sum())

    def _is_plain_perceptron(self):
        architecture = self._architecture

        return architecture["network"] == "mlp" and isinstance(architecture["likelihood"], str)

    def _infer(self, name, *args, **kwargs):
        """Call a function of :mod:`skvae.vae.inference` with the model, without torch if it can."""
        device = gpu_or_none(self.device)
        if name in perceptrons.__all__ and self._is_plain_perceptron() and not device:
            with single_threaded():
                return getattr(perceptrons, name)(
                    self.parameters_, self._architecture, *args, **kwargs
                )
        from skvae.vae import inference

        return self._with_model(getattr(inference, name), *args, **kwargs)

    def _with_model(self, function, *args, **kwargs):
        from skvae.vae.model import VAE, load_arrays
        from skvae.vae.runtime import scoped_runtime

        with scoped_runtime(self.n_jobs):
            model = load_arrays(VAE(**self._architecture), self.parameters_).eval()

            return function(model.to(resolve_device(self.device)), *args, **kwargs)
