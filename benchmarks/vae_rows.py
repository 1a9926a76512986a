"""Whole rows of tables: how probable a VAE finds new ones, and what its own are worth.

``OMP_NUM_THREADS=1 python vae_rows.py density credit_data`` takes three of ten folds of a table, or
``--folds``, of at most 3,000 rows, and all methods, or ``--methods``; ``density``, ``complete``
and ``synthetic`` print

- the log-density of test rows, in nats: a density for numbers, in their units, times a probability
  for categories, of what is observed. Beside the VAE: latent classes, which are the components of
  ``GaussianMixture(covariance_type="diag")`` of standardised and one-hot columns, made a
  probability of the categories of each column; and independent columns, which are one of them;
- that of the test rows without holes and new categories alone, and beside them that of a Gaussian
  copula (:mod:`gaussian_copula`), which has none for others;
- the area under the ROC curve, on test rows, of boosted trees that have learned from rows that a
  model has drawn, as many as there are, with their class as one column more; from real rows; and
  from rows whose columns were shuffled one by one. TVAE is that of the package ``ctgan`` (0.12).
"""

import argparse
import warnings

import numpy as np
import pandas as pd
from gaussian_copula import GaussianCopula
from mixed_tables import TABLES, read_table
from scipy.special import logsumexp
from scipy.stats import norm
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import StratifiedKFold
from sklearn.preprocessing import OneHotEncoder
from tables import show

from skvae import VAETransformer
from skvae.table_recipes import kinds_of

MAX_ROWS, N_COMPONENTS = 3000, 16
CLASS = "its class"


class LatentClasses:
    """A mixture whose components have independent columns, numbers and categories."""

    def __init__(self, n_classes, seed):
        self.n_classes, self.seed = n_classes, seed

    def fit(self, table):
        self.numbers, self.categories = kinds_of(table)
        self.means, self.scales = table[self.numbers].mean(), table[self.numbers].std()
        self.one_hot = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
        indicators = self.one_hot.fit_transform(table[self.categories])
        scaled = ((table[self.numbers] - self.means) / self.scales).fillna(0.0)
        rows = np.hstack([scaled, indicators])
        mixture = GaussianMixture(
            self.n_classes, covariance_type="diag", reg_covar=1e-3, random_state=self.seed
        ).fit(rows)
        self.log_weights = np.log(mixture.weights_)
        q = mixture.predict_proba(rows)  # (n, n_classes)
        mass = q.sum(axis=0)[:, None]
        observed = table[self.numbers].notna().to_numpy(float)
        held = q.T @ observed + 1e-9
        self.locations = q.T @ (observed * scaled.to_numpy()) / held
        deviation = scaled.to_numpy()[None] - self.locations[:, None]
        square = np.einsum("nk,kni,ni->ki", q, deviation**2, observed) / held
        self.spreads = np.sqrt(square + 1e-3)
        self.shares = (q.T @ indicators + 1) / (mass + 1)
        return self

    def score_samples(self, table):
        scaled = ((table[self.numbers] - self.means) / self.scales).to_numpy()
        observed = np.isfinite(scaled)
        log_p = norm.logpdf(np.nan_to_num(scaled)[:, None], self.locations, self.spreads)
        log_p = ((log_p - np.log(self.scales.to_numpy())) * observed[:, None]).sum(axis=2)
        start, indicators = 0, self.one_hot.transform(table[self.categories])
        for known in self.one_hot.categories_:
            columns = slice(start, start + len(known))
            shares = self.shares[:, columns] / self.shares[:, columns].sum(axis=1, keepdims=True)
            log_p = log_p + indicators[:, columns] @ np.log(shares).T
            start = columns.stop
        return logsumexp(log_p + self.log_weights, axis=1)


def latent_classes(table, seed):
    """Latent classes whose number is chosen on a fifth of the rows."""
    order = np.random.default_rng(seed).permutation(len(table))
    cut = len(order) // 5
    held, others = table.iloc[order[:cut]], table.iloc[order[cut:]]
    sizes = [1, 2, 4, 8, 16, 32]
    found = [LatentClasses(k, seed).fit(others).score_samples(held).mean() for k in sizes]

    return LatentClasses(sizes[int(np.argmax(found))], seed).fit(table)


DENSITIES = {
    "VAE": lambda table, seed: VAETransformer(N_COMPONENTS, random_state=seed).fit(table),
    "latent classes": latent_classes,
    "independent columns": lambda table, seed: LatentClasses(1, seed).fit(table),
}

COMPLETE = DENSITIES | {"Gaussian copula": lambda table, seed: GaussianCopula().fit(table)}


def drawn_by_vae(table, seed):
    vae = VAETransformer(N_COMPONENTS, random_state=seed).fit(table)
    return vae.sample(len(table), draw=True, random_state=seed)


def drawn_by_tvae(table, seed):
    from ctgan import TVAE

    numbers, categories = kinds_of(table)
    filled = table.fillna(table[numbers].median())
    filled[categories] = filled[categories].fillna("missing")
    tvae = TVAE()
    tvae.set_random_state(seed)
    tvae.fit(filled, categories)
    return tvae.sample(len(table))


def shuffled(table, seed):
    rng = np.random.default_rng(seed)
    return table.apply(lambda column: rng.permutation(column.to_numpy()))


GENERATORS = {
    "real rows": lambda table, seed: table,
    "VAE": drawn_by_vae,
    "TVAE": drawn_by_tvae,
    "shuffled columns": shuffled,
}


METHODS = {"density": DENSITIES, "complete": COMPLETE, "synthetic": GENERATORS}


def utility(learned, tested):
    """Area under the curve of trees that learn from some rows, on others."""
    numbers, categories = kinds_of(tested.drop(columns=CLASS))
    known = {c: pd.CategoricalDtype(sorted(tested[c].dropna().unique())) for c in categories}
    X, Z = (rows[numbers + categories].astype(known) for rows in (learned, tested))
    trees = HistGradientBoostingClassifier(categorical_features="from_dtype", random_state=0)
    p = trees.fit(X, learned[CLASS].astype(str)).predict_proba(Z)
    truth = tested[CLASS].astype(str)
    return roc_auc_score(truth, p[:, 1] if p.shape[1] == 2 else p, multi_class="ovr")


def without_holes(table, known):
    """Rows that have a value in every column, one that ``known`` rows have if it is a category."""
    _, categories = kinds_of(table)
    seen = table[categories].apply(lambda column: column.isin(known[column.name]))
    return table[table.notna().all(axis=1) & seen.all(axis=1)]


def measured(name, part, methods, n_folds):
    table, y = read_table(name, MAX_ROWS)
    labelled = table.assign(**{CLASS: y.astype(str)})
    found = {}
    folds = StratifiedKFold(10, shuffle=True, random_state=0).split(table, y)
    for seed, (train, test) in zip(range(n_folds), folds, strict=False):
        learned, tested = table.iloc[train], table.iloc[test]
        if part == "complete":
            tested = without_holes(tested, learned)
        for method in methods:
            model = METHODS[part][method]
            if part == "synthetic":
                score = utility(model(labelled.iloc[train], seed), labelled.iloc[test])
            else:
                score = model(learned, seed).score_samples(tested).mean()
            found.setdefault(method, []).append(score)

    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", choices=METHODS)
    parser.add_argument("tables", nargs="*", choices=[*TABLES, []])
    parser.add_argument("--folds", type=int, default=3)
    parser.add_argument("--methods", nargs="+", choices=[*COMPLETE, *GENERATORS])
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    methods = arguments.methods or METHODS[arguments.part]
    digits = 3 if arguments.part == "synthetic" else 2
    show(
        ["table", *methods],
        (
            [name, *(f"{np.mean(values):.{digits}f}" for values in found.values())]
            for name in arguments.tables or TABLES
            for found in [measured(name, arguments.part, methods, arguments.folds)]
        ),
    )


if __name__ == "__main__":
    main()
