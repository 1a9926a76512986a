import copy
import tracemalloc
import warnings

import numpy as np
import pytest
import torch
from reiterable import Blocks
from sklearn.datasets import load_digits
from small import vae

from skvae import FisherScores
from skvae.explorer.decoders import export_decoder

X, Y = load_digits(return_X_y=True)
X = X[:240] / 16
Y = Y[:240]


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


# A value that each parameter does not have in the fits below.
OTHER = {
    "conditions": [0],
    "n_components": 9,
    "network": "conv",
    "image_shape": (4, 16),
    "hidden_layer_sizes": (7,),
    "activation": "tanh",
    "likelihood": "poisson",
    "max_value": 1.0,
    "conditional": None,
    "label_weight": 3.0,
    "prior": "mixture",
    "n_prior_components": 3,
    "variational": False,
    "beta": 0.5,
    "warm_up": 0.0,
    "free_bits": 0.1,
    "n_importance": 3,
    "output": "params",
    "binarize": "threshold",
    "optimizer": "rmsprop",
    "learning_rate_init": 0.1,
    "learning_rate": "constant",
    "batch_size": 7,
    "max_grad_norm": 1.0,
    "max_iter": 9,
    "steps_per_epoch": 2,
    "early_stopping": True,
    "validation_fraction": 0.5,
    "n_iter_no_change": 2,
    "tol": 0.1,
    "warm_start": True,
    "checkpoint": "elsewhere",
    "n_jobs": 2,
    "device": "cpu",
    "random_state": 1,
    "verbose": 1,
}
# What the documentation says to follow a parameter after the fit.
FOLLOWS = {("output", "transform")}


def answers(fitted):
    Z = fitted.transform(16 * X[:5])[:, :3]
    page = export_decoder(fitted.fitted_)
    return {
        "transform": fitted.transform(16 * X[:5]),
        "inverse_transform": fitted.inverse_transform(Z),
        "reconstruct": fitted.reconstruct(16 * X[:5], Y[:5] % 2),
        "score_samples": fitted.score_samples(16 * X[:5], n_importance=3),
        "score": fitted.score(16 * X[:5], Y[:5] % 2),
        "predict_proba": fitted.predict_proba(16 * X[:5]),
        "sample": fitted.sample(2),
        "interpolate": fitted.interpolate(16 * X[:2], y_b=1),
        "page": np.array([page["offset"], page["scale"]]),
    }


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        {"conditional": "decoder", "binarize": "dynamic", "max_value": 16.0},
        {"conditional": "prior", "likelihood": "gaussian", "max_value": 2.0},
    ],
    ids=["decoder", "prior"],
)
def test_parameters_changed_after_the_fit_change_no_answer(options):
    fitted = vae(**options, max_iter=1, hidden_layer_sizes=(8,)).fit(16 * X[:60], Y[:60] % 2)
    before = answers(fitted)
    kept = fitted.get_params()
    assert OTHER.keys() == kept.keys()
    assert not [name for name, value in OTHER.items() if kept[name] == value]
    alone = {name for name, _ in FOLLOWS}
    for names in [*({name} for name in alone), OTHER.keys() - alone]:
        after = answers(fitted.set_params(**{name: OTHER[name] for name in names}))
        fitted.set_params(**kept)
        for answer, expected in before.items():
            if not FOLLOWS & {(name, answer) for name in names}:
                assert np.array_equal(after[answer], expected), answer


def test_a_fit_that_is_continued_keeps_its_units():
    fitted = vae(max_value=16.0, binarize="threshold", max_iter=1).fit(16 * X)
    for change in ({"max_value": 1.0}, {"binarize": None}, {"max_value": 2550.0}):
        other = copy.deepcopy(fitted).set_params(**change)
        with pytest.raises(ValueError, match=f"{next(iter(change))} cannot change between fits"):
            other.partial_fit(16 * X)
        with pytest.raises(ValueError, match=f"{next(iter(change))} cannot change between fits"):
            other.set_params(warm_start=True).fit(16 * X)
        assert np.array_equal(other.transform(16 * X), fitted.transform(16 * X))
        other.set_params(warm_start=False, likelihood="gaussian", binarize=None).fit(16 * X)
        assert other.likelihood_ == "gaussian"


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
        assert fitted.fitted_.scaling.log_jacobian() == 0
        return
    rescaled = vae(likelihood=likelihood).fit(1000 * X)
    varying = X.std(axis=0) > 0

    assert (
        rescaled.fitted_.scaling.log_jacobian() - fitted.fitted_.scaling.log_jacobian()
        == pytest.approx(-varying.sum() * np.log(1000))
    )


LARGE = np.tile(X, (3000 // len(X) + 1, 1))[:3000] + np.linspace(0, 0.1, 3000)[:, None]


@pytest.mark.parametrize(
    "options",
    [
        {"likelihood": "gaussian"},
        pytest.param({"network": "conv"}, marks=pytest.mark.slow),
        {"conditional": "prior", "prior": "mixture"},
        {"conditional": "decoder"},
    ],
    ids=lambda options: "-".join(options.values()),
)
def test_no_answer_depends_on_the_number_of_threads(options):
    fitted = vae(**{"likelihood": "bernoulli"} | options, max_value=1.2, max_iter=1).fit(X, Y % 2)

    def answers(n_jobs):
        fitted.set_params(n_jobs=n_jobs, output="mean")
        Z = fitted.transform(LARGE)
        yield from (Z, fitted.inverse_transform(Z), fitted.reconstruct(LARGE, 1))
        yield fitted.score_samples(LARGE[:300], n_importance=3)
        yield fitted.sample(300, draw=True)
        yield FisherScores(fitted).fit(LARGE[:300]).transform(LARGE[:300])
        if fitted.conditional is not None:
            yield fitted.predict_proba(LARGE[:300])
        for output in ("sample", "refined"):
            yield fitted.set_params(output=output).transform(LARGE[:300])

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # grey levels have no log-density
        for one, three in zip(answers(1), answers(3), strict=True):
            assert np.array_equal(one, three)


@pytest.mark.parametrize("output", ["mean", "sample"])
def test_rows_on_disk_and_in_blocks_have_the_answers_of_rows_in_memory(tmp_path, output):
    fitted = vae(output=output, n_jobs=2).fit(X)
    np.save(tmp_path / "rows.npy", LARGE)
    expected = fitted.transform(LARGE)

    for rows in (np.load(tmp_path / "rows.npy", mmap_mode="r"), Blocks(LARGE[:9], LARGE[9:])):
        assert np.array_equal(fitted.transform(rows), expected)


@pytest.mark.slow
def test_memory_does_not_grow_with_the_rows_on_disk(tmp_path):
    fitted = vae(n_jobs=2).fit(X)
    np.save(tmp_path / "rows.npy", np.tile(LARGE.astype(np.float32), (47, 1)))
    mapped = np.load(tmp_path / "rows.npy", mmap_mode="r")

    def peak(n):
        tracemalloc.start()
        try:
            Z = fitted.transform(mapped[:n])
            return tracemalloc.get_traced_memory()[1] - 2 * Z.nbytes
        finally:
            tracemalloc.stop()

    assert peak(140_000) < peak(70_000) + 2**20 < mapped.nbytes
