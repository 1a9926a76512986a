"""Graphs need a GPU. Without one, a step on torch's device of tensors without values shows that it
never asks for one, and a capture that only remembers its step shows what is done around it."""

from itertools import cycle, product, repeat

import numpy as np
import pytest
import torch

from skvae import VAETransformer
from skvae.vae.descriptions import LIKELIHOODS
from skvae.vae.nn.model import VAE, to_arrays
from skvae.vae.nn.objectives import Objective
from skvae.vae.schedule import Schedule
from skvae.vae.training import cuda_graphs
from skvae.vae.training.batches import Batches
from skvae.vae.training.cuda_graphs import GraphedStep
from skvae.vae.training.fused import FusedStep
from skvae.vae.training.loop import noise_of, step_of, train
from skvae.vae.training.optimizers import OPTIMIZERS, flatten


@pytest.fixture
def kernels_of_adam(monkeypatch):
    """Calls of Adam's kernel, which has none for tensors without values."""
    calls = []
    monkeypatch.setattr(torch, "_fused_adam_", lambda *args, **options: calls.append(options))
    return calls


OF_LIKELIHOODS = [*((likelihood, "adam") for likelihood in LIKELIHOODS), ("bernoulli", "rmsprop")]
OF_OBJECTIVES = [
    (None, None, Objective()),
    (None, None, Objective(free_bits=0.1)),
    (None, None, Objective(n_importance=3)),
    (None, 5, Objective()),
    (None, 5, Objective(n_importance=3)),
    (4, None, Objective()),
    (4, None, Objective(label_weight=2.0)),
    (4, 4, Objective(label_weight=2.0)),
]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("network", "of_likelihood", "of_objective"),
    [
        *product(["mlp"], OF_LIKELIHOODS, OF_OBJECTIVES),
        # What layers are made of matters to neither: each meets every one of both.
        *zip(repeat("conv"), cycle(OF_LIKELIHOODS), OF_OBJECTIVES, strict=False),
    ],
)
def test_steps_never_ask_for_a_value(network, of_likelihood, of_objective, kernels_of_adam):
    likelihood, optimizer = of_likelihood
    n_classes, n_prior_components, objective = of_objective
    model = VAE(
        *(9, 3, (7,), "tanh", likelihood, n_classes, network, (3, 3, 1), n_prior_components),
        prior="normal" if n_prior_components is None else "mixture",
    ).to("meta")
    y = None if n_classes is None else torch.tensor([0, -1, 3, 1])
    descent = OPTIMIZERS[optimizer]([torch.nn.Parameter(torch.empty(1))], lr=1e-3)
    group = descent.param_groups[0]
    group["params"] = [flatten(list(model.parameters()))]
    group["lr"] = torch.empty((), device="meta")
    step = step_of(model, descent, objective, y)
    x = torch.empty(4, 9, device="meta")
    noise = torch.empty(4 * objective.n_importance, 3, device="meta")
    beta, u = torch.empty((), device="meta"), torch.empty(4, device="meta")
    sums = step(x, noise, None if y is None else y.to("meta"), beta, u)

    assert sums.device.type == "meta" and sums.shape == (3,)
    assert [type(call["lr"]) for call in kernels_of_adam] == [torch.Tensor] * (optimizer == "adam")


@pytest.fixture
def captures(monkeypatch):
    """Graphs on the CPU: a capture keeps the step and the tensors it was told of."""
    replays = []

    def capture(step, inputs, wanted):
        sums = torch.empty(3) if wanted else None

        def replay():
            replays.append(len(inputs[0]))
            found = step(*inputs, wanted)
            if wanted:
                sums.copy_(found)

        return replay, sums

    monkeypatch.setattr(cuda_graphs, "_capture", capture)
    monkeypatch.setattr(cuda_graphs, "_on_another_stream", lambda step, inputs: step(*inputs))
    monkeypatch.setattr(GraphedStep, "supports", staticmethod(lambda *args: True))
    return replays


def trained(optimizer="adam", n_importance=1, n_classes=None, variational=True):
    """Parameters and records of three epochs of 3 batches of 16 rows and one of 2."""
    generator = torch.Generator().manual_seed(0)
    model = VAE(6, 2, (8,), "relu", "bernoulli", n_classes)
    model.draw_parameters(generator)
    x = torch.rand(50, 6, generator=generator)
    y = None if n_classes is None else torch.arange(50) % n_classes
    groups = [{"params": [flatten(list(model.parameters()))], "lr_ratio": 2.0}]
    objective = Objective(n_importance=n_importance)
    noise = noise_of(model, objective, y, is_zero=not variational)
    beta = 1.0 if variational else None
    progress = train(
        model,
        OPTIMIZERS[optimizer](groups, lr=1e-2),
        Batches(x, y, noise, batch_size=16, seed=5, dynamic=True),
        Schedule(12, 1e-2, cosine=True, beta=beta, warm_up=0.5),
        objective,
    )
    return [list(record.values()) for *_, record in progress], to_arrays(model)


SETTINGS = [
    {},
    {"optimizer": "rmsprop"},
    {"n_importance": 3},
    {"n_classes": 4},
    {"variational": False},
]


@pytest.mark.parametrize("setting", SETTINGS, ids=str)
def test_graphs_take_the_same_steps(setting, request):
    expected = trained(**setting)
    replays = request.getfixturevalue("captures")
    found = trained(**setting)

    assert replays == [16] * (9 - 3)
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-5)
    for name, value in expected[1].items():
        np.testing.assert_allclose(found[1][name], value, rtol=1e-4, atol=1e-6)


def test_a_graph_that_is_refused_costs_time_only(captures, monkeypatch):
    def refuse(step, inputs, wanted):
        raise RuntimeError("operation not permitted when stream is capturing")

    expected = trained()
    monkeypatch.setattr(cuda_graphs, "_capture", refuse)
    with pytest.warns(RuntimeWarning, match="step by step, slower: .*not permitted"):
        found = trained()

    np.testing.assert_allclose(found[0], expected[0], rtol=1e-6)


def descent_of(model):
    return OPTIMIZERS["adam"](model.parameters(), lr=1e-3)


def test_what_can_be_a_graph():
    def supports(device="cuda", **options):
        model = VAE(9, 2, (5,), "relu", "bernoulli", None, **options)
        step = step_of(model, descent_of(model), Objective(), None)
        return GraphedStep.supports(step, model, torch.device(device))

    def dropout(n_in, n_out):
        return torch.nn.Sequential(torch.nn.Dropout(), torch.nn.Linear(n_in, n_out))

    assert supports() and supports(network="conv", image_shape=(3, 3, 1))
    assert not supports("cpu")
    assert not supports(network=(dropout, dropout))


def test_a_step_that_looks_at_labels_cannot():
    model = VAE(9, 2, (5,), "relu", "bernoulli", 3, labels_in_decoder=True)
    for y, is_graph in ((torch.tensor([0, 1, 2]), True), (torch.tensor([0, -1, 2]), False)):
        step = step_of(model, descent_of(model), Objective(), y)
        assert isinstance(step, FusedStep) is is_graph
        assert GraphedStep.supports(step, model, torch.device("cuda")) is is_graph


@pytest.mark.gpu
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"optimizer": "rmsprop"},
        {"binarize": "dynamic", "max_grad_norm": 1.0},
        {"n_importance": 5},
        {"prior": "mixture"},
        {"conditional": "prior", "label_weight": 1.0},
        {"conditional": "decoder"},
        {"network": "conv"},
        {"variational": False},
    ],
    ids=str,
)
@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_a_gpu_learns_by_a_graph_what_it_learns_without(options, digits, monkeypatch):
    X, y = digits
    vae = VAETransformer(8, max_iter=4, random_state=0, device="cuda", **options)
    there = vae.fit(X, y).history_["loss"]
    monkeypatch.setattr(GraphedStep, "supports", staticmethod(lambda *args: False))

    np.testing.assert_allclose(there, vae.fit(X, y).history_["loss"], rtol=1e-3)


@pytest.mark.gpu
@pytest.mark.parametrize("network", ["mlp", "conv"])
def test_a_gpu_fits_as_well_as_the_processor(network, digits):
    X, _ = digits
    here, there = (
        VAETransformer(8, network=network, max_iter=20, random_state=0, device=d).fit(X)
        for d in (None, "cuda")
    )
    assert there.score(X) == pytest.approx(here.score(X), rel=0.02)
    np.testing.assert_allclose(
        there.transform(X), there.set_params(device=None).transform(X), atol=1e-3
    )
