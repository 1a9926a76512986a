import numpy as np
import pytest
from sklearn.datasets import load_digits

from skvae import VAETransformer
from skvae.cli.train_state import load_fitted, save_fitted
from skvae.data.archive import read_checkpoint, write_checkpoint

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


@pytest.mark.parametrize(
    "change",
    [
        lambda arrays, content: content["state"].update(transform="nothing"),
        lambda arrays, content: content["state"].update(n_components=3),
        lambda arrays, content: content["state"].update(_n_features_out=3),
        lambda arrays, content: content["state"].update(_sklearn_output_config={}),
        lambda arrays, content: content["state"].update(__class__="dict"),
        lambda arrays, content: content["state"]["_architecture"].update(n_features=3),
        lambda arrays, content: content["state"].pop("_architecture"),
        lambda arrays, content: content.update(iteration="7"),
        lambda arrays, content: content.pop("state"),
        lambda arrays, content: arrays.update(_prepare=arrays["parameters_"]),
        lambda arrays, content: arrays["attributes"].update(score=np.zeros(3)),
        lambda arrays, content: arrays["parameters_"].pop("encoder.0.bias"),
    ],
)
def test_a_file_sets_nothing_but_what_a_fit_learns(tmp_path, change):
    path = tmp_path / "checkpoint.npz"
    save_fitted(VAETransformer(2, hidden_layer_sizes=(8,)).partial_fit(X), path, 7)
    arrays, content = read_checkpoint(path)
    change(arrays, content)
    write_checkpoint(path, arrays, content)
    estimator = VAETransformer(2, hidden_layer_sizes=(8,))
    before = dict(vars(estimator))
    with pytest.raises(ValueError, match=r"checkpoint.npz is damaged.*Move it away to start"):
        load_fitted(estimator, path)

    assert vars(estimator) == before
