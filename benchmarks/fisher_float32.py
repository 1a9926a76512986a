"""What float32 loses on data unlike grey patches, and what being right costs there.

``OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python fisher_float32.py``, about two minutes. First
table: a row is a kind of descriptors: the share of components that are worked on in float64, the
largest errors of float32 against float64 on the same descriptors, and float64's time in float32's,
in turns. Second table: time of statistics by the share of components that are narrow.
"""

import argparse
import warnings
from functools import partial

import numpy as np
from interleaved import clock, take_turns, times_as_long
from mnist import mnist
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from tables import show
from threadpoolctl import threadpool_limits

from skvae import DiagonalGaussianMixture, FisherVectorEncoder, ImagePatches
from skvae.mixture.expectation import accumulate
from skvae.mixture.statistics import Mixture, in_double, natural_parameters

SETS = 40
SHARES = (0, 0.02, 0.1, 0.25, 0.3)
SHAPES = [(30_000, 24, 64), (30_000, 64, 64), (20_000, 24, 256)]


def patches(X, size, n_components=None):
    """Sets of the patches of each image, reduced by PCA or as they are."""
    sets = ImagePatches(patch_size=size).fit(X).transform(X)
    if n_components is None:
        return sets
    rows = PCA(n_components, random_state=0).fit_transform(sets.reshape(-1, sets.shape[-1]))
    return rows.reshape(*sets.shape[:2], -1)


def bits(rng):
    """Six kinds of 256-bit descriptors, as ORB and BRIEF give them."""
    chances = rng.choice([0, 0.02, 0.5, 0.98, 1], size=(6, 256))
    return rng.random((SETS, 200, 256)) < chances[rng.integers(6, size=(SETS, 200))]


def one_hot(rng):
    """A category of twenty beside three numbers."""
    categories = np.eye(20)[rng.integers(20, size=(SETS, 200))]
    return np.concatenate([categories, rng.normal(size=(SETS, 200, 3))], axis=2)


def problems():
    """Name, sets and K of each row."""
    rng = np.random.default_rng(0)
    grey = mnist("train")[0][:120]
    digits = load_digits().data[:400] / 16
    yield "MNIST, 8 x 8 patches, PCA to 24", patches(grey, 8, 24), 64
    yield "MNIST, 5 x 5 patches", patches(grey, 5), 64
    yield "digits, 3 x 3 patches", patches(digits, 3), 64
    yield "256 bits", bits(rng), 16
    yield "one-hot of 20, 3 numbers", one_hot(rng), 16
    yield "four grey levels, 8 values", rng.integers(0, 4, size=(SETS, 200, 8)) / 4, 32


def measure(name, sets, k, repeats):
    """A row of the table."""
    sets = sets.astype(np.float32)
    X = sets.reshape(-1, sets.shape[-1])
    model = DiagonalGaussianMixture(k, max_iter=30, random_state=0).fit(X.astype(np.float64))
    mixture = Mixture(model.weights_, model.means_, model.covariances_)
    eta = natural_parameters(mixture, mixture.center(np.float32))
    double = in_double(eta, mixture, np.float32).mean()
    fv = FisherVectorEncoder(mixture=model, power=1, norm=None, dtype="float64").fit(sets)
    few, wide = sets[:SETS], sets[:SETS].astype(np.float64)
    right = fv.transform(wide)
    errors = np.linalg.norm(fv.transform(few) - right, axis=1) / np.linalg.norm(right, axis=1)
    x, x64 = few.reshape(-1, few.shape[-1]), wide.reshape(-1, few.shape[-1])
    posterior = np.abs(model.predict_proba(x) - model.predict_proba(x64)).max()
    nats = np.abs(model.score_samples(x) - model.score_samples(x64)).max()
    contenders = {
        "float32": partial(clock, partial(fv.transform, few)),
        "float64": partial(clock, partial(fv.transform, wide)),
    }
    ratio = times_as_long(take_turns(contenders, repeats), "float64", "float32")
    found = [f"{e:.1e}" for e in (errors.max(), posterior, nats)]
    return [name, few.shape[-1], k, f"{double:.2f}", *found, f"{ratio:.2f}"]


def with_narrow(share, d, k):
    """A mixture of which a share of the components is narrow, each in a place of its own."""
    rng = np.random.default_rng(0)
    means, variances = 0.45 * rng.normal(size=(k, d)), np.ones((k, d))
    n_narrow = round(share * k)
    means[:n_narrow] += 5
    variances[:n_narrow] = 1e-4
    return Mixture(np.full(k, 1 / k), means, variances)


def costs(n, d, k, repeats):
    """A row of the second table: times of float32 descriptors, without narrow components 1."""
    X = np.random.default_rng(1).normal(size=(n, d)).astype(np.float32)
    mixtures = {share: with_narrow(share, d, k) for share in SHARES}
    contenders = {
        share: partial(clock, partial(accumulate, X, m, m.center(np.float32)))
        for share, m in mixtures.items()
    }
    seconds = take_turns(contenders, repeats)
    return [d, k, *(f"{times_as_long(seconds, share, 0):.2f}" for share in SHARES)]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=9)
    repeats = parser.parse_args().repeats
    warnings.simplefilter("ignore")
    with threadpool_limits(1):
        show(
            ["descriptors", "D", "K", "in float64", "vector", "posterior", "nats", "float64 x"],
            (measure(*problem, repeats) for problem in problems()),
        )
        show(
            ["D", "K", *(f"{share:.0%} narrow" for share in SHARES)],
            (costs(n, d, k, repeats) for n, d, k in SHAPES),
        )


if __name__ == "__main__":
    main()
