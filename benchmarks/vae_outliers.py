"""Outliers by the log-density of a VAE, beside detectors of scikit-learn and PyOD.

``OMP_NUM_THREADS=1 python vae_outliers.py`` learns from half of the rows of the usual classes of
four sets that ship with scikit-learn, standardised, alone and with outliers among them, a tenth of
as many, and prints the area under the ROC curve of all other rows, mean of three halves. PyOD's VAE
(``pyod`` 3.6) has its defaults, and so has every other; some three minutes. ``--max-iter`` is for
longer fits of the VAE, ``--sets`` and ``--detectors`` choose some.
"""

import argparse
import warnings
from functools import partial

import numpy as np
from sklearn import datasets
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import LocalOutlierFactor
from sklearn.preprocessing import StandardScaler
from tables import show

from skvae import VAETransformer

# The class that stands out.
SETS = {
    "wine": (datasets.load_wine, 2),
    "breast cancer": (datasets.load_breast_cancer, 0),
    "iris": (datasets.load_iris, 1),
    "digits": (datasets.load_digits, 8),
}


class PyodVAE:
    def __init__(self, seed):
        self.seed = seed

    def fit(self, X):
        from pyod.models.vae import VAE

        self.model = VAE(random_state=self.seed, verbose=0).fit(X)
        return self

    def score_samples(self, X):
        return -self.model.decision_function(X)


DETECTORS = {
    "VAE": lambda seed, **options: VAETransformer(16, random_state=seed, **options),
    "IsolationForest": lambda seed: IsolationForest(random_state=seed),
    "LOF": lambda seed: LocalOutlierFactor(novelty=True),
    "PyOD's VAE": PyodVAE,
}


def split(X, y, contaminated, seed):
    """Rows to learn from, rows to test, and which of these are outliers."""
    rng = np.random.default_rng(seed)
    usual, odd = (rng.permutation(np.flatnonzero(y == k)) for k in (0, 1))
    learned = usual[: len(usual) // 2]
    if contaminated:
        n = min(len(learned) // 10, len(odd) // 2)
        learned, odd = np.concatenate([learned, odd[:n]]), odd[n:]
    tested = np.concatenate([usual[len(usual) // 2 :], odd])
    scaler = StandardScaler().fit(X[learned])
    return scaler.transform(X[learned]), scaler.transform(X[tested]), y[tested]


def rows(detectors, sets, n_seeds):
    for name in sets:
        load, outlier = SETS[name]
        X, labels = load(return_X_y=True)
        for contaminated in (False, True):
            cells = []
            for make in detectors.values():
                areas = []
                for seed in range(n_seeds):
                    learned, tested, odd = split(X, labels == outlier, contaminated, seed)
                    detector = make(seed).fit(learned)
                    areas.append(roc_auc_score(odd, -detector.score_samples(tested)))
                cells.append(f"{np.mean(areas):.3f}")
            yield name, "a tenth outliers" if contaminated else "clean", *cells


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--max-iter", type=int, help="epochs of the VAE")
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--detectors", nargs="+", choices=DETECTORS, default=list(DETECTORS))
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    detectors = {name: DETECTORS[name] for name in arguments.detectors}
    if arguments.max_iter is not None and "VAE" in detectors:
        detectors["VAE"] = partial(detectors["VAE"], max_iter=arguments.max_iter)
    show(
        ["outliers in", "learned from", *detectors],
        rows(detectors, arguments.sets, arguments.seeds),
    )


if __name__ == "__main__":
    main()
