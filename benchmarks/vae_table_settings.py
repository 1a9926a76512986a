"""Settings of the VAE of a table under the same classifiers, beside principal components.

``OMP_NUM_THREADS=1 python vae_table_settings.py credit_data`` computes the first five of the ten
folds of :mod:`vae_tables`, or ``--folds``, with each of the settings below, or ``--settings``.
Every fold is kept in ``results/vae-table-settings.jsonl`` and not computed twice; ``--show`` prints
their means of the area under the ROC curve, in %, and of the bound on log p(x_obs) of the test
rows in nats. The last two settings, which begin at random weights, tell whether it helps if the
encoder learns an embedding of each category, of at most 8 numbers, before its first hidden layer.
"""

import argparse
import itertools
import warnings

import numpy as np
import pandas as pd
import records
import torch
from mixed_tables import TABLES, read_table
from sklearn.base import clone
from sklearn.model_selection import StratifiedKFold
from tables import show
from vae_tables import CLASSIFIERS, FOLDS, MAX_ROWS, scores

from skvae import recipes

NAME = "vae-table-settings"
MEASURED = ("linear", "knn")
SETTINGS = {
    "the recipe": {},
    "half the weight of the KL term": {"beta": 0.5},
    "0.3 free bits": {"free_bits": 0.3},
    "5 importance samples": {"n_importance": 5},
    "one hidden layer of 64": {"hidden_layer_sizes": (64,)},
    "no hidden layer": {"hidden_layer_sizes": ()},
    "20 epochs": {"max_iter": 20},
    "no KL term": {"variational": False},
    "tanh": {"activation": "tanh"},
    "learning rate 7e-4": {"learning_rate_init": 7e-4},
    "refined means": {"output": "refined"},
}
NETWORKS = ["random weights", "embeddings"]
EMBEDDED = 8


class Embeddings(torch.nn.Module):
    """Numbers as they are, and so many numbers for each group of columns of 0 and 1."""

    def __init__(self, n_inputs, sizes):
        super().__init__()
        self.sizes = [n_inputs - sum(sizes), *sizes]
        self.of_categories = torch.nn.ModuleList(
            torch.nn.Linear(size, min(EMBEDDED, size), bias=False) for size in sizes
        )
        self.width = self.sizes[0] + sum(min(EMBEDDED, size) for size in sizes)

    def forward(self, x):
        numbers, *categories = x.split(self.sizes, dim=1)
        pairs = zip(self.of_categories, categories, strict=True)
        return torch.cat([numbers, *(embed(c) for embed, c in pairs)], dim=1)


def perceptron(n_in, n_out):
    widths = [n_in, 200, 200]
    hidden = [
        layer
        for a, b in itertools.pairwise(widths)
        for layer in (torch.nn.Linear(a, b), torch.nn.ReLU())
    ]
    return torch.nn.Sequential(*hidden, torch.nn.Linear(widths[-1], n_out))


def network(setting, vae, rows):
    """Encoder and decoder that begin at random weights, with embeddings or without."""
    if setting == "random weights":
        return perceptron, perceptron
    sizes = [
        size
        for _, encoder, columns in vae.likelihood
        if encoder != "gaussian_diag"
        for size in widths(clone(encoder).fit(rows[columns].astype(object)))
    ]

    def encoder(n_in, n_out):
        embeddings = Embeddings(n_in, sizes)
        return torch.nn.Sequential(embeddings, perceptron(embeddings.width, n_out))

    return encoder, perceptron


def widths(encoder):
    """Columns of 0 and 1 for each category, of which a missing value is none."""
    infrequent = encoder.infrequent_categories_
    return [
        pd.notna(values).sum() - (0 if rare is None else len(rare) - 1)
        for values, rare in zip(encoder.categories_, infrequent, strict=True)
    ]


def run_fold(table, y, train, test, setting, fold):
    recipe = "pca" if setting == "pca" else "vae"
    feature = recipes.make_for_table(recipe, table, random_state=fold)
    if setting in NETWORKS:
        own = network(setting, feature[-1], table.iloc[train])
        feature.set_params(vae__network=own)
    elif recipe == "vae":
        feature.set_params(**{f"vae__{key}": value for key, value in SETTINGS[setting].items()})
    F_train = np.asarray(feature.fit_transform(table.iloc[train]))
    F_test = np.asarray(feature.transform(table.iloc[test]))
    found = {
        name: scores(CLASSIFIERS[name], F_train, y[train], F_test, y[test])["auc"]
        for name in MEASURED
    }
    is_bound = recipe == "vae" and SETTINGS.get(setting, {}).get("variational", True)
    return found | {"bound": feature[-1].score(table.iloc[test]) if is_bound else None}


def run(name, settings, n_folds):
    table, y = read_table(name, MAX_ROWS)
    done = {(r["table"], r["setting"], r["fold"]) for r in records.read(NAME)}
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0).split(table, y)
    for fold, (train, test) in zip(range(n_folds), folds, strict=False):
        for setting in settings:
            if (name, setting, fold) not in done:
                found = run_fold(table, y, train, test, setting, fold)
                records.append(NAME, {"table": name, "setting": setting, "fold": fold} | found)
                print(name, setting, fold, found, flush=True)


def rows(n_folds):
    """A row for each table and setting, of means over its first folds."""
    kept = {}
    for r in records.read(NAME):
        if r["fold"] < n_folds:
            kept.setdefault((r["table"], r["setting"]), []).append(r)
    for (name, setting), found in kept.items():
        aucs = [f"{100 * np.mean([r[measure] for r in found]):.1f}" for measure in MEASURED]
        has_bound = found[0]["bound"] is not None
        bound = f"{np.mean([r['bound'] for r in found]):.1f}" if has_bound else ""
        yield [name, setting, len(found), *aucs, bound]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tables", nargs="*", choices=[*TABLES, []])
    parser.add_argument("--settings", nargs="+", choices=["pca", *SETTINGS, *NETWORKS])
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--show", action="store_true")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    for name in arguments.tables:
        run(name, arguments.settings or ["pca", *SETTINGS, *NETWORKS], arguments.folds)
    if arguments.show:
        show(["table", "setting", "folds", *MEASURED, "bound"], rows(arguments.folds))


if __name__ == "__main__":
    main()
