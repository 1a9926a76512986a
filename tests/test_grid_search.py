"""Searches over both halves on a cluster: joblib's dask backend finds what one process finds."""

import numpy as np
import pytest
from joblib import parallel_config
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from worker import FISHER, fit_in_a_worker

from skvae import VAETransformer

VAE = VAETransformer(
    8, hidden_layer_sizes=(16,), likelihood="bernoulli", max_iter=2, random_state=0
)
SEARCHES = {
    "fisher": (FISHER, {"fishervectorencoder__n_components": [2, 4]}),
    "vae": (VAE, {"vaetransformer__n_components": [2, 8]}),
}


def search(name):
    encoder, grid = SEARCHES[name]
    steps = encoder, StandardScaler(), LogisticRegression(max_iter=200)
    return GridSearchCV(make_pipeline(*steps), grid, cv=2, error_score="raise")


@pytest.mark.filterwarnings("ignore:Posterior collapse", "ignore:lbfgs failed")
@pytest.mark.parametrize("name", SEARCHES)
def test_a_cluster_finds_what_one_process_finds(name, cluster, digits):
    X, y = digits[0][:200], digits[1][:200]
    with parallel_config(backend="dask"):
        found = search(name).fit(X, y)
    expected = search(name).fit(X, y)

    assert found.best_params_ == expected.best_params_
    for key in ("split0_test_score", "split1_test_score", "mean_test_score"):
        assert np.array_equal(found.cv_results_[key], expected.cv_results_[key])
    assert np.array_equal(found.predict_proba(X), expected.predict_proba(X))


def test_a_fit_leaves_the_thread_of_a_worker_as_it_was(cluster, digits):
    X = 16 * digits[0][:200]
    there = cluster.submit(fit_in_a_worker, X).result()
    before, after, caught, is_main, Z, V = there

    assert not is_main
    assert after == before and before["torch"] == 3
    # A worker may start no process, and joblib says so; nothing else is warned of.
    (own,) = [message for message in caught if "setting n_jobs=1" not in message]
    assert own.startswith("X holds whole numbers")
    Z_here, V_here = fit_in_a_worker(X)[4:]  # by two threads, which a worker may not have
    np.testing.assert_allclose(Z, Z_here, atol=1e-4)
    np.testing.assert_allclose(V, V_here, atol=1e-6)
