"""Pictures of different sizes: Fisher vectors at one scale and at several, beside HOG and LBP.

``python images_of_any_size.py stamps --folder FOLDER`` classifies colour pictures by five folds,
``python images_of_any_size.py textures`` tiles of any size and zoom, of halves of pictures that
training has not seen; ``farther`` tests on such that are shown from farther away than all of
training. ``--features`` chooses some. Every fold is kept in
``results/images-of-any-size.jsonl``, and is not computed twice; ``--show`` prints them, with an
exact test of McNemar against Fisher vectors of one scale.

FOLDER has the stamps of Tux Paint: ``/usr/share/tuxpaint/stamps`` of Debian's package
``tuxpaint-stamps-default`` (2022.06.04). Of these, the pictures with colours and sides from 40 to
256 pixels count, of the eight classes that have 15 or more. The textures ship with scikit-image.
"""

import argparse
import time
from functools import partial
from pathlib import Path

import numpy as np
import records
import tables
from scipy.stats import binomtest
from skimage import data
from skimage.color import rgb2gray
from skimage.feature import hog, local_binary_pattern
from skimage.transform import resize
from sklearn.decomposition import PCA
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC

from skvae import FisherVectorEncoder, ImagePatches, read_image

NAME = "images-of-any-size"
BASELINE = "FV, own size"
read = partial(read_image, mode="RGB")


def stamps(folder):
    """Names of files, the folders that they lie in, and five folds."""
    from PIL import Image

    paths, y = [], []
    for path in sorted(folder.rglob("*.png")):
        with Image.open(path) as image:
            if image.mode != "LA" and min(image.size) >= 40 and max(image.size) <= 256:
                paths.append(path)
                y.append(path.relative_to(folder).parts[0])
    y = np.array(y)
    kept = np.flatnonzero([np.sum(y == label) >= 15 for label in y])
    X, y = [paths[i] for i in kept], y[kept]
    return X, y, list(StratifiedKFold(5, shuffle=True, random_state=0).split(X, y))


def textures(folder, farther=False):
    """Tiles of left halves to train on, and of right halves to test; one fold."""
    rng = np.random.default_rng(0)
    X, y, right = [], [], []
    for label in ("brick", "grass", "gravel"):
        picture = getattr(data, label)() / 255
        for i in range(400):
            side, zoom = rng.integers(24, 65), rng.uniform(0.5, 1)
            if farther:
                zoom = rng.uniform(0.4, 0.7) if i % 2 else 1
            size = int(side / zoom)
            row, column = rng.integers(0, 512 - size), rng.integers(0, 256 - size)
            half = 256 * (i % 2)
            tile = picture[row : row + size, half + column : half + column + size]
            tile = np.rot90(resize(tile, (side, side), anti_aliasing=True), rng.integers(4))
            tile = 0.5 + rng.uniform(0.3, 1) * (tile - tile.mean())
            X.append((tile + 0.1 * rng.normal(size=tile.shape)).astype(np.float32))
            y.append(label)
            right.append(half > 0)
    return X, np.array(y), [(np.flatnonzero(np.logical_not(right)), np.flatnonzero(right))]


DATA = {"stamps": stamps, "textures": textures, "farther": partial(textures, farther=True)}


def array_of(image):
    return image if isinstance(image, np.ndarray) else read(image)


def grey(image):
    return image if image.ndim == 2 else rgb2gray(image)


def squashed(image):
    image = array_of(image)
    return resize(image, (64, 64, *image.shape[2:]), anti_aliasing=True).astype(np.float32)


def gradients(image):
    """HOG of the picture at 64 x 64 pixels."""
    return hog(grey(squashed(image)), cells_per_block=(2, 2))


def binary_patterns(image):
    """Histograms of local binary patterns at two radii, at the picture's own size."""
    levels = (255 * grey(array_of(image))).clip(0, 255).astype(np.uint8)
    parts = []
    for n_points, radius in ((8, 1), (16, 2)):
        patterns = local_binary_pattern(levels, n_points, radius, "uniform")
        parts.append(np.bincount(patterns.astype(int).ravel(), minlength=n_points + 2))
    return np.concatenate([part / part.sum() for part in parts])


def colours(image):
    """Histogram of 4 x 4 x 4 colours."""
    levels = (array_of(image) * 3.999).astype(int).reshape(-1, 3) @ [16, 4, 1]
    return np.bincount(levels, minlength=64) / len(levels)


def gradients_and_colours(image):
    return np.concatenate([gradients(image), colours(image)])


def of_each(function, train, test):
    scaler = StandardScaler()
    X = [np.array([function(image) for image in images]) for images in (train, test)]
    return scaler.fit_transform(X[0]), scaler.transform(X[1])


def fisher(train, test, scales=(1,), squash=False, stride=3):
    """Fisher vectors of patches; textures have no places."""
    are_files = not isinstance(train[0], np.ndarray)
    if squash and not are_files:
        train, test = [squashed(x) for x in train], [squashed(x) for x in test]
    encoder = FisherVectorEncoder(
        32,
        extractor=ImagePatches(
            7, stride=stride, scales=scales, reader=squashed if squash else read
        ),
        reducer=PCA(24),
        spatial="xy" if are_files else None,
        xy_weight=2,
        max_descriptors=50_000,
        random_state=0,
    )
    return encoder.fit_transform(train), encoder.transform(test)


FEATURES = {
    "HOG": partial(of_each, gradients),
    "LBP": partial(of_each, binary_patterns),
    "colours": partial(of_each, colours),
    "HOG and colours": partial(of_each, gradients_and_colours),
    "FV, 64 x 64": partial(fisher, squash=True, stride=2),
    BASELINE: fisher,
    "FV, scales 1, 0.7, 0.5": partial(fisher, scales=(1, 0.7, 0.5)),
    "FV, scales 1, 0.5, 0.25": partial(fisher, scales=(1, 0.5, 0.25)),
}
CLASSIFIERS = {"linear": LinearSVC(random_state=0), "RBF": SVC(C=10)}


def measure(name, features, folder):
    X, y, folds = DATA[name](folder)
    print(f"{name}: {len(X)} images, {len(set(y))} classes", flush=True)
    known = {(r["data"], r["feature"], r["fold"]) for r in records.read(NAME)}
    for feature in features:
        for fold, (train, test) in enumerate(folds):
            if (name, feature, fold) in known:
                continue
            start = time.process_time()
            F = FEATURES[feature]([X[i] for i in train], [X[i] for i in test])
            found = {
                "data": name,
                "feature": feature,
                "fold": fold,
                "n": len(test),
                "n_features": F[0].shape[1],
                "seconds": round(time.process_time() - start, 1),
            }
            for classifier, model in CLASSIFIERS.items():
                predicted = make_pipeline(model).fit(F[0], y[train]).predict(F[1])
                found[classifier] = test[predicted != y[test]].tolist()
            records.append(NAME, found)
            right = [1 - len(found[classifier]) / len(test) for classifier in CLASSIFIERS]
            print(feature, fold, np.round(right, 3), found["seconds"], flush=True)


def show(name):
    groups = {}
    for record in records.read(NAME):
        if record["data"] == name:
            groups.setdefault(record["feature"], []).append(record)
    header = ["features", "dims", *(f"{c}, right % (p)" for c in CLASSIFIERS), "CPU s"]
    whole = {f: found for f, found in groups.items() if len(found) == len(groups[BASELINE])}
    tables.show(header, [row(f, found, whole[BASELINE]) for f, found in whole.items()])


def row(feature, found, baseline):
    """Accuracy of all folds, and whether it differs from that of Fisher vectors of one scale."""
    cells = [feature, found[0]["n_features"]]
    for classifier in CLASSIFIERS:
        ours, theirs = ({i for r in some for i in r[classifier]} for some in (found, baseline))
        only = len(ours - theirs), len(theirs - ours)
        p = binomtest(only[0], sum(only)).pvalue if sum(only) else 1.0
        cells.append(f"{100 * (1 - len(ours) / sum(r['n'] for r in found)):.1f} ({p:.0e})")
    return *cells, round(sum(r["seconds"] for r in found))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", choices=DATA)
    parser.add_argument("--folder", type=Path, default=Path("/usr/share/tuxpaint/stamps"))
    parser.add_argument("--features", nargs="+", choices=FEATURES)
    parser.add_argument("--show", action="store_true")
    arguments = parser.parse_args()
    if not arguments.show:
        grey = arguments.data != "stamps"
        fitting = [name for name in FEATURES if not (grey and "colours" in name)]
        measure(arguments.data, arguments.features or fitting, arguments.folder)
    show(arguments.data)


if __name__ == "__main__":
    main()
