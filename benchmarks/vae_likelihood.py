"""How likely a VAE finds MNIST's test digits, and what its features are worth, after long training.

``SKVAE_DATA_HOME=... python vae_likelihood.py [NAME ...]``. One hidden stage of 200-200, 50 latent
dimensions, a new Bernoulli draw of every pixel in each epoch: the setting of Burda, Grosse and
Salakhutdinov (ICLR 2016), whose VAE has 86.76 nats. "after" names the fit whose weights are gone
on from. Half an hour to two hours on one core for a name; records are lines of JSON in
``results/``, and a name that is recorded there is left out. Fits are kept in ``--models``, and
taken from there.
"""

import argparse
import time
from pathlib import Path

import joblib
import records
from mnist import mnist
from sklearn.svm import SVC

from skvae import VAETransformer

RECORDS = "vae-likelihood"
MODELS = Path(__file__).parent / "models"
COMMON = {
    "n_components": 50,
    "hidden_layer_sizes": (200, 200),
    "likelihood": "bernoulli",
    "binarize": "dynamic",
    "batch_size": 100,
    "learning_rate_init": 1e-3,
    "random_state": 0,
}
_TANH = {"activation": "tanh", "max_iter": 1000, "warm_up": 0.1, "learning_rate_init": 2e-3}
_CLASSES = {**_TANH, "conditional": "prior"}
SETTINGS = {
    "tanh": {"activation": "tanh", "max_iter": 1000, "warm_up": 0.1},
    "relu": {"activation": "relu", "max_iter": 1000, "warm_up": 0.1},
    "tanh, twice the rate": {**_TANH, "max_iter": 2400},
    "tanh, 3,280 epochs": {**_TANH, "max_iter": 3280, "warm_up": 0.25},
    "tanh, class means": _CLASSES,
    "tanh, class means, 100 epochs": {**_CLASSES, "max_iter": 100},
    "tanh, class means and variances, 100 epochs": {
        **_CLASSES,
        "max_iter": 100,
        "prior": "mixture",
    },
    "tanh, class means, 5 importance samples": {**_CLASSES, "max_iter": 1200, "n_importance": 5},
    "tanh, 1,000 epochs at twice the rate": {**_TANH, "warm_up": 0.25},
    "tanh, 50 importance samples": {
        "after": "tanh, 1,000 epochs at twice the rate",
        "max_iter": 220,
        "learning_rate_init": 1e-3,
        "n_importance": 50,
    },
    "tanh, mixture prior": {**_TANH, "prior": "mixture", "n_prior_components": 200},
    "tanh, mixture prior, 50 importance samples": {
        "after": "tanh, mixture prior",
        "max_iter": 120,
        "learning_rate_init": 1e-3,
        "n_importance": 50,
    },
}


def fit(name, folder):
    """The VAE of a setting, fitted on the 60,000 training images, and the seconds that took."""
    path = folder / f"{name}.joblib"
    if path.exists():
        return joblib.load(path)
    setting = dict(SETTINGS[name])
    first = setting.pop("after", None)
    if first is None:
        vae, before = VAETransformer(**COMMON | setting), 0.0
    else:
        vae, before = fit(first, folder)
        vae.set_params(warm_start=True, **setting)
    X, y = mnist("train")
    start = time.perf_counter()
    vae.fit(X, y)
    fitted = vae, before + time.perf_counter() - start
    folder.mkdir(parents=True, exist_ok=True)
    joblib.dump(fitted, path)
    return fitted


def measure(name, folder):
    """Judge a fit by the 10,000 test images."""
    vae, seconds = fit(name, folder)
    (X, y), (X_test, y_test) = mnist("train"), mnist("test")
    record = {"name": name, "setting": SETTINGS[name], "fit_seconds": seconds}
    tenths = slice(vae.n_iter_ // 10 - 1, None, vae.n_iter_ // 10)
    record["bound_by_tenths"] = [-loss for loss in vae.history_["loss"][tenths]]
    print(record, flush=True)
    record["n_active"] = vae.n_active_
    record["elbo_train"] = vae.history_["elbo"][-1]
    record["elbo_test"] = vae.score(X_test)
    labels = {"": None} if vae.conditional is None else {"": None, " given y": y_test}
    for k in (50, 500, 5000):
        for kind, known in labels.items():
            values = vae.score_samples(X_test, known, n_importance=k)
            record[f"log_p{kind}, k={k}"] = values.mean()
            record[f"standard_error{kind}, k={k}"] = values.std() / len(values) ** 0.5
        print(record, flush=True)
    Z, Z_test = vae.transform(X), vae.transform(X_test)
    scale = Z.std()
    svm = SVC(C=10, gamma="scale", cache_size=1000).fit(Z / scale, y)
    record["svm_error"] = 1 - svm.score(Z_test / scale, y_test)
    return record


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"from {', '.join(SETTINGS)}")
    parser.add_argument("--models", type=Path, default=MODELS, metavar="FOLDER")
    arguments = parser.parse_args()
    done = {record["name"] for record in records.read(RECORDS)}
    for name in arguments.names or SETTINGS:
        if name not in done:
            record = measure(name, arguments.models)
            records.append(RECORDS, record)


if __name__ == "__main__":
    main()
