"""Fisher vectors and EM against their floor and their peers, in turns, float32.

``OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python fisher_peers.py``, about three minutes. Peers are
optional: scikit-image, cyvlfeat, and VLFeat's C library (``apt-get install libvlfeat-dev``).
"""

import argparse
import os
import warnings
from copy import deepcopy
from functools import partial
from time import perf_counter

import numpy as np
from interleaved import clock, floor, take_turns, times_as_long
from joblib import parallel_config
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture
from tables import show
from threadpoolctl import threadpool_limits
from vlfeat import NORMALIZED, SQUARE_ROOT, VLFeat

from skvae import DiagonalGaussianMixture, FisherVectorEncoder
from skvae.fisher.conventions import convert_layout
from skvae.mixture.conversion import from_parameters, to_sklearn

ENCODED = [  # sets, descriptors of each, dimensions, components
    (1, 100_000, 64, 64),
    (1, 100_000, 64, 256),
    (2000, 64, 24, 32),
    (200, 676, 22, 128),
]
ITERATED = [(100_000, 64, 64), (100_000, 64, 256)]
THREADED = [(32, 12_500, 64, 64), (10_000, 64, 24, 32), (1000, 676, 22, 128)]
LOOPED = [(500, 64, 24, 32), (300, 200, 24, 32), (40, 2000, 24, 32), (200, 128, 64, 64)]
N_ITER = 3
SPREAD = 0.45  # of the means, in standard deviations: about half the posteriors count
CHANGES = {  # shift, scale
    "as they are": (0, 1),
    "shifted by 10,000 standard deviations": (1e4, 1),
    "times 1e-6": (0, 1e-6),
    "times 1e6": (0, 1e6),
}


# Peers: from a mixture to a function of one set and of whether to take roots and normalise.


def scikit_image():
    from skimage.feature import fisher_vector

    def prepare(mixture):
        gm = to_sklearn(mixture)
        for name in ("weights_", "means_", "covariances_", "precisions_", "precisions_cholesky_"):
            setattr(gm, name, getattr(gm, name).astype(np.float32))
        return lambda X, improved: fisher_vector(X, gm, improved=improved)

    return prepare


def cyvlfeat():
    from cyvlfeat.fisher import fisher

    def prepare(mixture):
        weights, means, covariances = parameters(mixture, np.float32)
        return lambda X, improved: fisher(X, means, covariances, weights, improved=improved)

    return prepare


def c_library():
    library = VLFeat()

    def prepare(mixture):
        arrays = parameters(mixture, np.float32)
        return lambda X, improved: library.encode(X, arrays, improved * (SQUARE_ROOT | NORMALIZED))

    return prepare


PEERS = {"scikit-image": scikit_image, "cyvlfeat": cyvlfeat, "VLFeat": c_library}


def installed_peers():
    peers = {}
    for name, load in PEERS.items():
        try:
            peers[name] = load()
        except (ImportError, OSError) as error:
            print(f"Missing: {name} ({error}).\n")
    return peers


# Work


def parameters(mixture, dtype=np.float64):
    return [a.astype(dtype) for a in (mixture.weights_, mixture.means_, mixture.covariances_)]


def problem(*shape, k, shift=0, scale=1):
    """Descriptors of a normal distribution, and a mixture around it."""
    rng = np.random.default_rng(0)
    means = shift + scale * SPREAD * rng.normal(size=(k, shape[-1]))
    covariances = scale**2 * rng.uniform(0.5, 2, means.shape)
    mixture = from_parameters(rng.dirichlet(np.full(k, 5.0)), means, covariances)
    return (shift + scale * rng.normal(size=shape)).astype(np.float32), mixture


def encoder(mixture, **options):
    return FisherVectorEncoder(mixture=mixture, **options).fit(mixture.means_[None])


def encoding(n_sets, size, d, k, peers):
    X, mixture = problem(n_sets, size, d, k=k)
    fv = encoder(mixture)
    contenders = {
        "floor": floor(n_sets * size, d, k, size if n_sets > 1 else None),
        "skvae": partial(clock, partial(fv.transform, X)),
    }
    for name, prepare in peers.items():
        contenders[name] = partial(clock, partial(encode_all, prepare(mixture), X))
    return contenders


def encode_all(encode, X):
    return [encode(x, improved=True) for x in X]


def start(mixture, dtype):
    weights, means, covariances = parameters(mixture, dtype)
    return {"weights_init": weights, "means_init": means, "precisions_init": 1 / covariances}


def fit(X, mixture, n_iter):
    k = len(mixture.weights_)
    DiagonalGaussianMixture(k, tol=0, max_iter=n_iter, **start(mixture, np.float64)).fit(X)


def fit_scikit_learn(X, mixture, n_iter):
    k = len(mixture.weights_)
    options = {"covariance_type": "diag", "tol": 0, "max_iter": n_iter}
    GaussianMixture(k, **options, **start(mixture, np.float32)).fit(X)


def fit_vlfeat(X, mixture, n_iter):
    VLFeat().expectation_maximization(X, parameters(mixture, np.float32), n_iter)


def per_iteration(fit, X, mixture):
    """Seconds of 1 + N_ITER iterations less those of 1, divided by N_ITER."""
    more, one = (partial(fit, X, mixture, n) for n in (1 + N_ITER, 1))
    return lambda: (clock(more) - clock(one)) / N_ITER


def iteration(n, d, k, peers):
    X, mixture = problem(n, d, k=k)
    fits = {"skvae": fit, "scikit-learn": fit_scikit_learn}
    if "VLFeat" in peers:
        fits["VLFeat"] = fit_vlfeat
    contenders = {name: per_iteration(f, X, mixture) for name, f in fits.items()}
    return {"floor": floor(n, d, k)} | contenders


def threading(n_sets, size, d, k):
    X, mixture = problem(n_sets, size, d, k=k)
    one, two = (encoder(mixture, n_jobs=n_jobs) for n_jobs in (1, 2))

    def two_processes():
        with parallel_config("loky"):
            two.transform(X)

    works = {"one": partial(one.transform, X), "threads": partial(two.transform, X)}
    works["processes"] = two_processes
    return {name: partial(clock, work, perf_counter) for name, work in works.items()}


def one_large(n, d, k):
    """What is not many sets, by one thread and by two: a function of n_jobs for each."""
    X, mixture = problem(n, d, k=k)
    estimators = {n_jobs: clone(mixture).set_params(n_jobs=n_jobs) for n_jobs in (1, 2)}
    fitted = {n_jobs: deepcopy(mixture).set_params(n_jobs=n_jobs) for n_jobs in (1, 2)}
    encoders = {n_jobs: encoder(mixture, n_jobs=n_jobs) for n_jobs in (1, 2)}
    iterations = {"tol": 0, "max_iter": 5}
    sets = X.reshape(100, -1, d)

    def encoder_fit(n_jobs):
        FisherVectorEncoder(k, reducer=PCA(d // 2), n_jobs=n_jobs, random_state=0).fit(sets)

    def mixture_fit(n_jobs):
        DiagonalGaussianMixture(k, n_jobs=n_jobs, random_state=0, **iterations).fit(X)

    return {
        "five iterations of EM": lambda n: estimators[n].set_params(**iterations).fit(X),
        "the same with the k-means start": mixture_fit,
        "score_samples": lambda n: fitted[n].score_samples(X),
        "predict_proba": lambda n: fitted[n].predict_proba(X),
        "encode one set": lambda n: encoders[n].encode(X),
        "fit an encoder with PCA": encoder_fit,
    }


# Tables


def table(title, header, rows):
    print(f"{title}\n")
    show(header, rows)


def ratios(seconds, names):
    """Our milliseconds, how often we are the floor, and how often each peer is us."""
    peers = [
        f"{times_as_long(seconds, name, 'skvae'):.1f}" if name in seconds else "" for name in names
    ]
    ours = f"{1e3 * seconds['skvae'].min():.0f}"
    return [ours, f"{times_as_long(seconds, 'skvae', 'floor'):.2f}", *peers]


def encoding_rows(peers, repeats):
    for shape in ENCODED:
        seconds = take_turns(encoding(*shape, peers), repeats)
        rate = shape[0] * shape[1] / seconds["skvae"].min()
        yield [*(f"{n:,}" for n in shape), f"{rate / 1e6:.2f}", *ratios(seconds, PEERS)]


def iteration_rows(peers, repeats):
    for shape in ITERATED:
        seconds = take_turns(iteration(*shape, peers), repeats)
        yield [*(f"{n:,}" for n in shape), *ratios(seconds, ["scikit-learn", "VLFeat"])]


def threading_rows(repeats):
    for shape in THREADED:
        seconds = take_turns(threading(*shape), repeats)
        gains = [f"{times_as_long(seconds, 'one', two):.2f}" for two in ("threads", "processes")]
        yield [*(f"{n:,}" for n in shape), *gains]


def large_rows(repeats):
    for name, work in one_large(100_000, 64, 64).items():
        works = {n_jobs: partial(clock, partial(work, n_jobs), perf_counter) for n_jobs in (1, 2)}
        seconds = take_turns(works, repeats)
        yield [name, f"{1e3 * seconds[1].min():.0f}", f"{times_as_long(seconds, 1, 2):.2f}"]


def loop_rows(repeats):
    """Processor time of encode in a loop, beside that of transform."""
    for n_sets, size, d, k in LOOPED:
        X, mixture = problem(n_sets, size, d, k=k)
        fv = encoder(mixture)

        def one_by_one(fv=fv, X=X):
            for x in X:
                fv.encode(x)

        works = {"transform": partial(fv.transform, X), "encode": one_by_one}
        seconds = take_turns({name: partial(clock, w) for name, w in works.items()}, repeats)
        each = [f"{1e6 * seconds[name].min() / n_sets:.0f}" for name in works]
        ratio = f"{times_as_long(seconds, 'encode', 'transform'):.1f}"
        yield [*(f"{n:,}" for n in (size, d, k)), *each, ratio]


def accuracy_rows(peers):
    """Errors before the power, against our float64 of the same float32 descriptors."""
    for change, (shift, scale) in CHANGES.items():
        X, mixture = problem(100_000, 64, k=256, shift=shift, scale=scale)
        fv = encoder(mixture, power=1, norm=None)
        right = fv.encode(X.astype(np.float64))
        found = {"skvae": fv.encode(X)}
        for name, prepare in peers.items():
            with np.errstate(all="ignore"):
                found[name] = prepare(mixture)(X, improved=False).ravel()
        yield [change, *(error(found.get(name), right, name) for name in ("skvae", *PEERS))]


def error(vector, right, name):
    """Length of the error relative to the vector's."""
    if vector is None:
        return ""
    layout = {"skvae": "skvae", "scikit-image": "scikit-image"}.get(name, "vlfeat")
    right = convert_layout(right[None], 256, target=layout, norm=None)[0]
    return f"{np.linalg.norm(vector - right) / np.linalg.norm(right):.1e}"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "tables", nargs="*", help="encoding, iteration, threads, large, loop or accuracy: or all"
    )
    parser.add_argument("--repeats", type=int, default=9)
    arguments = parser.parse_args()
    repeats = arguments.repeats
    warnings.simplefilter("ignore", ConvergenceWarning)
    peers = installed_peers()
    print(f"Busy processes before the start: {os.getloadavg()[0]:.1f}.\n")
    slower = [f"{name} x" for name in PEERS]
    shape = ["sets", "descriptors of each", "D", "K"]
    tables = {
        "encoding": (
            [*shape, "million descriptors/s", "ms", "x floor", *slower],
            encoding_rows(peers, repeats),
        ),
        "iteration": (
            ["N", "D", "K", "ms", "x floor", "scikit-learn x", "VLFeat x"],
            iteration_rows(peers, repeats),
        ),
        "threads": ([*shape, "two threads x", "two processes x"], threading_rows(repeats)),
        "large": (["N = 100,000, D = 64, K = 64", "ms", "two threads x"], large_rows(repeats)),
        "loop": (
            ["descriptors", "D", "K", "transform us", "encode us", "ratio"],
            loop_rows(repeats),
        ),
        "accuracy": (["descriptors", "skvae", *PEERS], accuracy_rows(peers)),
    }
    with threadpool_limits(1):
        for name in arguments.tables or tables:
            table(name, *tables[name])


if __name__ == "__main__":
    main()
