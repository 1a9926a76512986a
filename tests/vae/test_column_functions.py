import numpy as np
from scipy import special

from skvae.vae.column_functions import joined, softmax


def test_each_block_has_its_own_function():
    x = np.arange(8.0).reshape(2, 4)
    found = joined([np.negative, np.sqrt], [3, 1])(x)

    np.testing.assert_array_equal(found, np.hstack([-x[:, :3], np.sqrt(x[:, 3:])]))
    assert joined([np.negative, None], [3, 1]) is None


def test_softmax_is_that_of_each_variable():
    logits = 5 * np.random.default_rng(0).normal(size=(9, 6)).astype(np.float32)
    found = softmax(logits, sizes=(1, 3, 2))
    parts = np.split(logits, [1, 4], axis=1)
    expected = np.hstack([special.softmax(part, axis=1) for part in parts])

    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    np.testing.assert_allclose(softmax(logits), special.softmax(logits, axis=1), rtol=1e-5)


def test_logits_of_any_size_have_a_softmax():
    logits = np.array([[3e38, -3e38, 0.0]], np.float32)
    with np.errstate(over="ignore"):
        assert np.isfinite(softmax(logits)).all()
