"""
Fisher vectors, VAE means and pixels under the same classifiers
===============================================================

This example does from Python what ``skvae compare`` does, with one feature of your own beside the
built-in ones. By default it compares features on the digits that come with scikit-learn. For MNIST,
in ``$SKVAE_DATA_HOME`` or from OpenML, run it as ``python mnist_comparison.py mnist``, which takes
minutes.
"""

import sys

import numpy as np
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skvae import compare_features, datasets, recipes

name = sys.argv[1] if len(sys.argv) > 1 else "digits"
data = datasets.DATASETS[name]()
X = (data.data / data.max_value).astype(np.float32)
n = 500 if name == "digits" else 6000  # a part of the images is enough to see the order
keep = np.r_[0:n, data.n_train : len(X)]
X, y = X[keep], data.target[keep]

features = {
    "pixels": recipes.make("raw", name),
    "Fisher vectors": recipes.make("fv", name),
    "VAE means": recipes.make("vae", name).set_params(vae__max_iter=50),
    "scaled PCA": make_pipeline(PCA(20), StandardScaler()),
}
comparison = compare_features(
    X[:n], y[:n], X[n:], y[n:], features=features, classifiers=["linear", "knn"], dataset=name
)
print(comparison.table())
