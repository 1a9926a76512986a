"""Training the network 784-200-200 beside its matrix products and its peers, in turns, on MNIST.

``OMP_NUM_THREADS=1 python vae_peers.py``, about ten minutes; the table ``defaults`` wants as many
threads as torch takes by itself. Peers are optional: ``pip install
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
from torch.profiler import ProfilerActivity, profile
from vae_contenders import (
    BATCH,
    DECODER,
    ENCODER,
    LATENT,
    RATE,
    SLICE,
    EagerLoop,
    Floor,
    Pythae,
    Setting,
    Skorch,
    Skvae,
    TensorFlow,
    convolutional_model,
    perceptron_model,
)

from skvae import FisherScores, VAETransformer
from skvae.datasets import load_mnist
from skvae.vae.nn.objectives import Objective
from skvae.vae.training.fused import FusedStep
from skvae.vae.training.optimizers import OPTIMIZERS, flatten

SETTINGS = [Setting(64, 200), Setting(512, 200), Setting(64, 500), Setting(512, 500)]
TABLES = [
    "steps",
    "sizes",
    "operations",
    "parts",
    "samples",
    "defaults",
    "convolutions",
    "transform",
    "inference",
]


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
        "eager fused Adam": fused_eager(),
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


def fused_eager(**options):
    """The best loop that one writes in plain PyTorch."""
    make_optimizer = partial(torch.optim.Adam, fused=True)
    return partial(EagerLoop, make_optimizer=make_optimizer, flushed=True, **options)


def sizes(rows, n_steps):
    """Milliseconds of a step of other sizes, processor time of one thread."""
    for setting in SETTINGS:
        contenders = {
            "floor": Floor(rows, setting),
            "skvae": Skvae(rows, setting=setting),
            "eager": fused_eager(setting=setting)(rows),
        }
        seconds = in_turns(contenders, n_steps, process_time)
        ms = (f"{1e3 * np.median(seconds[name]) / SLICE:.2f}" for name in contenders)
        floors = times_as_long(seconds, "skvae", "floor")
        ours = times_as_long(seconds, "eager", "skvae")
        yield setting.batch, setting.hidden, *ms, f"{floors:.2f}", f"{ours:.2f}"


def operations(rows, n_steps):
    """Microseconds of torch's operations in a step, by its profiler."""
    run = Skvae(rows)
    run(SLICE)
    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        run(n_steps)
    averages = sorted(profiler.key_averages(), key=lambda a: -a.self_cpu_time_total)
    whole = sum(a.self_cpu_time_total for a in averages)
    for a in averages[:20]:
        us, share = a.self_cpu_time_total / n_steps, a.self_cpu_time_total / whole
        yield a.key, f"{a.count / n_steps:.1f}", f"{us:.0f}", f"{100 * share:.1f}%"
    rest = averages[20:]
    left = sum(a.self_cpu_time_total for a in rest)
    n_calls = sum(a.count for a in rest) / n_steps
    yield "others", f"{n_calls:.1f}", f"{left / n_steps:.0f}", f"{100 * left / whole:.1f}%"


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
    for network, model in {"mlp": perceptron_model(), "conv": convolutional_model()}.items():
        for k in (5, 50):
            steps = importance_steps(model, rows, k)
            works = {name: partial(clock, step) for name, step in steps.items()}
            seconds = take_turns(works, n_turns)
            ms = (f"{1e3 * np.median(seconds[name]):.1f}" for name in works)
            yield network, k, *ms, f"{times_as_long(seconds, 'all', 'one'):.2f}"


def defaults(rows, n_steps, n_threads):
    """Wall time with nothing set, on idle cores and beside a process that spins."""
    for setting in SETTINGS[:2]:
        contenders = {
            "skvae": Skvae(rows, None, setting=setting),
            f"skvae, n_jobs={n_threads}": Skvae(rows, n_threads, setting=setting),
            "eager Adam": EagerLoop(rows, torch.optim.Adam, n_threads=n_threads, setting=setting),
            "eager RMSprop": EagerLoop(
                rows, torch.optim.RMSprop, n_threads=n_threads, setting=setting
            ),
            "eager fused Adam": fused_eager(n_threads=n_threads, setting=setting)(rows),
        }
        for cores in ("idle", "busy"):
            if cores == "busy":
                contenders.pop("eager Adam")
                contenders.pop("eager RMSprop")
            with spinning(int(cores == "busy")):
                seconds = in_turns(contenders, n_steps, perf_counter)
            for name in contenders:
                ms = 1e3 * seconds[name] / SLICE
                ours = times_as_long(seconds, name, "skvae")
                told = f"{ms.min():.2f}", f"{np.median(ms):.2f}", f"{ours:.2f}"
                yield setting.batch, cores, name, *told


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
    n_threads = torch.get_num_threads()
    torch.manual_seed(0)
    print(f"Busy processes before the start: {os.getloadavg()[0]:.1f}.\n")
    rows = binary("train")
    wanted = arguments.tables or TABLES
    if "steps" in wanted:
        header = ["step", "least ms", "median ms", "last third ms", "x floor", "x skvae"]
        show(header, steps(rows, arguments.steps, arguments.tensorflow))
    if "sizes" in wanted:
        header = ["batch", "units", "floor, ms", "skvae, ms", "eager, ms", "x floor", "eager x"]
        show(header, sizes(rows, arguments.steps))
    if "operations" in wanted:
        show(["operation", "calls a step", "us a step", "share"], operations(rows, 300))
    if "parts" in wanted:
        show(["part of a step", "least ms", "median ms"], parts(arguments.steps))
    if "samples" in wanted:
        header = ["network", "samples", "all, ms", "one, ms", "all / one"]
        show(header, samples(rows, 100))
    if "defaults" in wanted:
        header = ["batch", "cores", "wall time of a step", "least ms", "median ms", "x skvae"]
        show(header, defaults(rows, arguments.steps, n_threads))
    if "transform" in wanted:
        show(["60,000 rows", "least s", "median s", "x products"], transforms(rows, 9))
    if "inference" in wanted:
        header = ["method", "one thread, ms", "two, ms", "x", "by the best turns x", "same bits"]
        show(header, inference(rows, 3, arguments.spinners))


if __name__ == "__main__":
    main()
