import numpy as np
import pytest
from scipy.special import softmax
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.neighbors import KNeighborsClassifier

from skvae import VAETransformer

SMALL = {"hidden_layer_sizes": (100,), "max_iter": 15, "learning_rate_init": 4e-3}
SMALL["random_state"] = 0


@pytest.fixture(scope="module")
def data():
    X, y = load_digits(return_X_y=True)
    return X / 16, np.array(list("abcdefghij"))[y]


@pytest.fixture(scope="module", params=["normal", "mixture"])
def vae(data, request):
    X, y = data
    settings = {"prior": request.param, "max_iter": 30, "learning_rate_init": 2e-3}
    settings["random_state"] = 0
    return VAETransformer(8, conditional="prior", **settings).fit(X[:1000], y[:1000])


@pytest.mark.slow
def test_it_classifies(vae, data):
    X, y = data
    assert np.mean(vae.predict(X[1000:]) == y[1000:]) > 0.85


@pytest.mark.slow
def test_probabilities_are_those_of_the_bound_on_the_joint_density(vae, data):
    X = data[0][:20]
    mean, log_var = np.split(vae.set_params(output="params").transform(X), 2, axis=1)
    vae.set_params(output="mean")
    variances = getattr(vae, "class_variances_", np.ones(1))
    squares = (mean[:, None] - vae.class_means_) ** 2
    kl = ((np.exp(log_var)[:, None] + squares) / variances - 1 - log_var[:, None]).sum(axis=2) / 2
    kl += np.broadcast_to(np.log(variances) / 2, vae.class_means_.shape).sum(axis=1)
    joint = vae.class_counts_ * np.exp(-kl)
    proba = vae.predict_proba(X)
    assert np.allclose(proba, joint / joint.sum(axis=1, keepdims=True), rtol=1e-4, atol=1e-12)
    assert np.allclose(proba.sum(axis=1), 1)
    assert np.array_equal(vae.predict(X), vae.classes_[proba.argmax(axis=1)])


@pytest.mark.slow
def test_rows_do_not_feel_their_neighbours(vae, data):
    X = data[0]
    assert np.array_equal(vae.predict_proba(X)[30:33], vae.predict_proba(X[30:33]))


@pytest.mark.slow
def test_label_weight_helps_where_few_rows_are_labelled(data):
    X, y = data[0][:500], load_digits().target[:500]
    few = np.where(np.arange(len(y)) < 100, y, -1)
    accuracies = [
        np.mean(model.fit(X, few).predict(X[100:]) == y[100:])
        for model in (
            VAETransformer(8, conditional="prior", label_weight=weight, **SMALL)
            for weight in (0, 20)
        )
    ]
    assert accuracies[1] > max(0.6, accuracies[0])


@pytest.fixture(scope="module")
def decoding(data):
    """A model whose decoder sees the class."""
    X, y = data
    return VAETransformer(8, conditional="decoder", **SMALL).fit(X[:1000], y[:1000])


@pytest.mark.slow
def test_a_decoder_with_labels_classifies_by_bayes(decoding, data):
    X, y = data
    assert np.mean(decoding.predict(X[1000:1300]) == y[1000:1300]) > 0.85

    proba = decoding.predict_proba(X[:20])
    bounds = [decoding.score_samples(X[:20], [k] * 20, n_importance=50) for k in decoding.classes_]
    joint = np.log(decoding.class_counts_) + np.stack(bounds, axis=1)
    expected = np.exp(joint - joint.max(axis=1, keepdims=True))
    assert np.allclose(proba, expected / expected.sum(axis=1, keepdims=True))


@pytest.mark.filterwarnings("ignore:Posterior collapse")
@pytest.mark.parametrize("binarize", [None, "threshold", "dynamic"])
def test_probabilities_are_those_of_score_samples_however_pixels_become_binary(data, binarize):
    X, y = data[0][:200], data[1][:200]
    options = SMALL | {"binarize": binarize, "max_iter": 2}
    vae = VAETransformer(2, conditional="decoder", **options).fit(X, y)
    bounds = [vae.score_samples(X[:8], [k] * 8, n_importance=50) for k in vae.classes_]
    joint = np.log(vae.class_counts_) + np.stack(bounds, axis=1)

    assert np.allclose(vae.predict_proba(X[:8]), softmax(joint, axis=1))


@pytest.mark.slow
def test_a_decoder_with_labels_leaves_style_to_z(decoding, vae, data):
    """Neighbours in z share their digit less often than where the prior sees the labels."""
    X, y = data
    accuracies = [
        KNeighborsClassifier(5)
        .fit(m.transform(X[:1000]), y[:1000])
        .score(m.transform(X[1000:]), y[1000:])
        for m in (decoding, vae)
    ]
    assert accuracies[0] < accuracies[1] - 0.05


def test_without_class_means_there_is_no_predict():
    assert not hasattr(VAETransformer(), "predict")
    with pytest.raises(AttributeError) as error:
        VAETransformer().predict_proba  # noqa: B018
    assert "put a classifier behind" in str(error.value.__cause__)
    with pytest.raises(NotFittedError):
        VAETransformer(conditional="prior").predict(np.ones((2, 2)))


@pytest.mark.filterwarnings("ignore:Posterior collapse")
def test_a_class_that_was_announced_but_never_seen_has_probability_zero():
    rng = np.random.default_rng(0)
    vae = VAETransformer(2, conditional="prior", random_state=0)
    vae.partial_fit(rng.random((20, 4)), np.arange(20) % 2, classes=[0, 1, 2])
    assert not vae.predict_proba(rng.random((5, 4)))[:, 2].any()
