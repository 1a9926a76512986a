"""
Tables with categories and missing values
=========================================

This tutorial is for tables that have numbers beside categories, and in which some cells are empty.
Classifiers want numbers, all of them known. :func:`skvae.recipes.make_for_table` makes pipelines
for the columns of a table: "raw" is scikit-learn's scaler, imputer and one-hot encoder, "pca" adds
principal components, and "vae" reads the table as it is. One command does the same comparison:
``skvae compare --data wines.csv --target cultivar --report report.html``.
"""

# %%
# A table
# -------
# The table has wines of three growers. It has five measurements, of which a tenth are missing, and
# the colour in words, which is missing for every eighth wine.
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.datasets import load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline

from skvae import recipes

wines = load_wine(as_frame=True)
numbers = ["alcohol", "malic_acid", "ash", "magnesium", "total_phenols"]
rng = np.random.default_rng(0)
table = wines.data[numbers].mask(rng.random((178, 5)) < 0.1)
colour = pd.qcut(wines.data.color_intensity, 3, labels=["pale", "ruby", "dark"])
table["colour"] = colour.astype(object).where(rng.random(178) > 1 / 8, None)
y = wines.target
print(table.head())

# %%
# Features under the same classifiers
# -----------------------------------
# A recipe is an unfitted pipeline. The table only says what kinds of columns there are; everything
# else is learned anew in each fold.
classifiers = {
    "linear": LogisticRegression(max_iter=500),
    "nearest neighbours": KNeighborsClassifier(10),
}
errors = {}
for name in ["raw", "pca", "vae"]:
    features = recipes.make_for_table(name, table, random_state=0)
    for classifier, model in classifiers.items():
        predicted = cross_val_predict(make_pipeline(features, model), table, y, cv=3)
        errors[name, classifier] = 100 * np.mean(predicted != y)
        print(f"{name:4} {classifier:20} error {errors[name, classifier]:.1f} %")

# %%
# Empty cells
# -----------
# A VAE is also a model of the missing values: ``impute`` fills in what is to be expected from the
# rest of the row. The true values of these cells are known, since they were emptied above.
vae = recipes.make_for_table("vae", table, random_state=0).named_steps["vae"].fit(table)
filled = vae.impute(table)
print(filled.head())

truth, scale = wines.data[numbers], wines.data[numbers].std()
by_median = table[numbers].fillna(table[numbers].median())
empty = table[numbers].isna().to_numpy()

# %%
fig, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
for shift, classifier in zip((-0.2, 0.2), classifiers, strict=True):
    of_classifier = [errors[name, classifier] for name in ("raw", "pca", "vae")]
    left.barh(np.arange(3) + shift, of_classifier, height=0.38, label=classifier)
left.set_yticks(range(3), ["raw", "pca", "vae"])
left.set_xlabel("wines classified wrongly, %")
left.legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=2)
scores = ((truth - truth.mean()) / scale).to_numpy()[empty]
for name, guess in (("median", by_median), ("VAE", filled[numbers])):
    guesses = ((guess - truth.mean()) / scale).to_numpy()[empty]
    rms = np.sqrt(np.mean((guesses - scores) ** 2))
    right.scatter(scores, guesses, s=12, label=f"{name}: off by {rms:.2f}")
right.axline((0, 0), slope=1, color="0.7", linewidth=0.8)
right.set(xlabel="emptied cells, in standard deviations", ylabel="filled in")
right.legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=2)
plt.show()

# %%
# What to try next
# ----------------
# If two kinds of columns, numbers and categories, are too few, for instance because some are
# counts, give each block of columns a likelihood of its own by
# ``VAETransformer(likelihood=[...])``. :ref:`The page on tables <mixed-tables>` compares the
# features on larger tables.
#
# Where it loses
# --------------
# Six columns are few enough for classifiers as they are. Under the linear classifier the three
# features differ by a single wine, and under nearest neighbours by a few, which proves nothing with
# 178 rows. What the VAE certainly adds is a density, and values for the empty cells.
