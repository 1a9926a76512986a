"""Two ways to weigh rows in training: in the loss of a batch, or in the drawing of its rows.

``OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python vae_weights.py``, a quarter of a minute. The
table has the variance of a batch's gradient about its mean, in squared lengths of that mean, at
the weights that a fit of handwritten digits has reached: rows drawn without weights and losses
multiplied by them, against rows drawn by their weights, as ``fit(sample_weight=...)`` does.
"""

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.utils.class_weight import compute_sample_weight
from tables import show

from skvae import VAETransformer
from skvae.vae.nn.model import VAE, load_arrays
from skvae.vae.nn.objectives import elbo_terms
from skvae.vae.training.visits import Visits

BATCH, N_PASSES = 32, 40


def gradient(model, x, weights, generator):
    """Of the mean loss of some rows, as one vector."""
    noise = torch.randn(len(x), model.n_components, generator=generator)
    reconstruction, kl = elbo_terms(model, x, noise)
    loss = (weights * (kl - reconstruction)).sum() / len(x)
    gradients = torch.autograd.grad(loss, list(model.parameters()))
    return torch.cat([g.flatten() for g in gradients]).double()


def batches_in_the_loss(weights, seed):
    """Row numbers and the weights of their losses."""
    order = np.random.default_rng(seed).permutation(len(weights))
    for first in range(0, len(order) - BATCH + 1, BATCH):
        rows = order[first : first + BATCH]
        yield rows, weights[rows]


def batches_drawn(weights, seed):
    """Row numbers, drawn by weight, whose losses count the same."""
    visited = Visits(weights).between(0, len(weights), seed)
    order = np.random.default_rng(seed).permutation(visited)
    for first in range(0, len(order) - BATCH + 1, BATCH):
        yield order[first : first + BATCH], np.ones(BATCH)


def mean_and_variance(model, X, weights, batches):
    """Of the gradients of all batches of some passes."""
    generator = torch.Generator().manual_seed(0)
    total, squares, n = 0.0, 0.0, 0
    for seed in range(N_PASSES):
        for rows, own in batches(weights, seed):
            g = gradient(model, X[rows], torch.from_numpy(own).float(), generator)
            total, squares, n = total + g, squares + g @ g, n + 1
    mean = total / n
    return mean, float(squares / n - mean @ mean)


def main():
    X, y = load_digits(return_X_y=True)
    rng = np.random.default_rng(0)
    kept = (y < 5) | (rng.random(len(y)) < 0.1)  # few rows of half of the classes
    X, y = X[kept], y[kept]
    vae = VAETransformer(8, likelihood="gaussian", max_iter=10, random_state=0).fit(X)
    model = load_arrays(VAE(**vae.fitted_.architecture), vae.parameters_)
    x = torch.from_numpy(vae.fitted_.scaling.to_network(X))
    settings = {
        f"lognormal, sigma {sigma:g}": np.exp(rng.normal(0, sigma, len(X)))
        for sigma in (0.25, 0.5, 1.0, 1.5)
    }
    settings["classes balanced"] = compute_sample_weight("balanced", y)
    records = []
    for name, weights in settings.items():
        weights = weights / weights.mean()
        ways = [
            mean_and_variance(model, x, weights, way)
            for way in (batches_in_the_loss, batches_drawn)
        ]
        mean = (ways[0][0] + ways[1][0]) / 2
        in_loss, drawn = (variance / float(mean @ mean) for _, variance in ways)
        n_eff = len(X) / np.mean(weights**2)
        records.append(
            (name, f"{n_eff:.0f}", f"{in_loss:.2f}", f"{drawn:.2f}", f"{in_loss / drawn:.2f}")
        )
    show(["weights", "effective rows", "in the loss", "in the drawing", "ratio"], records)


if __name__ == "__main__":
    main()
