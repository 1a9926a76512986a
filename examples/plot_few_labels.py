"""
Labels that spread among neighbours
===================================

Ten images have a label, or a hundred, and many others have none. :func:`~skvae.recipes.few_labels`
makes Fisher vectors of all of them, links each to its nearest, and lets labels spread along the
links with scikit-learn's ``LabelSpreading``; a linear classifier learns from all images, with the
labels that came, to classify new ones. It works where classes are clusters, and only there.
"""

# %%
# From 1 to 10 labels a class
# ---------------------------
# Features need no labels, so they are made once, for all draws of labels. Beside them, two
# classifiers that see nothing but the labelled images.
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
# Which images have more ink than most is a question like any other, but each cluster of digits has
# images of either kind. Neighbours then say little, whatever the number of labels.
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
# - Features of your own, of rows, series or texts, in the place of the Fisher vectors.
# - MNIST with a hundred labels, and how it fails: :doc:`/few-labels`.
