"""Sets of descriptors as people have them, unlike patches of grey images."""

import numpy as np

__all__ = ["KINDS", "descriptors"]


def _bits(rng, y, d):
    chances = rng.choice([0, 0.02, 0.5, 0.98, 1], size=(y.max() + 1, d))
    return rng.random((*y.shape, d)) < chances[y]


def _one_hot(rng, y, d):
    shares = rng.dirichlet(np.ones(d), size=y.max() + 1)
    return np.eye(d)[[[rng.choice(d, p=shares[k]) for k in row] for row in y]]


def _quantised(rng, y, d):
    levels = rng.integers(0, 16, (y.max() + 1, d))
    return (levels[y] + rng.integers(-1, 2, (*y.shape, d)).clip(-levels[y])) / 16


def _stretches(rng, y, d):
    means, vary = rng.normal(size=(2, y.max() + 1, d))
    return means[y] + (vary > 0)[y] * rng.normal(size=(*y.shape, d))


def _offset(rng, y, d):
    return 1e4 * rng.normal(size=d) + rng.normal(size=(y.max() + 1, d))[y] + _noise(rng, y, d)


def _mixed_units(rng, y, d):
    return 10.0 ** rng.integers(-4, 5, d) * (
        rng.normal(size=(y.max() + 1, d))[y] + _noise(rng, y, d)
    )


def _outliers(rng, y, d):
    return rng.standard_t(1.5, size=(*y.shape, d))


def _mostly_blank(rng, y, d):
    return np.maximum(rng.normal(size=(*y.shape, d)) + (y > y.max() // 2)[..., None] - 1.5, 0)


def _repeated(rng, y, d):
    rare = (rng.random(y.shape) < 0.2)[..., None]
    return rng.normal(size=(y.max() + 1, d))[y // 3] + rare * rng.normal(size=(*y.shape, d))


def _noise(rng, y, d):
    return rng.normal(size=(*y.shape, d))


KINDS = {
    "bits": _bits,
    "one-hot": _one_hot,
    "quantised": _quantised,
    "constant stretches": _stretches,
    "offsets": _offset,
    "mixed units": _mixed_units,
    "outliers": _outliers,
    "mostly blank": _mostly_blank,
    "repeated": _repeated,
}


def descriptors(kind, seed, shape):
    """Sets of one size, float32.

    Parameters
    ----------
    kind : str
        Of ``KINDS``.
    seed : int
        Decides all.
    shape : tuple
        (n_sets, n_descriptors, d).
    """
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 6, shape[:2])
    return KINDS[kind](rng, y, shape[2]).astype(np.float32)
