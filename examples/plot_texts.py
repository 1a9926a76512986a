"""
Texts as sets of words
======================

This tutorial classifies short texts by the vectors of their words. A text is a set of words, and
each word is a vector. The usual row of a text is the mean of its word vectors; a Fisher vector also
says how they scatter, and among which kinds of words. Here a linear classifier assigns functions to
their module by the first words of their documentation.
"""

# %%
# Texts that are at hand
# ----------------------
# The texts are the documentation of 60 functions and classes from each of five modules of SciPy,
# cut to at most fifteen words of three letters or more.
import importlib
import inspect
import re

import matplotlib.pyplot as plt
import numpy as np
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import FunctionTransformer, Normalizer, StandardScaler

from skvae import FisherVectorEncoder

MODULES = ["linalg", "ndimage", "optimize", "signal", "stats"]
pages, y = [], []
for name in MODULES:
    members = vars(importlib.import_module(f"scipy.{name}"))
    found = {inspect.getdoc(m) or "": n for n, m in members.items() if n[0] != "_" and callable(m)}
    long = sorted(text for text in found if len(text) > 400)[:60]
    pages += long
    y += [name] * len(long)

words = [re.findall("[a-z]{3,}", page.lower()) for page in pages]
texts = [" ".join(page[:15]) for page in words]
print(f"{len(texts)} texts, the first of them: {texts[0]}")

# %%
# A vector for each word
# ----------------------
# Words are similar if they occur among the same words. The vectors are therefore singular vectors
# of a matrix that says how much more often two words occur on one page than by chance (positive
# pointwise mutual information). No label plays a part. With a language model at hand, take its
# token embeddings instead: an array of shape (tokens, dimensions) for each text.
counter = CountVectorizer(token_pattern="[a-z]{3,}", min_df=3, binary=True)
on_page = counter.fit_transform(" ".join(page[:150]) for page in words).astype(float)
together = (on_page.T @ on_page).toarray()
expected = np.outer(np.diag(together), np.diag(together)) / len(pages)
information = np.log(np.maximum(together / expected, 1))
vectors = TruncatedSVD(30, random_state=0).fit_transform(information)
vector_of = dict(zip(counter.get_feature_names_out(), vectors, strict=True))

sets = [np.array([vector_of[w] for w in text.split() if w in vector_of]) for text in texts]
print(f"{min(map(len, sets))} to {max(map(len, sets))} words with a vector, of {vectors.shape[1]}")

# %%
# Means, Fisher vectors, or both
# ------------------------------


def means(sets):
    return np.array([one.mean(axis=0) for one in sets])


encoder = FisherVectorEncoder(4, reducer=StandardScaler(), random_state=0)
mean = make_pipeline(FunctionTransformer(means), StandardScaler(), Normalizer())
linear = LogisticRegression(C=10, max_iter=300)
models = {
    "TF-IDF": make_pipeline(TfidfVectorizer(sublinear_tf=True), linear),
    "mean of word vectors": make_pipeline(mean, linear),
    "Fisher vector": make_pipeline(encoder, linear),
    "mean and Fisher vector": make_pipeline(make_union(mean, encoder), linear),
}
errors = {}
for name, model in models.items():
    X = texts if name == "TF-IDF" else sets
    errors[name] = 100 * np.mean(cross_val_predict(model, X, y, cv=3) != np.array(y))
    print(f"{name:22} error {errors[name]:.1f} %")

# %%
# What came out
# -------------
# The Fisher vector has a smaller error than the mean, and both together are as good as TF-IDF; with
# 300 texts a difference of two points can be chance. The decision of the classifier can be
# explained word by word: it is the sum of the contributions of the words of a text.
encoder.fit(sets)
model = LogisticRegression(C=10, max_iter=300).fit(encoder.transform(sets), y)
chosen = y.index("signal") + 4
parts = encoder.contributions(sets[chosen : chosen + 1], model.coef_)[0]  # (words, classes)
speaks = parts[:, MODULES.index("signal")]
known = [word for word in texts[chosen].split() if word in vector_of]

figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
axes[0].barh(list(errors), list(errors.values()), color=["0.6", "0.6", "tab:blue", "tab:blue"])
axes[0].set(xlabel="texts of the wrong module (%)", title="three folds")
axes[1].barh(range(len(known)), speaks, color=np.where(speaks > 0, "tab:blue", "tab:orange"))
axes[1].set_yticks(range(len(known)), known)
axes[1].set(title="one text: for and against “signal”", xlabel="contribution")
for ax in axes:
    ax.invert_yaxis()
plt.show()

# %%
# What to try next
# ----------------
# - Put token embeddings of a language model in the place of these vectors.
# - Compare ``VLADEncoder``, which is half as long, and other ``n_components``.
# - Give rare words more weight: ``sample_weight`` takes one number for each word
#   (:doc:`/weights`).
#
# Where it loses
# --------------
# A bag of words, TF-IDF, is hard to beat where single words name the class, as here, and it needs
# no vectors. Word order is not seen. A sentence embedding of a large language model that was
# trained for the task is better than any set of static word vectors.
