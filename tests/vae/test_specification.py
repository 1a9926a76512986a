import warnings

import numpy as np
import pytest

from skvae import VAETransformer
from skvae.vae.specification import check_training_rows

RNG = np.random.default_rng(0)
PIXELS = RNG.random((20, 3))
REALS = RNG.normal(size=(20, 3))
Y = np.arange(20) % 4


def settle(X, y=None, classes=None, **options):
    estimator = VAETransformer(**options)
    X, codes = check_training_rows(estimator, X, y, classes, reset=True)
    return estimator, X, codes


@pytest.mark.parametrize(
    ("X", "options", "name"),
    [
        (np.round(PIXELS), {}, "bernoulli"),
        (np.round(PIXELS) * (1 - 1e-9), {}, "bernoulli"),
        (5 * np.round(PIXELS), {"max_value": 5}, "bernoulli"),
        (255 * PIXELS, {"max_value": 255}, "bernoulli"),
        (PIXELS, {"binarize": "dynamic"}, "bernoulli"),
        (PIXELS, {}, "gaussian"),
        (PIXELS - 0.5, {"max_value": 0.5}, "gaussian"),
        (REALS, {}, "gaussian"),
        (255 * PIXELS, {}, "gaussian"),
    ],
)
def test_auto_is_bernoulli_where_that_is_a_density_or_the_range_is_stated(X, options, name):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        estimator, _, codes = settle(X, **options)

    assert estimator.likelihood_ == name
    assert (estimator.mean_ is None) == (name == "bernoulli")
    assert codes is None


@pytest.mark.parametrize(
    ("X", "options", "message"),
    [
        (255 * PIXELS, {"likelihood": "bernoulli"}, "X / 255"),
        (REALS, {"binarize": "threshold"}, r"binarize='threshold' needs values in \[0, 1\]"),
        (REALS, {"binarize": "dynamic"}, r"binarize='dynamic' needs values in \[0, 1\]"),
        (PIXELS, {"binarize": "dynamic", "likelihood": "gaussian"}, "needs likelihood"),
        (PIXELS, {"conditional": "decoder"}, "'decoder' learns from labels"),
        (PIXELS, {"conditional": "prior"}, "requires y to be passed, but the target y is None"),
        (PIXELS, {"variational": False, "output": "params"}, "variational=True"),
        (PIXELS, {"likelihood": "poisson"}, "needs counts"),
        (-0.5 * (PIXELS > 0.5), {"likelihood": "poisson"}, "between -0.5 and 0. Use"),
        (PIXELS, {"network": "conv", "image_shape": (2, 2)}, "image_shape=.* means 4 pixels"),
        (PIXELS, {"network": (len,)}, "pair of callables"),
        (PIXELS, {"likelihood": len, "max_value": 255}, "values as they are"),
        (PIXELS, {"likelihood": len, "binarize": "dynamic"}, "needs likelihood='bernoulli'"),
        (-1.0 - np.arange(18).reshape(9, 2), {"likelihood": "poisson"}, "needs counts"),
        (
            PIXELS,
            {"likelihood": "poisson", "binarize": "threshold"},
            "needs likelihood='bernoulli'",
        ),
        (PIXELS, {"variational": False, "output": "refined"}, "variational=True"),
        (PIXELS, {"hidden_layer_sizes": (5, 0)}, "hidden_layer_sizes must be positive"),
        (PIXELS, {"hidden_layer_sizes": (5.5,)}, "hidden_layer_sizes must be positive"),
        (np.where(PIXELS > 0.9, np.nan, PIXELS), {}, "NaN"),
        (np.where(PIXELS > 0.9, np.inf, PIXELS), {}, "infinity"),
    ],
)
def test_bad_input_is_refused(X, options, message):
    with pytest.raises(ValueError, match=message):
        settle(X, **options)


@pytest.mark.parametrize(
    ("y", "message"),
    [(np.full(20, -1), "all of y is -1"), (Y[:5], "inconsistent"), (Y + np.nan, "NaN")],
)
def test_bad_labels_are_refused_if_used(y, message):
    with pytest.raises(ValueError, match=message):
        settle(PIXELS, y, conditional="prior")
    settle(PIXELS, y, conditional=None)


@pytest.mark.parametrize("learned", [{"conditional": "prior"}, {"prior": "mixture"}])
@pytest.mark.parametrize("options", [{"variational": False}, {"beta": 0.0}])
def test_a_learned_prior_needs_a_kl_term(learned, options):
    with pytest.raises(ValueError, match="KL term"):
        settle(PIXELS, Y, **learned, **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_importance": 5, "beta": 0.5}, "bound on nothing"),
        ({"n_importance": 5, "free_bits": 0.1}, "bound on nothing"),
        ({"n_importance": 5, "variational": False}, "n_importance=5 needs variational=True"),
        ({"label_weight": 1.0}, "needs both"),
        ({"free_bits": 0.1, "variational": False}, "free_bits=0.1 needs variational=True"),
    ],
)
def test_objectives_that_mean_nothing_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        settle(PIXELS, **options)


def test_classes_in_the_decoder_need_a_density():
    with pytest.raises(ValueError, match="plain autoencoder"):
        settle(PIXELS, Y, conditional="decoder", variational=False)


def test_the_components_of_a_mixture_can_be_the_classes():
    estimator, *_ = settle(PIXELS, Y, conditional="prior", prior="mixture")

    assert estimator._architecture["n_prior_components"] == len(np.unique(Y)) != 10


def test_classes_and_counts():
    y = np.where(Y == 3, -1, Y)
    estimator, _, codes = settle(PIXELS, y, conditional="prior", classes=[2, 0, 1, 9])

    assert estimator.classes_.tolist() == [0, 1, 2, 9]
    assert estimator.class_counts_.tolist() == [5, 5, 5, 0]
    assert np.array_equal(codes, y)


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.uint8, np.int64])
def test_counts_are_not_taken_for_real_numbers_in_silence(dtype):
    counts = RNG.poisson(3.0, (20, 3)).astype(dtype)
    with pytest.warns(UserWarning, match="whole numbers from 0.*likelihood='poisson'"):
        estimator, *_ = settle(counts)
    assert estimator.likelihood_ == "gaussian"
    for likelihood in ("gaussian", "poisson"):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            settle(counts, likelihood=likelihood)


def test_no_warning_unless_nothing_varies():
    X = REALS.copy()
    X[:, 1] = 5.0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        settle(X)
    with pytest.warns(UserWarning, match="nothing to learn") as record:
        settle(np.full((20, 3), 5.0))
    assert len(record) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"n_components": 3},
        {"hidden_layer_sizes": (9,)},
        {"activation": "tanh"},
        {"likelihood": "bernoulli"},
        {"conditional": "prior"},
        {"prior": "mixture"},
    ],
)
def test_a_continued_fit_keeps_its_architecture(change):
    estimator, *_ = settle(PIXELS, n_components=2)
    estimator.set_params(**change)

    with pytest.raises(ValueError, match="cannot change between fits"):
        check_training_rows(estimator, PIXELS, Y, reset=False)
