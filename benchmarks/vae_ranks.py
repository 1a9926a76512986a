"""A step of training by one process, by its two threads, and by two processes, half a batch each.

``torchrun --nproc-per-node 2 vae_ranks.py [--rounds 7]``, a minute on two idle cores. Wall time, in
turns, on MNIST; while rank 0 works by itself, the others wait without working.
"""

import argparse
import os
from functools import partial
from time import perf_counter

import numpy as np
import torch
from interleaved import clock, take_turns, times_as_long
from tables import show
from vae_contenders import LATENT, RATE, convolutional_model, perceptron_model
from vae_peers import binary

from skvae import data_parallel
from skvae.compute.torch_runtime import scoped_runtime
from skvae.vae.schedule import Schedule
from skvae.vae.training.batches import Batches, Noise
from skvae.vae.training.loop import train
from skvae.vae.training.optimizers import OPTIMIZERS, flatten
from skvae.vae.training.ranks import Ranks, ranks_in_use

# Network, rows of a batch, and steps of a turn.
SETTINGS = [
    ("perceptrons", perceptron_model, 128, 100),
    ("perceptrons", perceptron_model, 1024, 20),
    ("convolutional", convolutional_model, 128, 5),
]


class Training:
    """The loop of ``fit``, some steps in a turn, and the time that gradients take to be added."""

    def __init__(self, model, rows, batch, n_steps, ranks, n_threads=1):
        self.n_threads, self.ranks, self.n_steps = n_threads, ranks, n_steps
        self.theta = flatten(list(model.parameters()))
        optimizer = OPTIMIZERS["adam"]([self.theta], RATE)
        if ranks.size > 1:
            optimizer.register_step_pre_hook(ranks.total_gradients)
        batches = Batches(
            rows,
            None,
            Noise(LATENT),
            batch_size=batch,
            seed=0,
            steps_per_epoch=n_steps,
            rank=ranks.rank,
            n_ranks=ranks.size,
        )
        schedule = Schedule(10**9, RATE, cosine=True, beta=1.0, warm_up=0.0)
        self.progress = train(model, optimizer, batches, schedule, ranks=ranks)

    def __call__(self):
        with scoped_runtime(self.n_threads):
            next(self.progress)

    def add_gradients(self):
        for _ in range(self.n_steps):
            self.ranks.total(self.theta.grad)


def together(ranks, work):
    """Seconds of what all processes do, from the moment that they all begin."""
    ranks.of_first(lambda: None)
    return clock(work, perf_counter)


def by_first(ranks, work):
    """Seconds of what rank 0 does by itself."""
    return ranks.of_first(partial(clock, work, perf_counter))


def rows_of(ranks, rounds):
    rows = torch.from_numpy(binary("train")[:20_000])
    for network, make, batch, n_steps in SETTINGS:
        arguments = rows, batch, n_steps
        shared = Training(make(), *arguments, ranks)
        works = {
            "one process": partial(by_first, ranks, Training(make(), *arguments, Ranks())),
            "two threads": partial(by_first, ranks, Training(make(), *arguments, Ranks(), 2)),
            "ranks": partial(together, ranks, shared),
            "gradients": partial(together, ranks, shared.add_gradients),
        }
        seconds = take_turns(works, rounds)
        ms = (f"{1e3 * np.median(seconds[name]) / n_steps:.2f}" for name in works)
        gains = (
            f"{times_as_long(seconds, 'one process', name):.2f}"
            for name in ("two threads", "ranks")
        )
        yield network, batch, f"{shared.theta.numel():,}", *ms, *gains


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    with data_parallel() as rank:
        measured = rows_of(ranks_in_use(), arguments.rounds)
        if rank:
            list(measured)
            return
        load = f"{os.getloadavg()[0]:.1f}"
        print(f"{ranks_in_use().size} ranks. Busy processes before the start: {load}.\n")
        header = ["network", "batch", "parameters", "one process, ms", "its two threads, ms"]
        header += ["ranks, ms", "of that adding gradients", "threads x", "ranks x"]
        show(header, measured)


if __name__ == "__main__":
    main()
