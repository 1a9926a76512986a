"""What a fitted VAE estimator does with rows, whichever question it answers."""

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skvae.compute.devices import gpu_or_none, resolve_device
from skvae.compute.threads import single_threaded
from skvae.data.rows import PreparedRows, facts_of, validate_rows
from skvae.vae import numpy_networks
from skvae.vae.labels import class_frequencies
from skvae.vae.overflow import check_answer
from skvae.vae.scaling import Scaling
from skvae.vae.support import check_support, within_support

__all__ = ["FittedModel", "settled"]


def settled(estimator, name):
    """A parameter as it was in the fit, or as it is where there was none."""
    return vars(estimator).get("_settled", vars(estimator))[name]


class FittedModel:
    """Rows checked and scaled for the model of :class:`skvae.VAETransformer`, and the model called.

    The part that its mixins share.
    """

    def _check_rows(self, X, *, scored=False):
        check_is_fitted(self)
        X = validate_rows(self, X, reset=False)
        scaling = self._scaling
        if self.likelihood_ == "poisson":  # whose encoder sees log(1 + x)
            check_support(facts_of(X), self.likelihood_, scaling.max_value)
        elif self.likelihood_ == "bernoulli" and scored:
            X = within_support(X, scaling.max_value, binary=scaling.binarize is None)

        return X

    def _encode(self, X, log_var=False):
        """Posterior means of validated rows, or ``[mean | log_var]``, float32."""
        x = PreparedRows(X, self._scaling.to_network)

        return self._reached(self._infer("encode", x, log_var=log_var), X)

    def _reached(self, answer, X):
        """The answer about validated rows, if float32 could compute it."""
        names = getattr(self, "feature_names_in_", None)
        if self.mean_ is None:
            return check_answer(answer, X, names)

        return check_answer(answer, X, names, center=self.mean_, unit=self.scale_)

    @property
    def _scaling(self):
        units = settled(self, "max_value"), settled(self, "binarize")

        return Scaling(self.mean_, self.scale_, *units)

    def _class_frequencies(self):
        """p(y), (n_classes,)."""
        return class_frequencies(self.class_counts_)

    def _log_density(self, X, codes, n_importance):
        """Bound on log p(x|y) of validated rows, in the units that the network sees."""
        scaling = self._scaling
        bound = self._infer(
            "row_scores",
            X,
            scaling.to_network,
            codes,
            self.seed_,
            dynamic=scaling.dynamic,
            n_importance=n_importance,
        )

        return self._reached(bound, X)

    def _is_plain_perceptron(self):
        architecture = self._architecture

        return architecture["network"] == "mlp" and isinstance(architecture["likelihood"], str)

    def _infer(self, name, *args, **kwargs):
        """Call a function of ``skvae.vae.nn.inference``, without torch if it can."""
        device = gpu_or_none(self.device)
        if name in numpy_networks.__all__ and self._is_plain_perceptron() and not device:
            # What overflows shows in the answer.
            with single_threaded(), np.errstate(over="ignore", invalid="ignore"):
                return getattr(numpy_networks, name)(
                    self.parameters_, self._architecture, *args, **kwargs
                )
        from skvae.vae.nn import inference

        return self._with_model(getattr(inference, name), *args, **kwargs)

    def _with_model(self, function, *args, **kwargs):
        from skvae.compute.runtime import scoped_runtime
        from skvae.vae.nn.draws import fixed_draws
        from skvae.vae.nn.model import VAE, load_arrays
        from skvae.vae.seeds import MODULES_IN_USE, stream_seed

        with scoped_runtime(self.n_jobs), np.errstate(over="ignore", invalid="ignore"):
            model = load_arrays(VAE(**self._architecture), self.parameters_).eval()
            model = model.to(resolve_device(self.device))
            with fixed_draws(model, stream_seed(self.seed_, MODULES_IN_USE)):
                return function(model, *args, **kwargs)
