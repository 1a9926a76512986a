"""
Which members of a set decided
==============================

This example shows which members of a set decided about its class. The decision of a linear model on
Fisher vectors is a sum over descriptors: ``encoder.contributions(X, coef)`` has a number for each,
and these sum to the decision less its intercept. The descriptors are patches of an image first, and
then rows of a table.
"""

# %%
# A model
# -------
# The model tells threes from eights by patches and their places.
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

from skvae import FisherVectorEncoder, ImagePatches, TableSets
from skvae.displays import ComponentChangesDisplay, ContributionsDisplay

digits = load_digits()
some = np.isin(digits.target, [3, 8])
X_train, X_test, y_train, y_test = train_test_split(
    digits.data[some] / 16, digits.target[some], random_state=0
)

patches = ImagePatches(patch_size=3, padding=1)
encoder = FisherVectorEncoder(32, extractor=patches, spatial="xy", random_state=0)
F_train, F_test = encoder.fit_transform(X_train), encoder.transform(X_test)
model = LogisticRegression(C=10, max_iter=1000).fit(F_train, y_train)
print(f"error {1 - model.score(F_test, y_test):.1%}")

# %%
# The patches that decide
# -----------------------
# Purple patches speak for an eight, orange ones for a three: the left side, which an eight closes
# and a three leaves open, decides.
contributions = encoder.contributions(X_test, model.coef_[0])
sums = np.array([part.sum() for part in contributions]) + model.intercept_[0]
gap = np.abs(sums - model.decision_function(F_test)).max()
print(f"largest difference from the decision: {gap:.0e}")

figure, axes = plt.subplots(2, 3, figsize=(11, 6.4), layout="constrained")
for row, digit in zip(axes, (3, 8), strict=True):
    for ax, i in zip(row, np.flatnonzero(y_test == digit), strict=False):
        ContributionsDisplay.from_estimator(encoder, X_test[i : i + 1], model.coef_[0], ax=ax)
        ax.set(title=f"a {digit}, decision {sums[i]:+.1f}", xlabel="", ylabel="")

# %%
# The rows that decide
# --------------------
# The sets are customers, and their members are the purchases of each. One in a hundred purchases of
# those who will leave is the return of something expensive, which the means of their columns do not
# show.
rng = np.random.default_rng(0)
customers = pd.DataFrame({"customer": np.arange(300)})
leaves = np.arange(300) % 2 == 1
purchases = pd.DataFrame(
    {
        "customer": np.repeat(np.arange(300), 100),
        "price": rng.lognormal(3, 0.5, 30_000),
        "returned": rng.random(30_000) < 0.05,
    }
)
needles = 100 * np.flatnonzero(leaves) + rng.integers(0, 100, 150)
purchases.loc[needles, "price"] = rng.lognormal(5, 0.2, 150)
purchases.loc[needles, "returned"] = True

sets = TableSets(purchases, key="customer", unknown="ignore")
of_customers = FisherVectorEncoder(16, extractor=sets, random_state=0)
train, test = customers[:200], customers[200:]
churn = LogisticRegression(C=10).fit(of_customers.fit_transform(train), leaves[:200])
print(f"error {1 - churn.score(of_customers.transform(test), leaves[200:]):.1%}")

# %%
# Contributions come in the order of the table, so the purchase that gave a customer away can be
# found in it. The display beside them describes the set: it shows how far, in standard deviations,
# the means of its components lie from those of all customers.
parts = of_customers.contributions(test[leaves[200:]], churn.coef_[0])
of_needles = needles[100:] % 100
hits = np.mean([part.argmax() == row for part, row in zip(parts, of_needles, strict=True)])
print(f"strongest of 100 purchases is the return of something dear: {hits:.0%}")

one = test[1:2]
rows = purchases[purchases.customer == one.customer.iloc[0]]
names = [f"{p:.0f} euros{', returned' * r}" for p, r in zip(rows.price, rows.returned, strict=True)]
figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
ContributionsDisplay.from_estimator(
    of_customers, one, churn.coef_[0], names=names, n_bars=12, ax=left
)
ComponentChangesDisplay.from_estimator(of_customers, one, kind="shift", ax=right)
plt.show()
