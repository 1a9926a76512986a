"""How well Fisher vectors tell MNIST's digits apart: a sweep over settings, and the chosen one.

``SKVAE_DATA_HOME=... python mnist_quality.py sweep``, then ``compress`` and ``final``, two hours on
one core; each goes on where it was interrupted. Records are lines of JSON in ``results/``, which
``mnist_report.py`` turns into tables. Only ``final`` reads the test images.
"""

import argparse
import time

import numpy as np
import records
from fisher_settings import BASE, FINAL, SMALL, SWEEP, make_features
from mnist import mnist
from sklearn.decomposition import PCA
from sklearn.random_projection import GaussianRandomProjection
from sklearn.utils import gen_batches
from squared_hinge import SquaredHingeClassifier

# Images that are encoded at a time: FeatureUnion holds every block twice.
BLOCK = 2000
# Of the encoder, which reads no labels.
IMAGES_OF_ENCODER = 20_000
N_TRAIN = 60_000
SIZES = (2048, 1024, 512, 256, 128)


def training_images():
    """All training images and labels, in random order: the first half and the second are folds."""
    X, y = mnist("train")
    order = np.random.RandomState(0).permutation(len(y))
    return X[order], y[order]


def encode(features, X):
    """Vectors of all images in one array."""
    vectors = None
    for rows in gen_batches(len(X), BLOCK):
        block = features.transform(X[rows])
        if vectors is None:
            vectors = np.empty((len(X), block.shape[1]), np.float32)
        vectors[rows] = block
    return vectors


def two_fold_errors(vectors, y, C):
    """Which examples the classifier fitted on the other half gets wrong."""
    half = len(y) // 2
    folds = slice(None, half), slice(half, None)
    wrong = []
    for fitted, judged in (folds, folds[::-1]):
        classifier = SquaredHingeClassifier(C, tol=1e-3).fit(vectors[fitted], y[fitted])
        found = np.flatnonzero(classifier.predict(vectors[judged]) != y[judged])
        wrong += (found + (judged.start or 0)).tolist()
    return sorted(wrong)


def read(name):
    """Records of a command, oldest first."""
    return records.read(f"mnist-{name}")


def write(name, record):
    """Append a record, and say so."""
    records.append(f"mnist-{name}", record)
    shown = {k: v for k, v in record.items() if k != "wrong"}
    print(time.strftime("%H:%M:%S"), shown, flush=True)


def sweep():
    """Two-fold validation errors of every setting on the training images."""
    X, y = training_images()
    done = [record["change"] for record in read("sweep")]
    for change in (c for changes in SWEEP.values() for c in changes if c not in done):
        setting, start = BASE | change, time.perf_counter()
        vectors = encode(make_features(setting).fit(X[:IMAGES_OF_ENCODER]), X)
        encoded = time.perf_counter()
        wrong = two_fold_errors(vectors, y, setting["C"])
        record = {
            "change": change,
            "n_features": vectors.shape[1],
            "error": len(wrong) / len(y),
            "encode_seconds": round(encoded - start),
            "classify_seconds": round(time.perf_counter() - encoded),
            "wrong": wrong,
        }
        del vectors
        write("sweep", record)


def compress():
    """Two-fold validation errors after random projection, PCA and float16."""
    X, y = training_images()
    setting = BASE | SMALL
    vectors = encode(make_features(setting).fit(X[:IMAGES_OF_ENCODER]), X)
    pca = PCA(max(SIZES), svd_solver="covariance_eigh").fit(vectors[::4]).transform(vectors)

    def judge(method, compressed):
        error = len(two_fold_errors(compressed, y, setting["C"])) / len(y)
        write("compress", {"method": method, "n_features": compressed.shape[1], "error": error})

    judge("none", vectors)
    judge("float16", vectors.astype(np.float16).astype(np.float32))
    for size in SIZES:
        judge("PCA", np.ascontiguousarray(pca[:, :size]))
        projection = GaussianRandomProjection(size, random_state=0).fit(vectors[:1])
        judge("random projection", projection.transform(vectors))


def final():
    """Test errors of the chosen setting and of its neighbours in size."""
    X, y = training_images()
    X_test, y_test = mnist("test")
    for name, (change, n_seeds) in FINAL.items():
        for seed in range(n_seeds):
            if any(r["name"] == name and r["seed"] == seed for r in read("final")):
                continue
            setting = BASE | change | {"random_state": seed}
            start = time.perf_counter()
            features = make_features(setting).fit(X[:IMAGES_OF_ENCODER])
            vectors = encode(features, X)
            encoded = time.perf_counter()
            classifier = SquaredHingeClassifier(setting["C"], tol=1e-3).fit(vectors, y)
            del vectors
            classified = time.perf_counter()
            wrong = np.flatnonzero(classifier.predict(encode(features, X_test)) != y_test)
            record = {
                "name": name,
                "change": change,
                "seed": seed,
                "n_features": classifier.n_features_in_,
                "error": len(wrong) / len(X_test),
                "encode_seconds": round(encoded - start),
                "classify_seconds": round(classified - encoded),
                "wrong": wrong.tolist(),
            }
            write("final", record)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    commands = {"sweep": sweep, "compress": compress, "final": final}
    parser.add_argument("command", choices=commands)
    commands[parser.parse_args().command]()


if __name__ == "__main__":
    main()
