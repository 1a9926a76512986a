import numpy as np
import pytest
import torch
from scipy import stats

from skvae.vae.descriptions import LIKELIHOODS
from skvae.vae.nn.likelihoods import MODULES, Bernoulli, Gaussian, Poisson, build_likelihood

OUTPUT = torch.randn(5, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def gaussian(scale):
    likelihood = Gaussian().double()
    likelihood.raw_scale.data.fill_(np.log(np.expm1(scale - Gaussian.scale_floor)))
    return likelihood


def test_bernoulli_equals_scipy():
    x = (OUTPUT.flip(0) > 0).double()
    expected = stats.bernoulli.logpmf(x.numpy(), OUTPUT.sigmoid().numpy()).sum(1)

    np.testing.assert_allclose(Bernoulli().log_prob(x, OUTPUT).numpy(), expected, rtol=1e-10)


def test_bernoulli_survives_certain_logits():
    log_prob = Bernoulli().log_prob(torch.ones(1, 2), torch.tensor([[-1e3, 1e3]]))

    assert log_prob.item() == -1e3


def test_gaussian_equals_scipy():
    likelihood, x = gaussian(0.7), OUTPUT.flip(0)
    expected = stats.norm.logpdf(x.numpy(), OUTPUT.numpy(), 0.7).sum(1)

    np.testing.assert_allclose(likelihood.log_prob(x, OUTPUT).detach().numpy(), expected, rtol=1e-6)


def test_gaussian_of_many_scales_equals_scipy():
    likelihood, x = Gaussian(4).double(), OUTPUT.flip(0)
    scales = np.array([0.3, 0.7, 1.0, 5.0])
    likelihood.raw_scale.data = torch.from_numpy(np.log(np.expm1(scales - Gaussian.scale_floor)))
    expected = stats.norm.logpdf(x.numpy(), OUTPUT.numpy(), scales).sum(1)

    np.testing.assert_allclose(likelihood.log_prob(x, OUTPUT).detach().numpy(), expected, rtol=1e-6)


def test_poisson_equals_scipy():
    x = torch.tensor([[0.0, 1.0, 7.0, 250.0]], dtype=torch.float64).expand(5, 4)
    expected = stats.poisson.logpmf(x.numpy(), OUTPUT.exp().numpy()).sum(1)

    np.testing.assert_allclose(Poisson().log_prob(x, OUTPUT).numpy(), expected, rtol=1e-10)
    assert torch.equal(Poisson().encoder_input(x), torch.log1p(x))


def test_each_description_has_a_module():
    assert set(MODULES) == set(LIKELIHOODS)


def test_gaussian_scale_starts_at_one_and_has_a_floor():
    likelihood = Gaussian()
    assert likelihood.scale.item() == pytest.approx(1, rel=1e-6)

    likelihood.raw_scale.data.fill_(-1e4)
    assert likelihood.scale.item() == pytest.approx(Gaussian.scale_floor, rel=1e-5)
    assert likelihood.log_prob(torch.ones(1, 3), torch.ones(1, 3)).isfinite().all()


@pytest.mark.parametrize("name", sorted(LIKELIHOODS))
def test_draws_have_the_mean(name):
    likelihood = MODULES[name](3).double()
    output = torch.tensor([[-1.0, 0.0, 2.0]], dtype=torch.float64).expand(50_000, 3)
    draws = likelihood.sample(output, torch.Generator().manual_seed(0))

    torch.testing.assert_close(
        draws.mean(0), likelihood.mean(output)[0], atol=0.04, rtol=0, check_dtype=False
    )


def test_gaussian_draws_have_the_scale():
    draws = gaussian(0.3).sample(torch.zeros(50_000, 1), torch.Generator().manual_seed(0))

    assert draws.std().item() == pytest.approx(0.3, rel=0.02)


def test_bernoulli_draws_are_binary():
    draws = Bernoulli().sample(OUTPUT, torch.Generator().manual_seed(0))

    assert set(draws.unique().tolist()) == {0.0, 1.0}


def with_methods(**methods):
    """A factory of modules that have, beside Bernoulli's, the given methods."""
    return lambda n_features: type("Own", (Bernoulli,), methods)()


def test_a_likelihood_of_the_user_is_measured():
    assert type(build_likelihood("poisson", 3)) is Poisson
    assert isinstance(build_likelihood(with_methods(), 3), Bernoulli)
    summed = with_methods(log_prob=lambda self, x, output: x.sum())
    with pytest.raises(ValueError, match=r"log_prob of likelihood= gives shape \(\).*give \(2,\)"):
        build_likelihood(summed, 3)
    narrow = with_methods(mean=lambda self, output: output[:, :1])
    with pytest.raises(ValueError, match=r"mean of likelihood= gives shape \(2, 1\).*\(2, 3\)"):
        build_likelihood(narrow, 3)


def test_what_a_likelihood_of_the_user_lacks_is_named():
    with pytest.raises(TypeError, match=r"sample\(output, generator\).*Own without sample"):
        build_likelihood(with_methods(sample=None), 3)
    with pytest.raises(TypeError, match="int without log_prob and mean and sample"):
        build_likelihood(lambda n_features: n_features, 3)
    with pytest.raises(TypeError, match=r"makes the module.*got the module Bernoulli\(\)"):
        build_likelihood(Bernoulli(), 3)
