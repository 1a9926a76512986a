"""Short texts as counts: how many latent dimensions a Poisson likelihood keeps, and for what.

``OMP_NUM_THREADS=1 python vae_counts.py``, about two minutes. 2,500 texts of about seven words out
of 1,300, drawn from eight topics, of which 2,000 train; 32 latent dimensions.
"""

import warnings

import numpy as np
from scipy import stats
from sklearn.decomposition import TruncatedSVD
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tables import show

from skvae import VAETransformer

N_TRAIN, N_LATENT = 2000, 32
SETTINGS = {
    "default": {},
    "hidden_layer_sizes=(200,), warm_up=1.0": {"hidden_layer_sizes": (200,), "warm_up": 1.0},
}


def texts(n=2500, n_words=1300, length=7, n_topics=8):
    """Counts of words, and the topic that has the largest share of each text."""
    rng = np.random.default_rng(0)
    common = 1 / np.arange(1, n_words + 1)
    own = rng.dirichlet(np.full(n_words, 0.05), size=n_topics)
    topics = 0.4 * common / common.sum() + 0.6 * own
    shares = rng.dirichlet(np.full(n_topics, 0.1), size=n)
    lengths = np.maximum(1, rng.poisson(length * rng.gamma(3, 1 / 3, n)))
    rows = zip(lengths, shares @ topics, strict=True)
    return np.stack([rng.multinomial(m, p / p.sum()) for m, p in rows]).astype(
        float
    ), shares.argmax(1)


def accuracy(train, test, y):
    """Of logistic regression on scaled features, in %."""
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=300))
    return f"{100 * model.fit(train, y[:N_TRAIN]).score(test, y[N_TRAIN:]):.1f}"


def rows():
    """Each setting's row, the singular vectors' and that of words drawn independently."""
    X, y = texts()
    train, test = X[:N_TRAIN], X[N_TRAIN:]
    for name, options in SETTINGS.items():
        vae = VAETransformer(N_LATENT, likelihood="poisson", random_state=0, **options).fit(train)
        features = accuracy(vae.transform(train), vae.transform(test), y)
        yield [name, vae.n_active_, features, f"{vae.score(test):.1f}"]
    svd = TruncatedSVD(N_LATENT, random_state=0).fit(train)
    yield ["truncated SVD", "", accuracy(svd.transform(train), svd.transform(test), y), ""]
    rates = (train.sum(axis=0) + 0.5) / (len(train) + 1)
    bound = stats.poisson.logpmf(test, rates).sum(axis=1).mean()
    yield ["independent words", "", "", f"{bound:.1f}"]


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    show(["setting", "active", "accuracy %", "bound on unseen texts, nats"], rows())
