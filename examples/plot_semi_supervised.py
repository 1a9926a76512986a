"""
Few labels, and a prior with class means
========================================

This tutorial learns from many rows of which few have a label. The prior of the VAE has a mean for
each class, and rows with the label -1 are unlabelled: they train encoder and decoder all the same,
and find their class by themselves. The model is compared with two classifiers that see only the
labelled rows.
"""

# %%
# From 2 to 20 labels a class
# ---------------------------
# A few labelled rows among a thousand others hardly count in the likelihood. They are therefore
# repeated until they are as many as the rest.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC

from skvae import VAETransformer

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X / 16, y, stratify=y, random_state=0)

plain = VAETransformer(10, likelihood="bernoulli", max_iter=50, random_state=0).fit(X_train)
Z_train, Z_test = plain.transform(X_train), plain.transform(X_test)


def test_errors(n, rng):
    """In %, of three classifiers that know ``n`` labels of each class."""
    labelled = np.concatenate(
        [rng.choice(np.flatnonzero(y_train == k), n, replace=False) for k in range(10)]
    )
    known = np.full(len(y_train), -1)
    known[labelled] = y_train[labelled]
    rows = np.concatenate([np.arange(len(known)), np.resize(labelled, len(known))])
    vae = VAETransformer(
        10, conditional="prior", likelihood="bernoulli", max_iter=30, random_state=0
    )
    vae.fit(X_train[rows], known[rows])
    knn = KNeighborsClassifier(1).fit(Z_train[labelled], y_train[labelled])
    svm = SVC(C=10).fit(X_train[labelled], y_train[labelled])
    guesses = vae.predict(X_test), knn.predict(Z_test), svm.predict(X_test)
    return [100 * np.mean(guess != y_test) for guess in guesses]


per_class = [2, 5, 20]
errors = [test_errors(n, np.random.default_rng(n)) for n in per_class]

# %%
# Unlabelled images help while labels are few. With 20 labels of each class, the SVM of the pixels
# is ahead.
names = ["class means as prior", "VAE of all images, nearest neighbour", "pixels, SVM"]
figure, ax = plt.subplots(figsize=(6.5, 3.8), layout="constrained")
for name, values, style in zip(names, np.transpose(errors), ("o-", "s--", "^:"), strict=True):
    print(f"{name:36} test error in %:", " ".join(f"{e:5.1f}" for e in values))
    ax.plot(per_class, values, style, label=name)
ax.set(xscale="log", xlabel="labelled images of each class", ylabel="test error (%)")
ax.set_ylim(0, None)
ax.set_xticks(per_class, per_class)
ax.minorticks_off()
ax.legend()
plt.show()

# %%
# What to try next
# ----------------
# - Set ``label_weight=``, which makes the labelled rows count more without repeating them.
# - Call ``predict_proba``, which gives each unlabelled row a probability for every class.
# - For images, spread labels over a graph of Fisher vectors, which errs less
#   (:doc:`/auto_examples/plot_few_labels`).
#
# Where it loses
# --------------
# With 20 labels of each class the support vector machine, which sees only the labelled rows, is the
# best of the three. The clusters that the bound finds need not be the classes.
