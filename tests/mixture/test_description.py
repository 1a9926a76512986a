import numpy as np
import pytest

from skvae.data.blocks import ArrayBlocks
from skvae.mixture.description import describe


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_description_has_the_moments_and_a_center_of_the_data_s_type(rng, dtype):
    X = (rng.normal(size=(1000, 3)) * [1, 10, 0.1] + 1e3).astype(dtype)
    n, center, variances = describe(ArrayBlocks(X))
    assert n == 1000
    assert np.allclose(center, X.mean(axis=0, dtype=float), rtol=np.finfo(dtype).eps)
    assert np.array_equal(center, center.astype(dtype))
    assert np.allclose(variances, X.var(axis=0, dtype=float), rtol=1e-5)
