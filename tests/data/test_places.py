import numpy as np
import pandas as pd
import pytest
from sklearn.utils import check_array

from skvae import DiagonalGaussianMixture, VAETransformer
from skvae.data.places import placed


@pytest.fixture
def X(rng):
    X = rng.normal(size=(60, 4))
    X[7, 2] = np.inf
    return X


def test_row_and_column_are_named(X):
    said = r"infinity.*The first one is in row 107, column 2\.$"
    with pytest.raises(ValueError, match=said), placed(X, 100):
        check_array(X)
    X[7, 2], X[9, 1] = 0, np.nan
    said = r"(?s)NaN\. The first one is in row 9, column 1\.\n.*imputer"
    with pytest.raises(ValueError, match=said), placed(X):
        check_array(X, estimator="A", input_name="X")


def test_other_errors_are_left_alone(X):
    for other in ("all is lost", "X contains infinity"):
        with pytest.raises(ValueError, match=f"^{other}$"), placed(np.zeros((2, 2))):
            raise ValueError(other)


@pytest.mark.parametrize("estimator", [DiagonalGaussianMixture(2), VAETransformer(2, max_iter=1)])
@pytest.mark.parametrize("form", ["array", "frame", "map"])
def test_estimators_say_where_infinity_is(form, estimator, X, tmp_path):
    column = "'c'" if form == "frame" else "2"
    if form == "frame":
        X = pd.DataFrame(X, columns=list("abcd"))
    elif form == "map":
        np.save(tmp_path / "X.npy", X)
        X = np.load(tmp_path / "X.npy", mmap_mode="r")
    with pytest.raises(ValueError, match=f"contains infinity.*in row 7, column {column}"):
        estimator.fit(X)
