"""Parts of a user's have every capability that the library's own have, by the same door."""

import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import own_modules
import own_parts
import pytest
import torch
from own_modules import ContinuousBernoulli, VampPrior, WideNormal
from own_parts import CONTINUOUS_BERNOULLI, RESIDUAL, vamp_prior
from scipy import integrate, stats
from scipy.special import logsumexp
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV

from skvae import VAETransformer, save_explorer
from skvae.parts import GaussianMixturePrior, Likelihood, Network, Prior, mlp_layers
from skvae.vae.nn.model import VAE
from skvae.vae.nn.objectives import Objective
from skvae.vae.training.fused import FusedStep

X = load_digits().data[:200] / 16
PARTS = {"likelihood": CONTINUOUS_BERNOULLI, "network": RESIDUAL, "prior": vamp_prior}


def vae(**options):
    common = {"n_components": 2, "hidden_layer_sizes": (12,), "max_iter": 3, "random_state": 0}

    return VAETransformer(**common | PARTS | options)


@pytest.fixture(scope="module")
def fitted():
    return vae(max_iter=30, learning_rate_init=1e-2).fit(X)


def test_their_descriptions_are_what_the_modules_do():
    eta = torch.linspace(-30, 30, 4001, dtype=torch.float64)
    likelihood = ContinuousBernoulli(1)
    for output in eta[[0, 1990, 2000, 2500, 4000]]:

        def density(x, output=output):
            return float(likelihood.log_prob(torch.tensor([[x]]), output[None, None]).exp())

        mean = integrate.quad(lambda x, p=density: x * p(x), 0, 1)[0]
        assert integrate.quad(density, 0, 1)[0] == pytest.approx(1, abs=1e-5)
        assert float(likelihood.mean(output)) == pytest.approx(mean, abs=1e-5)
    found = own_parts.mean_of_shares(eta.numpy())
    np.testing.assert_allclose(found, likelihood.mean(eta).numpy(), atol=1e-12)


class Shares(ContinuousBernoulli):
    def log_prob_per_feature(self, x, output):
        columns = x.unsqueeze(-1), output.unsqueeze(-1)
        return super().log_prob(*columns)

    def log_prob(self, x, output):
        return self.log_prob_per_feature(x, output).sum(-1)


def residual_networks(sizes):
    (n_in, n_posterior), (n_latent, n_out) = sizes.of_encoder, sizes.of_decoder
    yield own_modules.residual_network(n_in, 7, n_posterior)
    yield own_modules.residual_network(n_latent, 7, n_out)


def test_they_take_missing_values_where_they_say_how():
    rows = X[:60]
    missing = np.random.default_rng(0).random(rows.shape) < 0.3
    holed = np.where(missing, np.nan, rows)
    network = Network("seeing", residual_networks, sees_mask=True)
    for part, n_inputs in ((network, 128), (RESIDUAL, 64), ((torch.nn.Linear,) * 2, 64)):
        fitted = vae(likelihood=Shares, network=part, max_iter=1).fit(holed)
        first = next(v for k, v in fitted.parameters_.items() if k.startswith("encoder."))
        assert first.shape[1] == n_inputs
        filled = fitted.impute(holed, n_importance=3)
        answers = fitted.transform(holed), fitted.score_samples(holed, n_importance=3), filled
        assert all(np.isfinite(answer).all() for answer in answers)
        assert np.array_equal(filled[~missing], rows[~missing])


@pytest.mark.slow
def test_a_fit_with_all_of_them_learns(fitted):
    elbo = fitted.history_["elbo"]
    assert elbo[-1] > elbo[0] + 5
    assert fitted.likelihood_ is CONTINUOUS_BERNOULLI
    assert np.abs(fitted.reconstruct(X) - X).mean() < np.abs(X.mean(0) - X).mean()


def test_the_same_seed_gives_the_same_bits():
    first, again = (vae().fit(X) for _ in range(2))
    assert all(np.array_equal(again.parameters_[k], w) for k, w in first.parameters_.items())


@pytest.mark.slow
def test_a_process_that_transforms_needs_no_torch(fitted, tmp_path):
    Z = fitted.transform(X)
    (tmp_path / "vae.pickle").write_bytes(pickle.dumps((fitted, X)))
    code = (
        "import pickle, sys, numpy as np\n"
        f"sys.path.append({str(Path(own_parts.__file__).parent)!r})\n"
        "vae, X = pickle.load(open('vae.pickle', 'rb'))\n"
        "Z = vae.transform(X)\n"
        "np.savez('found.npz', Z=Z, X=vae.inverse_transform(Z))\n"
        "assert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path)
    found = np.load(tmp_path / "found.npz")
    assert np.array_equal(found["Z"], Z)
    assert np.array_equal(found["X"], fitted.inverse_transform(Z))

    by_torch = fitted.fitted_.torch_model
    x = X.astype(np.float32)
    np.testing.assert_allclose(by_torch.encode(x, log_var=False), Z, atol=1e-4)
    np.testing.assert_allclose(
        by_torch.decode(Z.astype(np.float32), np.asarray), found["X"], atol=1e-4
    )


@pytest.mark.slow
def test_the_bound_reaches_the_density():
    """A one-dimensional z is integrated on a grid, under the mixture that the prior tells of."""
    model = vae(n_components=1, max_iter=20).fit(X)
    grid = np.linspace(-5, 20, 1001)[:, None]
    mixture = model.fitted_.prior.mixture
    density = stats.norm.pdf(grid, mixture.means[:, 0], mixture.covariances[:, 0] ** 0.5)

    def log_likelihood(model, x, z):
        x, z = (torch.tensor(a, dtype=torch.float32) for a in (x, z))
        with torch.no_grad():
            outputs = model.decoder(z)
            return torch.stack([model.likelihood.log_prob(row, outputs) for row in x]).numpy()

    log_p = model.fitted_.torch_model.apply(log_likelihood, X[:10], grid)
    exact = logsumexp(log_p, axis=1, b=density @ mixture.weights * (grid[1] - grid[0]))
    found = model.score_samples(X[:10], n_importance=1000)
    np.testing.assert_allclose(found, exact, atol=0.8)
    assert found.mean() == pytest.approx(exact.mean(), abs=0.2)


def test_samples_come_from_the_mixture_of_the_prior(fitted):
    model = VAE(**fitted.fitted_.architecture)
    assert isinstance(model.prior, VampPrior)
    assert fitted.prior_means_.shape == (5, 2)
    posteriors = fitted.fitted_.encode(fitted.parameters_["prior.pseudo_inputs"])
    np.testing.assert_allclose(fitted.prior_means_, posteriors, rtol=1e-6, atol=1e-5)

    Z = fitted.fitted_.draw_latent(50_000, None, np.random.default_rng(0))
    np.testing.assert_allclose(Z.mean(0), fitted.prior_means_.mean(0), atol=0.05)
    for draw in (False, True):
        rows = fitted.sample(500, draw=draw)
        assert rows.min() >= 0
        assert rows.max() <= 1
        assert np.abs(rows.mean(0) - X.mean(0)).mean() < 0.15


def test_the_page_decodes_as_python_does(fitted, browser, tmp_path):
    save_explorer(fitted, tmp_path / "page.html", X)
    page = browser.new_page()
    complaints = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto((tmp_path / "page.html").as_uri())
    z = np.random.default_rng(0).normal(size=(20, 2))
    found = np.array(page.evaluate("points => points.map((z) => skvae.decode(z))", z.tolist()))
    page.close()

    assert complaints == []
    np.testing.assert_allclose(found, fitted.inverse_transform(z), atol=1e-4)


@pytest.mark.parametrize("prior", [vamp_prior, WideNormal, "mixture"])
@pytest.mark.parametrize("network", [RESIDUAL, "mlp"])
@pytest.mark.parametrize("objective", [Objective(), Objective(0.3), Objective(n_importance=3)])
def test_written_out_gradients_are_those_of_autograd(prior, network, objective):
    torch.manual_seed(0)
    model = VAE(6, 2, (5,), "relu", CONTINUOUS_BERNOULLI, None, network, None, 3, prior=prior)
    model.draw_parameters(torch.Generator().manual_seed(0))
    model.double()
    generator = torch.Generator().manual_seed(1)
    x = torch.rand(20, 6, generator=generator, dtype=torch.float64)
    n_draws = 20 * objective.n_importance
    noise = torch.randn(n_draws, 2, generator=generator, dtype=torch.float64)
    u = torch.rand(20, generator=generator, dtype=torch.float64)
    u = u if objective.n_importance > 1 else None
    still = torch.optim.SGD(model.parameters(), lr=0.0)
    expected = objective(model, x, noise, None, 0.7, u)
    expected[0].backward()
    gradients = [theta.grad.clone() for theta in model.parameters()]
    assert FusedStep.supports(model, objective)
    found = FusedStep(model, still, objective)(x, noise, None, 0.7, u)

    assert torch.allclose(found, torch.stack(expected).detach(), rtol=1e-10)
    for theta, gradient in zip(model.parameters(), gradients, strict=True):
        assert torch.allclose(theta.grad, gradient, rtol=1e-8, atol=1e-10)


@pytest.mark.slow
def test_a_fit_goes_on_from_its_checkpoint(tmp_path):
    whole = vae(max_iter=4).fit(X)

    class Stopped(Exception):
        pass

    calls = []
    original = ContinuousBernoulli.log_prob_and_gradient

    def failing(self, x, output):
        calls.append(len(x))
        if sum(calls) > 2 * len(X) + 100:
            raise Stopped
        return original(self, x, output)

    options = {"max_iter": 4, "checkpoint": tmp_path}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ContinuousBernoulli, "log_prob_and_gradient", failing)
        with pytest.raises(Stopped):
            vae(**options).fit(X)
    resumed = vae(**options).fit(X)
    assert len(list(tmp_path.iterdir())) == 1
    assert all(np.array_equal(resumed.parameters_[k], w) for k, w in whole.parameters_.items())


def test_they_are_cloned_pickled_and_continued(fitted):
    assert clone(fitted).get_params() == fitted.get_params()
    again = pickle.loads(pickle.dumps(fitted))
    scores = (model.score_samples(X[:5], n_importance=3) for model in (again, fitted))
    assert np.array_equal(*scores)
    assert again.partial_fit(X).n_iter_ == fitted.n_iter_ + 1
    with pytest.raises(ValueError, match="prior cannot change"):
        again.set_params(prior="normal").partial_fit(X)


def test_a_grid_search_chooses_among_names_and_parts():
    grid = {"likelihood": ["bernoulli", ContinuousBernoulli, CONTINUOUS_BERNOULLI]}
    binary = (X > 0.5).astype(float)
    search = GridSearchCV(vae(network="mlp", prior="normal", max_iter=1), grid, cv=2).fit(binary)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.cv_results_["rank_test_score"][1] == search.cv_results_["rank_test_score"][2]


def test_rows_that_cannot_come_from_it_are_refused():
    with pytest.raises(ValueError, match="needs shares in"):
        vae().fit(16 * X)


def test_what_a_bare_class_does_not_tell_is_left_to_torch_and_refused_on_pages(tmp_path):
    bare = vae(likelihood=ContinuousBernoulli, network="mlp", prior="normal").fit(X)
    known = vae(network="mlp", prior="normal").fit(X)
    np.testing.assert_allclose(bare.transform(X), known.transform(X), atol=1e-5)
    with pytest.raises(ValueError, match="cannot compute the mean of likelihood='Continuous"):
        save_explorer(bare, tmp_path / "page.html")


def test_a_prior_that_tells_no_mixture_cannot_be_drawn_from(tmp_path):
    fitted = vae(prior=WideNormal).fit(X)
    assert np.isfinite(fitted.score_samples(X[:5], n_importance=3)).all()
    for ask in (fitted.sample, lambda: save_explorer(fitted, tmp_path / "page.html")):
        with pytest.raises(ValueError, match=r"its method mixture\(\) gives None"):
            ask()


def test_learned_priors_need_the_kl_term_and_have_no_classes():
    with pytest.raises(ValueError, match="prior='VampPrior' is learned through the KL term"):
        vae(prior=VampPrior, beta=0).fit(X)
    y = load_digits().target[:200]
    with pytest.raises(ValueError, match="prior='VampPrior' does not have"):
        vae(prior=VampPrior, conditional="prior").fit(X, y)
    decoding = vae(conditional="decoder", n_components=1, max_iter=1).fit(X, y)
    assert decoding.sample(3, y=[1, 2, 3]).shape == (3, 64)


class WrongMean(ContinuousBernoulli):
    def mean(self, output):
        return output.sigmoid()


class WrongGradient(ContinuousBernoulli):
    def log_prob_and_gradient(self, x, output):
        return self.log_prob(x, output).sum(), x - self.mean(output)


class WrongKL(WideNormal):
    def add_kl_gradient(self, mean, std, y, beta, d_mean, d_std):
        return 2 * super().add_kl_gradient(mean, std, y, beta, d_mean, d_std)


class Flat(Prior):
    def __init__(self, model):
        super().__init__()

    def kl_per_dimension(self, posterior, y=None):
        return posterior.std.sum(1)

    def log_prob(self, z, y=None):
        return z.sum(1)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (
            {"likelihood": Likelihood("w", WrongMean, to_mean=own_parts.mean_of_shares)},
            ValueError,
            "to_mean of likelihood= does not agree",
        ),
        ({"likelihood": WrongGradient}, ValueError, "log_prob_and_gradient.*with autograd"),
        ({"prior": WrongKL}, ValueError, "add_kl_gradient of prior=.*with autograd"),
        ({"prior": Flat}, ValueError, r"kl of prior= gives shape \(\)"),
        ({"prior": lambda model: torch.nn.Identity()}, TypeError, r"skvae\.parts\.Prior.*Identity"),
        (
            {"network": Network("w", own_parts.residual_modules, mlp_layers)},
            ValueError,
            "numpy_layers of network= do not agree with the encoder",
        ),
        ({"network": Network("w", lambda sizes: [torch.nn.Identity()])}, ValueError, "network="),
    ],
)
def test_parts_that_contradict_themselves_are_refused(options, error, message):
    with pytest.raises(error, match=message):
        vae(**options).fit(X)


def test_an_overridden_density_leaves_its_gradient_to_autograd():
    class Tempered(ContinuousBernoulli):
        def log_prob(self, x, output):
            return super().log_prob(x, output / 2)

        def mean(self, output):
            return super().mean(output / 2)

    assert not FusedStep.supports(VAE(6, 2, (5,), "relu", Tempered, None))
    assert FusedStep.supports(VAE(6, 2, (5,), "relu", ContinuousBernoulli, None))
    assert issubclass(own_modules.VampPrior, GaussianMixturePrior)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_weights_are_float32_whatever_type_torch_takes_by_default(fitted, dtype, tmp_path):
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        again = vae(max_iter=30, learning_rate_init=1e-2).fit(X)
        features = again.transform(X)
        save_explorer(again, tmp_path / "page.html")
        assert torch.get_default_dtype() == dtype
    finally:
        torch.set_default_dtype(before)
    assert np.array_equal(features, fitted.transform(X))
