import numpy as np
import pytest
import torch
from own_modules import ContinuousBernoulli

from skvae.vae.descriptions import LIKELIHOODS
from skvae.vae.missing import encoder_view as numpy_view
from skvae.vae.nn.likelihoods import MODULES, Bernoulli, build_likelihood
from skvae.vae.nn.missing import encoder_view, log_prob_of_observed
from skvae.vae.nn.model import VAE

GENERATOR = torch.Generator().manual_seed(0)
OUTPUT = torch.randn(6, 4, dtype=torch.float64, generator=GENERATOR)
X = torch.poisson(OUTPUT.exp(), generator=GENERATOR).clamp(max=1)
MISSING = torch.rand(6, 4, generator=GENERATOR) < 0.5
MISSING[0], MISSING[1] = False, True
HOLED = X.masked_fill(MISSING, torch.nan)


@pytest.mark.parametrize("name", sorted(LIKELIHOODS))
def test_the_sum_over_features_is_the_log_probability(name):
    likelihood = MODULES[name](4).double()
    by_feature = likelihood.log_prob_per_feature(X, OUTPUT)
    torch.testing.assert_close(by_feature.sum(1), likelihood.log_prob(X, OUTPUT))


# The columns of a category, which are missing together, have no likelihood apart.
@pytest.mark.parametrize("name", sorted(LIKELIHOODS.keys() - {"categorical"}))
def test_the_likelihood_of_what_is_observed_is_that_of_the_other_columns(name):
    found = log_prob_of_observed(MODULES[name](4).double(), HOLED, OUTPUT)
    assert found[1] == 0
    for x, missing, output, value in zip(X, MISSING, OUTPUT, found, strict=True):
        if not missing.all():
            kept = ~missing
            alone = MODULES[name](int(kept.sum())).double()
            torch.testing.assert_close(
                value[None], alone.log_prob(x[None, kept], output[None, kept])
            )


@pytest.mark.parametrize("name", sorted(LIKELIHOODS))
def test_a_whole_row_has_its_bits_whatever_its_neighbours_lack(name):
    likelihood = MODULES[name](4)
    x, output = HOLED.float(), OUTPUT.float()
    found = log_prob_of_observed(likelihood, x, output)
    assert found[0] == likelihood.log_prob(X.float(), output)[0]


def test_what_is_missing_has_no_gradient():
    output = OUTPUT.clone().requires_grad_()
    log_prob_of_observed(MODULES["poisson"](4), HOLED, output).sum().backward()
    assert (output.grad[MISSING] == 0).all() and (output.grad[~MISSING] != 0).all()


def test_an_encoder_sees_zeros_and_the_mask():
    found = encoder_view(HOLED, torch.log1p, sees_mask=True)
    assert torch.equal(found[:, :4], torch.log1p(X.masked_fill(MISSING, 0)))
    assert torch.equal(found[:, 4:], 1.0 - MISSING.double())
    for sees_mask in (False, True):
        view = numpy_view(HOLED.float().numpy(), np.log1p, sees_mask)
        assert view.dtype == np.float32
        np.testing.assert_allclose(view, encoder_view(HOLED.float(), torch.log1p, sees_mask))


def test_a_row_that_a_function_mixes_does_not_lose_what_is_observed():
    def shares(x):
        return x / x.sum(1, keepdim=True)

    view = encoder_view(torch.tensor([[1.0, torch.nan, 3.0]]), shares, sees_mask=False)
    assert view.tolist() == [[0.25, 0.0, 0.75]]


def test_a_likelihood_that_cannot_leave_out_missing_values_says_what_it_needs():
    needed = "likelihood ContinuousBernoulli has no way.*log_prob_per_feature"
    with pytest.raises(ValueError, match=needed):
        log_prob_of_observed(ContinuousBernoulli(4), HOLED, OUTPUT)

    class Clipped(Bernoulli):  # whose log_prob_per_feature is that of another log_prob
        def log_prob(self, x, logits):
            return super().log_prob(x, logits.clamp(-5, 5))

    with pytest.raises(ValueError, match="likelihood Clipped has no way"):
        log_prob_of_observed(Clipped(), HOLED, OUTPUT)


def test_a_probability_per_feature_of_the_user_is_measured():
    def with_feature_probabilities(function):
        methods = {"log_prob": Bernoulli.log_prob, "log_prob_per_feature": function}
        return lambda n_features: type("Own", (Bernoulli,), methods)()

    right = Bernoulli.log_prob_per_feature
    build_likelihood(with_feature_probabilities(right), 3)
    summed = with_feature_probabilities(lambda self, x, output: right(self, x, output).sum(1))
    with pytest.raises(ValueError, match=r"log_prob_per_feature of .* gives shape \(2,\)"):
        build_likelihood(summed, 3)
    other = with_feature_probabilities(lambda self, x, output: 2 * right(self, x, output))
    with pytest.raises(ValueError, match="log_prob_per_feature of likelihood= does not agree"):
        build_likelihood(other, 3)


def test_a_model_reads_missing_values_only_where_there_are_any():
    model = VAE(4, 2, (5,), "relu", "gaussian", None)
    assert model.reading(X.numpy()) is model
    reader = model.reading(HOLED.numpy())
    assert reader.marginalises and not model.marginalises
    assert reader.encoder is model.encoder and reader.reading(X.numpy()) is reader
