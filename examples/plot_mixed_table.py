"""
Tables with categories and holes
================================

Rows of a table have numbers beside categories, and some cells are empty. Classifiers want numbers,
all of them known. :func:`skvae.recipes.make_for_table` makes a pipeline of a table's columns:
scikit-learn's imputer, scaler and one-hot encoder, and what is learned from the encoded rows, such
as the posterior means of a variational autoencoder. A shell does all of this page in one line:
``skvae compare --data wines.csv --target cultivar --report report.html``.
"""

# %%
# A table
# -------
# Wines of three growers: five measurements, of which a tenth are missing, and the colour in words,
# which is missing for every eighth.
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
# A recipe is an unfitted pipeline, which reads the types of the columns and nothing else: what
# fills holes is learned in each fold anew.
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
# Two dimensions are enough for a picture of all rows.
vae = recipes.make_for_table("vae", table, random_state=0).set_params(vae__n_components=2)
Z = vae.fit_transform(table)

fig, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
for shift, classifier in zip((-0.2, 0.2), classifiers, strict=True):
    of_classifier = [errors[name, classifier] for name in ("raw", "pca", "vae")]
    left.barh(np.arange(3) + shift, of_classifier, height=0.38, label=classifier)
left.set_yticks(range(3), ["raw", "pca", "vae"])
left.set_xlabel("wines classified wrongly, %")
left.legend(frameon=False)
for grower in range(3):
    right.scatter(*Z[y == grower].T, s=12, label=wines.target_names[grower])
right.set(xlabel="latent dimension 1", ylabel="latent dimension 2")
right.legend(frameon=False)
plt.show()
