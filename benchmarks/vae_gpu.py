"""Training the network 784-200-200 on a GPU: a fit, and its steps beside eager loops, in turns.

``python vae_gpu.py [--device cuda] [--record FILE.json]``. Wall time; loops have the data on the
device. Rows are drawn, since times do not depend on them: no data set is needed. ``--device cpu``
tries the script with few steps, where nothing is a graph.
"""

from functools import partial
from time import perf_counter

import numpy as np
import torch
from figures import device_and_figures
from interleaved import clock, take_turns, times_as_long
from tables import show
from vae_contenders import BATCH, LATENT, EagerLoop, Skvae

from skvae import VAETransformer
from skvae.vae.training.cuda_graphs import GraphedStep

N_ROWS, N_PIXELS = 60_000, 784
SLICE = 100  # steps of a turn
STEPS_PER_EPOCH = 1000
SIZES = {"cuda": (100_000, 15), "cpu": (200, 1)}  # steps of the fit, turns of the loops


def drawn_rows():
    """As many rows as MNIST's, and as many ones."""
    ones = np.random.default_rng(0).random((N_ROWS, N_PIXELS), np.float32) < 0.13
    return ones.astype(np.float32)


def timed_fit(rows, n_steps, device):
    """Wall seconds of ``fit`` from rows in main memory."""
    per_epoch = min(STEPS_PER_EPOCH, n_steps)
    vae = VAETransformer(
        LATENT,
        likelihood="bernoulli",
        batch_size=BATCH,
        steps_per_epoch=per_epoch,
        max_iter=n_steps // per_epoch,
        device=device,
        random_state=0,
    )
    return clock(partial(vae.fit, rows), perf_counter)


def step_by_step(rows, device):
    """The loop of skvae without its graph."""
    supports, GraphedStep.supports = GraphedStep.supports, staticmethod(lambda *args: False)
    try:
        contender = Skvae(rows, device=device)
        contender(SLICE)  # a generator looks when it is first asked
    finally:
        GraphedStep.supports = staticmethod(supports)
    return contender


def those_that_run(makers):
    """Contenders that were made and took their first steps; of the others, why not."""
    contenders = {}
    for name, make in makers.items():
        try:
            contender = make()
            contender(SLICE)
        except Exception as error:  # a compiler that is missing, say: the others are measured
            print(f"Left out: {name} ({type(error).__name__}: {error}).\n")
        else:
            contenders[name] = contender
    return contenders


def in_turns(contenders, turns, device):
    """Seconds of each contender's turns, by name."""
    wait = torch.cuda.synchronize if device == "cuda" else lambda: None

    def run(contender):
        contender(SLICE)
        wait()

    works = {name: partial(clock, partial(run, c), perf_counter) for name, c in contenders.items()}
    return take_turns(works, turns)


def table(seconds, figures):
    for name, s in seconds.items():
        per_step = f"{1e3 * np.median(s) / SLICE:.3f}"
        ours = f"{times_as_long(seconds, name, 'skvae'):.2f}"
        yield name, per_step, ours
        figures.add(f"ms a step, {name}", per_step)
        if name != "skvae":
            figures.add(f"x skvae, {name}", ours)


def main():
    device, figures = device_and_figures(__doc__, SIZES)
    n_steps, turns = SIZES[device]
    rows = drawn_rows()
    torch.manual_seed(0)
    timed_fit(rows[:BATCH], SLICE, device)  # what libraries make but once
    figures.add(f"s of a fit of {n_steps:,} steps", f"{timed_fit(rows, n_steps, device):.2f}")
    eager, adam = partial(EagerLoop, rows, device=device), torch.optim.Adam
    ours = partial(Skvae, rows, device=device)
    makers = {
        "skvae": ours,
        "skvae, RMSProp": partial(ours, optimizer="rmsprop"),
        "skvae, step by step": partial(step_by_step, rows, device),
        "eager RMSprop": partial(eager, torch.optim.RMSprop),
        "eager Adam": partial(eager, adam),
        "eager Adam, fused": partial(eager, partial(adam, fused=True)),
    }
    if device == "cuda":
        makers |= {
            "eager Adam, bfloat16": partial(eager, adam, in_bfloat16=True),
            "eager Adam, compiled": partial(eager, adam, compiled=True),
        }
    seconds = in_turns(those_that_run(makers), turns, device)
    show(["step", "ms", "x skvae"], table(seconds, figures))


if __name__ == "__main__":
    main()
