"""Training the seed's network beside its matrix products and its peers, in turns, on MNIST.

``OMP_NUM_THREADS=1 python vae_peers.py``, about ten minutes. Peers are optional: ``pip install
skorch==1.4.0``, ``pip install pythae==0.1.2`` and, in an environment of its own whose interpreter
``--tensorflow`` names, ``pip install tensorflow-cpu``.
"""

import argparse
import os
import subprocess
import sys
from contextlib import contextmanager
from copy import copy
from functools import partial
from time import perf_counter, process_time

import numpy as np
import torch
from interleaved import clock, take_turns, times_as_long
from tables import show
from vae_contenders import (
    BATCH,
    DECODER,
    ENCODER,
    LATENT,
    RATE,
    EagerLoop,
    Floor,
    Pythae,
    Skorch,
    Skvae,
    TensorFlow,
    convolutional_model,
    seed_model,
)

from skvae import FisherScores, VAETransformer
from skvae.datasets import load_mnist
from skvae.vae.nn.objectives import Objective
from skvae.vae.training.fused import FusedStep
from skvae.vae.training.optimizers import OPTIMIZERS, flatten

SLICE = 100  # steps of a turn
TABLES = ["steps", "parts", "samples", "threads", "transform", "inference"]


def binary(subset):
    return (load_mnist(subset=subset).data > 127).astype(np.float32)


def in_turns(contenders, n_steps, timer):
    works = {name: partial(clock, partial(run, SLICE), timer) for name, run in contenders.items()}
    return take_turns(works, n_steps // SLICE)


def made(makers, rows):
    """The contenders that can be made."""
    contenders = {}
    for name, make in makers.items():
        try:
            contenders[name] = make(rows)
        except ImportError as error:
            print(f"Missing: {name} ({error}).\n")
    return contenders


def steps(rows, n_steps, tensorflow):
    """Milliseconds of a step, processor time of one thread, and how many of ours that is."""
    makers = {
        "floor": Floor,
        "skvae": Skvae,
        "skvae, RMSProp": partial(Skvae, optimizer="rmsprop"),
        "eager RMSprop": partial(EagerLoop, make_optimizer=torch.optim.RMSprop),
        "eager Adam": partial(EagerLoop, make_optimizer=torch.optim.Adam),
        "eager Adam, compiled": partial(EagerLoop, make_optimizer=torch.optim.Adam, compiled=True),
        "Pythae 0.1.2": Pythae,
        "skorch 1.4": Skorch,
    }
    contenders = made(makers, rows)
    works = {name: partial(clock, partial(run, SLICE)) for name, run in contenders.items()}
    graph = made({"TensorFlow 1 graph": partial(TensorFlow, python=tensorflow)}, rows)
    works |= {name: partial(peer.seconds, SLICE) for name, peer in graph.items()}
    seconds = take_turns(works, n_steps // SLICE)
    for name in works:
        ms = 1e3 * seconds[name] / SLICE
        ours = times_as_long(seconds, name, "skvae")
        floors = times_as_long(seconds, name, "floor")
        late = f"{np.median(ms[-len(ms) // 3 :]):.2f}"
        yield name, f"{ms.min():.2f}", f"{np.median(ms):.2f}", late, f"{floors:.2f}", f"{ours:.2f}"


def parts(n_steps):
    """Milliseconds of what a step cannot do without, by the libraries that do it."""
    products = Floor(None).products
    halves = [(a.bfloat16(), b.bfloat16(), None) for a, b, _out in products]
    theta = torch.nn.Parameter(torch.zeros(sum(n_in * n_out for n_in, n_out in ENCODER + DECODER)))
    theta.grad = torch.rand_like(theta)
    adam = OPTIMIZERS["adam"]([theta], RATE)

    def by_one_dnn(a, b):
        torch.ops.mkldnn._linear_pointwise(a, b.T, None, "none", [], "")

    def multiply(product, pairs, n):
        for _ in range(n):
            for a, b, _out in pairs:
                product(a, b)

    def by_adam(n):
        for _ in range(n):
            adam.step()

    contenders = {
        "17 products, torch.mm": Floor(None),
        "17 products, oneDNN": partial(multiply, by_one_dnn, products),
        "17 products, bfloat16": partial(multiply, torch.mm, halves),
        "Adam": by_adam,
    }
    with torch.no_grad():
        seconds = in_turns(contenders, n_steps, process_time)
    for name, s in seconds.items():
        ms = 1e3 * s / SLICE
        yield name, f"{ms.min():.2f}", f"{np.median(ms):.2f}"


def importance_steps(model, rows, k):
    """A step with k importance samples: gradients at all of them, or at one by its weight."""
    x, noise = torch.from_numpy(rows[:BATCH]), torch.randn(k * BATCH, model.n_components)
    objective, u = Objective(n_importance=k), torch.rand(BATCH)
    adam = OPTIMIZERS["adam"]([flatten(list(model.parameters()))], RATE)

    def by_autograd(u):
        loss, *_ = objective(model, x, noise, None, 1.0, u)
        adam.zero_grad(set_to_none=False)
        loss.backward()
        adam.step()

    if FusedStep.supports(model, objective):
        at_one = partial(FusedStep(model, adam, objective), x, noise, None, 1.0, u)
    else:
        at_one = partial(by_autograd, u)

    return {"all": partial(by_autograd, None), "one": at_one}


def samples(rows, n_turns):
    """Milliseconds of a step with several importance samples."""
    for network, model in {"mlp": seed_model(), "conv": convolutional_model()}.items():
        for k in (5, 50):
            steps = importance_steps(model, rows, k)
            works = {name: partial(clock, step) for name, step in steps.items()}
            seconds = take_turns(works, n_turns)
            ms = (f"{1e3 * np.median(seconds[name]):.1f}" for name in works)
            yield network, k, *ms, f"{times_as_long(seconds, 'all', 'one'):.2f}"


def threads(rows, n_steps):
    """Wall time of one thread divided by that of two, idle and with a process that spins."""
    contenders = {n: Skvae(rows, n) for n in (1, 2)}
    for cores in ("idle", "busy"):
        with spinning(int(cores == "busy")):
            seconds = in_turns(contenders, n_steps, perf_counter)
        best = seconds[1].min() / seconds[2].min()
        load = f"{os.getloadavg()[0]:.1f}"
        yield cores, load, f"{times_as_long(seconds, 1, 2):.2f}", f"{best:.2f}"


def answers(rows):
    """What is asked of fitted models, by name: functions of a number of threads."""
    options = {"likelihood": "bernoulli", "max_iter": 1, "random_state": 0}
    mlp = VAETransformer(LATENT, **options).fit(rows[:6400])
    refined = copy(mlp).set_params(output="refined")
    classes = np.arange(len(rows)) % 10
    labelled = VAETransformer(LATENT, conditional="prior", **options)
    labelled.fit(rows[:6400], classes[:6400])
    conv = VAETransformer(LATENT, network="conv", **options).fit(rows[:640])
    scores = FisherScores(mlp).fit(rows[:1024])
    latent = mlp.transform(rows[:20_000])
    asked = {
        "transform, 60,000 rows": (mlp, "transform", rows),
        "inverse_transform, 20,000": (mlp, "inverse_transform", latent),
        "reconstruct, 20,000": (mlp, "reconstruct", rows[:20_000]),
        "predict_proba, 60,000": (labelled, "predict_proba", rows),
        "score_samples, 512": (mlp, "score_samples", rows[:512]),
        "score, 4,096": (mlp, "score", rows[:4096]),
        "refined, 512": (refined, "transform", rows[:512]),
        "convolutional transform, 4,096": (conv, "transform", rows[:4096]),
        "FisherScores, 2,048": (scores, "transform", rows[:2048]),
    }

    def ask(model, method, X, n_threads):
        getattr(model, "vae_", model).set_params(n_jobs=n_threads)
        return getattr(model, method)(X)

    return {name: partial(ask, *what) for name, what in asked.items()}


def inference(rows, repeats, n_spinners):
    """Wall time of one thread and of two, and whether their answers have the same bits."""
    questions = answers(rows)
    with spinning(n_spinners):
        for name, ask in questions.items():
            same = np.array_equal(ask(1), ask(2))
            turns = {n: partial(clock, partial(ask, n), perf_counter) for n in (1, 2)}
            seconds = take_turns(turns, repeats)
            ms = (f"{1e3 * np.median(seconds[n]):.0f}" for n in (1, 2))
            best = seconds[1].min() / seconds[2].min()
            yield name, *ms, f"{times_as_long(seconds, 1, 2):.2f}", f"{best:.2f}", same


@contextmanager
def spinning(n):
    """Context in which processes keep cores busy."""
    spinners = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(n)]
    try:
        yield
    finally:
        for spinner in spinners:
            spinner.kill()


def transforms(rows, repeats):
    """60,000 rows against the encoder's three products, float32."""
    vae = VAETransformer(LATENT, likelihood="bernoulli", max_iter=1, random_state=0).fit(
        rows[:6400]
    )
    weights = [vae.parameters_[f"encoder.{layer}.weight"].T for layer in (0, 2, 4)]
    tile = 1020
    outs = [np.empty((tile, w.shape[1]), np.float32) for w in weights]

    def products():
        for first in range(0, len(rows), tile):
            h = rows[first : first + tile]
            for weight, out in zip(weights, outs, strict=True):
                h = np.matmul(h, weight, out=out[: len(h)])

    contenders = {"products": products, "transform": lambda: vae.transform(rows)}
    seconds = take_turns({n: partial(clock, run) for n, run in contenders.items()}, repeats)
    for name, s in seconds.items():
        ratio = times_as_long(seconds, name, "products")
        yield name, f"{s.min():.3f}", f"{np.median(s):.3f}", f"{ratio:.2f}"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tables", nargs="*", help=", ".join(TABLES) + ": or all")
    parser.add_argument("--steps", type=int, default=3500)
    parser.add_argument("--spinners", type=int, default=0, help="busy processes beside inference")
    parser.add_argument("--tensorflow", default=sys.executable, metavar="PYTHON")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    print(f"Busy processes before the start: {os.getloadavg()[0]:.1f}.\n")
    rows = binary("train")
    wanted = arguments.tables or TABLES
    if "steps" in wanted:
        header = ["step", "least ms", "median ms", "last third ms", "x floor", "x skvae"]
        show(header, steps(rows, arguments.steps, arguments.tensorflow))
    if "parts" in wanted:
        show(["part of a step", "least ms", "median ms"], parts(arguments.steps))
    if "samples" in wanted:
        header = ["network", "samples", "all, ms", "one, ms", "all / one"]
        show(header, samples(rows, 100))
    if "threads" in wanted:
        header = ["cores", "load", "two threads x", "by the best turns x"]
        show(header, threads(rows, arguments.steps))
    if "transform" in wanted:
        show(["60,000 rows", "least s", "median s", "x products"], transforms(rows, 9))
    if "inference" in wanted:
        header = ["asked", "one thread, ms", "two, ms", "x", "by the best turns x", "same bits"]
        show(header, inference(rows, 3, arguments.spinners))


if __name__ == "__main__":
    main()
