"""Training the seed's network on a GPU: skvae's CUDA graph, its steps one by one, and eager loops.

``python vae_gpu.py [--steps 3000] [--device cuda]``; without a GPU it says so and stops. Wall time,
in turns, the data on the device. ``--device cpu`` tries the script, where nothing is a graph.
"""

import argparse
from functools import partial
from time import perf_counter

import numpy as np
import torch
from interleaved import times_as_long
from tables import show
from vae_contenders import EagerLoop, Skvae
from vae_peers import SLICE, binary, in_turns

from skvae.vae.training.cuda_graphs import GraphedStep

MANY = 100_000  # steps of the seed's fit


def step_by_step(rows, device):
    """The loop of skvae without its graph."""
    supports, GraphedStep.supports = GraphedStep.supports, staticmethod(lambda *args: False)
    try:
        contender = Skvae(rows, device=device)
        contender(SLICE)  # a generator looks when it is first asked
    finally:
        GraphedStep.supports = staticmethod(supports)
    return contender


def rows_of(contenders, n_steps, device):
    wait = torch.cuda.synchronize if device == "cuda" else lambda: None

    def run(contender, n):
        contender(n)
        wait()

    waiting = {name: partial(run, contender) for name, contender in contenders.items()}
    seconds = in_turns(waiting, n_steps, perf_counter)
    for name, s in seconds.items():
        per_step = np.median(s) / SLICE
        ours = times_as_long(seconds, name, "skvae")
        yield name, f"{1e3 * per_step:.3f}", f"{MANY * per_step:.1f}", f"{ours:.2f}"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--device", default="cuda")
    options = parser.parse_args()
    device = options.device
    if device == "cuda" and not torch.cuda.is_available():
        print("torch finds no CUDA GPU: nothing was measured.")
        return
    print(torch.cuda.get_device_name() if device == "cuda" else device, torch.__version__, "\n")
    torch.manual_seed(0)
    rows = binary("train")
    eager = partial(EagerLoop, rows, device=device)
    adam, fused_adam = torch.optim.Adam, partial(torch.optim.Adam, fused=True)
    contenders = {
        "skvae": Skvae(rows, device=device),
        "skvae, RMSProp": Skvae(rows, optimizer="rmsprop", device=device),
        "skvae, step by step": step_by_step(rows, device),
        "eager RMSprop": eager(torch.optim.RMSprop),
        "eager Adam": eager(adam),
        "eager Adam, fused": eager(fused_adam),
        "eager Adam, bfloat16": eager(adam, in_bfloat16=True),
        "eager Adam, compiled": eager(adam, compiled=True),
    }
    header = ["step", "ms", f"{MANY:,} steps, s", "x skvae"]
    show(header, rows_of(contenders, options.steps, device))


if __name__ == "__main__":
    main()
