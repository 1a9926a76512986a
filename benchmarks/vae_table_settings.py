"""Settings of the VAE of a table under the same classifiers, beside principal components.

``OMP_NUM_THREADS=1 python vae_table_settings.py credit_data`` computes the first five of the ten
folds of :mod:`vae_tables`, or ``--folds``, with each of the settings below, or ``--settings``.
Every fold is kept in ``results/vae-table-settings.jsonl`` and not computed twice; ``--show`` prints
their means of the area under the ROC curve, in %, and of the bound on log p(x_obs) of the test
rows in nats.
"""

import argparse
import warnings

import numpy as np
import records
from mixed_tables import TABLES, read_table
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


def run_fold(table, y, train, test, setting, fold):
    recipe = "pca" if setting == "pca" else "vae"
    feature = recipes.make_for_table(recipe, table, random_state=fold)
    if recipe == "vae":
        feature.set_params(**{f"vae__{key}": value for key, value in SETTINGS[setting].items()})
    F_train = np.asarray(feature.fit_transform(table.iloc[train]))
    F_test = np.asarray(feature.transform(table.iloc[test]))
    found = {
        name: scores(CLASSIFIERS[name], F_train, y[train], F_test, y[test])["auc"]
        for name in MEASURED
    }
    is_bound = recipe == "vae" and SETTINGS[setting].get("variational", True)
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
    parser.add_argument("--settings", nargs="+", choices=["pca", *SETTINGS])
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--show", action="store_true")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    for name in arguments.tables:
        run(name, arguments.settings or ["pca", *SETTINGS], arguments.folds)
    if arguments.show:
        show(["table", "setting", "folds", *MEASURED, "bound"], rows(arguments.folds))


if __name__ == "__main__":
    main()
