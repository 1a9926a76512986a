"""Settings and data that all tests share."""

import os

# Lets scikit-learn's array API check run instead of skip; scipy reads it on import.
os.environ.setdefault("SCIPY_ARRAY_API", "1")

import numpy as np
import pytest
from sklearn.datasets import load_digits


@pytest.fixture(scope="session")
def digits():
    """Pixels in [0, 1] and labels of scikit-learn's 8 x 8 digits."""
    X, y = load_digits(return_X_y=True)
    X = (X / 16).astype(np.float32)
    X.flags.writeable = False
    return X, y


@pytest.fixture
def rng():
    return np.random.default_rng(0)
