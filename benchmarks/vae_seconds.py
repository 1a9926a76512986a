"""Seconds from nothing to a test ELBO of -105 nats on thresholded MNIST, data loading included.

``OMP_NUM_THREADS=1 python vae_seconds.py``, some five minutes. VAETransformer has its default
settings but for ``binarize``, the number of epochs, the first of ``--epochs`` whose fit arrives,
and ``--rates`` of learning; the plain PyTorch loop has batches of 64, 100 dimensions and RMSprop,
and is scored after each epoch, which does not count. Processor time.
"""

import argparse
from time import process_time

import torch
from mnist import mnist
from vae_contenders import BATCH, EagerLoop, negative_elbo
from vae_peers import binary

from skvae import VAETransformer

TARGET = -105.0  # nats


def ours(rate, n_epochs, test):
    start = process_time()
    X, _ = mnist("train")
    settings = {"binarize": "threshold", "learning_rate_init": rate, "max_iter": n_epochs}
    vae = VAETransformer(**settings, random_state=0).fit(X)
    return process_time() - start, vae.score(test)


def eager(test):
    """Seconds and test ELBO after each epoch."""
    torch.manual_seed(0)
    start, uncounted = process_time(), 0.0
    rows, x = binary("train"), torch.from_numpy(test)
    loop = EagerLoop(rows, torch.optim.RMSprop)
    while True:
        loop(-(-len(rows) // BATCH))
        end = process_time()
        with torch.no_grad():
            yield end - start - uncounted, -float(negative_elbo(loop.model(x), x)) / len(x)
        uncounted += process_time() - end


def rate(text):
    """A learning rate, or "auto"."""
    return text if text == "auto" else float(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, nargs="+", default=[2, 3, 4, 5, 6, 8])
    parser.add_argument("--rates", type=rate, nargs="+", default=["auto", 1e-3])
    parser.add_argument("--most", type=int, default=60, help="epochs of the eager loop at most")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    test = binary("test")
    for chosen in arguments.rates:
        for n_epochs in arguments.epochs:
            seconds, elbo = ours(chosen, n_epochs, test)
            told = f"skvae, rate {chosen}, {n_epochs} epochs"
            print(f"{told}: {seconds:.1f} s, {elbo:.1f} nats", flush=True)
            if elbo >= TARGET:
                break
    for n_epochs, (seconds, elbo) in enumerate(eager(test), start=1):
        print(f"eager, {n_epochs} epochs: {seconds:.1f} s, {elbo:.1f} nats", flush=True)
        if elbo >= TARGET or n_epochs == arguments.most:
            break


if __name__ == "__main__":
    main()
