"""Missing values filled in: errors of ``VAETransformer.impute`` beside scikit-learn's imputers.

``OMP_NUM_THREADS=1 python vae_impute.py``, about six minutes. 10, 30 and 50% of the values of
three tables of scikit-learn are removed at random; each imputer is fitted on what is left, with
defaults for everything, and fills it in. Errors are the root mean squares over the removed values,
in standard deviations of their columns, means over seeds. Columns are scaled before the imputers
of scikit-learn, whose neighbours depend on units. ``python vae_impute.py cost`` is the time of an
epoch with 30% of the values missing, and with none.
"""

import argparse
import time
import warnings

import numpy as np
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tables import show

from skvae import VAETransformer

SHARES = (0.1, 0.3, 0.5)
TABLES = {
    "wine": load_wine,
    "diabetes": load_diabetes,
    "cancer": load_breast_cancer,
}


def scaled(imputer):
    """Filled in where columns have a standard deviation of 1, and brought back."""
    pipeline = make_pipeline(StandardScaler(), imputer)
    return lambda X: pipeline[0].inverse_transform(pipeline.fit_transform(X))


def by_model(model):
    """Filled in by a model of the rows."""
    return lambda X: model.fit(X).impute(X)


def imputers(seed):
    """What fills in a table, by its name."""
    return {
        "mean": scaled(SimpleImputer()),
        "KNNImputer": scaled(KNNImputer()),
        "IterativeImputer": scaled(IterativeImputer(random_state=seed)),
        "VAETransformer": by_model(VAETransformer(random_state=seed)),
        "n_importance=20": by_model(VAETransformer(n_importance=20, random_state=seed)),
    }


def errors(X, share, seed):
    """Root mean square error of each imputer."""
    removed = np.random.default_rng(seed).random(X.shape) < share
    holed = np.where(removed, np.nan, X)
    for impute in imputers(seed).values():
        distances = ((impute(holed) - X) / X.std(axis=0))[removed]
        yield np.sqrt(np.mean(distances**2))


def rows(names, n_seeds):
    """A row for each table and share."""
    for name in names:
        X = TABLES[name]().data
        for share in SHARES:
            means = np.mean([list(errors(X, share, seed)) for seed in range(n_seeds)], axis=0)
            size = f"{name}, {X.shape[0]} x {X.shape[1]}"
            yield [size, f"{100 * share:.0f}%", *(f"{mean:.3f}" for mean in means)]


def cost(turns=5):
    """Milliseconds of an epoch with missing values and without, in turns."""
    rng = np.random.default_rng(0)
    data = {
        ("10,000 x 20", "gaussian"): rng.normal(size=(10_000, 20)),
        ("3,000 x 100", "poisson"): rng.poisson(1.0, (3_000, 100)).astype(float),
        ("3,000 x 784", "bernoulli"): (rng.random((3_000, 784)) < 0.3).astype(np.float32),
    }
    for (size, likelihood), X in data.items():
        forms = X, np.where(rng.random(X.shape) < 0.3, np.nan, X)
        seconds = np.zeros((turns, 2))
        for turn, form in np.ndindex(turns, 2):
            model = VAETransformer(16, likelihood=likelihood, max_iter=1, n_jobs=1, random_state=0)
            begin = time.process_time()
            model.fit(forms[form])
            seconds[turn, form] = time.process_time() - begin
        whole, holed = 1000 * seconds.min(axis=0)
        yield [size, likelihood, f"{whole:.0f}", f"{holed:.0f}", f"{holed / whole:.2f}"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    choices = [*TABLES, "cost"]
    parser.add_argument("names", nargs="*", default=list(TABLES), metavar="|".join(choices))
    parser.add_argument("--seeds", type=int, default=3)
    args = parser.parse_args()
    warnings.simplefilter("ignore")  # of collapse, and of iterations that have not converged
    if args.names == ["cost"]:
        show(["numbers", "likelihood", "ms, none missing", "ms, 30% missing", "ratio"], cost())
        return
    show(["table", "removed", *imputers(0)], rows(args.names, args.seeds))


if __name__ == "__main__":
    main()
