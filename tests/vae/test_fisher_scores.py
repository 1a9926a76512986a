import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
import skops.io
from checks import parametrize_with_checks
from reiterable import Blocks
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, Normalizer, StandardScaler
from sklearn.utils import get_tags
from torch import nn

from skvae import FisherScores, VAETransformer
from skvae.persistence import load_estimator

X, Y = load_digits(return_X_y=True)
X /= 16


def vae(**options):
    settings = {"n_components": 8, "hidden_layer_sizes": (40,), "max_iter": 1, "random_state": 0}
    return VAETransformer(**settings | options)


@pytest.mark.checks
@parametrize_with_checks(
    [
        FisherScores(vae(n_components=3, hidden_layer_sizes=(8,), **options))
        for options in ({}, {"likelihood": "gaussian", "conditional": "prior"})
    ]
)
def test_scikit_learns_checks(estimator, check):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # one epoch collapses, and some of the data are constant
        check(estimator)


@pytest.mark.parametrize(
    "options",
    [{}, {"network": "conv", "learning_rate_init": 3e-3}, {"prior": "mixture"}],
    ids=["mlp", "conv", "mixture prior"],
)
def test_every_model_has_scores_that_do_not_feel_their_neighbours(options):
    fitted = FisherScores(vae(**options)).fit(X[:200])
    scores = fitted.transform(X[:20])
    assert scores.shape == (20, 16 * 41)
    assert fitted.fisher_information_.shape == (16, 41)
    assert np.allclose(np.linalg.norm(scores, axis=1), 1, atol=1e-6)
    assert np.array_equal(fitted.transform(X[7:8]), scores[7:8])
    assert np.array_equal(fitted.transform(X[:20][::-1]), scores[::-1])
    assert list(fitted.get_feature_names_out()[:2]) == ["fisherscores0", "fisherscores1"]
    assert len(fitted.get_feature_names_out()) == scores.shape[1]


def test_labels_are_needed_by_the_model_alone():
    estimator = FisherScores(vae(conditional="prior"))
    assert get_tags(estimator).target_tags.required
    assert not get_tags(FisherScores(vae())).target_tags.required
    assert estimator.fit(X[:200], Y[:200]).transform(X).shape[1] == 16 * 41


def test_a_fitted_model_is_used_as_it_is_and_another_is_cloned():
    fitted, fresh = vae().fit(X[:200]), vae()
    given = FisherScores(fitted).fit(X[:200])
    assert given.vae_ is fitted
    cloned = FisherScores(fresh).fit(X[:200])
    assert cloned.vae_ is not fresh and not hasattr(fresh, "parameters_")
    assert np.array_equal(given.transform(X), cloned.transform(X))
    assert not hasattr(clone(given).vae, "parameters_")


def test_what_transform_gives_of_the_model_decides_nothing():
    expected = FisherScores(vae()).fit_transform(X[:200])
    for output in ("params", "sample", "refined"):
        assert np.array_equal(FisherScores(vae(output=output)).fit_transform(X[:200]), expected)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_how_rows_lie_in_memory_decides_nothing(dtype):
    rows = X[:200].astype(dtype)
    fitted = FisherScores(vae()).fit(rows)
    assert fitted.transform(rows).dtype == dtype
    wide = np.hstack([rows, rows])
    for view in (rows[::-1], np.asfortranarray(rows), wide[:, :64]):
        copy = np.array(view, order="C")
        assert np.array_equal(fitted.transform(view), fitted.transform(copy))
        found, expected = (FisherScores(fitted.vae_).fit(rows) for rows in (view, copy))
        assert np.array_equal(found.fisher_information_, expected.fisher_information_)


def test_an_iterable_of_blocks_gives_the_same_information():
    fitted = vae(likelihood="gaussian").fit(X[:200])
    whole = FisherScores(fitted).fit(X[:200]).fisher_information_
    for size in (7, 128):
        blocks = Blocks(*(X[first : min(first + size, 200)] for first in range(0, 200, size)))
        assert np.array_equal(FisherScores(fitted).fit(blocks).fisher_information_, whole)


@pytest.mark.slow
def test_many_rows_are_looked_at_by_some_of_them():
    rows = np.random.default_rng(0).random((25_000, 4))
    fitted = VAETransformer(1, hidden_layer_sizes=(3,), max_iter=1, random_state=0).fit(rows)
    found = FisherScores(fitted).fit(rows).fisher_information_
    some = rows[np.linspace(0, 24_999, 10_000).astype(int)]
    assert np.array_equal(found, FisherScores(fitted).fit(some).fisher_information_)


@pytest.mark.slow
def test_scores_tell_more_to_a_linear_classifier_than_posterior_means():
    rows, labels = X[:800], Y[:800]
    fitted = vae(max_iter=30).fit(rows)
    accuracies = [
        cross_val_score(
            make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)), features, labels
        ).mean()
        for features in (fitted.transform(rows), FisherScores(fitted).fit_transform(rows))
    ]
    assert accuracies[1] > accuracies[0] + 0.01


def signed_root(F):
    return np.sign(F) * np.sqrt(np.abs(F))


def test_a_power_may_follow_since_lengths_do_not_matter_to_it():
    fitted = vae().fit(X[:200])
    powered = make_pipeline(FisherScores(fitted), FunctionTransformer(signed_root), Normalizer())
    roots = signed_root(100 * FisherScores(fitted).fit_transform(X[:200]))
    expected = roots / np.linalg.norm(roots, axis=1, keepdims=True)
    assert np.allclose(powered.fit_transform(X[:200]), expected)


@pytest.mark.slow
def test_a_search_reaches_the_parameters_of_the_model():
    pipeline = make_pipeline(FisherScores(vae(max_iter=2)), LogisticRegression(max_iter=1000))
    search = GridSearchCV(pipeline, {"fisherscores__vae__beta": [0.5, 4.0]}, cv=2)
    search.fit(X[:200], Y[:200])
    assert search.best_estimator_[0].vae_.beta == search.best_params_["fisherscores__vae__beta"]
    assert search.best_score_ > 0.5


def test_names_of_columns_are_those_of_the_model():
    frame = pd.DataFrame(X[:200], columns=[f"pixel {i}" for i in range(64)])
    fitted = FisherScores(vae()).fit(frame)
    assert list(fitted.feature_names_in_) == list(frame.columns)
    assert fitted.n_features_in_ == 64
    scores = fitted.set_output(transform="pandas").transform(frame)
    assert list(scores.columns) == list(fitted.get_feature_names_out())


def test_scores_come_back_from_files(tmp_path):
    fitted = FisherScores(vae()).fit(X[:200])
    expected = fitted.transform(X[:20])
    assert np.array_equal(pickle.loads(pickle.dumps(fitted)).transform(X[:20]), expected)
    skops.io.dump(fitted, tmp_path / "scores.skops")
    again = load_estimator(tmp_path / "scores.skops")
    assert np.array_equal(again.transform(X[:20]), expected)


def test_a_fit_that_fails_leaves_the_one_before():
    fitted = FisherScores(vae()).fit(X[:200])
    expected = fitted.transform(X[:20])
    with pytest.raises(ValueError, match="infinity"):
        fitted.fit(np.where(X > 0.9, np.inf, X))
    assert np.array_equal(fitted.transform(X[:20]), expected)


@pytest.mark.parametrize("size", [1e20, 1e38])
def test_an_extreme_row_has_finite_scores_or_an_error_that_names_it(size):
    rows = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)
    fitted = FisherScores(VAETransformer(2, hidden_layer_sizes=8, max_iter=1, random_state=0))
    fitted.fit(rows)
    rows[7, 2] = size
    try:
        assert np.isfinite(fitted.transform(rows)).all()
    except ValueError as error:
        assert f"column 2 is {size:.3g}" in str(error)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # such a row leaves nothing to learn
        assert np.isfinite(fitted.fit(rows).fisher_information_).all()


def test_rows_out_of_the_reach_of_a_fitted_model_are_refused():
    rows = np.random.default_rng(0).normal(size=(60, 4))
    fitted = VAETransformer(2, hidden_layer_sizes=8, max_iter=1, random_state=0).fit(rows)
    rows[7, 2] = 1e60
    with pytest.raises(ValueError, match="so far from those that vae was fitted on"):
        FisherScores(fitted).fit(rows)


def test_a_plain_autoencoder_has_no_scores():
    plain = vae(variational=False)
    with pytest.raises(ValueError, match="Use variational=True"):
        FisherScores(plain).fit(X[:200])
    with pytest.raises(ValueError, match="Use variational=True"):
        FisherScores(plain.fit(X[:200]).set_params(variational=True)).fit(X[:200])


def test_the_model_must_be_ours():
    with pytest.raises(ValueError, match="'vae' parameter of FisherScores must be an instance of"):
        FisherScores(PCA()).fit(X[:200])


def activated(n_in, n_out):
    return nn.Sequential(nn.Linear(n_in, n_out), nn.Tanh())


def test_the_last_layer_of_a_users_encoder_must_be_linear():
    with pytest.raises(ValueError, match=r"ends in nn\.Linear"):
        FisherScores(vae(network=(activated, nn.Linear))).fit(X[:100])
