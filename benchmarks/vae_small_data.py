"""Default settings on eight small data sets: nearest neighbours on posterior means and on PCA.

``OMP_NUM_THREADS=1 python vae_small_data.py``, some ten minutes. Standardised features but for
pixels, which are divided by their range and have a Bernoulli likelihood; 5 folds, transformers
fitted on the training rows of each.
Options for the VAE, as ``--vae max_iter=100``, compare other settings.
"""

import argparse
import ast
import warnings
from functools import partial

import numpy as np
from sklearn.datasets import (
    load_breast_cancer,
    load_digits,
    load_iris,
    load_wine,
    make_classification,
    make_moons,
    make_swiss_roll,
)
from sklearn.decomposition import PCA
from sklearn.model_selection import StratifiedKFold
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from tables import show

from skvae import VAETransformer
from skvae.exceptions import PosteriorCollapseWarning

N_COMPONENTS = 10
PIXELS = {"digits": 16.0}


def swiss_roll():
    X, t = make_swiss_roll(1000, noise=0.3, random_state=0)
    return X, np.digitize(t, np.quantile(t, [0.2, 0.4, 0.6, 0.8]))


def moons_in_twenty_dimensions():
    X, y = make_moons(1000, noise=0.1, random_state=0)
    rng = np.random.default_rng(0)
    return X @ rng.normal(size=(2, 20)) + 0.1 * rng.normal(size=(1000, 20)), y


def informative_features():
    return make_classification(
        1000, 30, n_informative=8, n_redundant=12, n_classes=4, class_sep=1.5, random_state=0
    )


DATA = {
    "iris": lambda: load_iris(return_X_y=True),
    "wine": lambda: load_wine(return_X_y=True),
    "breast cancer": lambda: load_breast_cancer(return_X_y=True),
    "digits": lambda: load_digits(return_X_y=True),
    "digits, standardised": lambda: load_digits(return_X_y=True),
    "swiss roll": swiss_roll,
    "moons in 20 dimensions": moons_in_twenty_dimensions,
    "8 of 30 informative": informative_features,
}


def scaler(name):
    if name in PIXELS:
        return FunctionTransformer(partial(np.multiply, 1 / PIXELS[name]))
    return StandardScaler()


def evaluate(name, transformer, seed):
    """Accuracy of five neighbours over five folds in %, and the fewest active dimensions."""
    X, y = DATA[name]()
    folds = StratifiedKFold(5, shuffle=True, random_state=seed)
    accuracies, active = [], []
    for train, test in folds.split(X, y):
        prepare = scaler(name)
        a, b = prepare.fit_transform(X[train]), prepare.transform(X[test])
        Z = transformer.fit(a).transform(a)
        knn = KNeighborsClassifier().fit(Z, y[train])
        accuracies.append(100 * knn.score(transformer.transform(b), y[test]))
        active.append(getattr(transformer, "n_active_", 0))
    return np.mean(accuracies), min(active)


def row(name, options, n_seeds):
    X, _ = DATA[name]()
    d = min(N_COMPONENTS, X.shape[1])
    pca, white = (
        np.mean([evaluate(name, PCA(d, whiten=whiten), seed)[0] for seed in range(n_seeds)])
        for whiten in (False, True)
    )
    options = {"likelihood": "bernoulli" if name in PIXELS else "gaussian"} | options
    results = [
        evaluate(name, VAETransformer(d, random_state=seed, **options), seed)
        for seed in range(n_seeds)
    ]
    accuracies, active = np.transpose(results)
    return [
        name,
        f"{len(X):,}",
        X.shape[1],
        d,
        f"{pca:.1f}",
        f"{white:.1f}",
        f"{accuracies.mean():.1f}",
        f"{accuracies.mean() - pca:+.1f}",
        f"{accuracies.min():.1f}",
        int(active.min()),
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--vae", nargs="*", default=[], metavar="NAME=VALUE")
    arguments = parser.parse_args()
    options = {k: ast.literal_eval(v) for k, v in (item.split("=") for item in arguments.vae)}
    header = ["data", "rows", "features", "d", "PCA", "whitened", "VAE", "difference"]
    header += ["worst seed", "active"]
    warnings.simplefilter("ignore", PosteriorCollapseWarning)  # the last column says it
    names = arguments.names or DATA
    show(header, (row(name, options, arguments.seeds) for name in names))


if __name__ == "__main__":
    main()
