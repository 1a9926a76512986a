"""
One-to-many tables
==================

This tutorial is for data in two tables: one with a row for each customer, patient or plane, and
another with any number of rows for each of them. Classifiers want one row. The usual way is to
aggregate: to take the mean, standard deviation, minimum, maximum and median of each column.
:class:`~skvae.TableSets` passes all rows on instead, and a Fisher vector says how those of one key
deviate from those of all keys.
"""

# %%
# Two tables
# ----------
# Here the second table has the ink of digits: a row for each pixel that has some, on average 33 for
# a digit, in no order. The main table has one row for each digit; ``digit`` is the key in both.
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.datasets import load_digits
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skvae import FisherVectorEncoder, TableSets

digits = load_digits()
number, row, column = np.nonzero(digits.images)
ink = digits.images[number, row, column]
pixels = pd.DataFrame({"digit": number, "row": row, "column": column, "ink": ink})
pixels = pixels.sample(frac=1, random_state=0, ignore_index=True)
main, y = pd.DataFrame({"digit": np.arange(len(digits.images))}), digits.target
print(pixels.head())

# %%
# One row for each key
# --------------------
# Aggregates and Fisher vectors are both transformers of the main table. Cross-validation therefore
# splits digits rather than pixels, and learns scales and Gaussians from the training digits alone;
# ``unknown="ignore"`` says that rows of the other digits are left out on purpose.
aggregates = pixels.groupby("digit").agg(["mean", "std", "min", "max", "median"])


def aggregated(X):
    return aggregates.loc[X.digit].to_numpy()


sets = TableSets(pixels, key="digit", unknown="ignore")
linear = LogisticRegression(C=10, max_iter=200)
models = {
    "aggregates, linear": make_pipeline(FunctionTransformer(aggregated), StandardScaler(), linear),
    "aggregates, boosting": make_pipeline(
        FunctionTransformer(aggregated),
        HistGradientBoostingClassifier(max_iter=30, random_state=0),
    ),
    "Fisher vector, K=8, linear": make_pipeline(
        FisherVectorEncoder(8, extractor=sets, random_state=0), linear
    ),
    "Fisher vector, K=32, linear": make_pipeline(
        FisherVectorEncoder(32, extractor=sets, random_state=0), linear
    ),
}
errors = {}
for name, model in models.items():
    errors[name] = 100 * np.mean(cross_val_predict(model, main, y, cv=3) != y)
    print(f"{name:28} error {errors[name]:.1f} %")

# %%
# Aggregates know how far the ink extends, but not where it lies; a Fisher vector knows both.
figure, (left, right) = plt.subplots(
    1, 2, figsize=(9, 3.2), layout="constrained", width_ratios=[1, 2]
)
some = pixels[pixels.digit == 5]
left.scatter(some.column, some.row, s=10 * some.ink, color="black")
left.margins(0.15)
left.invert_yaxis()
left.set(aspect="equal", xlabel="column", ylabel="row", yticks=range(8))
left.set_title(f"{len(some)} rows of one key")
right.barh(list(errors), list(errors.values()), color="0.4")
right.invert_yaxis()
right.set(xlabel="error of three folds (%)")
plt.show()

# %%
# What to try next
# ----------------
# - Put Fisher vectors beside the aggregates, by ``make_union``, and boosted trees after both.
# - ``encoder.contributions`` says which rows of a key decided
#   (:doc:`/auto_examples/plot_contributions`).
# - Add columns with text, times and missing values (:doc:`/tables`).
#
# Where it loses
# --------------
# Aggregates are enough where one column tells nearly everything, where there are only a few hundred
# keys, or where most values are missing. :doc:`/tables` has such tables beside one on which Fisher
# vectors are far better.
