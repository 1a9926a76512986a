"""
Bags of words, VLAD, Fisher vectors
===================================

This example compares three vectors of the same patches, under vocabularies of the same size. Each
keeps more than the one before: counts of the nearest words; where descriptors lie around each word;
and how wide they scatter there, with soft counts.
"""

# %%
# Three encoders, four vocabularies
# ---------------------------------
import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

from skvae import BagOfVisualWordsEncoder, FisherVectorEncoder, ImagePatches, VLADEncoder

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(
    X / 16, y, test_size=700, stratify=y, random_state=0
)

parts = {
    "extractor": ImagePatches(patch_size=3, padding=1),
    "reducer": PCA(6),
    "spatial": "xy",
    "random_state": 0,
}
encoders = {
    "bag of words": BagOfVisualWordsEncoder(**parts),
    "VLAD": VLADEncoder(**parts),
    "Fisher vector": FisherVectorEncoder(**parts),
}
sizes = [4, 16, 64]
curves = {}
for name, encoder in encoders.items():
    lengths, errors = [], []
    for n_components in sizes:
        encoder.set_params(n_components=n_components)
        F_train, F_test = encoder.fit_transform(X_train), encoder.transform(X_test)
        model = LogisticRegression(C=30, max_iter=1000).fit(F_train, y_train)
        lengths.append(F_train.shape[1])
        errors.append(100 * (1 - model.score(F_test, y_test)))
    curves[name] = lengths, errors
    print(f"{name:13} test error in % with K of {sizes}:", [round(e, 1) for e in errors])

# %%
# At the same K each encoder is better than the one before, and its vectors are longer. At the same
# length they are about equally good here: what one has in dimensions, another has in words.
figure, ax = plt.subplots(figsize=(6.5, 4), layout="constrained")
looks = ("o-", (-4, -12)), ("s--", (-4, -12)), ("^:", (4, 5))
for (name, (lengths, errors)), (style, beside) in zip(curves.items(), looks, strict=True):
    ax.plot(lengths, errors, style, label=name)
    side = "right" if beside[0] < 0 else "left"
    for n_components, length, error in zip(sizes, lengths, errors, strict=True):
        text, place = f"K={n_components}", (length, error)
        ax.annotate(text, place, beside, textcoords="offset points", ha=side, size=8)
ax.set(xscale="log", yscale="log", xlabel="dimensions", ylabel="test error (%)")
ax.set_yticks([1, 2, 5, 10, 20, 50], [1, 2, 5, 10, 20, 50])
ax.minorticks_off()
ax.margins(x=0.12)
ax.legend()
plt.show()
