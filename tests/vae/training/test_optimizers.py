from functools import partial

import numpy as np
import pytest
import torch

from skvae.vae.training.optimizers import (
    OPTIMIZERS,
    Adam,
    RMSPropTF1,
    flatten,
    load_state,
    state_to_arrays,
)


def descend(optimizer, theta, n_steps, first=0):
    """Steps along a fixed sequence of gradients."""
    for step in range(first, first + n_steps):
        theta.grad = torch.from_numpy(gradient(step))
        optimizer.step()


def gradient(step):
    return np.random.default_rng(step).normal(size=(3, 2)) * 10.0 ** (step % 5 - 4)


def test_rmsprop_is_tensorflow_1s_formula():
    theta = torch.nn.Parameter(torch.ones(3, 2, dtype=torch.float64))
    descend(RMSPropTF1([theta], lr=0.01), theta, 30)
    expected, v = np.ones((3, 2)), np.ones((3, 2))
    for step in range(30):
        g = gradient(step)
        v = 0.9 * v + 0.1 * g**2
        expected -= 0.01 * g / np.sqrt(v + 1e-10)

    np.testing.assert_allclose(theta.detach().numpy(), expected, rtol=1e-12)


def test_rmsprop_differs_from_torchs_defaults_but_maps_to_it():
    pair = [torch.nn.Parameter(torch.ones(3, 2, dtype=torch.float64)) for _ in range(3)]
    ours = RMSPropTF1([pair[0]], lr=0.01)
    default = torch.optim.RMSprop([pair[1]], lr=0.01)
    mapped = torch.optim.RMSprop([pair[2]], lr=0.01, alpha=0.9, eps=1e-10)
    mapped.state[pair[2]] = {
        "step": torch.tensor(0.0),
        "square_avg": torch.ones(3, 2, dtype=torch.float64),
    }
    for optimizer, theta in zip((ours, default, mapped), pair, strict=True):
        descend(optimizer, theta, 20)

    torch.testing.assert_close(pair[0], pair[2], rtol=1e-6, atol=0)
    assert not torch.allclose(pair[0], pair[1], rtol=1e-2)


def test_adam_is_that_of_kingma_and_ba():
    theta = torch.nn.Parameter(torch.ones(3, 2, dtype=torch.float64))
    descend(Adam([theta], lr=0.01), theta, 30)
    expected, m, v = np.ones((3, 2)), np.zeros((3, 2)), np.zeros((3, 2))
    for step in range(30):
        g = gradient(step)
        m = 0.9 * m + 0.1 * g
        v = 0.999 * v + 0.001 * g**2
        m_hat, v_hat = m / (1 - 0.9 ** (step + 1)), v / (1 - 0.999 ** (step + 1))
        expected -= 0.01 * m_hat / (np.sqrt(v_hat) + 1e-8)

    np.testing.assert_allclose(theta.detach().numpy(), expected, rtol=1e-6)


def test_adam_has_the_bits_of_torchs():
    ours, theirs = (torch.nn.Parameter(torch.ones(3, 2)) for _ in range(2))
    optimizers = Adam([ours], lr=0.01), torch.optim.Adam([theirs], lr=0.01, fused=True)
    for step in range(20):
        for theta, optimizer in zip((ours, theirs), optimizers, strict=True):
            theta.grad = torch.from_numpy(gradient(step)).float()
            optimizer.step()

    assert torch.equal(ours, theirs)
    assert optimizers[0].state[ours].keys() == optimizers[1].state[theirs].keys()


@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_an_update_is_a_step_after_what_comes_before_it(name):
    stepped, updated = (torch.nn.Parameter(torch.ones(3, 2)) for _ in range(2))
    first, second = (OPTIMIZERS[name]([theta], lr=0.01) for theta in (stepped, updated))
    for theta, optimizer in ((stepped, first), (updated, second)):
        theta.grad = torch.full((3, 2), 4.0)
        optimizer.before.append(partial(theta.grad.mul_, 0.5))
    first.step()
    with torch.no_grad():
        second.update()

    assert stepped.grad.eq(2).all() and updated.grad.eq(2).all()
    assert torch.equal(stepped, updated) and not updated.eq(1).any()


@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_state_as_arrays_continues_bit_for_bit(name):
    straight = torch.nn.Parameter(torch.ones(3, 2, dtype=torch.float64))
    descend(OPTIMIZERS[name]([straight], lr=0.01), straight, 8)

    halves = torch.nn.Parameter(torch.ones(3, 2, dtype=torch.float64))
    first = OPTIMIZERS[name]([halves], lr=0.01)
    descend(first, halves, 5)
    arrays = state_to_arrays(first)
    second = OPTIMIZERS[name]([halves], lr=0.01)
    load_state(second, arrays)
    descend(second, halves, 3, first=5)

    assert all(isinstance(a, np.ndarray) for a in arrays.values())
    assert torch.equal(straight, halves)


@pytest.mark.parametrize(
    "change",
    [
        lambda arrays: arrays.pop("0.exp_avg"),
        lambda arrays: arrays.update({"1.exp_avg": arrays["0.exp_avg"]}),
        lambda arrays: arrays.update({"0.exp_avg": np.zeros(4)}),
        lambda arrays: arrays.clear(),
    ],
)
def test_the_state_of_another_optimizer_is_refused(change):
    theta = torch.nn.Parameter(torch.ones(3, 2, dtype=torch.float64))
    optimizer = OPTIMIZERS["adam"]([theta], lr=0.01)
    descend(optimizer, theta, 2)
    arrays = state_to_arrays(optimizer)
    with pytest.raises(ValueError, match="the RMSPropTF1 of this model needs.*optimizer cannot"):
        load_state(OPTIMIZERS["rmsprop"]([theta], lr=0.01), arrays)
    change(arrays)
    with pytest.raises(ValueError, match="the Adam of this model needs"):
        load_state(optimizer, arrays)


def a_layer():
    layer = torch.nn.Linear(3, 2, dtype=torch.float64)
    layer.weight.data.copy_(torch.arange(6.0).view(2, 3))
    layer.bias.data.fill_(0.5)
    return layer


@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_one_vector_takes_the_steps_of_its_parts(name):
    parts, whole = a_layer(), a_layer()
    apart = OPTIMIZERS[name](parts.parameters(), lr=0.01)
    together = OPTIMIZERS[name]([flatten(list(whole.parameters()))], lr=0.01)
    for step in range(5):
        x = torch.from_numpy(gradient(step).T)
        for layer, optimizer in ((parts, apart), (whole, together)):
            optimizer.zero_grad(set_to_none=False)
            layer(x).square().sum().backward()
            optimizer.step()

    for a, b in zip(parts.parameters(), whole.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=0)
    assert not torch.equal(parts.weight, a_layer().weight)
