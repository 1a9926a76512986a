"""Where an estimator computes is no part of its result: what a GPU answers, the processor does."""

import os
import pickle
import subprocess
import sys

import numpy as np
import pytest
import torch

from skvae import (
    BagOfVisualWordsEncoder,
    DiagonalGaussianMixture,
    FisherScores,
    FisherVectorEncoder,
    VAETransformer,
    VLADEncoder,
)

pytestmark = pytest.mark.gpu


@pytest.fixture
def sets(rng):
    return [(10 + rng.normal(size=(n, 6))).astype(np.float32) for n in (40, 40, 1, 0, 300, 40)]


@pytest.fixture(scope="module")
def vae(digits):
    return VAETransformer(5, max_iter=5, random_state=0).fit(*digits)


def here_and_there(estimator, answer):
    return [answer(estimator.set_params(device=device)) for device in (None, "cuda")]


@pytest.mark.parametrize(
    "encoder",
    [
        FisherVectorEncoder(4),
        FisherVectorEncoder(4, top_k=2),
        FisherVectorEncoder(4, gradients=("weights", "means", "stds"), power=1, norm=None),
        VLADEncoder(4),
        BagOfVisualWordsEncoder(4),
    ],
    ids=str,
)
def test_sets_have_the_same_vectors(encoder, sets):
    encoder.set_params(random_state=0, device=None).fit(sets)
    here, there = here_and_there(encoder, lambda fitted: fitted.transform(sets))

    np.testing.assert_allclose(there, here, atol=1e-3)


def test_encoders_find_the_same_mixture(sets):
    encoder = FisherVectorEncoder(4, random_state=0)
    here, there = here_and_there(encoder, lambda encoder: encoder.fit(sets).mixture_.means_)

    np.testing.assert_allclose(there, here, rtol=1e-3)


def test_blocks_that_do_not_fit_are_read_again(rng, monkeypatch):
    monkeypatch.setattr("skvae.mixture.torch_blocks._SHARE", 0)
    X = rng.normal(size=(200_000, 30)).astype(np.float32)
    mixture = DiagonalGaussianMixture(5, max_iter=5, tol=0, random_state=0)
    here, there = here_and_there(mixture, lambda mixture: mixture.fit(X).lower_bounds_)

    np.testing.assert_allclose(there, here, rtol=1e-5)


def test_stepwise_em_finds_the_same_mixture(rng):
    X = rng.normal(size=(20_000, 5)).astype(np.float32)
    mixture = DiagonalGaussianMixture(3, batch_size=2000, max_iter=2, random_state=0)
    here, there = here_and_there(mixture, lambda mixture: mixture.fit(X).means_)

    np.testing.assert_allclose(there, here, atol=1e-3)


@pytest.mark.parametrize("method", ["transform", "score_samples"])
def test_a_vae_answers_alike(method, vae, digits):
    here, there = here_and_there(vae, lambda vae: getattr(vae, method)(digits[0]))

    np.testing.assert_allclose(there, here, rtol=1e-3, atol=1e-3)


def with_holes(X, rng):
    return np.where(rng.random(X.shape) < 0.1, np.nan, X)


def mixed_columns(X, rng):
    kinds = np.eye(4)[rng.integers(4, size=len(X))]
    return np.hstack([with_holes(X[:, 20:30], rng), kinds, rng.poisson(4 * X[:, 30:33])])


COLUMNS = [
    ("measures", "gaussian_diag", slice(0, 10)),
    ("kind", "categorical", slice(10, 14)),
    ("counts", "negative_binomial", slice(14, 17)),
]


@pytest.mark.parametrize(
    ("make", "options"),
    [
        (with_holes, {"likelihood": "bernoulli"}),
        (with_holes, {"likelihood": "gaussian_diag", "n_importance": 3}),
        (mixed_columns, {"likelihood": COLUMNS}),
        (lambda X, rng: rng.poisson(4 * X), {"likelihood": "negative_binomial"}),
        (lambda X, rng: X, {"likelihood": "gaussian", "conditional": "decoder"}),
        (lambda X, rng: X, {"likelihood": "gaussian", "prior": "mixture", "output": "refined"}),
    ],
)
def test_other_models_learn_and_answer_alike(make, options, digits, rng):
    X, y = make(digits[0], rng), digits[1]
    y = y if options.get("conditional") else None
    weights = rng.random(len(X))
    models = [
        VAETransformer(5, max_iter=3, random_state=0, device=d, **options).fit(
            X, y, sample_weight=weights
        )
        for d in (None, "cuda")
    ]
    here, there = (model.set_params(device=None).score(X) for model in models)
    assert there == pytest.approx(here, rel=0.05, abs=0.1)
    for method in ("transform", "score_samples"):
        here, there = here_and_there(models[0], lambda vae, m=method: getattr(vae, m)(X))
        np.testing.assert_allclose(there, here, rtol=2e-3, atol=2e-3)


def test_latent_points_are_decoded_alike(vae, rng):
    z = rng.normal(size=(200, 5))
    here, there = here_and_there(vae, lambda vae: vae.inverse_transform(z))

    np.testing.assert_allclose(there, here, atol=1e-4)


def test_fisher_scores_are_alike(vae, digits):
    scores = FisherScores(vae=vae).fit(digits[0])
    here, there = here_and_there(scores.vae, lambda _: scores.transform(digits[0][:100]))

    np.testing.assert_allclose(there, here, rtol=1e-2, atol=1e-2)


def fitted(X, **options):
    return VAETransformer(4, random_state=0, device="cuda", **options).fit(X)


def test_a_fit_repeats_itself(digits):
    first, second = (fitted(digits[0], max_iter=3) for _ in range(2))

    np.testing.assert_array_equal(first.transform(digits[0]), second.transform(digits[0]))


def test_a_fit_goes_on(digits):
    X = digits[0]
    whole = fitted(X, max_iter=6, learning_rate="constant", warm_up=0.0)
    options = {"learning_rate": "constant", "warm_up": 0.0, "warm_start": True}
    halves = fitted(X, max_iter=3, **options).set_params(max_iter=3).fit(X)

    assert halves.score(X) == pytest.approx(whole.score(X), rel=0.02)


def test_generators_of_torch_are_left_alone(digits):
    before = torch.cuda.get_rng_state()
    fitted(digits[0], max_iter=1)

    assert torch.equal(torch.cuda.get_rng_state(), before)


def test_pixels_of_eight_bits_and_blocks_fit_too(digits, tmp_path):
    pixels = (16 * digits[0]).astype(np.uint8)
    options = {"likelihood": "bernoulli", "max_value": 16, "binarize": "threshold", "max_iter": 3}
    in_memory = fitted(pixels, **options)
    np.save(tmp_path / "X.npy", pixels)
    mapped = fitted(np.load(tmp_path / "X.npy", mmap_mode="r"), **options)

    assert mapped.score(pixels) == pytest.approx(in_memory.score(pixels), rel=0.02)


def test_what_a_gpu_has_fitted_is_loaded_where_there_is_none(digits, tmp_path):
    X = digits[0][:20]
    vae = fitted(digits[0], max_iter=1)
    path = tmp_path / "vae.pickle"
    path.write_bytes(pickle.dumps((vae.set_params(device="auto"), X)))
    code = (
        "import pickle, sys; vae, X = pickle.load(open(sys.argv[1], 'rb')); "
        "print(vae.transform(X).sum())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, path],
        env=os.environ | {"CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stderr
    assert float(done.stdout) == pytest.approx(vae.transform(X).sum(), abs=1e-2)
