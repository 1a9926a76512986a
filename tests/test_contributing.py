"""What contributors are told: files that exist, and the linters that the tests run."""

import pickle
import pickletools
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import small
from own_parts import CONTINUOUS_BERNOULLI, RESIDUAL

from skvae import (
    BagOfVisualWordsEncoder,
    FisherScores,
    FisherVectorEncoder,
    ImagePatches,
    SeriesWindows,
    TableSets,
)

ROOT = Path(__file__).parents[1]


def test_every_file_that_is_named_exists():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = re.findall(r"\b((?:skvae|tests|docs|benchmarks)(?:/[\w-]+)+(?:\.\w+)?)", text)
    missing = sorted({path for path in named if not (ROOT / path).exists()})
    assert len(named) > 20
    assert not missing


def test_hooks_have_the_versions_of_the_tests():
    hooks = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    pinned = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    (rev,) = re.findall(r"ruff-pre-commit\n +rev: v(\S+)", hooks)
    assert f"\nruff=={rev}\n" in pinned


def modules_in_pickle(estimator):
    """Modules of ours that a pickle of a fitted estimator imports."""
    operations = pickletools.genops(pickle.dumps(estimator))
    return {
        text for _, text, _ in operations if isinstance(text, str) and text.startswith("skvae.")
    }


NUMBERS = np.random.default_rng(0).random((30, 3))
TABLE = pd.DataFrame(NUMBERS, columns=list("abc")).assign(
    d=np.where(NUMBERS[:, 0] > 0.5, "u", "v"), key=np.arange(30) % 6
)
TOLD = {"conditional": "decoder", "conditions": ["d"]}


def sets_encoder(extractor, kind=FisherVectorEncoder):
    return kind(2, extractor=extractor, random_state=0)


@pytest.mark.parametrize(
    ("estimator", "X"),
    [
        (small.vae(max_iter=1, **TOLD), TABLE[["a", "c", "d"]]),
        (small.vae(max_iter=1, likelihood=CONTINUOUS_BERNOULLI, network=RESIDUAL), NUMBERS),
        (FisherScores(small.vae(max_iter=1)), NUMBERS),
        (
            sets_encoder(TableSets(TABLE[["a", "d", "key"]], key="key")),
            pd.DataFrame({"key": range(6)}),
        ),
        (sets_encoder(SeriesWindows(3)), list(NUMBERS.reshape(3, 1, 30))),
        (sets_encoder(ImagePatches(2), BagOfVisualWordsEncoder), NUMBERS[:, [0, 1, 2, 0]]),
    ],
)
def test_what_files_of_estimators_name_is_among_what_never_moves(estimator, X):
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    (law,) = re.findall(r"- The modules of estimators never move again(.*?)\n- ", text, re.DOTALL)
    named = modules_in_pickle(estimator.fit(X))
    assert named and named <= set(re.findall(r"`(skvae[\w.]+)`", law))
