import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from skvae import VAETransformer

X = load_digits().data[:240] / 16


def vae(**options):
    return VAETransformer(
        **{"n_components": 3, "hidden_layer_sizes": (32,), "max_iter": 3, "random_state": 0}
        | options
    )


def test_threshold_is_applied_in_transform_and_score():
    fitted = vae(binarize="threshold").fit(X)
    binary = (X > 0.5).astype(float)

    assert np.array_equal(fitted.transform(X), fitted.transform(binary))
    assert not np.array_equal(fitted.transform(X), vae(binarize="dynamic").fit(X).transform(X))


def test_transform_does_not_check_the_range():
    assert np.isfinite(vae().fit(X).transform(1.1 * X)).all()


def test_transform_checks_counts():
    fitted = vae(likelihood="poisson").fit(16 * X)
    for method in (fitted.transform, fitted.reconstruct):
        with pytest.raises(ValueError, match="'poisson' needs counts"):
            method(-16 * X)


def test_parameters_changed_after_the_fit_do_not_break_it():
    fitted = vae().fit(X)
    Z = fitted.transform(X)
    fitted.set_params(n_components=9, hidden_layer_sizes=(7,), activation="tanh")

    assert np.array_equal(Z, fitted.transform(X))


def test_device_is_resolved_in_each_call(monkeypatch):
    fitted = vae(device="auto").fit(X)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ValueError, match="no CUDA GPU"):
        fitted.set_params(device="cuda").transform(X)

    assert np.isfinite(fitted.set_params(device=None).transform(X)).all()


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian", "gaussian_diag"])
def test_densities_are_in_the_units_of_the_data(likelihood):
    """Rescaled rows lose log of the scale for each feature, unless they are binary."""
    fitted = vae(likelihood=likelihood, max_value=1.0).fit(X)
    if likelihood == "bernoulli":
        assert fitted._log_jacobian() == 0
        return
    rescaled = vae(likelihood=likelihood).fit(1000 * X)
    varying = X.std(axis=0) > 0

    assert rescaled._log_jacobian() - fitted._log_jacobian() == pytest.approx(
        -varying.sum() * np.log(1000)
    )
