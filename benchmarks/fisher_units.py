"""What the units of one column cost: JapaneseVowels' sets of frames with a column times 10^k.

``OMP_NUM_THREADS=1 python fisher_units.py``, about five minutes; needs aeon, which ships the data.
Test accuracies of a linear classifier on Fisher vectors of 64 components, in %, mean of
three seeds.
"""

import warnings

import numpy as np
from panels import read_panel
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from tables import show

from skvae import FisherVectorEncoder

POWERS = (-5, 0, 1, 2, 5)
SEEDS = range(3)


def read(part):
    """Sets of frames (n_i, 12) and speakers."""
    panel, speakers = read_panel("JapaneseVowels", part)
    return [series.T for series in panel], speakers


def accuracy(train, test, units, reducer=None):
    """In %, of sets whose columns are multiplied by ``units``."""
    (A, ya), (B, yb) = ([[x * units for x in sets], y] for sets, y in (train, test))
    scores = []
    for seed in SEEDS:
        fv = FisherVectorEncoder(64, reducer=reducer, random_state=seed).fit(A)
        linear = LinearSVC(C=10, max_iter=5000).fit(fv.transform(A), ya)
        scores.append(100 * linear.score(fv.transform(B), yb))
    return f"{np.mean(scores):.1f}"


def rows():
    """One for each column that is multiplied."""
    train, test = read("TRAIN"), read("TEST")
    for column in (0, 5):
        factors = [np.where(np.arange(12) == column, 10.0**k, 1.0) for k in POWERS]
        plain = [accuracy(train, test, units) for units in factors]
        scaled = accuracy(train, test, factors[-1], StandardScaler())
        yield [f"column {column}", *plain, scaled]


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    show(["", *(f"10^{k}" for k in POWERS), "10^5, StandardScaler"], rows())
