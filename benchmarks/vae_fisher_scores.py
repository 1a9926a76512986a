"""Which gradient of a VAE is a good feature: forms of the Fisher score under one linear classifier.

``SKVAE_DATA_HOME=... python vae_fisher_scores.py``, a quarter of an hour on one core. A VAE of
MNIST (784-200-200, 32 latent dimensions, 15 epochs on all 60,000 training images), then the linear
classifier of ``squared_hinge.py`` on 5,000 images, and its error on the first 5,000 test images:
the lowest over C of 1 and 10. Prints a table in Markdown.
"""

import numpy as np
import torch
from mnist import mnist
from squared_hinge import SquaredHingeClassifier
from tables import show
from torch.func import functional_call, grad, vmap

from skvae import FisherVectorEncoder, VAETransformer
from skvae.vae.nn.model import VAE, load_arrays

N = 5000
TILE = 250


class Term(torch.nn.Module):
    """A term of the evidence lower bound of one row, at z = the posterior mean."""

    def __init__(self, model, name):
        super().__init__()
        self.model, self.name = model, name

    def forward(self, x):
        posterior = self.model.posterior(x)
        log_likelihood = self.model.log_likelihood(x, posterior.mean)
        kl = self.model.prior.kl(posterior)
        return {
            "E log p(x|z)": log_likelihood,
            "-KL": -kl,
            "bound": log_likelihood - kl,
        }[self.name].sum()


def scores(model, name, layers, x):
    """Gradients of a term with respect to the named parameters, a row for each row of x."""
    term = Term(model, name)
    values = dict(term.named_parameters())
    wanted = {k: v for k, v in values.items() if k.removeprefix("model.") in layers}

    def value(theta, row):
        return functional_call(term, values | theta, (row[None],))

    rows = vmap(grad(value), in_dims=(None, 0))
    gradients = (rows(wanted, tile) for tile in torch.tensor(x).split(TILE))
    return np.concatenate(
        [torch.cat([g.flatten(1) for g in tile.values()], 1).detach() for tile in gradients]
    )


def whitened(train, test, power):
    """Divided by the root of the mean square over training rows, powered, of unit length."""
    deviation = np.sqrt(np.mean(train**2, axis=0, dtype=np.float64))
    seen = deviation > 1e-7
    for vectors in (train, test):
        vectors = (vectors[:, seen] / deviation[seen]).astype(np.float32)
        vectors = np.sign(vectors) * np.abs(vectors) ** power
        yield vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)


def judge(name, train, test, y, y_test):
    """A row of the table."""
    classifiers = (SquaredHingeClassifier(C, tol=1e-3).fit(train, y) for C in (1.0, 10.0))
    error = min(np.mean(c.predict(test) != y_test) for c in classifiers)
    return [name, f"{train.shape[1]:,}", f"{100 * error:.2f}"]


def rows():
    (X, y), (X_test, y_test) = mnist("train"), mnist("test")
    settings = {"max_iter": 15, "learning_rate_init": 1e-3, "warm_up": 0.2, "random_state": 0}
    vae = VAETransformer(32, likelihood="bernoulli", **settings).fit(X)
    x, y, x_test, y_test = X[:N], y[:N], X_test[:N], y_test[:N]
    model = load_arrays(VAE(**vae.fitted_.architecture), vae.parameters_)
    Z, Z_test = vae.transform(x), vae.transform(x_test)
    yield judge("posterior means", Z / Z.std(0), Z_test / Z.std(0), y, y_test)
    with torch.no_grad():
        hidden, hidden_test = (model.encoder[:-1](torch.tensor(a)).numpy() for a in (x, x_test))
    yield judge("input of the encoder's last layer", hidden, hidden_test, y, y_test)
    for k in (16, 64):
        encoder = FisherVectorEncoder(k, random_state=0).fit(vae.transform(X[:20_000]))
        pair = encoder.transform(Z), encoder.transform(Z_test)
        yield judge(f"Fisher vectors of the means, K = {k}", *pair, y, y_test)
    forms = [
        ("E log p(x|z)", "encoder.4"),
        ("E log p(x|z)", "decoder.0"),
        ("bound", "encoder.4"),
        ("-KL", "encoder.4"),
        ("-KL", "encoder.2"),
    ]
    for name, layer in forms:
        layers = {f"{layer}.weight", f"{layer}.bias"}
        pair = [scores(model, name, layers, a) for a in (x, x_test)]
        for power in (0.5, 1.0):
            label = f"gradient of {name}, {layer.replace('.', ' ')}, power {power}"
            yield judge(label, *whitened(*pair, power), y, y_test)


def main():
    show(["features", "dims", "error %"], rows())


if __name__ == "__main__":
    main()
