"""
Streams of blocks and of sets
=============================

This tutorial is for data that arrive as a stream and are not kept. Fisher vectors and mixtures are
computed from sums over descriptors. So a mixture, or a whole encoder, can learn from a stream that
is read once, and a set that comes piece by piece still has a Fisher vector.
"""

# %%
# A stream
# --------
# The stream has blocks of 500 patches, of 3 x 3 pixels of scikit-learn's digits.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA, IncrementalPCA
from sklearn.svm import LinearSVC

from skvae import DiagonalGaussianMixture, FisherVectorEncoder, ImagePatches

X = load_digits().data / 16
patches = ImagePatches(patch_size=3).fit(X)
descriptors = patches.transform(X).reshape(-1, 9)
np.random.default_rng(0).shuffle(descriptors)
held_out, stream = descriptors[:10_000], descriptors[10_000:]
blocks = np.array_split(stream, len(stream) // 500)

# %%
# Learning from each block once
# -----------------------------
# ``partial_fit`` takes one step of stepwise EM for each block. For comparison, EM is fitted to all
# blocks at once.
mixture = DiagonalGaussianMixture(32, variance_floor=1e-3, random_state=0)
seen, likelihood = [], []
for i, block in enumerate(blocks, start=1):
    mixture.partial_fit(block)
    if i in (1, 2, 4, 8, 16, 32, 64, len(blocks)):
        seen.append(500 * i)
        likelihood.append(mixture.score(held_out))

whole = DiagonalGaussianMixture(32, variance_floor=1e-3, random_state=0).fit(stream)
goal = whole.score(held_out)
print(f"stream, one pass: {likelihood[-1]:.2f} nats per patch it has not seen")
print(f"EM, {whole.n_iter_} passes: {goal:.2f} nats")


# %%
# A vector in pieces
# ------------------
# Before power and norm, the vector of a union is the mean of the vectors of its parts, weighted by
# their sizes. ``encode`` computes it for any object that yields blocks whenever it is iterated
# over.
class Pieces:
    """Some rows at a time, as from a file."""

    def __iter__(self):
        yield from np.array_split(held_out, 7)


encoder = FisherVectorEncoder(mixture=mixture, power=1, norm=None).fit(held_out[None])
at_once = encoder.encode(held_out)
by_blocks = encoder.encode(Pieces())
by_hand = np.average(
    [encoder.encode(part) for part in (held_out[:2500], held_out[2500:])],
    axis=0,
    weights=[2500, 7500],
)
print(f"largest error, in blocks: {np.abs(by_blocks - at_once).max():.0e}")
print(f"largest error, by hand: {np.abs(by_hand - at_once).max():.0e}")

# %%
# Sets batch by batch
# -------------------
# Encoders learn from sets that come in batches, and so does their reducer if it has a
# ``partial_fit``: the mixture moves along as the axes of ``IncrementalPCA`` turn. For comparison,
# ``PCA`` and EM are fitted to all images at once.
y = load_digits().target
settings = {"extractor": ImagePatches(patch_size=4), "random_state": 0}
streamed = FisherVectorEncoder(16, reducer=IncrementalPCA(8), **settings)
for batch in np.array_split(X[:1200], 12):
    streamed.partial_fit(batch)
at_once = FisherVectorEncoder(16, reducer=PCA(8), **settings).fit(X[:1200])

for name, encoder in {"partial_fit, 12 batches": streamed, "fit": at_once}.items():
    classifier = LinearSVC().fit(encoder.transform(X[:1200]), y[:1200])
    accuracy = classifier.score(encoder.transform(X[1200:]), y[1200:])
    print(f"{name}: {100 * accuracy:.1f}% of digits it has not seen")

# %%
figure, ax = plt.subplots(figsize=(6.5, 3.6), layout="constrained")
ax.plot(seen, likelihood, "o-", label="partial_fit, each block once")
ax.axhline(goal, color="0.4", ls="--", label=f"EM on all, {whole.n_iter_} passes")
ax.set(xscale="log", xlabel="patches seen", ylabel="nats per held-out patch")
ax.legend()
plt.show()

# %%
# What came out
# -------------
# One pass of the stream comes near the likelihood of thirty passes of EM, and the classifier on
# streamed vectors is as good as the one on vectors that were fitted at once.
#
# What to try next
# ----------------
# - Use ``VAETransformer.partial_fit``, which learns from a stream too (:doc:`/training`); the VAE
#   may also be the reducer.
# - Read sets from files, by an object that opens one at a time (:doc:`/scaling`).
#
# Where it loses
# --------------
# Do not treat data as a stream if they can be read again: ``fit`` of a memory map or of an iterable
# of blocks takes as little memory, and ends nearer to the optimum. The first batch decides the
# start, so it should hold all kinds of descriptors.
