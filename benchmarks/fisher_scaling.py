"""Cost of encoding and of an EM iteration against N, K and D, float32.

``OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python fisher_scaling.py --plot FILE.png``, about five
minutes and 2 GB.
"""

import argparse
from functools import partial

import matplotlib.pyplot as plt
import numpy as np
from fisher_peers import encoder, fit, per_iteration, problem
from interleaved import clock, floor, take_turns
from tables import show
from threadpoolctl import threadpool_limits

BASE = {"N": 100_000, "K": 64, "D": 24}
SWEEPS = {
    "N": [100_000, 300_000, 1_000_000, 3_000_000, 10_000_000],
    "K": [16, 32, 64, 128, 256, 512, 1024],
    "D": [8, 16, 32, 64, 128, 256],
}
FLOOR_ROWS = 100_000


def measure(N, K, D, repeats):
    """Median seconds of the floor, of encoding one set and of one EM iteration."""
    X, mixture = problem(N, D, k=K)
    rows = min(N, FLOOR_ROWS)
    contenders = {
        "floor": floor(rows, D, K),
        "encode": partial(clock, partial(encoder(mixture).encode, X)),
        "EM iteration": per_iteration(fit, X, mixture),
    }
    seconds = {name: np.median(s) for name, s in take_turns(contenders, repeats).items()}
    return seconds | {"floor": seconds["floor"] * N / rows}


def rows(results):
    for name, found in results.items():
        for value, seconds in found.items():
            shape = BASE | {name: value}
            cost = 1e9 * seconds["encode"] / (shape["N"] * shape["K"] * shape["D"])
            figures = (f"{seconds[what]:.3f}" for what in ("encode", "EM iteration", "floor"))
            yield [name, f"{value:,}", *figures, f"{cost:.3f}"]


def plot(results, path):
    figure, axes = plt.subplots(1, len(results), figsize=(11, 3.6), layout="constrained")
    for axis, (name, found) in zip(axes, results.items(), strict=True):
        values = np.array(list(found))
        for what, style in (("EM iteration", "s-"), ("encode", "o-"), ("floor", "k:")):
            axis.loglog(values, [found[v][what] for v in values], style, label=what, markersize=4)
        last = found[values[-1]]["encode"]
        axis.loglog(values, last * values / values[-1], color="0.7", zorder=0, label="slope 1")
        fixed = ", ".join(f"{other} = {n:,}" for other, n in BASE.items() if other != name)
        axis.set(xlabel=name, title=fixed)
        axis.grid(alpha=0.3)
    axes[0].set_ylabel("seconds, one thread")
    axes[0].legend()
    figure.savefig(path, dpi=120)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--plot", metavar="FILE")
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    with threadpool_limits(1):
        results = {
            name: {v: measure(**BASE | {name: v}, repeats=arguments.repeats) for v in values}
            for name, values in SWEEPS.items()
        }
    show(
        ["changed", "value", "encode s", "EM iteration s", "floor s", "encode ns / (N K D)"],
        rows(results),
    )
    if arguments.plot:
        plot(results, arguments.plot)


if __name__ == "__main__":
    main()
