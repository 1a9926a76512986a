"""
Labels that spread among neighbours
===================================

This tutorial is for many images of which only ten or a hundred have a label.
:func:`~skvae.recipes.few_labels` makes Fisher vectors of all images, links each image to its
nearest neighbours, and lets labels spread along the links with scikit-learn's ``LabelSpreading``. A
linear classifier then learns from all images, with their given or spread labels, and classifies new
ones. This works where classes are clusters, and only there.
"""

# %%
# From 1 to 10 labels a class
# ---------------------------
# Features need no labels, so they are made once, for all draws of labels. For comparison, two
# classifiers see nothing but the labelled images.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier

from skvae import recipes

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X / 16, y, stratify=y, random_state=0)

model = recipes.few_labels("fv", "digits", n_dims=64, n_neighbors=5, random_state=0)
features, classifier = model["features"], model["classifier"]
F_train, F_test = features.fit_transform(X_train), features.transform(X_test)


def some_labels(y, n, rng):
    """Those of ``n`` images of each class, and -1 for the others."""
    classes = np.unique(y)
    chosen = [rng.choice(np.flatnonzero(y == k), n, replace=False) for k in classes]
    labels = np.full(len(y), -1)
    labels[np.concatenate(chosen)] = np.repeat(classes, n)
    return labels


def test_errors(n, y_train, y_test, n_draws=5):
    """In %, means over draws of ``n`` labels of each class."""
    errors = []
    for draw in range(n_draws):
        labels = some_labels(y_train, n, np.random.default_rng(draw))
        known = labels >= 0
        nearest = KNeighborsClassifier(1).fit(F_train[known], labels[known])
        linear = LogisticRegression(C=30).fit(F_train[known], labels[known])
        spread = classifier.fit(F_train, labels)
        models = spread, spread.transduction_, nearest, linear
        errors.append([100 * np.mean(m.predict(F_test) != y_test) for m in models])
    return np.mean(errors, axis=0)


names = ["spread, then linear", "spreading alone", "nearest labelled image", "logistic regression"]
per_class = [1, 2, 5, 10]
digit_errors = [test_errors(n, y_train, y_test) for n in per_class]

# %%
# Where it fails
# --------------
# Suppose that the two classes are images with more ink than most and images with less. Each cluster
# of digits has images of both classes. Neighbours then say little about the class, whatever the
# number of labels.
ink = X_train.sum(axis=1)
dark_train, dark_test = ink > np.median(ink), X_test.sum(axis=1) > np.median(ink)
dark_sizes = [5, 10, 25, 50]
dark_errors = [test_errors(n, dark_train.astype(int), dark_test.astype(int)) for n in dark_sizes]

figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
tasks = {"which digit": (10, per_class, digit_errors), "how much ink": (2, dark_sizes, dark_errors)}
styles = "o-", "v-.", "s--", "^:"
for ax, (task, (n_classes, sizes, errors)) in zip(axes, tasks.items(), strict=True):
    n_labels = n_classes * np.array(sizes)
    for name, values, style in zip(names, np.transpose(errors), styles, strict=True):
        print(f"{task}, {name:22} test error in %:", " ".join(f"{e:5.1f}" for e in values))
        ax.plot(n_labels, values, style, label=name)
    ax.set(xscale="log", xlabel="labels", title=task)
    ax.set_ylim(0, None)
    ax.set_xticks(n_labels, n_labels)
    ax.minorticks_off()
axes[0].set_ylabel("test error (%)")
axes[0].legend()
plt.show()

# %%
# What to try next
# ----------------
# - Make the features once and try other graphs: ``n_neighbors`` of ``recipes.neighbor_graph``.
# - Put features of your own, of rows, series or texts, in the place of the Fisher vectors.
# - See the errors on MNIST with a hundred labels, and when the method fails (:doc:`/few-labels`).
