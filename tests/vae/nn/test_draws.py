import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from skvae import VAETransformer
from skvae.vae.nn.draws import ModuleDraws
from skvae.vae.nn.model import VAE

CPU = torch.device("cpu")
X = np.random.default_rng(0).random((70, 8)).astype(np.float32)


class Noise(nn.Module):
    """Of a Gaussian, whether it is trained or not."""

    def forward(self, h):
        return h * (1 + 0.1 * torch.randn_like(h))


class FunctionalDropout(nn.Module):
    def forward(self, h):
        return functional.dropout(h, 0.3, self.training)


class SkippedAtRandom(nn.Module):
    def forward(self, h):
        return h if self.training and torch.rand(()) < 0.5 else torch.tanh(h)


def network(layer, n_in, n_out):
    return nn.Sequential(nn.Linear(n_in, 6), layer(), nn.Linear(6, n_out))


def own(layer, seed=0, **options):
    pair = (partial(network, layer),) * 2
    defaults = {"n_components": 2, "max_iter": 3, "batch_size": 16, "likelihood": "gaussian"}
    return VAETransformer(network=pair, random_state=seed, **defaults | options)


def numbers(draws, n=3):
    with draws():
        return torch.rand(n)


def test_the_global_generator_is_as_if_nothing_had_been_drawn():
    before = torch.get_rng_state()
    with pytest.raises(KeyError), ModuleDraws(CPU, 0)():
        torch.rand(3)
        raise KeyError

    assert torch.equal(before, torch.get_rng_state())


def test_a_stream_goes_on_from_context_to_context():
    generator = torch.Generator().manual_seed(7)
    draws = ModuleDraws(CPU, 7)
    assert draws.untouched
    for _ in range(2):
        assert torch.equal(numbers(draws), torch.rand(3, generator=generator))
    assert not draws.untouched
    draws.restart(7)

    assert torch.equal(numbers(draws), numbers(ModuleDraws(CPU, 7)))


def test_streams_of_threads_do_not_mix():
    def stream(seed):
        draws = ModuleDraws(CPU, seed)
        steps.wait()
        return torch.stack([numbers(draws, 1000) for _ in range(20)])

    steps = threading.Barrier(1)
    alone = [stream(seed) for seed in range(4)]
    before = torch.get_rng_state()
    steps = threading.Barrier(4)
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(stream, range(4)))

    assert all(map(torch.equal, alone, together))
    assert torch.equal(before, torch.get_rng_state())


def test_contexts_nest():
    outer = ModuleDraws(CPU, 0)
    with outer():
        first = torch.rand(1)
        assert torch.equal(numbers(ModuleDraws(CPU, 0), 1), first)
        second = torch.rand(1)
    outer.restart(0)

    assert torch.equal(numbers(outer, 2), torch.cat([first, second]))


LAYERS = [
    nn.Dropout,
    nn.AlphaDropout,
    nn.RReLU,
    FunctionalDropout,
    SkippedAtRandom,
    Noise,
    partial(nn.GRUCell, 6, 6),
]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Posterior collapse")
@pytest.mark.parametrize("layer", LAYERS)
def test_fits_in_threads_are_those_one_after_the_other(layer):
    def fit(seed):
        options = {"early_stopping": True} if seed % 2 else {"output": "sample"}
        fitted = own(layer, seed, **options).partial_fit(X).fit(X)
        scores = fitted.score_samples(X[:9], n_importance=3)
        answers = fitted.transform(X), scores, fitted.sample(3, draw=True)
        return [*fitted.parameters_.values(), *fitted.loss_curve_, *answers]

    before = torch.get_rng_state()
    alone = [fit(seed) for seed in range(3)]
    assert torch.equal(before, torch.get_rng_state())
    torch.manual_seed(5)
    with ThreadPoolExecutor(3) as pool:
        together = list(pool.map(fit, range(3)))

    for a, b in zip(alone, together, strict=True):
        assert all(map(np.array_equal, a, b))


@pytest.mark.filterwarnings("ignore:Posterior collapse")
def test_modules_that_draw_nothing_do_not_wait_for_each_other():
    inside, alone = threading.Barrier(2, timeout=10), threading.Event()

    class Meeting(nn.Module):
        """Two threads are in it at once, but for the first step of an epoch."""

        n_steps = 0

        def forward(self, h):
            self.n_steps += self.training
            if self.training and self.n_steps == 5 and not alone.is_set():
                inside.wait()
            return torch.relu(h)

    with ThreadPoolExecutor(2) as pool:
        fits = list(pool.map(lambda seed: own(Meeting, seed).fit(X), range(2)))
    alone.set()

    assert np.array_equal(fits[1].transform(X), own(Meeting, 1).fit(X).transform(X))


@pytest.mark.parametrize(("layer", "draws"), [(nn.Dropout, False), (Noise, True)])
def test_what_draws_in_use_is_known(layer, draws):
    def model(likelihood):
        pair = partial(network, layer), nn.Linear
        return VAE(8, 2, (), "relu", likelihood, None, network=pair)

    assert model("gaussian").draws_in_use() == draws
    assert not VAE(8, 2, (4,), "relu", "gaussian", None).draws_in_use()
