import copy
import warnings
from functools import partial

import numpy as np
import pytest
import small
import torch
from scipy import stats
from scipy.special import logsumexp
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from skvae import DiagonalGaussianMixture, VAETransformer
from skvae.vae.nn import inference

X, Y = load_digits(return_X_y=True)
X = X[:200] / 16
Y = Y[:200]
vae = partial(small.vae, max_iter=10, likelihood="bernoulli")


@pytest.fixture(scope="module")
def fitted():
    return vae().fit(X)


@pytest.fixture(scope="module")
def labelled():
    return vae(
        conditional="prior",
        n_components=6,
        hidden_layer_sizes=(64,),
        batch_size=8,
        learning_rate_init=4e-3,
        max_iter=18,
    ).fit(X, Y)


@pytest.fixture(scope="module")
def decoding():
    """A model whose decoder sees the class."""
    return vae(
        conditional="decoder",
        n_components=2,
        hidden_layer_sizes=(64,),
        batch_size=8,
        learning_rate_init=4e-3,
        max_iter=15,
    ).fit(X, Y)


@pytest.fixture(scope="module")
def linear_gaussian():
    """x = W z + b + noise, whose density is known: N(b, W W' + sigma^2 I) in the units of X."""
    rng = np.random.default_rng(0)
    data = rng.normal(size=(400, 2)) @ rng.normal(size=(2, 4)) + 0.4 * rng.normal(size=(400, 4))
    data = data * [1.0, 10.0, 0.1, 3.0] + 5
    model = vae(n_components=2, hidden_layer_sizes=(), likelihood="gaussian", max_iter=60)
    model.set_params(learning_rate_init=1e-2, batch_size=20).fit(data)
    a, scale = model.parameters_, model.scale_[:, None]
    sigma = 1e-3 + np.log1p(np.exp(a["likelihood.raw_scale"]))
    W = a["decoder.0.weight"].astype(float) * scale
    covariance = W @ W.T + (sigma * scale) ** 2 * np.eye(4)
    mean = a["decoder.0.bias"] * model.scale_ + model.mean_
    return model, data, stats.multivariate_normal(mean, covariance).logpdf(data)


@pytest.mark.slow
def test_bound_reaches_the_exact_density(linear_gaussian):
    model, data, exact = linear_gaussian
    found = model.score_samples(data[:100], n_importance=2000)

    np.testing.assert_allclose(found, exact[:100], atol=0.05)


@pytest.mark.slow
def test_elbo_is_below_the_bound_and_the_bound_rises_to_the_density(linear_gaussian):
    model, data, exact = linear_gaussian
    bounds = [model.score_samples(data, n_importance=k).mean() for k in (1, 5, 50)]

    assert model.score(data) < bounds[1] < bounds[2] < exact.mean() + 0.01
    assert bounds[0] == pytest.approx(model.score(data), abs=0.2)


def test_density_changes_by_the_jacobian(monkeypatch):
    """The noise of a row follows its values; it is fixed here to compare row by row."""

    def same_noise(X, seed):
        return [np.random.default_rng(seed) for _ in X]

    monkeypatch.setattr(inference, "row_generators", same_noise)
    rows = X[:, X.std(0) > 0]
    a, b = np.random.default_rng(0).choice([4.0, 0.5], rows.shape[1]), 3.0
    options = {"likelihood": "gaussian", "max_iter": 5}
    before, after = vae(**options).fit(rows), vae(**options).fit(rows * a + b)
    expected = before.score_samples(rows) - np.log(a).sum()

    np.testing.assert_allclose(after.score_samples(rows * a + b), expected, atol=0.1)
    assert after.score(rows * a + b) == pytest.approx(
        before.score(rows) - np.log(a).sum(), abs=0.01
    )


@pytest.mark.parametrize("options", [{}, {"binarize": "dynamic"}, {"likelihood": "gaussian"}])
def test_scores_belong_to_rows(options):
    model = vae(**options).fit(X)
    scores = model.score_samples(X, n_importance=3)
    order = np.random.default_rng(0).permutation(len(X))

    assert np.array_equal(scores[order], model.score_samples(X[order], n_importance=3))
    assert np.array_equal(scores[7:9], model.score_samples(X[7:9], n_importance=3))
    assert np.array_equal(
        model.score_samples(X.astype(np.float32), n_importance=3),
        model.score_samples(X.astype(np.float32).astype(float), n_importance=3),
    )


def test_score_ignores_beta(fitted):
    other = vae(beta=0.01).fit(X)
    other.parameters_, other.seed_ = fitted.parameters_, fitted.seed_

    assert other.score(X) == fitted.score(X)


def test_dynamic_draws_do_not_depend_on_the_number_of_samples():
    """Bernoulli draws come before the normals, so that all bounds are on the same pixels."""
    model = vae(binarize="dynamic", max_iter=1).fit(X)
    for name in model.parameters_:
        if name.startswith("decoder"):
            model.parameters_[name] = np.zeros_like(model.parameters_[name])
    model.parameters_["decoder.2.bias"] = np.linspace(-2, 2, 64).astype(np.float32)
    model.parameters_["encoder.2.weight"] = np.zeros_like(model.parameters_["encoder.2.weight"])
    unit = np.repeat([0.0, np.log(np.expm1(1.0))], 3).astype(np.float32)
    model.parameters_["encoder.2.bias"] = unit  # the posterior is the prior: log p(x) exactly

    np.testing.assert_allclose(
        model.score_samples(X, n_importance=1), model.score_samples(X, n_importance=4), atol=1e-3
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", ["labelled", "decoding"])
def test_labels_in_scores(name, request):
    labelled = request.getfixturevalue(name)
    rows, y = X[:100], Y[:100]
    right = labelled.score_samples(rows, y)
    marginal = labelled.score_samples(rows)
    wrong = labelled.score_samples(rows, (y + 1) % 10)
    mixed = labelled.score_samples(rows, np.where(np.arange(100) < 50, -1, y))

    assert right.mean() > marginal.mean() > wrong.mean()
    assert np.array_equal(mixed, np.r_[marginal[:50], right[50:]])
    assert labelled.score(rows, y) > labelled.score(rows)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["labelled", "decoding"])
def test_marginal_is_the_mixture_of_conditionals(name, request):
    labelled = request.getfixturevalue(name)
    frequencies = labelled.class_counts_ / labelled.class_counts_.sum()
    n = 300
    by_class = np.stack(
        [labelled.score_samples(X[:6], np.full(6, k), n_importance=n) for k in range(10)], axis=1
    )
    mixture = np.log((np.exp(by_class - by_class.max()) * frequencies).sum(1)) + by_class.max()

    np.testing.assert_allclose(labelled.score_samples(X[:6], n_importance=n), mixture, atol=0.3)


def test_y_is_ignored_without_conditional(fitted):
    assert fitted.score(X, ["anything"] * 200) == fitted.score(X)


def test_inverse_transform_is_the_decoders_mean_in_units(linear_gaussian):
    model, data, _ = linear_gaussian
    Z = np.random.default_rng(0).normal(size=(7, 2))
    a = model.parameters_
    decoded = Z @ a["decoder.0.weight"].T + a["decoder.0.bias"]

    np.testing.assert_allclose(
        model.inverse_transform(Z), decoded * model.scale_ + model.mean_, rtol=1e-5
    )
    np.testing.assert_allclose(
        model.reconstruct(data), model.inverse_transform(model.transform(data)), rtol=1e-6
    )
    params = np.c_[Z, np.full_like(Z, 9.0)]
    assert np.array_equal(model.inverse_transform(params), model.inverse_transform(Z))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_decoding_keeps_the_float_type(fitted, dtype):
    Z = np.zeros((2, 3), dtype)
    assert fitted.inverse_transform(Z).dtype == dtype
    assert fitted.inverse_transform(torch.tensor(Z)).dtype == dtype
    assert fitted.reconstruct(X.astype(dtype)).dtype == dtype


@pytest.mark.slow
def test_reconstruction_beats_the_mean():
    options = {"n_components": 8, "batch_size": 8, "learning_rate_init": 4e-3}
    fitted = vae(beta=0.1, max_iter=30, **options).fit(X)

    assert ((X - fitted.reconstruct(X)) ** 2).mean() < 0.7 * X.var(0).mean()


@pytest.mark.slow
def test_samples_look_like_the_data():
    fitted = vae(max_iter=50, batch_size=20, learning_rate_init=4e-3).fit(X)
    draws = fitted.sample(2000, draw=True)

    assert set(np.unique(draws)) == {0.0, 1.0}
    assert np.abs(draws.mean(0) - X.mean(0)).mean() < 0.05
    means = fitted.sample(2000)
    assert 0 <= means.min() < means.max() <= 1
    assert np.abs(means.mean(0) - draws.mean(0)).max() < 0.06


def test_gaussian_samples_have_the_datas_units(linear_gaussian):
    model, data, _ = linear_gaussian
    draws = model.sample(20_000, draw=True)

    np.testing.assert_allclose(draws.std(0), data.std(0), rtol=0.1)
    np.testing.assert_allclose(draws.mean(0), data.mean(0), atol=0.1 * data.std(0).max())
    assert (model.sample(20_000).std(0) < draws.std(0)).all()


@pytest.mark.parametrize("draw", [False, True])
def test_sampling_is_deterministic_given_the_seed(fitted, draw):
    assert np.array_equal(fitted.sample(4, draw=draw), fitted.sample(4, draw=draw))
    assert np.array_equal(
        fitted.sample(4, draw=draw, random_state=3), fitted.sample(4, draw=draw, random_state=3)
    )
    assert not np.array_equal(
        fitted.sample(4, draw=draw, random_state=3), fitted.sample(4, draw=draw, random_state=4)
    )


@pytest.mark.parametrize("name", ["labelled", "decoding"])
def test_sampling_a_class(name, request):
    labelled = request.getfixturevalue(name)
    templates = np.stack([X[np.equal(Y, k)].mean(0) for k in range(10)])

    def nearest(image):
        return ((image - templates) ** 2).sum(1).argmin()

    averages = [labelled.sample(100, y=k).mean(0) for k in range(10)]
    assert [nearest(image) for image in averages] == list(range(10))

    rows = labelled.sample(10, y=np.arange(10))
    assert rows.shape == (10, 64)
    assert np.array_equal(labelled.sample(y=np.arange(10)), rows)
    assert len({nearest(image) for image in labelled.sample(300)}) > 7


@pytest.mark.slow
def test_samples_come_from_the_learned_mixture(fitted):
    options = {"max_iter": 35, "batch_size": 20, "learning_rate_init": 4e-3}
    model = vae(prior="mixture", n_prior_components=3, **options).fit(X)
    Z = model.fitted_.draw_latent(50_000, None, np.random.default_rng(0))
    mean = model.prior_weights_ @ model.prior_means_
    second = model.prior_weights_ @ (model.prior_means_**2 + model.prior_variances_)

    np.testing.assert_allclose(Z.mean(0), mean, atol=0.03)
    np.testing.assert_allclose((Z**2).mean(0), second, rtol=0.03)
    assert np.abs(model.sample(2000).mean(0) - X.mean(0)).mean() < 0.15


@pytest.mark.slow
def test_bound_reaches_the_density_of_a_mixture_prior():
    """A one-dimensional z is integrated on a grid."""
    model = vae(n_components=1, prior="mixture", n_prior_components=4, max_iter=20).fit(X)
    grid = np.linspace(-8, 8, 1001)[:, None]
    decoded = np.clip(model.inverse_transform(grid), 1e-7, 1 - 1e-7)
    log_p = X[:10] @ np.log(decoded).T + (1 - X[:10]) @ np.log1p(-decoded).T
    density = stats.norm.pdf(grid, model.prior_means_[:, 0], model.prior_variances_[:, 0] ** 0.5)
    exact = logsumexp(log_p, axis=1, b=density @ model.prior_weights_ * (grid[1] - grid[0]))

    np.testing.assert_allclose(model.score_samples(X[:10], n_importance=2000), exact, atol=0.1)
    assert model.score(X) < model.score_samples(X).mean()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Posterior collapse")
def test_classes_of_the_decoder_are_no_components_of_the_prior():
    """There may be fewer components than classes, and their order decides nothing."""
    options = {"conditional": "decoder", "prior": "mixture", "n_prior_components": 3}
    model = vae(max_iter=2, **options).fit(X, Y)
    other = copy.deepcopy(model)
    for name, value in model.parameters_.items():
        if name.startswith("prior"):
            other.parameters_[name] = np.roll(value, 1, axis=0)

    for scored in ((X[:20],), (X[:20], Y[:20])):
        np.testing.assert_allclose(other.score(*scored), model.score(*scored), rtol=1e-5)
        found, expected = (m.score_samples(*scored, n_importance=5) for m in (other, model))
        np.testing.assert_allclose(found, expected, rtol=1e-5)
    proba = model.predict_proba(X[:20])
    assert proba.shape == (20, 10)
    np.testing.assert_allclose(other.predict_proba(X[:20]), proba, atol=1e-4)
    assert model.interpolate(X[:2], y_b=7).shape == (2, 8, 64)
    assert model.sample(y=np.arange(10)).shape == (10, 64)


@pytest.mark.slow
def test_an_ex_post_mixture_gives_rows_through_inverse_transform():
    """A plain autoencoder, which has no prior to draw from, becomes generative."""
    model = vae(variational=False, max_iter=25, batch_size=8, learning_rate_init=4e-3).fit(X)
    mixture = DiagonalGaussianMixture(5, random_state=0).fit(model.transform(X))
    rows = model.inverse_transform(mixture.sample(2000)[0])

    assert np.abs(rows.mean(0) - X.mean(0)).mean() < 0.05


def test_sampling_refuses_what_it_cannot_do(fitted, labelled):
    with pytest.raises(ValueError, match="needs a fit with conditional"):
        fitted.sample(3, y=0)
    with pytest.raises(ValueError, match="not seen in fit"):
        labelled.sample(3, y=12)
    with pytest.raises(ValueError, match="unlabelled"):
        labelled.sample(3, y=-1)
    with pytest.raises(ValueError, match="n_samples=3"):
        labelled.sample(3, y=[0, 1])
    for bad in (0, 2.5, True):
        with pytest.raises(ValueError, match=f"n_samples={bad} must be a positive integer"):
            fitted.sample(bad)
    with pytest.raises(ValueError, match="n_importance='5' must be a positive integer"):
        fitted.score_samples(X, n_importance="5")


def test_decoding_with_a_class_without_or_with_the_found_one(decoding):
    Z = decoding.transform(X[:5])
    by_class = np.stack([decoding.inverse_transform(Z, k) for k in range(10)])
    average = np.tensordot(decoding.class_counts_ / 200, by_class, axes=1)

    np.testing.assert_allclose(decoding.inverse_transform(Z), average, rtol=1e-5)
    assert np.array_equal(decoding.inverse_transform(Z, [3, 4, 3, 3, 3])[1], by_class[4, 1])
    assert np.array_equal(decoding.reconstruct(X[:5], 7), by_class[7])
    found = decoding.predict(X[:5])
    assert np.array_equal(decoding.reconstruct(X[:5]), by_class[found, np.arange(5)])
    with pytest.raises(ValueError, match="-1 means unlabelled"):
        decoding.reconstruct(X[:5], -1)
    with pytest.raises(ValueError, match="not seen in fit"):
        decoding.inverse_transform(Z, 12)


@pytest.mark.parametrize("name", ["fitted", "labelled"])
def test_interpolation_is_a_straight_line_of_latent_points(name, request):
    model = request.getfixturevalue(name)
    line = model.interpolate(X[:3], X[5:8], n_steps=5)
    Z = (3 * model.transform(X[:3]) + model.transform(X[5:8])) / 4

    assert line.shape == (3, 5, 64)
    assert line.dtype == X.dtype
    np.testing.assert_allclose(line[:, 0], model.reconstruct(X[:3]), rtol=1e-5)
    np.testing.assert_allclose(line[:, -1], model.reconstruct(X[5:8]), rtol=1e-5)
    np.testing.assert_allclose(line[:, 1], model.inverse_transform(Z), rtol=1e-4)


def test_interpolation_between_classes(labelled, decoding):
    mu = labelled.class_means_
    line = labelled.interpolate(X[:3], y_a=Y[:3], y_b=4)
    there = labelled.inverse_transform(labelled.transform(X[:3]) + mu[4] - mu[Y[:3]])
    np.testing.assert_allclose(line[:, -1], there, rtol=1e-4)
    found = labelled.predict(X[:3])
    assert np.array_equal(labelled.interpolate(X[:3], y_b=found)[:, 0], line[:, 0])

    line = decoding.interpolate(X[:3], n_steps=3, y_b=4)
    np.testing.assert_allclose(line[:, 0], decoding.reconstruct(X[:3]), rtol=1e-5)
    np.testing.assert_allclose(line[:, 2], decoding.reconstruct(X[:3], 4), rtol=1e-5)
    ends = decoding.interpolate(X[:3], X[3:6], y_a=Y[:3], y_b=Y[3:6])
    np.testing.assert_allclose(ends[:, 0], decoding.reconstruct(X[:3], Y[:3]), rtol=1e-5)
    np.testing.assert_allclose(ends[:, -1], decoding.reconstruct(X[3:6], Y[3:6]), rtol=1e-5)


@pytest.mark.slow
def test_classes_with_variances():
    """z keeps its place in the class that it moves to, and draws have the class's moments."""
    options = {"conditional": "prior", "prior": "mixture", "max_iter": 40, "random_state": 0}
    options |= {"hidden_layer_sizes": (64,), "learning_rate_init": 5e-3}
    vae = VAETransformer(3, **options).fit(X, Y)
    mu, std = vae.class_means_, np.sqrt(vae.class_variances_)
    assert np.abs(std - 1).max() > 0.1
    moved = mu[4] + (vae.transform(X[:3]) - mu[Y[:3]]) / std[Y[:3]] * std[4]
    line = vae.interpolate(X[:3], y_a=Y[:3], y_b=4)
    np.testing.assert_allclose(line[:, -1], vae.inverse_transform(moved), rtol=1e-4)

    Z = vae.fitted_.draw_latent(100_000, np.full(100_000, 4), np.random.default_rng(0))
    np.testing.assert_allclose(Z.mean(0), mu[4], atol=0.02)
    np.testing.assert_allclose(Z.std(0), std[4], rtol=0.02)


def test_interpolation_refuses_what_it_cannot_do(fitted, decoding):
    with pytest.raises(ValueError, match="n_steps=1 must be an integer of at least 2"):
        fitted.interpolate(X[:2], X[2:4], n_steps=1)
    with pytest.raises(ValueError, match="y_b has to name a class"):
        decoding.interpolate(X[:2])
    with pytest.raises(ValueError, match="y_b has to name a class"):
        fitted.interpolate(X[:2], y_b=3)
    with pytest.raises(ValueError, match="inconsistent"):
        fitted.interpolate(X[:2], X[:3])


def test_scoring_refuses_what_it_cannot_do(fitted, labelled):
    with pytest.raises(ValueError, match="not seen in fit"):
        labelled.score(X, Y + 5)
    with pytest.raises(ValueError, match="inconsistent"):
        labelled.score(X, Y[:5])
    with pytest.raises(ValueError, match="n_importance"):
        fitted.score_samples(X, n_importance=0)
    with pytest.raises(ValueError, match="4 columns, but z has 3"):
        fitted.inverse_transform(np.zeros((2, 4)))


@pytest.mark.parametrize("method", ["score", "score_samples"])
def test_rows_that_leave_the_range_are_scored_at_its_ends_and_it_is_said(fitted, method):
    beyond = 3 * X - 1
    with pytest.warns(UserWarning, match=r"between -1 and 2.*clipped to \[0, 1\]"):
        found = getattr(fitted, method)(beyond)
    with pytest.warns(UserWarning, match="cross-entropy, not a log-density"):
        expected = getattr(fitted, method)(np.clip(beyond, 0, 1))

    assert np.array_equal(found, expected)
    assert beyond.min() == -1


@pytest.mark.parametrize("options", [{"binarize": "dynamic"}, {"binarize": "threshold"}, {}])
def test_scores_of_binary_rows_are_densities_without_a_word(options):
    rows = X if options else np.round(X)
    fitted = vae(**options, max_iter=1).fit(rows)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fitted.score_samples(rows, n_importance=2)


def test_a_search_over_rows_that_leave_the_range_of_their_fold_has_scores():
    rows = np.random.default_rng(0).normal(size=(60, 5))
    for likelihood in ("auto", "bernoulli"):
        tiny = vae(likelihood=likelihood, max_iter=1, hidden_layer_sizes=(4,))
        pipe = make_pipeline(MinMaxScaler(), tiny)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            scores = cross_val_score(pipe, rows, cv=3, error_score="raise")
        assert np.isfinite(scores).all()


def test_a_plain_autoencoder_has_no_density_but_decodes():
    fitted = vae(variational=False).fit(X)
    for name in ("score", "score_samples", "sample"):
        assert not hasattr(fitted, name)
        with pytest.raises(AttributeError, match=name):
            getattr(fitted, name)

    assert fitted.reconstruct(X).shape == X.shape
    assert not hasattr(fitted, "kl_per_dimension_")


@pytest.mark.parametrize("method", ["score", "score_samples", "reconstruct", "inverse_transform"])
def test_unfitted_use_is_refused(method):
    with pytest.raises(NotFittedError):
        getattr(vae(), method)(X)
    with pytest.raises(NotFittedError):
        vae().sample()


@pytest.mark.slow
def test_counts_are_modelled_better_by_a_poisson_than_by_a_gaussian():
    rng = np.random.default_rng(0)
    rates = np.exp(rng.normal(size=(600, 1)) * [0.5, 1.0, -0.5, 0.8] + [1.0, 0.0, 2.0, -1.0])
    counts = rng.poisson(rates).astype(float)
    settings = {"hidden_layer_sizes": (20,), "max_iter": 60, "learning_rate_init": 5e-3}
    settings["random_state"] = 0
    fits = {
        name: VAETransformer(2, likelihood=name, **settings).fit(counts[:400])
        for name in ("poisson", "gaussian_diag")
    }
    # A density over an interval of length 1 around each count stands for its probability.
    scores = {name: fitted.score(counts[400:]) for name, fitted in fits.items()}
    assert scores["poisson"] > scores["gaussian_diag"]
    decoded = fits["poisson"].reconstruct(counts[400:])
    assert (decoded > 0).all()
    assert np.corrcoef(decoded.ravel(), counts[400:].ravel())[0, 1] > 0.8
