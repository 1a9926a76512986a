"""What VAE features are worth on MNIST: test errors of classifiers on posterior means.

``SKVAE_DATA_HOME=... python vae_features.py [NAME ...]``, half an hour on one core for a name.
Records are lines of JSON in ``results/``; a name that is recorded there is left out.
"""

import argparse
import time

import numpy as np
import records
from mnist import mnist
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC

from skvae import VAETransformer

RECORDS = "vae-features"
COMMON = {
    "n_components": 50,
    "likelihood": "bernoulli",
    "learning_rate_init": 1e-3,
    "warm_up": 0.2,
    "random_state": 0,
}
_CONV = {"network": "conv", "binarize": "dynamic", "conditional": "prior"}
_WEIGHED = {**_CONV, "max_iter": 15, "label_weight": 30.0}
SETTINGS = {
    "class means, conv": {**_CONV, "max_iter": 20},
    "class means that weigh the class, conv": {**_CONV, "max_iter": 8, "label_weight": 30.0},
    "the same, 15 epochs": _WEIGHED,
    "the same, 15 epochs, seed 1": {**_WEIGHED, "random_state": 1},
    "the same, 15 epochs, seed 2": {**_WEIGHED, "random_state": 2},
    "no labels, conv": {"network": "conv", "binarize": "dynamic", "max_iter": 30},
}


def measure(name):
    """Fit a setting on the 60,000 training images and judge it by the 10,000 test images."""
    (X, y), (X_test, y_test) = mnist("train"), mnist("test")
    start = time.perf_counter()
    vae = VAETransformer(**COMMON | SETTINGS[name]).fit(X, y)
    record = {"name": name, "setting": SETTINGS[name], "fit_seconds": time.perf_counter() - start}
    record |= {"n_active": vae.n_active_, "elbo_test": vae.score(X_test)}
    Z, Z_test = vae.transform(X), vae.transform(X_test)
    scale = Z.std()
    classifiers = {
        "svm": SVC(C=10, cache_size=1000),
        "knn": KNeighborsClassifier(5),
    }
    for kind, classifier in classifiers.items():
        record[f"{kind}_error"] = 1 - classifier.fit(Z / scale, y).score(Z_test / scale, y_test)
    if vae.conditional == "prior":
        record["own_error"] = float(np.mean(vae.predict(X_test) != y_test))
    return record


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"from {', '.join(SETTINGS)}")
    done = {record["name"] for record in records.read(RECORDS)}
    for name in parser.parse_args().names or SETTINGS:
        if name not in done:
            record = measure(name)
            print(record, flush=True)
            records.append(RECORDS, record)


if __name__ == "__main__":
    main()
