"""100, 1,000 and 3,000 labels of MNIST, which spread over a graph of Fisher vectors.

"spread, then linear" is ``recipes.few_labels``: a linear classifier learns the labels that were
spread. It is ``squared_hinge.py``, whose objective is that of the recipe's ``LinearSVC()``.

``SKVAE_DATA_HOME=... python few_labels.py FOLDER`` encodes all 70,000 deskewed images at two scales
of patches, a quarter of an hour of one core, and keeps the vectors, shortened by SVD, and the
graphs in FOLDER: it goes on where it ended. Then ten draws of labels a size, some seconds each.
``--features`` and ``--models`` choose some; ``--task ink`` asks which images have more ink than
half of the others. Records are lines of JSON in ``results/few-labels.jsonl``, and what is recorded
is not run again; ``--show`` prints them.

What is learned without labels is learned from the first 20,000 training images. Settings were
chosen by the error on the training images whose labels are not given ("unlabelled").
"""

import argparse
import pickle
import time
import warnings
from functools import cache, partial
from pathlib import Path

import numpy as np
import records
import tables
from fisher_settings import REDUCERS, deskew
from mnist import mnist
from scipy import sparse
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.exceptions import ConvergenceWarning
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.semi_supervised import LabelSpreading
from squared_hinge import SquaredHingeClassifier

from skvae import FisherVectorEncoder, ImagePatches
from skvae.recipes import InductiveClassifier, neighbor_graph

NAME = "few-labels"
DRAWS = 10
SIZES = (100, 1000, 3000)
N_DIMS = 256  # of each scale
BLOCK = 2500
STEPS = 60
KEYS = ("features", "model", "task", "n_labels", "draw")
# Patch size, padding, dimensions that are left of a patch, weight of positions.
SCALES = {
    "VAE 9": ("VAE", 9, 2, 16, 1.0),
    "VAE 13": ("VAE", 13, 3, 20, 1.0),
    "PCA 9": ("PCA", 9, 2, 20, 1.2),
    "PCA 13": ("PCA", 13, 3, 24, 1.4),
}
FEATURES = {
    "VAE 9": ["VAE 9"],
    "VAE 9, 13": ["VAE 9", "VAE 13"],
    "PCA 9": ["PCA 9"],
    "PCA 9, 13": ["PCA 9", "PCA 13"],
}


@cache
def digits():
    """Pixels and labels, those of training first."""
    (X, y), (X_test, y_test) = mnist("train"), mnist("test")
    return np.concatenate([X, X_test]), np.concatenate([y, y_test])


@cache
def images():
    """Digits that stand upright."""
    return deskew(digits()[0]).astype(np.float32)


def patch_vae(extractor, X, n_dims):
    """A VAE of 25 random patches of each of 4,000 random images."""
    extractor.fit(X)
    rng, patches = np.random.default_rng(0), []
    for i in rng.permutation(len(X))[:4000]:
        found = np.asarray(extractor.transform(X[i : i + 1])[0])
        patches.append(found[rng.choice(len(found), 25, replace=False)])
    vae = REDUCERS["VAE"](n_dims).set_params(random_state=0, max_iter=40)
    return FrozenEstimator(vae.fit(np.concatenate(patches).astype(np.float32)))


def encoder(scale):
    """Fitted Fisher vectors, and their SVD."""
    kind, patch_size, padding, n_dims, xy_weight = SCALES[scale]
    X = images()[:20_000]
    extractor = ImagePatches(patch_size=patch_size, padding=padding, image_shape=(28, 28))
    fv = FisherVectorEncoder(
        64,
        extractor=extractor,
        reducer=PCA(n_dims) if kind == "PCA" else patch_vae(extractor, X, n_dims),
        gradients=("means", "stds"),
        spatial="xy",
        xy_weight=xy_weight,
        max_descriptors=100_000,
        random_state=0,
        dtype="float32",
    ).fit(X)
    return fv, TruncatedSVD(N_DIMS, random_state=0).fit(fv.transform(X[:8000]))


def kept(path, make, save=np.save, load=np.load):
    """What a file holds, or is made for it."""
    if not path.exists():
        save(path, make())
    return load(path)


def vectors(scale, folder):
    """Short vectors of all images, block by block."""

    @cache
    def fitted():
        file = folder / f"{scale}.pkl"
        if not file.exists():
            file.write_bytes(pickle.dumps(encoder(scale)))
        return pickle.loads(file.read_bytes())

    def block(start):
        fv, svd = fitted()
        return svd.transform(fv.transform(images()[start : start + BLOCK]))

    starts = range(0, 70_000, BLOCK)
    return np.concatenate(
        [kept(folder / f"{scale}.{start}.npy", partial(block, start)) for start in starts]
    )


@cache
def graphs(features, folder):
    """Vectors of training and test images, the graph of the former, and the latter's neighbours."""
    F = np.hstack([vectors(scale, folder) for scale in FEATURES[features]])
    A, B = F[:60_000], F[60_000:]
    keep = partial(kept, save=sparse.save_npz, load=sparse.load_npz)
    graph = keep(folder / f"graph {features}.npz", lambda: neighbor_graph(A, A).tocsr())
    links = keep(folder / f"links {features}.npz", lambda: neighbor_graph(A, B).tocsr())
    return A, B, graph, links


def ink(X):
    """Whether an image has more ink than half of the others."""
    amounts = X.sum(axis=1)
    return (amounts > np.median(amounts)).astype(int)


def some_labels(y, n, draw):
    """Those of n random images, as many of each class, and -1 for the others."""
    order, classes = np.random.default_rng(draw).permutation(len(y)), np.unique(y)
    labels = np.full(len(y), -1)
    for k in classes:
        labels[order[y[order] == k][: n // len(classes)]] = k
    return labels


def spreading(graph, links):
    """scikit-learn's, over graphs that are made once."""
    return LabelSpreading(lambda X, Y: graph if X is Y else links, alpha=0.99, max_iter=STEPS)


def fitted(model, A, labels):
    with warnings.catch_warnings():  # a tenth of the steps to convergence, and as good
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(A, labels)


def spread(A, B, graph, links, labels):
    """Predictions for training and test images by their neighbours."""
    model = fitted(spreading(graph, links), A, labels)
    return model.transduction_, model.predict(B)


def spread_then_linear(A, B, graph, links, labels):
    """Predictions of a linear classifier of all training images, by the labels that were spread."""
    linear = SquaredHingeClassifier(1.0, tol=1e-3)
    model = fitted(InductiveClassifier(spreading(graph, links), linear), A, labels)
    return model.predict(A), model.predict(B)


def labelled_alone(A, B, graph, links, labels):
    """Predictions of a classifier that sees no other image."""
    known = labels >= 0
    model = LogisticRegression(C=30, max_iter=300).fit(A[known], labels[known])
    return model.predict(A), model.predict(B)


MODELS = {
    "spread, then linear": spread_then_linear,
    "spreading": spread,
    "logistic": labelled_alone,
}


def measure(features, model, task, folder):
    X, y = digits()
    y = y if task == "digit" else ink(X)
    done = [tuple(r[k] for k in KEYS) for r in records.read(NAME)]
    for n_labels in SIZES:
        for draw in range(DRAWS):
            key = (features, model, task, n_labels, draw)
            if key in done:
                continue
            labels = some_labels(y[:60_000], n_labels, draw)
            start = time.process_time()
            train, test = MODELS[model](*graphs(features, folder), labels)
            unlabelled = labels < 0
            records.append(
                NAME,
                dict(zip(KEYS, key, strict=True))
                | {
                    "unlabelled": round(100 * float(np.mean((train != y[:60_000])[unlabelled])), 4),
                    "test": round(100 * float(np.mean(test != y[60_000:])), 4),
                    "seconds": round(time.process_time() - start, 1),
                },
            )


def show():
    groups = {}
    for record in records.read(NAME):
        groups.setdefault(tuple(record[k] for k in KEYS[:-1]), []).append(record)
    header = [*KEYS[:-1], "draws", "unlabelled %", "test %", "std", "CPU s"]
    tables.show(header, [(*key, *row(found)) for key, found in groups.items()])


def row(found):
    unlabelled, test, seconds = ([r[k] for r in found] for k in ("unlabelled", "test", "seconds"))
    spread = np.std(test, ddof=1) if len(test) > 1 else 0.0
    means = f"{np.mean(unlabelled):.2f}", f"{np.mean(test):.2f}", f"{spread:.2f}"
    return len(found), *means, f"{np.mean(seconds):.1f}"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--features", nargs="+", choices=FEATURES, default=["VAE 9, 13"])
    parser.add_argument(
        "--models", nargs="+", choices=MODELS, default=["spread, then linear", "spreading"]
    )
    parser.add_argument("--task", choices=["digit", "ink"], default="digit")
    parser.add_argument("--show", action="store_true")
    arguments = parser.parse_args()
    for features in arguments.features:
        for model in arguments.models:
            if not arguments.show:
                arguments.folder.mkdir(parents=True, exist_ok=True)
                measure(features, model, arguments.task, arguments.folder)
    show()


if __name__ == "__main__":
    main()
