"""Features of tables under the same classifiers: a VAE beside FAMD, PCA and the columns themselves.

``OMP_NUM_THREADS=1 python vae_tables.py credit_data`` computes ten folds of a table, of at most
3,000 rows; ``--methods`` chooses some. Every fold is kept in ``results/vae-tables.jsonl`` and not
computed twice. ``--show`` prints the areas under the ROC curve (of one class against the rest where
there are three), mean ranks, and for each table and classifier a t-test against the VAE whose
variance is corrected for folds that share training rows (Nadeau and Bengio, 2003), with Holm's
correction over all of them. ``--others`` shows twelve more tables instead, without tests. FAMD is
that of the package ``prince`` (0.23).

All methods have the same settings on all tables. Embeddings have 16 dimensions, or as many as the
columns have degrees of freedom.
"""

import argparse
import time
import warnings

import numpy as np
import records
from mixed_tables import OTHER_TABLES, TABLES, read_table
from scipy import stats
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, roc_auc_score
from sklearn.model_selection import StratifiedKFold
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tables import show

from skvae import recipes
from skvae.comparison.findings import holm
from skvae.table_recipes import kinds_of

NAME = "vae-tables"
FOLDS, MAX_ROWS = 10, 3000
CLASSIFIERS = {
    "linear": make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000)),
    "knn": KNeighborsClassifier(15),
    "boosting": HistGradientBoostingClassifier(random_state=0),
}


class Famd:
    """``prince.FAMD`` on holes filled by the median, or by a category of their own."""

    def __init__(self, table):
        self.numbers, self.categories = kinds_of(table)
        pca = recipes.make_for_table("pca", table)
        self.n_components = pca.named_steps["pca"].n_components

    def _filled(self, table):
        numbers = table[self.numbers].fillna(self.medians)
        categories = table[self.categories].fillna("missing").astype(str)
        return numbers.join(categories)[list(table.columns)]

    def fit_transform(self, table):
        from prince import FAMD

        self.medians = table[self.numbers].median()
        self.famd = FAMD(
            n_components=self.n_components, handle_unknown="ignore", random_state=0
        ).fit(self._filled(table))
        return self.transform(table)

    def transform(self, table):
        return self.famd.row_coordinates(self._filled(table)).to_numpy()


def recipe(name):
    return lambda table, seed: recipes.make_for_table(name, table, random_state=seed)


METHODS = {
    "vae": recipe("vae"),
    "pca": recipe("pca"),
    "famd": lambda table, seed: Famd(table),
    "raw": recipe("raw"),
}


def scores(classifier, F_train, y_train, F_test, y_test):
    p = classifier.fit(F_train, y_train).predict_proba(F_test)
    auc = roc_auc_score(y_test, p[:, 1] if p.shape[1] == 2 else p, multi_class="ovr")
    return {"auc": auc, "accuracy": accuracy_score(y_test, p.argmax(axis=1))}


def run_fold(table, y, train, test, method, fold):
    start = time.process_time()
    feature = METHODS[method](table, fold)
    F_train = np.asarray(feature.fit_transform(table.iloc[train]))
    F_test = np.asarray(feature.transform(table.iloc[test]))
    seconds = time.process_time() - start
    found = {
        name: scores(classifier, F_train, y[train], F_test, y[test])
        for name, classifier in CLASSIFIERS.items()
    }
    return {"n_dims": F_train.shape[1], "seconds": seconds, **found}


def run(name, methods):
    table, y = read_table(name, MAX_ROWS)
    done = {(r["table"], r["method"], r["fold"]) for r in records.read(NAME)}
    splitter = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
    for fold, (train, test) in enumerate(splitter.split(table, y)):
        for method in methods:
            if (name, method, fold) not in done:
                found = run_fold(table, y, train, test, method, fold)
                about = {"table": name, "method": method, "fold": fold, "n": len(y)}
                records.append(NAME, about | found)
                print(method, fold, found, flush=True)


def corrected_t_test(differences):
    """Two-sided p-value of a mean difference over the folds of one cross-validation."""
    d = np.asarray(differences)
    if np.ptp(d) == 0:
        return float(d[0] == 0)
    variance = (1 / len(d) + 1 / (len(d) - 1)) * d.var(ddof=1)
    return float(2 * stats.t.sf(abs(d.mean()) / np.sqrt(variance), len(d) - 1))


def folds_of(measure):
    """The measure of each fold, by table, classifier and method."""
    kept = {}
    for r in records.read(NAME):
        for classifier in CLASSIFIERS:
            key = r["table"], classifier, r["method"]
            kept.setdefault(key, {})[r["fold"]] = r[classifier][measure]
    return kept


def show_five(measure):
    kept = folds_of(measure)
    tables = [name for name in TABLES if (name, "linear", "vae") in kept]
    means = {key: np.mean(list(folds.values())) for key, folds in kept.items()}
    pairs = [(t, c, m) for t in tables for c in CLASSIFIERS for m in METHODS if m != "vae"]
    pairs = [pair for pair in pairs if pair in kept]
    differences = {
        (t, c, m): [kept[t, c, "vae"][f] - kept[t, c, m][f] for f in kept[t, c, m]]
        for t, c, m in pairs
    }
    corrected = holm([corrected_t_test(differences[pair]) for pair in pairs])
    p_values = dict(zip(pairs, corrected, strict=True))
    print(f"| classifier | features | {' | '.join(tables)} | mean rank | as good |")
    print("|---" * (len(tables) + 4) + "|")
    for classifier in CLASSIFIERS:
        methods = [m for m in METHODS if all((t, classifier, m) in kept for t in tables)]
        ranks = np.mean(
            [stats.rankdata([-means[t, classifier, m] for m in methods]) for t in tables], axis=0
        )
        for method, rank in zip(methods, ranks, strict=True):
            cells, n_good = [], 0
            for t in tables:
                p = p_values.get((t, classifier, method))
                mark = "" if p is None or p >= 0.05 else "*"
                n_good += means[t, classifier, "vae"] >= means[t, classifier, method]
                cells.append(f"{100 * means[t, classifier, method]:.1f}{mark}")
            good = "" if method == "vae" else f"{n_good} of {len(tables)}"
            print(f"| {classifier} | {method} | {' | '.join(cells)} | {rank:.1f} | {good} |")
    print("\n*: differs from vae (p < 0.05, corrected); as good: tables on which vae is not below")
    for method in METHODS:
        seconds = [
            r["seconds"]
            for r in records.read(NAME)
            if r["method"] == method and r["table"] in tables
        ]
        if seconds:
            print(f"{method}: {np.mean(seconds):.1f} s a fold")


def show_others(measure):
    """Means of the reductions on the other tables, and on how many the VAE is not below each."""
    means = {key: np.mean(list(folds.values())) for key, folds in folds_of(measure).items()}
    tables = [name for name in OTHER_TABLES if (name, "linear", "vae") in means]
    columns = [(c, m) for c in ("linear", "knn") for m in ("vae", "pca", "famd")]
    of_tables = [[name, *(f"{100 * means[name, c, m]:.1f}" for c, m in columns)] for name in tables]
    n_good = [
        "" if m == "vae" else sum(means[t, c, "vae"] >= means[t, c, m] for t in tables)
        for c, m in columns
    ]
    gains = [
        ""
        if m == "vae"
        else f"{100 * np.median([means[t, c, 'vae'] - means[t, c, m] for t in tables]):+.2f}"
        for c, m in columns
    ]
    last = [["vae not below", *n_good], ["median gain of vae", *gains]]
    show(["table", *(f"{c}, {m}" for c, m in columns)], of_tables + last)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tables", nargs="*", choices=[*TABLES, *OTHER_TABLES, []])
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--show", choices=["auc", "accuracy"])
    parser.add_argument(
        "--others", action="store_true", help="show the other tables instead of the five"
    )
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    for name in arguments.tables:
        run(name, arguments.methods)
    if arguments.show:
        (show_others if arguments.others else show_five)(arguments.show)


if __name__ == "__main__":
    main()
