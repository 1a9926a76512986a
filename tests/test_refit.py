import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.decomposition import PCA, IncrementalPCA

import skvae
from skvae import (
    BagOfVisualWordsEncoder,
    DiagonalGaussianMixture,
    FisherVectorEncoder,
    ImagePatches,
    VLADEncoder,
)
from skvae.exceptions import FitInterruptedWarning

PACKAGE = str(skvae.__path__[0])
# At the end of a with statement a trace comes before its lock is released, and a signal does not.
LOCKED = str(Path(PACKAGE, "compute", "process.py"))


def lines_run(call, X, until=None):
    """Number of lines of skvae that a call runs; there is a Ctrl-C at number ``until``."""
    n_lines = 0

    def trace(frame, event, _):
        nonlocal n_lines
        file = frame.f_code.co_filename
        if not file.startswith(PACKAGE) or file == LOCKED:
            return None
        if event == "line":
            n_lines += 1
            if n_lines == until:
                raise KeyboardInterrupt
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        call(X)
    finally:
        sys.settrace(before)
    return n_lines


SMALL = DiagonalGaussianMixture(2, max_iter=2, random_state=0)
PARTS = {"extractor": ImagePatches(2), "reducer": PCA(2), "random_state": 0}
LEARNING = PARTS | {"reducer": IncrementalPCA(2)}


def answer(estimator, X):
    return estimator.transform(X) if hasattr(estimator, "transform") else estimator.predict_proba(X)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("template", "method"),
    [
        (SMALL, "fit"),
        (SMALL, "partial_fit"),
        (FisherVectorEncoder(mixture=SMALL, spatial="xy", **PARTS), "fit"),
        (FisherVectorEncoder(mixture=SMALL, spatial="xy", **LEARNING), "partial_fit"),
        (VLADEncoder(2, **PARTS), "fit"),
        (VLADEncoder(2, **LEARNING), "partial_fit"),
        (BagOfVisualWordsEncoder(2, **PARTS), "fit"),
        (ImagePatches(2), "fit"),
    ],
)
def test_ctrl_c_at_any_line_of_a_refit_leaves_one_whole_fit(rng, template, method):
    old, new = rng.random((12, 9)), rng.random((12, 9 if method == "partial_fit" else 16))
    estimator = clone(template).fit(old)
    expected = answer(estimator, old)
    total = lines_run(getattr(clone(template).fit(old), method), new)
    n_stopped = 0
    for n in np.unique(np.linspace(1, total, 20).astype(int)):
        before = dict(vars(estimator))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", FitInterruptedWarning)
                lines_run(getattr(estimator, method), new, until=n)
        except KeyboardInterrupt:
            n_stopped += 1
        if all(vars(estimator)[name] is before[name] for name in before):
            assert np.array_equal(answer(estimator, old), expected)
        else:  # the new fit, which ends with the last whole iteration
            assert np.isfinite(answer(estimator, new)).all()
            estimator = clone(template).fit(old)
    assert n_stopped > 5


@pytest.mark.parametrize("encoder", [FisherVectorEncoder, VLADEncoder, BagOfVisualWordsEncoder])
def test_a_refit_that_fails_leaves_the_names_and_numbers_of_features(encoder):
    pandas = pytest.importorskip("pandas")
    X = pandas.DataFrame(np.random.default_rng(0).random((50, 2)), columns=["a", "b"])
    fitted = encoder(2, random_state=0).fit(X)
    vectors = fitted.transform(X)
    with pytest.raises(ValueError, match="n_components"):
        fitted.fit(X.iloc[:1].rename(columns={"a": "c"}))
    assert list(fitted.feature_names_in_) == ["a", "b"]
    assert np.array_equal(fitted.transform(X), vectors)


def test_a_batch_that_fails_leaves_the_mixture_of_an_encoder_in_place(rng, monkeypatch):
    X = rng.random((6, 20, 3))
    encoder = FisherVectorEncoder(3, random_state=0).fit(X)
    before, vectors = encoder.mixture_, encoder.transform(X)

    def fail(*_):
        raise MemoryError

    monkeypatch.setattr(FisherVectorEncoder, "_mean_scales", fail)
    with pytest.raises(MemoryError):
        encoder.partial_fit(X + 1)
    assert encoder.mixture_ is before
    assert np.array_equal(encoder.transform(X), vectors)
