"""VLFeat's C library by ctypes: a peer to measure against, and the source of golden vectors.

On Debian ``apt-get install libvlfeat-dev`` brings it. The golden vectors of the tests came from
``python vlfeat.py ../tests/fisher/golden/vlfeat.npz``.
"""

import argparse
import ctypes
from ctypes.util import find_library

import numpy as np

SQUARE_ROOT, NORMALIZED, FAST = 1, 2, 4  # flags of vl_fisher_encode
_TYPES = {np.dtype(np.float32): 1, np.dtype(np.float64): 2}
_CUSTOM_START = 2


class VLFeat:
    """Fisher vectors and EM of VLFeat, on one thread unless told otherwise.

    Raises
    ------
    OSError
        If the library is not installed.
    """

    def __init__(self, n_threads=1):
        name = find_library("vl")
        if name is None:
            raise OSError("libvl is missing: apt-get install libvlfeat-dev")
        self._lib = ctypes.CDLL(name)
        self._lib.vl_gmm_new.restype = ctypes.c_void_p
        self._lib.vl_gmm_cluster.restype = ctypes.c_double
        self._lib.vl_set_num_threads(ctypes.c_size_t(n_threads))

    def encode(self, X, mixture, flags=0):
        """Fisher vector of one set: [means (K d) | standard deviations (K d)]."""
        weights, means, covariances = _arrays(mixture, X.dtype)
        X = np.ascontiguousarray(X)
        vector = np.zeros(2 * means.size, X.dtype)
        self._lib.vl_fisher_encode(
            _pointer(vector),
            ctypes.c_int(_TYPES[X.dtype]),
            _pointer(means),
            ctypes.c_size_t(means.shape[1]),
            ctypes.c_size_t(means.shape[0]),
            _pointer(covariances),
            _pointer(weights),
            _pointer(X),
            ctypes.c_size_t(len(X)),
            ctypes.c_int(flags),
        )
        return vector

    def expectation_maximization(self, X, mixture, n_iter):
        """Mean log-likelihood after ``n_iter`` M-steps and one more E-step."""
        weights, means, covariances = _arrays(mixture, X.dtype)
        k, d = means.shape
        X = np.ascontiguousarray(X)
        gmm = ctypes.c_void_p(
            self._lib.vl_gmm_new(
                ctypes.c_int(_TYPES[X.dtype]), ctypes.c_size_t(d), ctypes.c_size_t(k)
            )
        )
        self._lib.vl_gmm_set_initialization(gmm, ctypes.c_int(_CUSTOM_START))
        self._lib.vl_gmm_set_priors(gmm, _pointer(weights))
        self._lib.vl_gmm_set_means(gmm, _pointer(means))
        self._lib.vl_gmm_set_covariances(gmm, _pointer(covariances))
        self._lib.vl_gmm_set_max_num_iterations(gmm, ctypes.c_size_t(n_iter))
        log_likelihood = self._lib.vl_gmm_cluster(gmm, _pointer(X), ctypes.c_size_t(len(X)))
        self._lib.vl_gmm_delete(gmm)
        return log_likelihood / len(X)


def _arrays(mixture, dtype):
    return [np.ascontiguousarray(a, dtype) for a in mixture]


def _pointer(array):
    return array.ctypes.data_as(ctypes.c_void_p)


def golden_vectors(library):
    """Mixtures, sets and what VLFeat makes of them, by name.

    Case "rare" has a component whose weight of 1e-7 VLFeat leaves at zero.
    """
    rng = np.random.default_rng(0)
    cases = {  # K, d, descriptors, dtype
        "double": (5, 3, 40, np.float64),
        "single": (16, 8, 200, np.float32),
        "one": (4, 6, 1, np.float64),
        "rare": (4, 3, 30, np.float64),
    }
    arrays = {}
    for name, (k, d, n, dtype) in cases.items():
        weights = rng.dirichlet(np.full(k, 5.0))
        if name == "rare":
            weights = np.array([1e-7, *weights[1:] * (1 - 1e-7) / weights[1:].sum()])
        mixture = weights, rng.normal(size=(k, d)), rng.uniform(0.2, 2, (k, d))
        mixture = _arrays(mixture, dtype)
        X = (0.3 + rng.normal(size=(n, d))).astype(dtype)
        found = {
            **dict(zip(("weights", "means", "covariances"), mixture, strict=True)),
            "X": X,
            "plain": library.encode(X, mixture),
            "improved": library.encode(X, mixture, SQUARE_ROOT | NORMALIZED),
            "hard": library.encode(X, mixture, FAST),
        }
        arrays |= {f"{name}/{key}": value for key, value in found.items()}
    return arrays


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("output", help="the .npz file to write")
    np.savez_compressed(parser.parse_args().output, **golden_vectors(VLFeat()))


if __name__ == "__main__":
    main()
