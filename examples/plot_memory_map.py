"""
A mixture of more descriptors than memory holds
===============================================

This tutorial fits a Gaussian mixture to a file that need not fit into memory.
``DiagonalGaussianMixture`` reads a memory map a few megabytes at a time. With ``batch_size`` it
takes a step after every batch instead of after every pass, and needs fewer passes over the file for
nearly the same likelihood.
"""

# %%
# A file
# ------
# Here a file of some megabytes stands for one of a terabyte. Neither is ever in memory as a whole.
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from skvae import DiagonalGaussianMixture

rng = np.random.default_rng(0)
folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)  # Windows keeps mapped files
path = Path(folder.name) / "descriptors.npy"
centers = rng.normal(scale=2, size=(40, 8))
X = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=(100_000, 8))
for start in range(0, len(X), 20_000):
    X[start : start + 20_000] = rng.normal(centers[rng.integers(0, 40, 20_000)])
X.flush()
on_disk = np.load(path, mmap_mode="r")
print(f"{path.stat().st_size / 1e6:.0f} MB")

# %%
# Passes
# ------
em = DiagonalGaussianMixture(32, max_iter=20, tol=1e-4, random_state=0).fit(on_disk)
passes = [1, 2, 3, 5]
stepwise = [
    DiagonalGaussianMixture(32, batch_size=1000, max_iter=n, random_state=0)
    .fit(on_disk)
    .score(on_disk)
    for n in passes
]
em_score = em.score(on_disk)
print(f"EM, {em.n_iter_} passes: {em_score:.3f} nats per descriptor")
for n, score in zip(passes, stepwise, strict=True):
    error = em_score - score
    print(f"stepwise, {n} passes: {score:.3f} nats, an error of {error:.3f} against EM")

# %%
# One pass in small steps gets further than two passes of EM. With more passes, the two differ by
# thousandths of a nat.
figure, ax = plt.subplots(figsize=(6.5, 3.6), layout="constrained")
ax.plot(np.arange(1, em.n_iter_ + 1), em.lower_bounds_, "o-", ms=4, label="EM")
ax.plot(passes, stepwise, "s--", label="stepwise, batches of 1,000")
ax.set(xlabel="passes over the file", ylabel="nats per descriptor")
ax.xaxis.get_major_locator().set_params(integer=True)
ax.legend()
plt.show()
folder.cleanup()

# %%
# What to try next
# ----------------
# - Pass a list of memory maps, or an object that opens a file for each set, to
#   ``FisherVectorEncoder`` (:doc:`/scaling`).
# - Fit a ``VAETransformer``, which reads memory maps and iterables of blocks too
#   (:doc:`/training`).
# - Learn from data that can be read only once (:doc:`/auto_examples/plot_streaming`).
#
# Where it loses
# --------------
# Stepwise EM needs many batches in a pass. For a file that fits into memory, EM itself is done in
# the time of a few passes, and ends at the higher likelihood. Random batches are slow without a
# solid-state disk.
