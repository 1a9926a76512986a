import pickle
import warnings

import numpy as np
import pytest

import skvae
from skvae import DiagonalGaussianMixture, ImagePatches, VAETransformer

X = np.random.default_rng(0).normal(size=(20, 4))


@pytest.mark.parametrize(
    "estimator",
    [
        DiagonalGaussianMixture(2),
        ImagePatches(patch_size=2),
        VAETransformer(2, hidden_layer_sizes=(4,), max_iter=1),
    ],
    ids=lambda e: type(e).__name__,
)
def test_another_version_is_named(estimator, monkeypatch):
    data = pickle.dumps(estimator.fit(X))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pickle.loads(data)
    monkeypatch.setattr("skvae.persistence.__version__", "99.0")
    with pytest.warns(UserWarning, match=f"saved by skvae {skvae.__version__} .* loaded by 99.0"):
        pickle.loads(data)
