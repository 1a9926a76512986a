"""What ``likelihood="auto"`` should be for grey levels and tables in [0, 1]: four tables.

``OMP_NUM_THREADS=1 SKVAE_DATA_HOME=FOLDER python vae_auto_likelihood.py``, some ten minutes. FOLDER
holds the IDX files of ``mnist`` and ``fashion-mnist``. Outliers: ROC AUC of ``score_samples`` after
a fit on half of the known rows, whose range becomes [0, 1]. Features: errors of classifiers on
posterior means. Two seeds for outliers of tables, one elsewhere.
"""

import argparse
import warnings

import numpy as np
import torch
from sklearn import datasets as tables
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.svm import SVC
from tables import show
from torch import nn

from skvae import VAETransformer
from skvae.datasets import load_fashion_mnist, load_mnist


class ContinuousBernoulli(nn.Module):
    """Loaiza-Ganem and Cunningham (NeurIPS 2019): exp(x l - A(l)) on [0, 1], l the logits."""

    def __init__(self, n_features):
        super().__init__()

    @staticmethod
    def log_normaliser(logits):
        """A(l) = log((exp(l) - 1) / l), by its series near 0."""
        near = logits.abs() < 0.25
        a = torch.where(near, 1, logits).abs()
        far = a / 2 + torch.log(-torch.expm1(-a) / a)
        s = torch.where(near, logits, 0).square()
        series = s * (1 / 24 - s * (1 / 2880 - s * (1 / 181440 - s / 9676800)))

        return logits / 2 + torch.where(near, series, far)

    def log_prob(self, x, logits):
        return (x * logits - self.log_normaliser(logits)).sum(-1)

    def mean(self, logits):
        with torch.enable_grad():
            leaf = logits.detach().double().requires_grad_()
            (mean,) = torch.autograd.grad(self.log_normaliser(leaf).sum(), leaf)
        return mean.to(logits)

    def sample(self, logits, generator):
        u = torch.empty_like(logits).uniform_(generator=generator)
        a = logits.abs().clamp(min=1e-6)
        x = -torch.log1p(u * torch.expm1(-a)) / a
        return torch.where(logits < 0, x, 1 - x)


LIKELIHOODS = {
    "bernoulli": "bernoulli",
    "continuous Bernoulli": ContinuousBernoulli,
    "gaussian": "gaussian",
    "gaussian_diag": "gaussian_diag",
}
# Which class stands out.
OUTLIERS = {
    "wine": (tables.load_wine, 2),
    "breast cancer": (tables.load_breast_cancer, 0),
    "iris": (tables.load_iris, 1),
    "digits": (tables.load_digits, 8),
}


def table(name):
    """Rows and which of them are outliers."""
    if name == "diabetes":
        X, y = tables.load_diabetes(return_X_y=True)
        return X, y > np.quantile(y, 0.9)
    load, label = OUTLIERS[name]
    X, y = load(return_X_y=True)
    return X, y == label


def auc(likelihood, X, out, seed, **options):
    """ROC AUC of the scores of unseen rows, after MinMaxScaler of the training rows."""
    train, unseen = train_test_split(X[~out], test_size=0.5, random_state=seed)
    scaler = MinMaxScaler(clip=likelihood not in ("gaussian", "gaussian_diag")).fit(train)
    vae = VAETransformer(10, likelihood=likelihood, random_state=seed, **options)
    vae.fit(scaler.transform(train))
    scores = vae.score_samples(scaler.transform(np.concatenate([unseen, X[out]])), n_importance=20)

    return roc_auc_score(np.arange(len(scores)) < len(unseen), scores)


def outliers_of_tables(n_seeds):
    for name in [*OUTLIERS, "diabetes"]:
        X, out = table(name)
        means = [
            np.mean([auc(p, X, out, seed) for seed in range(n_seeds)]) for p in LIKELIHOODS.values()
        ]
        yield [name, f"{(~out).sum()}", f"{out.sum()}", *(f"{m:.2f}" for m in means)]


def pixels(load):
    """From the name of a subset to its rows in [0, 1] and its labels."""

    def of(subset):
        data = load(subset=subset)
        return data.data.astype(np.float32) / np.float32(255), data.target.astype(int)

    return of


def outliers_of_images():
    """Sneakers are known, ankle boots are not, and the other way round."""
    (X, y), (X_test, y_test) = map(pixels(load_fashion_mnist), ("train", "test"))
    for name, known, other in (("boots among sneakers", 7, 9), ("sneakers among boots", 9, 7)):
        train = X[y == known][:3000]
        test = [X_test[y_test == label][:500] for label in (known, other)]
        cells = []
        for likelihood in LIKELIHOODS.values():
            vae = VAETransformer(32, likelihood=likelihood, max_iter=20, random_state=0).fit(train)
            scores = vae.score_samples(np.concatenate(test), n_importance=5)
            cells.append(f"{roc_auc_score(np.arange(1000) < 500, scores):.2f}")
        yield [name, "3,000", "500", *cells]


def features_of_images(n_train=5000, n_test=5000):
    X, y = (a[:n_train] for a in pixels(load_mnist)("train"))
    X_test, y_test = (a[:n_test] for a in pixels(load_mnist)("test"))
    for name, likelihood in LIKELIHOODS.items():
        vae = VAETransformer(32, likelihood=likelihood, max_iter=20, random_state=0).fit(X)
        Z, Z_test = vae.transform(X), vae.transform(X_test)
        Z, Z_test = Z / Z.std(), Z_test / Z.std()
        errors = [
            f"{100 - 100 * classifier.fit(Z, y).score(Z_test, y_test):.2f}"
            for classifier in (LogisticRegression(max_iter=300), KNeighborsClassifier(), SVC(C=10))
        ]
        yield [name, *errors, vae.n_active_]


def neighbours_of_tables(n_seeds):
    """Accuracy of five neighbours on means of rows in [0, 1], five folds."""
    for name in ("iris", "wine", "breast cancer", "digits"):
        X, y = OUTLIERS[name][0](return_X_y=True)
        cells = []
        for likelihood in LIKELIHOODS.values():
            accuracies = []
            for seed in range(n_seeds):
                d = min(10, X.shape[1])
                model = make_pipeline(
                    MinMaxScaler(clip=True),
                    VAETransformer(d, likelihood=likelihood, random_state=seed),
                    KNeighborsClassifier(),
                )
                for train, test in StratifiedKFold(5, shuffle=True, random_state=seed).split(X, y):
                    accuracies.append(model.fit(X[train], y[train]).score(X[test], y[test]))
            cells.append(f"{100 * np.mean(accuracies):.1f}")
        yield [name, *cells]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("parts", nargs="*", default=["images", "tables", "features", "neighbours"])
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    names = list(LIKELIHOODS)
    parts = {
        "images": (["outliers", "known", "unknown", *names], outliers_of_images),
        "tables": (["outliers", "known", "unknown", *names], outliers_of_tables),
        "features": (["MNIST", "linear", "kNN", "RBF SVM", "active"], features_of_images),
        "neighbours": (["kNN accuracy", *names], neighbours_of_tables),
    }
    for part in arguments.parts:
        header, rows = parts[part]
        show(header, rows(arguments.seeds) if part in ("tables", "neighbours") else rows())


if __name__ == "__main__":
    main()
