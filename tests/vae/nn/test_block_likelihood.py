import math

import pytest
import torch

from skvae.vae.descriptions import likelihood_of
from skvae.vae.nn.block_likelihood import BlockLikelihood
from skvae.vae.nn.likelihoods import (
    Bernoulli,
    Gaussian,
    Poisson,
    build_likelihood,
    writes_gradient,
)
from skvae.vae.nn.model import VAE
from skvae.vae.nn.objectives import Objective
from skvae.vae.training.fused import FusedStep

BLOCKS = (
    ("gaussian_diag", (1, 1)),
    ("categorical", (2, 3)),
    ("poisson", (1,)),
    ("gaussian", (1, 1)),
    ("negative_binomial", (1, 1)),
    ("bernoulli", (1,)),
)
WIDTHS = [2, 5, 1, 2, 2, 1]
N_FEATURES = sum(WIDTHS)


def rows(n=20, seed=0):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randint(0, 3, (n, N_FEATURES), generator=generator).double()
    x[:, 2:4] = torch.eye(2).double()[torch.randint(0, 2, (n,), generator=generator)]
    x[:, 4:7] = torch.eye(3).double()[torch.randint(0, 3, (n,), generator=generator)]
    return x


def output(n=20, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, N_FEATURES, dtype=torch.float64, generator=generator)


def test_log_prob_is_the_sum_over_blocks_on_their_own_columns():
    likelihood = build_likelihood(BLOCKS, N_FEATURES).double()
    parts = zip(likelihood.blocks, rows().split(WIDTHS, 1), output().split(WIDTHS, 1), strict=True)
    expected = sum(block.log_prob(x, out) for block, x, out in parts)

    torch.testing.assert_close(likelihood.log_prob(rows(), output()), expected)


def test_log_prob_of_each_column_sums_to_that_of_the_row():
    blocks = (("categorical", (2, 3)), ("negative_binomial", (1, 1)))
    likelihood = build_likelihood(blocks, 7).double()
    x, out = rows()[:, 2:9], output()[:, 2:9]
    of_columns = likelihood.log_prob_per_feature(x, out)

    assert of_columns.shape == x.shape
    torch.testing.assert_close(of_columns.sum(1), likelihood.log_prob(x, out))


def test_blocks_that_say_nothing_begin_at_zero_and_show_the_encoder_what_is_there():
    likelihood = BlockLikelihood([Gaussian(2), Poisson()], [2, 1])
    x = torch.tensor([[5.0, 6.0, 3.0]])

    torch.testing.assert_close(
        likelihood.output_of_mean(x[0]), torch.tensor([0.0, 0.0, math.log(3)])
    )
    torch.testing.assert_close(likelihood.encoder_input(x), torch.tensor([[5.0, 6.0, math.log(4)]]))


def test_draws_and_means_are_those_of_the_blocks():
    likelihood = build_likelihood(BLOCKS, N_FEATURES).double()
    wide = output()[:1].expand(30_000, -1)
    draws = likelihood.sample(wide, torch.Generator().manual_seed(0))

    torch.testing.assert_close(draws.mean(0), likelihood.mean(wide)[0], atol=0.1, rtol=0.03)


@pytest.mark.parametrize("n_classes", [None, 4])
@pytest.mark.parametrize("n_importance", [1, 4])
def test_the_step_without_autograd_is_that_of_autograd(n_classes, n_importance):
    model = VAE(N_FEATURES, 3, (7, 6), "tanh", BLOCKS, n_classes)
    model.draw_parameters(torch.Generator().manual_seed(0))
    model.double()
    x, generator = rows(), torch.Generator().manual_seed(2)
    noise = torch.randn(20 * n_importance, 3, dtype=torch.float64, generator=generator)
    u = torch.rand(20, dtype=torch.float64, generator=generator)
    y = None if n_classes is None else torch.arange(20) % 4
    objective = Objective(n_importance=n_importance)
    still = torch.optim.SGD(model.parameters(), lr=0.0)
    sums = objective(model, x, noise, y, 0.7, u)
    sums[0].backward()
    wanted = [theta.grad.clone() for theta in model.parameters()]
    still.zero_grad()

    assert FusedStep.supports(model, objective, y)
    found = FusedStep(model, still, objective, y)(x, noise, y, 0.7, u)
    torch.testing.assert_close(found, torch.stack(sums).detach())
    for theta, gradient in zip(model.parameters(), wanted, strict=True):
        torch.testing.assert_close(theta.grad, gradient, rtol=1e-8, atol=1e-10)


class Unwritten(Bernoulli):
    def log_prob(self, x, logits):
        return super().log_prob(x, logits)


def test_a_block_that_writes_no_gradient_leaves_all_to_autograd():
    assert writes_gradient(build_likelihood(BLOCKS, N_FEATURES))
    blocks = (("gaussian", (1,)), (lambda n_features: Unwritten(), (1,)))
    assert not writes_gradient(build_likelihood(blocks, 2))


class TwoOutputs(torch.nn.Module):
    outputs_per_feature = 2

    def __init__(self, n_features):
        super().__init__()

    def log_prob(self, x, output):
        return output.sum(1)

    def mean(self, output):
        return output[:, ::2]

    def sample(self, output, generator):
        return output[:, ::2]


def make_unwritten(n_features):
    return Unwritten()


def test_a_part_of_the_users_has_one_output_for_each_column():
    with pytest.raises(ValueError, match="wants 2 outputs of the decoder for each feature"):
        build_likelihood(((TwoOutputs, (1, 1)),), 2)
    blocks = (("gaussian", (1,)), (make_unwritten, (1,)))
    assert VAE(2, 1, (3,), "relu", blocks, None).has_user_modules
    assert not VAE(N_FEATURES, 1, (3,), "relu", BLOCKS, None).has_user_modules


def test_numpy_and_torch_say_the_same_of_blocks():
    description, module = likelihood_of(BLOCKS), build_likelihood(BLOCKS, N_FEATURES)
    out, x = output().float(), rows().float()

    torch.testing.assert_close(
        torch.from_numpy(description.to_mean(out.numpy())), module.mean(out), rtol=1e-5, atol=1e-6
    )
    torch.testing.assert_close(
        torch.from_numpy(description.to_encoder(x.numpy())), module.encoder_input(x)
    )
    assert description.standardised == (True,) * 2 + (False,) * 6 + (True,) * 2 + (False,) * 3
    with pytest.raises(ValueError, match="no page_mean"):
        description.page_expression()


def test_blocks_of_numbers_and_categories_say_how_outputs_move_with_means():
    likelihood, mean = build_likelihood(BLOCKS, N_FEATURES), torch.full((N_FEATURES,), 0.5)
    slope = likelihood.slope_at_mean(mean)
    torch.testing.assert_close(slope, torch.tensor([1.0] * 2 + [2] * 5 + [0] + [1] * 2 + [0] * 3))


def test_blocks_of_numbers_begin_with_the_noise_they_are_told():
    likelihood = build_likelihood(BLOCKS, N_FEATURES)
    likelihood.begin_with_noise(0.5)
    torch.testing.assert_close(likelihood.blocks[0].scale.detach(), torch.full((2,), 0.5))
    torch.testing.assert_close(likelihood.blocks[3].scale.detach(), torch.tensor(0.5))
