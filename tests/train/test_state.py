import numpy as np
import pytest
from sklearn.datasets import load_digits

from skvae import VAETransformer
from skvae.train.state import load_fitted, save_fitted

X, Y = load_digits(return_X_y=True)
X = X[:100] / 16
Y = Y[:100]


@pytest.mark.parametrize("options", [{}, {"conditional": "prior", "likelihood": "gaussian"}])
def test_an_estimator_goes_on_as_if_nothing_had_been(tmp_path, options):
    def make():
        return VAETransformer(2, hidden_layer_sizes=(8,), random_state=0, **options)

    path = tmp_path / "checkpoint.npz"
    straight = make().partial_fit(X, Y)
    save_fitted(straight, path, 7)
    again = make()
    assert load_fitted(again, path) == 7
    assert np.array_equal(straight.transform(X), again.transform(X))
    assert straight.score(X, Y) == again.score(X, Y)
    straight.partial_fit(X, Y)
    again.partial_fit(X, Y)

    assert straight.history_ == again.history_
    for name, weights in straight.parameters_.items():
        assert np.array_equal(weights, again.parameters_[name])
    assert vars(straight).keys() == vars(again).keys()
