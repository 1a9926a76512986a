import copy
import io
import pickle
import warnings
from contextlib import nullcontext
from itertools import product

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
import skops.io
import torch
from checks import parametrize_with_checks
from sklearn import config_context
from sklearn.base import clone, is_classifier
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_digits
from sklearn.ensemble import VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from small import vae

from skvae import VAETransformer
from skvae.exceptions import PosteriorCollapseWarning

X, Y = load_digits(return_X_y=True)
X = X[:240] / 16
Y = Y[:240]

# As of MLPClassifier: a row twice and a row of weight 2 meet other batches and other noise.
UNREPEATABLE = {f"check_sample_weight_equivalence_on_{kind}_data" for kind in ("dense", "sparse")}


@pytest.mark.checks
@parametrize_with_checks(
    [
        VAETransformer(**{"max_iter": 2, "hidden_layer_sizes": (8,)} | options)
        for options in (
            {"hidden_layer_sizes": (200, 200)},
            {"conditional": "prior"},
            {"prior": "mixture", "conditional": "prior"},
            {
                "conditional": "decoder",
                "hidden_layer_sizes": (20,),
                "max_iter": 10,
                "learning_rate_init": 1e-2,
            },
            # What has nothing to do with each other stands together.
            {"output": "params", "likelihood": "gaussian_diag", "early_stopping": True},
            {
                "output": "sample",
                "likelihood": "gaussian",
                "activation": "tanh",
                "prior": "mixture",
                "n_prior_components": 3,
            },
            {"output": "refined", "hidden_layer_sizes": (12, 10, 8)},
            {"variational": False, "optimizer": "rmsprop"},
        )
    ],
)
def test_scikit_learns_checks(estimator, check):
    fails = check.func.__name__ in UNREPEATABLE
    with warnings.catch_warnings(), pytest.raises(AssertionError) if fails else nullcontext():
        warnings.simplefilter("ignore")  # two epochs collapse, and some of the data are constant
        check(estimator)


@pytest.mark.parametrize("n", [1, 255, 256, 257, 600])
@pytest.mark.parametrize("options", [{}, {"likelihood": "gaussian"}])
def test_a_row_does_not_feel_its_neighbours(n, options):
    fitted = vae(hidden_layer_sizes=(200, 200), **options).fit(X)
    many = np.concatenate([X, X[::-1], X])[:n]
    Z = fitted.transform(many)

    assert np.array_equal(Z[-1:], fitted.transform(many[-1:]))
    assert np.array_equal(Z[::-1], fitted.transform(many[::-1]))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("output", ["mean", "params"])
def test_output(dtype, output):
    fitted = vae(output=output).fit(X.astype(dtype))
    Z = fitted.transform(X.astype(dtype))

    assert Z.dtype == dtype
    assert Z.shape[1] == len(fitted.get_feature_names_out()) == (6 if output == "params" else 3)
    assert np.array_equal(Z[:, :3], vae().fit(X.astype(dtype)).transform(X.astype(dtype)))


def test_transform_follows_the_encoder_formula():
    fitted = vae(output="params", likelihood="bernoulli").fit(X)
    a = fitted.parameters_
    hidden = np.maximum(X @ a["encoder.0.weight"].T + a["encoder.0.bias"], 0)
    mean, raw_scale = np.split(hidden @ a["encoder.2.weight"].T + a["encoder.2.bias"], 2, axis=1)

    np.testing.assert_allclose(fitted.transform(X)[:, :3], mean, atol=1e-5)
    np.testing.assert_allclose(
        fitted.transform(X)[:, 3:], 2 * np.log(np.log1p(np.exp(raw_scale))), atol=1e-4
    )


def plain(value):
    """Whether a value holds nothing but numpy arrays and plain Python."""
    if isinstance(value, dict):
        return all(map(plain, value.values()))
    if isinstance(value, list | tuple):
        return all(map(plain, value))
    return value is None or isinstance(value, np.ndarray | np.generic | int | float | str | bool)


def by_pickle(estimator):
    return pickle.loads(pickle.dumps(estimator))


def by_joblib(estimator):
    buffer = io.BytesIO()
    joblib.dump(estimator, buffer)
    buffer.seek(0)
    return joblib.load(buffer)


def by_skops(estimator):
    data = skops.io.dumps(estimator)
    untrusted = skops.io.get_untrusted_types(data=data)
    assert untrusted == ["skvae.vae.transformer.VAETransformer"]
    return skops.io.loads(data, trusted=untrusted)


@pytest.mark.parametrize("copied", [by_pickle, by_joblib, by_skops, copy.deepcopy])
def test_artefacts_are_arrays_and_give_the_same_bits(copied):
    fitted = vae(conditional="prior").fit(X, Y).partial_fit(X, Y)
    assert plain(vars(fitted))
    again = copied(fitted)

    assert np.array_equal(fitted.transform(X), again.transform(X))
    scores = (model.score_samples(X[:5], n_importance=3) for model in (fitted, again))
    assert np.array_equal(*scores)
    assert np.array_equal(
        fitted.partial_fit(X, Y).transform(X), again.partial_fit(X, Y).transform(X)
    )


def test_memory_mapped_artefact(tmp_path):
    fitted = vae(likelihood="gaussian").fit(X)
    joblib.dump(fitted, tmp_path / "vae.joblib")
    mapped = joblib.load(tmp_path / "vae.joblib", mmap_mode="r")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.array_equal(fitted.transform(X), mapped.transform(X))


@pytest.mark.slow
def test_read_only_rows():
    frozen = X.astype(np.float32)
    frozen.flags.writeable = False
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        vae(max_iter=20).fit(frozen).transform(frozen)
        vae(max_iter=20).fit(frozen).score(frozen)


@pytest.mark.parametrize(
    ("dtype", "options"),
    [
        *product(("float32", "float64"), ({}, {"output": "sample"}, {"output": "refined"})),
        ("float32", {"early_stopping": True}),
        pytest.param("float32", {"conditional": "decoder"}, marks=pytest.mark.slow),
        pytest.param("float64", {"network": "conv"}, marks=pytest.mark.slow),
    ],
    ids=str,
)
def test_how_rows_lie_in_memory_decides_nothing(dtype, options):
    rows, y, options = X[:60].astype(dtype), Y[:60] % 3, {"max_iter": 1} | options
    wide = np.hstack([rows, rows])
    for view in (rows[::-1], rows[:, ::-1], np.asfortranarray(rows), wide[:, :64]):
        copy = np.array(view, order="C")
        found, expected = (vae(**options).fit(rows, y) for rows in (view, copy))
        for name, value in expected.parameters_.items():
            assert np.array_equal(found.parameters_[name], value)
        assert np.array_equal(found.transform(view), found.transform(copy))
        assert np.array_equal(found.reconstruct(view), found.reconstruct(copy))
        scores = (found.score_samples(rows, n_importance=3) for rows in (view, copy))
        assert np.array_equal(*scores)


def test_pipeline_with_memory(tmp_path):
    pipeline = make_pipeline(
        MinMaxScaler(), vae(conditional="prior"), LogisticRegression(), memory=str(tmp_path)
    )
    first = pipeline.fit(X, Y).predict(X)

    assert np.array_equal(first, clone(pipeline).fit(X, Y).predict(X))
    assert pipeline[:-1].transform(X).shape == (240, 3)


@pytest.mark.slow
@pytest.mark.parametrize("conditional", [None, "prior"])
def test_grid_search_by_likelihood(conditional):
    grid = {"n_components": [1, 4], "max_iter": [1, 20]}
    search = GridSearchCV(vae(conditional=conditional), grid, cv=2, n_jobs=2)
    search.fit(X, Y)

    assert search.best_params_["max_iter"] == 20
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    serial = clone(search).set_params(n_jobs=1).fit(X, Y)
    assert np.array_equal(
        search.cv_results_["mean_test_score"], serial.cv_results_["mean_test_score"]
    )


def test_n_jobs_is_scoped():
    n_threads = torch.get_num_threads()
    vae(n_jobs=2).fit(X)

    assert torch.get_num_threads() == n_threads


@pytest.mark.parametrize(
    ("container", "frame"), [("pandas", pd.DataFrame), ("polars", pl.DataFrame)]
)
def test_set_output(container, frame):
    fitted = vae().set_output(transform=container).fit(X)
    Z = fitted.transform(X)

    assert isinstance(Z, frame)
    assert list(Z.columns) == ["vaetransformer0", "vaetransformer1", "vaetransformer2"]
    assert np.array_equal(fitted.inverse_transform(Z), fitted.inverse_transform(Z.to_numpy()))


def test_tags_tell_whether_labels_are_needed():
    assert not vae().__sklearn_tags__().target_tags.required
    assert vae(conditional="prior").__sklearn_tags__().target_tags.required


def test_string_labels():
    names = np.array(["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "9"])
    named = vae(conditional="prior").fit(X, names[Y].tolist())
    numbered = vae(conditional="prior").fit(X, Y)

    assert named.sample(2, y="six").shape == (2, 64)
    assert named.score(X, names[Y]) != named.score(X)
    assert numbered.class_means_.shape == named.class_means_.shape


@pytest.mark.parametrize(
    "options",
    [
        {"likelihood": "binomial"},
        {"conditional": "encoder"},
        {"activation": "gelu"},
        {"optimizer": "sgd"},
        {"n_components": 0},
        {"n_components": True},
        {"batch_size": True},
        {"hidden_layer_sizes": 0},
        {"hidden_layer_sizes": 2.5},
        {"max_value": 1e39},
        {"beta": 1e300},
        {"free_bits": 10**18},
        {"warm_up": 1.5},
        {"device": "gpu"},
        {"max_iter": 0},
        {"n_jobs": 0},
        {"n_jobs": 10_000},
    ],
    ids=str,
)
def test_unknown_options_are_refused(options):
    (name,) = options
    with pytest.raises(ValueError, match=f"The '{name}' parameter of VAETransformer must be"):
        vae(**options).fit(X, Y)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_components": 10**9}, "n_components=1000000000"),
        ({"hidden_layer_sizes": (10**9, 10)}, "1000000000"),
        ({"prior": "mixture", "n_prior_components": 10**12}, "1000000000000 components"),
        ({"n_importance": 10**12}, "n_importance=1000000000000"),
        ({"n_importance": 10**9}, "n_importance=1000000000"),
    ],
    ids=["n_components", "hidden_layer_sizes", "n_prior_components", "n_importance", "draws"],
)
def test_models_that_no_memory_holds_are_refused_at_once(options, message):
    with pytest.raises(ValueError, match=f"{message}.* GB of memory"):
        vae(**options).fit(X)
    fitted = vae(max_iter=1).fit(X)
    with pytest.raises(ValueError, match="n_importance=1000000000000 needs .* GB"):
        fitted.score_samples(X, n_importance=10**12)
    with pytest.raises(ValueError, match="n_samples=1000000000000 needs .* GB"):
        fitted.sample(10**12)
    with pytest.raises(ValueError, match="n_jobs=0 must be"):
        fitted.set_params(n_jobs=0).score(X)


@pytest.mark.slow
def test_numbers_of_numpy_are_numbers(tmp_path):
    numbers = {
        "n_components": 3,
        "hidden_layer_sizes": 5,
        "batch_size": 16,
        "max_iter": 2,
        "beta": 0.5,
        "max_value": 2.0,
        "validation_fraction": 0.25,
        "random_state": 7,
        "early_stopping": True,
    }
    plain = VAETransformer(**numbers).fit(X)
    options = {name: np.array(value)[()] for name, value in numbers.items()}
    options["checkpoint"], options["likelihood"] = tmp_path, np.str_("auto")
    estimator = VAETransformer(**options)
    fitted = clone(estimator).fit(X)

    assert np.array_equal(fitted.transform(X), plain.transform(X))
    assert all(getattr(fitted, name) is value for name, value in fitted.get_params().items())
    assert [type(getattr(fitted, n)) for n in options] == [type(v) for v in options.values()]
    again = clone(estimator).fit(X)
    assert np.array_equal(fitted.transform(X), again.transform(X))
    assert np.array_equal(
        fitted.score_samples(X[:3], n_importance=np.int64(5)), plain.score_samples(X[:3], None, 5)
    )
    assert fitted.sample(np.int64(2)).shape == (2, 64)
    grid = {"batch_size": np.array([16, 32]), "hidden_layer_sizes": np.array([4, 5])}
    search = GridSearchCV(vae(max_iter=1), grid, cv=2, error_score="raise").fit(X)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_one_number_is_one_hidden_layer():
    for one in (16, np.int64(16), [16], np.array([16])):
        fitted = vae(hidden_layer_sizes=one, max_iter=1).fit(X)
        assert np.array_equal(
            fitted.transform(X), vae(hidden_layer_sizes=(16,), max_iter=1).fit(X).transform(X)
        )


@pytest.mark.parametrize(
    "call",
    [
        lambda X: vae(max_iter=1).fit(X),
        lambda X: vae(max_iter=1).partial_fit(X),
        lambda X: vae(max_iter=1).fit_transform(X),
        lambda X: make_pipeline(MinMaxScaler(), vae(max_iter=1)).fit(X),
        lambda X: make_pipeline(vae(max_iter=1), LogisticRegression()).fit(X, np.arange(40) % 2),
    ],
    ids=["fit", "partial_fit", "fit_transform", "last in a Pipeline", "first in a Pipeline"],
)
def test_warnings_point_at_the_line_of_the_user(call):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call(np.ones((40, 3)))

    assert {w.category for w in caught} == {UserWarning, PosteriorCollapseWarning}
    assert {w.filename for w in caught} == {__file__}
    assert {w.lineno for w in caught} == {call.__code__.co_firstlineno}


def test_inverse_transform_takes_no_metadata():
    with config_context(enable_metadata_routing=True):
        requests = vae(conditional="decoder").get_metadata_routing().inverse_transform.requests

    assert not requests


@pytest.mark.slow
@pytest.mark.parametrize("conditional", ["prior", "decoder"])
def test_a_model_of_classes_is_a_classifier_to_scikit_learn(conditional):
    options = {"max_iter": 12, "learning_rate_init": 1e-2, "batch_size": 8}
    classifier = vae(conditional=conditional, hidden_layer_sizes=20, **options)
    rows, y = X[Y < 2], np.array(["zero", "one"])[Y[Y < 2]]
    assert is_classifier(classifier) and not is_classifier(vae())

    assert cross_val_score(classifier, rows, y, cv=2, scoring="accuracy").min() > 0.6
    search = GridSearchCV(classifier, {"beta": [0.5, 1.0]}, cv=2, scoring="roc_auc_ovr")
    assert search.fit(rows, y).best_score_ > 0.6
    proba = cross_val_predict(classifier, rows, y, cv=2, method="predict_proba")
    assert np.allclose(proba.sum(axis=1), 1) and proba.shape == (len(y), 2)
    for ensemble in (
        VotingClassifier([("a", classifier), ("b", LogisticRegression())], voting="soft"),
        CalibratedClassifierCV(classifier, cv=2),
        make_pipeline(MinMaxScaler(), classifier),
    ):
        assert accuracy_score(y, ensemble.fit(rows, y).predict(rows)) > 0.7
    assert cross_val_score(classifier, rows, y, cv=2).max() < 0  # nats, as ``score`` says
