"""
Both halves in one grid search
==============================

This example chooses between kinds of features by cross-validation. A step of a Pipeline is a
parameter like any other, so one ``GridSearchCV`` can compare Fisher vectors, VAE means, and Fisher
vectors in the latent space of a patch VAE, each with several settings. It runs in about twenty
seconds on one core.
"""

# %%
# One pipeline, three grids
# -------------------------
# Names reach into every part: ``features__reducer__n_components`` is the latent dimension of the
# VAE that shortens patches for the Fisher vector.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from skvae import FisherVectorEncoder, ImagePatches, VAETransformer

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(
    X / 16, y, train_size=900, stratify=y, random_state=0
)

fisher = FisherVectorEncoder(
    16,
    extractor=ImagePatches(patch_size=3, padding=1),
    reducer=PCA(6),
    spatial="xy",
    random_state=0,
)
patch_vae = VAETransformer(
    4, hidden_layer_sizes=(32,), likelihood="gaussian", batch_size=512, max_iter=4
)
vae = VAETransformer(16, binarize="dynamic", max_iter=40, random_state=0)
grids = {
    "Fisher vector": {
        "features": [fisher],
        "features__n_components": [4, 16],
        "features__reducer__n_components": [3, 6],
    },
    "Fisher vector in latent space": {
        "features": [fisher],
        "features__reducer": [patch_vae],
        "features__reducer__n_components": [3, 6],
    },
    "VAE mean": {"features": [vae], "features__n_components": [8, 32], "features__beta": [0.5, 1]},
}
pipeline = Pipeline(
    [("features", fisher), ("scale", StandardScaler()), ("linear", LogisticRegression(C=0.1))]
)
search = GridSearchCV(pipeline, list(grids.values()), cv=3).fit(X_train, y_train)

# %%
# ``cv_results_``
# ---------------
# The results have a row for each candidate, in the order of the grids.
results = search.cv_results_
errors, spreads = 1 - results["mean_test_score"], results["std_test_score"]


def describe(parameters):
    """The settings of a candidate without the estimators."""
    settings = {name: value for name, value in parameters.items() if np.isscalar(value)}

    return ", ".join(f"{name.removeprefix('features__')}={v}" for name, v in settings.items())


rows = [describe(parameters) for parameters in results["params"]]
kinds = np.repeat(list(grids), [4, 2, 4])
for i in np.argsort(errors):
    seconds = results["mean_fit_time"][i]
    print(f"error {errors[i]:6.2%} ± {spreads[i]:.2%}  {seconds:5.2f} s  {kinds[i]}: {rows[i]}")
print(f"test error of the best: {1 - search.score(X_test, y_test):.2%}")

# %%
# The picture has the same results; its bars are the standard deviation over the three folds.
figure, ax = plt.subplots(figsize=(8, 4), layout="constrained")
styles = zip(grids, ["o", "s", "^"], ["#0072B2", "#E69F00", "#009E73"], strict=True)
for kind, marker, colour in styles:
    here = np.flatnonzero(kinds == kind)
    places = len(rows) - 1 - here
    bars = {"xerr": 100 * spreads[here], "fmt": marker, "color": colour, "capsize": 3}
    ax.errorbar(100 * errors[here], places, label=kind, **bars)
ax.set(xlabel="cross-validated error (%)", yticks=range(len(rows)), yticklabels=rows[::-1])
ax.grid(axis="x", alpha=0.4)
ax.legend()
plt.show()
