"""What one call of ``encode`` spends its time on, for a small set: each part in a loop of its own.

``OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python fisher_small_set.py``, a few seconds. A part that
is timed alone finds its code and data in the first caches, in ``encode`` it does not: the last row
is what is left of the whole.
"""

import argparse
from functools import partial

import numpy as np
from fisher_peers import encoder, parameters, problem
from interleaved import clock, floor, take_turns
from tables import show
from threadpoolctl import threadpool_limits

from skvae.compute.threads import single_threaded
from skvae.data.containers import MISSING_ALLOWED, check_numbers
from skvae.fisher.codec import recent_codec
from skvae.fisher.encoding import normalize, signed_power, whiten
from skvae.fisher.layout import GRADIENTS
from skvae.mixture.kernel import recent_kernel
from skvae.mixture.missing import has_missing
from skvae.mixture.statistics import Mixture, equal_runs
from skvae.mixture.workspace import Workspace

CALLS = 500


def limits():
    with single_threaded():
        pass


def codec_of(mixture):
    return recent_codec(Mixture(*parameters(mixture)), tuple(GRADIENTS), 0.5, "l2")


def parts(size, d, k):
    """Functions without arguments, by what they do."""
    X, mixture = problem(1, size, d, k=k)
    x, fv = X[0], encoder(mixture)
    codec = codec_of(mixture)
    kernel = recent_kernel(codec.mixture, x.dtype, None)
    work, ((_, run),) = Workspace(kernel, size), equal_runs(np.array([size]))
    totals, counts = codec.statistics(x, np.array([0, size]), None)
    center = codec.mixture.center(x.dtype)
    gradients = whiten(totals[:, 0], counts[0], codec.mixture, center)
    return {
        "encode": partial(fv.encode, x),
        "limits of threads": limits,
        "checks of the descriptors": lambda: (
            check_numbers(x, ensure_min_samples=0, **MISSING_ALLOWED),
            has_missing(x),
        ),
        "parameters, and the mixture compared": lambda: (
            codec_of(mixture),
            recent_kernel(codec.mixture, x.dtype, None),
        ),
        "features and first product": lambda: work.parts[0].log_joints(x, [run]),
        "softmax": lambda: work.fill(x, [run]),
        "second product": lambda: work.totals(run),
        "whitening": lambda: whiten(totals[:, 0], counts[0], codec.mixture, center),
        "order, power and norm": lambda: (
            codec.layout.keep(gradients),
            normalize(signed_power(gradients, 0.5), "l2", None),
        ),
    }


def measured(size, d, k, repeats):
    """Microseconds by part, and those of the floor."""

    def seconds(work):
        return clock(lambda: [work() for _ in range(CALLS)]) / CALLS

    works = {name: partial(seconds, work) for name, work in parts(size, d, k).items()}
    works["floor"] = floor(size * CALLS, d, k, size)
    turns = {name: 1e6 * times.min() for name, times in take_turns(works, repeats).items()}
    turns["floor"] /= CALLS
    turns["softmax"] -= turns["features and first product"]
    return turns


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=7)
    arguments = parser.parse_args()
    with threadpool_limits(1):
        found = measured(64, 24, 32, arguments.repeats)
    whole, least = found.pop("encode"), found.pop("floor")
    rest = whole - sum(found.values())
    rows = [[name, f"{time:.0f}"] for name, time in found.items()]
    rows += [["calls between these, and caches", f"{rest:.0f}"], ["encode", f"{whole:.0f}"]]
    print("64 descriptors, D = 24, K = 32\n")
    show(["part", "us"], [*rows, ["floor: products and exponential", f"{least:.0f}"]])


if __name__ == "__main__":
    main()
