"""``skvae train``."""

import argparse
import sys
import time
import warnings
from contextlib import closing

import joblib

from skvae import datasets
from skvae._progress import ProgressBar
from skvae._tensorboard import open_writer, require_tensorboard, write_record
from skvae.cli.arguments import positive
from skvae.cli.train_folder import CHECKPOINT, MODEL, claim
from skvae.cli.train_state import load_fitted, save_fitted
from skvae.compute.devices import resolve_device
from skvae.data.writable import replacing
from skvae.displays.films import Pictures
from skvae.exceptions import PosteriorCollapseWarning
from skvae.vae.transformer import VAETransformer

__all__ = ["add_command"]

_DESCRIPTION = """\
Train a variational autoencoder on images thresholded at 0.5 by RMSProp, a batch at a time, and
write its figures, its images and itself into a folder. An interrupted run goes on with --resume."""

# Iterations between two checkpoints.
_STRETCH = 1000


def add_command(commands):
    """Add the command to the subparsers of ``skvae``."""
    parser = commands.add_parser(
        "train",
        help="train a variational autoencoder on images, with pictures and logs",
        description=_DESCRIPTION,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.set_defaults(run=_train)
    add = parser.add_argument
    add("--dataset", choices=datasets.DATASETS, default="mnist", help="images and labels")
    add("--data-dir", metavar="DIR", help="folder of data sets, else $SKVAE_DATA_HOME")
    add("--logdir", metavar="DIR", default="log", help="folder for all that is written")
    add("--latent-dim", type=positive, default=100, metavar="N", help="latent dimensions")
    add("--batch-size", type=positive, default=64, metavar="N", help="images per iteration")
    add("--n-samples", type=positive, default=1, metavar="N", help="images of each kind to save")
    add("--print-every", type=positive, default=1000, metavar="N", help="iterations per report")
    add("--hidden-size", type=positive, default=200, metavar="N", help="width of hidden layers")
    add("--n-iterations", type=positive, default=100_000, metavar="N", help="batches in all")
    add("--conditional", action="store_true", help="learn a mean of the prior for each class")
    add("--device", choices=["cpu", "cuda", "auto"], default="cpu", help="where to compute")
    add("--random-state", type=int, default=0, metavar="SEED", help="decides all that is random")
    earlier = parser.add_mutually_exclusive_group()
    earlier.add_argument(
        "--resume", action="store_true", help="go on with the run in --logdir, if there is one"
    )
    earlier.add_argument(
        "--overwrite", action="store_true", help="delete the files of the run in --logdir"
    )


def _train(arguments):
    data = datasets.DATASETS[arguments.dataset](data_home=arguments.data_dir)
    X, y, n = data.data, data.target, data.n_train
    pictures = Pictures(
        arguments.logdir,
        X[n:],
        y[n:],
        data.image_shape,
        data.max_value,
        class_names=data.target_names,
        n_samples=arguments.n_samples,
        n_components=arguments.latent_dim,
    )
    require_tensorboard()
    resolve_device(arguments.device)
    folder = claim(
        arguments.logdir,
        _settings(arguments),
        resume=arguments.resume,
        overwrite=arguments.overwrite,
    )
    vae = _make(arguments, data.max_value)
    found = (folder / CHECKPOINT).exists()
    done = load_fitted(vae, folder / CHECKPOINT) if found else 0
    with closing(open_writer(folder, first_step=done + 1 if done else None)) as writer:
        try:
            _run(vae, X[:n], y[:n], arguments, done, folder, pictures, writer)
        except KeyboardInterrupt:
            print("\nInterrupted: --resume goes on from the last checkpoint.", file=sys.stderr)
            return 130
    pictures.finish()
    with replacing(folder / MODEL) as file:
        joblib.dump(vae.set_params(steps_per_epoch=None), file)
    if vae.n_active_ == 0:
        print("No latent dimension depends on the images: train longer.", file=sys.stderr)
    print(f"Saved in {folder}; look at it with tensorboard --logdir {folder}", flush=True)

    return 0


def _run(vae, X, y, arguments, done, folder, pictures, writer):
    """Train stretch by stretch; what comes before the checkpoint comes again if it is missed."""
    total, every = arguments.n_iterations, arguments.print_every
    bar = ProgressBar(total, sys.stderr, done) if sys.stderr.isatty() else None
    if bar is not None:
        bar.update(done)
    while done < total:
        n_steps = min(_STRETCH, every - done % every, total - done)
        start = time.perf_counter()
        with warnings.catch_warnings():
            # The end tells: at first nothing depends on the images.
            warnings.simplefilter("ignore", PosteriorCollapseWarning)
            vae.set_params(steps_per_epoch=n_steps).partial_fit(X, y)
        seconds = (time.perf_counter() - start) / n_steps
        done += n_steps
        record = {name: vae.history_[name][-1] for name in ("elbo", "reconstruction", "kl")}
        write_record(writer, record, done)
        reports = done % every == 0 or done == total
        if reports:
            pictures.draw(vae, done, writer)
        writer.flush()
        save_fitted(vae, folder / CHECKPOINT, done)
        line = f"Iteration: {done} ELBO: {record['elbo']:.3f} s/iter: {seconds:.3e}"
        if bar is not None:
            bar.clear()
        if reports:
            print(line, flush=True)
        if bar is not None:
            bar.update(done, f"ELBO {record['elbo']:.1f}")
    if bar is not None:
        bar.close()


def _make(arguments, max_value):
    return VAETransformer(
        arguments.latent_dim,
        hidden_layer_sizes=(arguments.hidden_size, arguments.hidden_size),
        activation="relu",
        likelihood="bernoulli",
        max_value=float(max_value),
        conditional="prior" if arguments.conditional else None,
        binarize="threshold",
        optimizer="rmsprop",
        learning_rate="constant",
        learning_rate_init=1e-3,
        batch_size=arguments.batch_size,
        warm_up=0.0,
        device=arguments.device,
        random_state=arguments.random_state,
    )


def _settings(arguments):
    """What the weights depend on, but for the number of iterations."""
    names = ("dataset", "latent_dim", "batch_size", "print_every", "hidden_size", "conditional")

    return {name: getattr(arguments, name) for name in (*names, "random_state")}
