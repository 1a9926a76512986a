"""What learning rate and warm-up do to a fit of MNIST with default settings, and to its features.

``SKVAE_DATA_HOME=... OMP_NUM_THREADS=1 python vae_rates.py [RATE ...] [--warm-ups W ...]``, some
two minutes for each pair of both.
"""

import argparse
from itertools import product

from mnist import mnist
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC
from tables import show

from skvae import VAETransformer

# All but the last 10,000 training images train; so many of them are enough for a comparison.
CLASSIFIERS = {
    "kNN": (KNeighborsClassifier(5), 50_000),
    "RBF SVM": (SVC(C=10, cache_size=1000), 20_000),
}


def measure(rate, warm_up):
    """Test ELBO in nats, active dimensions and validation errors in %."""
    (X, y), (X_test, _) = mnist("train"), mnist("test")
    vae = VAETransformer(
        likelihood="bernoulli", learning_rate_init=rate, warm_up=warm_up, random_state=0
    ).fit(X)
    Z = vae.transform(X)
    Z /= Z.std()
    errors = [
        100 * (1 - classifier.fit(Z[:n], y[:n]).score(Z[50_000:], y[50_000:]))
        for classifier, n in CLASSIFIERS.values()
    ]
    return [
        rate,
        warm_up,
        f"{vae.score(X_test):.1f}",
        vae.n_active_,
        *(f"{error:.2f}" for error in errors),
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rates", nargs="*", type=float, metavar="RATE", default=[1e-3, 2e-3, 3e-3])
    parser.add_argument("--warm-ups", nargs="+", type=float, metavar="W", default=[0.2, 0.4])
    arguments = parser.parse_args()
    pairs = product(arguments.rates, arguments.warm_ups)
    header = ["rate", "warm-up", "test ELBO", "active", *CLASSIFIERS]
    show(header, (measure(*pair) for pair in pairs))


if __name__ == "__main__":
    main()
