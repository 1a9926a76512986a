import warnings

import numpy as np
import pytest
import small
import torch

from skvae import VAETransformer
from skvae.data.row_facts import facts_of
from skvae.parts import Likelihood
from skvae.vae.labels import Labels, known_classes
from skvae.vae.nn.likelihoods import Gaussian
from skvae.vae.specification import Specification

RNG = np.random.default_rng(0)
PIXELS = RNG.random((20, 3))
REALS = RNG.normal(size=(20, 3))
Y = np.arange(20) % 4


def specify(X, **options):
    """The specification of a fit of rows without labels."""
    facts = facts_of(X, unit=options.get("max_value", 1.0), moments=True)
    return Specification.of(VAETransformer(**options).get_params(), facts, None)


def fit(X, y=None, **options):
    """One epoch of a small model, whose attributes the data decide."""
    small = {"hidden_layer_sizes": (4,), "max_iter": 1, "n_components": 2, "random_state": 0}
    return VAETransformer(**small | options).fit(X, y)


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
        specification = specify(X, **options)

    assert specification.architecture["likelihood"] == name
    assert (specification.scaling.mean is None) == (name == "bernoulli")
    assert specification.architecture["n_classes"] is None


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
        (
            np.where(np.arange(PIXELS.shape[1]) == 1, np.nan, PIXELS),
            {},
            r"Column 1 of X has no value.*all are missing \(NaN\)",
        ),
        (np.where(PIXELS > 0.9, np.inf, PIXELS), {}, "infinity"),
    ],
)
def test_bad_input_is_refused(X, options, message):
    with pytest.raises(ValueError, match=message):
        fit(X, **options)


@pytest.mark.parametrize(
    ("y", "message"),
    [(np.full(20, -1), "all of y is -1"), (Y[:5], "inconsistent"), (Y + np.nan, "NaN")],
)
def test_bad_labels_are_refused_if_used(y, message):
    with pytest.raises(ValueError, match=message):
        fit(PIXELS, y, conditional="prior")
    fit(PIXELS, y, conditional=None)


@pytest.mark.parametrize("learned", [{"conditional": "prior"}, {"prior": "mixture"}])
@pytest.mark.parametrize("options", [{"variational": False}, {"beta": 0.0}])
def test_a_learned_prior_needs_a_kl_term(learned, options):
    with pytest.raises(ValueError, match="KL term"):
        fit(PIXELS, Y, **learned, **options)


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
        fit(PIXELS, **options)


def test_classes_in_the_decoder_need_a_density():
    with pytest.raises(ValueError, match="plain autoencoder"):
        fit(PIXELS, Y, conditional="decoder", variational=False)


def test_the_components_of_a_mixture_can_be_the_classes():
    parameters = VAETransformer(conditional="prior", prior="mixture").get_params()
    labels = Labels.of(Y, known_classes(Y))
    specification = Specification.of(parameters, facts_of(PIXELS, moments=True), labels)

    assert specification.architecture["n_prior_components"] == len(np.unique(Y)) != 10


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.uint8, np.int64])
def test_counts_are_not_taken_for_real_numbers_in_silence(dtype):
    counts = RNG.poisson(3.0, (20, 3)).astype(dtype)
    with pytest.warns(UserWarning, match="whole numbers from 0.*likelihood='poisson'"):
        specification = specify(counts)
    assert specification.architecture["likelihood"] == "gaussian"
    for likelihood in ("gaussian", "poisson"):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            specify(counts, likelihood=likelihood)


def test_no_warning_unless_nothing_varies():
    X = REALS.copy()
    X[:, 1] = 5.0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        specify(X)
    with pytest.warns(UserWarning, match="nothing to learn") as record:
        specify(np.full((20, 3), 5.0))
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
    estimator = fit(PIXELS)
    estimator.set_params(warm_start=True, **change)
    before = estimator.parameters_
    for again in (estimator.fit, estimator.partial_fit):
        with pytest.raises(ValueError, match="cannot change between fits"):
            again(PIXELS, Y)

    assert estimator.parameters_ is before


def plan(n, **options):
    """The specification of a fit of n rows with one feature."""
    return specify(np.arange(n)[:, None] / n, **options)


@pytest.mark.parametrize(("n", "size"), [(10, 32), (3200, 32), (5000, 50), (60_000, 128)])
def test_automatic_batch_size(n, size):
    assert plan(n).batch_size == size
    assert plan(n, batch_size=7).batch_size == 7


@pytest.mark.parametrize(("n", "rate"), [(10, 1e-3), (3200, 1e-3), (60_000, 2e-3)])
def test_automatic_rate_grows_with_the_root_of_the_batch(n, rate):
    assert plan(n).schedule.learning_rate_init == pytest.approx(rate)
    assert plan(n, learning_rate_init=0.5).schedule.learning_rate_init == 0.5


def test_automatic_rate_has_limits():
    sizes = 1, 32, 512, 10_000
    rates = [plan(9, batch_size=n).schedule.learning_rate_init for n in sizes]

    assert rates == pytest.approx([1e-3, 1e-3, 4e-3, 4e-3])


def test_steps_are_those_of_the_rows_that_are_not_held_out():
    held_out = plan(330, early_stopping=True, batch_size=10, max_iter=3)

    assert held_out.holdout.n_rows == 33
    assert (held_out.steps_per_epoch, held_out.schedule.n_steps, held_out.n_epochs) == (30, 90, 3)
    assert plan(330, batch_size=10, steps_per_epoch=7, max_iter=3).schedule.n_steps == 21


def test_no_row_is_held_out_where_there_are_others_to_stop_by():
    parameters = VAETransformer(early_stopping=True, tol=0.5, batch_size=10).get_params()
    facts = facts_of(PIXELS, moments=True)
    specification = Specification.of(parameters, facts, None, holds_out=False)

    assert (specification.holdout.n_rows, specification.holdout.tol) == (0, 0.5)
    assert specification.steps_per_epoch == -(-len(PIXELS) // 10)


def test_an_epoch_may_be_cut_short():
    parameters = VAETransformer(steps_per_epoch=20).get_params()
    specification = Specification.of(parameters, facts_of(PIXELS, moments=True), None, n_steps=50)

    assert (specification.schedule.n_steps, specification.n_epochs) == (50, 3)


def test_what_has_no_effect_is_not_part_of_it():
    """Compared as checkpoints compare them."""
    pair = (torch.nn.Linear, torch.nn.Linear)
    for options, inert in (
        ({"variational": False}, {"beta": 3.0, "warm_up": 0.1}),
        ({"beta": 0.0}, {"warm_up": 0.9}),
        ({"likelihood": "gaussian"}, {"max_value": 7.0}),
        ({"network": pair}, {"hidden_layer_sizes": (3,), "activation": "tanh"}),
        ({}, {"tol": 9.0, "n_iter_no_change": 2, "validation_fraction": 0.5}),
    ):
        a, b = (specify(REALS, **options, **more) for more in ({}, inert))
        assert repr(a) == repr(b)
        assert repr(a) != repr(specify(REALS, **options | {"batch_size": 3}))


@pytest.mark.parametrize("scaled", [False, True])
def test_a_likelihood_of_standardised_features_gets_their_moments(scaled):
    likelihood = Likelihood("mine", Gaussian, standardised=True, scaled=scaled)
    X = np.random.default_rng(0).normal(size=(30, 4))
    vae = small.vae(likelihood=likelihood, max_iter=1).fit(X)
    assert np.allclose(vae.mean_, X.mean(axis=0))
