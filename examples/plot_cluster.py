"""
Descriptors on a cluster
========================

This tutorial fits a mixture and encodes sets on a cluster, for data that lie on several machines.
Expectation maximisation needs nothing of the data but sums. So descriptors stay on their machines,
and one small result per block comes back. Here the cluster is two threads of this process; with the
address of a scheduler the same lines run on a hundred machines. The tutorial needs
``pip install "skvae[dask]"``.
"""

# %%
# Blocks that nobody holds together
# ---------------------------------
# A dask array is a plan. This one has 40 blocks of 5,000 descriptors, each of which is computed
# where and when it is needed, as files would be read.
import dask
import dask.array as da
import matplotlib.pyplot as plt
import numpy as np

from skvae import DiagonalGaussianMixture, FisherVectorEncoder

CENTERS = np.random.default_rng(0).normal(scale=2, size=(20, 6))


def block(block_id=None):
    """5,000 descriptors around 20 centers, the same whenever the block is computed."""
    rng = np.random.default_rng(block_id[0])
    return rng.normal(CENTERS[rng.integers(0, 20, 5000)]).astype(np.float32)


X = da.map_blocks(block, chunks=((5000,) * 40, (6,)), dtype=np.float32, meta=np.empty((0, 6), "f4"))
print(f"{len(X):,} descriptors in {X.numblocks[0]} blocks, none of them computed yet")

# %%
# The same mixture as in one place
# --------------------------------
# With an active ``distributed.Client`` the blocks go to its workers, and nothing else changes.
with dask.config.set(scheduler="threads", num_workers=2):
    on_cluster = DiagonalGaussianMixture(20, max_iter=15, random_state=0).fit(X)
    in_memory = DiagonalGaussianMixture(20, max_iter=15, random_state=0).fit(X.compute())
error = np.abs(on_cluster.means_ - in_memory.means_).max()
print(f"largest error of a mean against the fit in memory: {error:.0e}")

# %%
# Sets on the cluster
# -------------------
# A three-dimensional array holds sets of one size (a bag of dask's holds any). ``fit`` fetches a
# sample, and ``transform`` returns a dask array, so that vectors are computed where the sets are.
sets = X.reshape((2000, 100, 6), limit="10MB")
with dask.config.set(scheduler="threads", num_workers=2):
    encoder = FisherVectorEncoder(mixture=on_cluster).fit(sets)
    vectors = encoder.transform(sets)
    print(f"vectors: {vectors.shape}, computed so far: none")
    first = vectors[:50].compute()
print(f"the first {len(first)}: {first.shape}")

# %%
# What comes back
# ---------------
# The result of a block has K (1 + 2 D) numbers, whatever the number of its rows.
rows = np.array([1e3, 1e4, 1e5, 1e6])
n_components, n_dims = 256, 64
answer = np.full(len(rows), 8 * n_components * (1 + 2 * n_dims))
figure, axes = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
iterations = np.arange(1, len(on_cluster.lower_bounds_) + 1)
axes[0].plot(iterations, on_cluster.lower_bounds_, "o-", label="on the cluster")
axes[0].plot(iterations, in_memory.lower_bounds_, "k+", ms=10, label="in memory")
axes[0].set(xlabel="iteration", ylabel="nats per descriptor", title="the same bound")
axes[0].xaxis.get_major_locator().set_params(integer=True)
axes[0].legend()
axes[1].loglog(rows, 4 * n_dims * rows / 1e6, "o-", label="the block, float32")
axes[1].loglog(rows, answer / 1e6, "s--", label="its answer")
axes[1].set(xlabel="rows of a block", ylabel="MB", title=f"D = {n_dims}, K = {n_components}")
axes[1].legend()
plt.show()

# %%
# What to try next
# ----------------
# - Connect to a cluster of your own by ``Client("scheduler:8786")``, and call ``X.persist()`` if
#   its workers have room: otherwise every iteration computes or reads the blocks once more.
# - Search over many models on a cluster, by joblib's dask backend (:doc:`/cores`).
# - See what memory and time to expect (:doc:`/scaling`).
#
# Where it loses
# --------------
# On a single machine a cluster only adds cost: threads and memory maps do the same without a
# scheduler (:doc:`/auto_examples/plot_memory_map`). Small blocks take less time than the
# millisecond that dask needs for each task. And a ``VAETransformer`` is not fitted in this way,
# since its training is a sequence of steps rather than a sum; ``data_parallel`` is its way to
# several machines.
