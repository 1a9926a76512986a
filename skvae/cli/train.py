"""``skvae train``."""

import argparse
import sys
import warnings
from pathlib import Path
from typing import Any

import joblib
import numpy as np

from skvae import datasets
from skvae.callbacks import Lines, Pictures, TensorBoard
from skvae.callbacks.tensorboard import require_tensorboard
from skvae.cli.arguments import Help, positive, seed
from skvae.cli.train_folder import MODEL, claim
from skvae.cli.train_listeners import Bar, Iterations, Told
from skvae.compute.devices import require_torch, resolve_device
from skvae.data.writable import replacing
from skvae.displays.films import require_pictures
from skvae.exceptions import FitInterruptedWarning, PosteriorCollapseWarning
from skvae.vae.epochs import Listener
from skvae.vae.transformer import VAETransformer, fit_told

__all__ = ["add_command"]

_DESCRIPTION = """\
Train a variational autoencoder on images thresholded at 0.5 by RMSProp, a batch at a time, and
write its figures, its images and itself into a folder. An interrupted run goes on with --resume.
It needs pip install "skvae[train]"."""
_EPILOG = """\
examples:
  skvae train --dataset digits --n-iterations 5000 --logdir digits
  skvae train --latent-dim 2 --logdir plane --resume
"""

# What warnings of a fit mean to whoever calls it by this command.
_IN_OTHER_WORDS: dict[type[Warning], str] = {
    FitInterruptedWarning: "",
    PosteriorCollapseWarning: (
        "The latent dimensions carry next to nothing of the images: train longer."
    ),
}


def add_command(commands: Any) -> None:
    """Add the command to the subparsers of ``skvae``."""
    parser = commands.add_parser(
        "train",
        help="train a variational autoencoder on images, with pictures and logs",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=Help,
    )
    parser.set_defaults(run=_train)
    add = parser.add_argument
    add("--dataset", choices=datasets.DATASETS, default="mnist", help="images and labels")
    add("--data-home", metavar="DIR", help="folder of data sets, else $SKVAE_DATA_HOME")
    add("--logdir", metavar="DIR", default="log", help="folder for all that is written")
    add("--latent-dim", type=positive, default=100, metavar="N", help="latent dimensions")
    add("--batch-size", type=positive, default=64, metavar="N", help="images per iteration")
    add("--n-samples", type=positive, default=1, metavar="N", help="images of each kind to save")
    add("--print-every", type=positive, default=1000, metavar="N", help="iterations per report")
    add("--hidden-size", type=positive, default=200, metavar="N", help="width of hidden layers")
    add("--n-iterations", type=positive, default=100_000, metavar="N", help="batches in all")
    add("--conditional", action="store_true", help="learn a mean of the prior for each class")
    add("--device", choices=["cpu", "cuda", "auto"], default="cpu", help="where to compute")
    add("--random-state", type=seed, default=0, metavar="SEED", help="decides all that is random")
    earlier = parser.add_mutually_exclusive_group()
    earlier.add_argument(
        "--resume", action="store_true", help="go on with the run in --logdir, if there is one"
    )
    earlier.add_argument(
        "--overwrite", action="store_true", help="delete the files of the run in --logdir"
    )


def _train(arguments: argparse.Namespace) -> int:
    data = datasets.DATASETS[arguments.dataset](data_home=arguments.data_home)
    X, y, n = data.data, data.target, data.n_train
    require_torch("skvae train")
    require_pictures(maps=arguments.latent_dim == 2)
    require_tensorboard()
    resolve_device(arguments.device)
    folder = claim(
        arguments.logdir,
        _settings(arguments),
        resume=arguments.resume,
        overwrite=arguments.overwrite,
    )
    iterations = Iterations(arguments.n_iterations, arguments.print_every)
    vae = _make(arguments, data.max_value, folder, iterations)
    told = Told(_callbacks(arguments, data, folder, iterations), vae)
    if not _fit(vae, X[:n], y[:n], [Bar(iterations), told], iterations.total):
        print("\nInterrupted: --resume goes on from the last checkpoint.", file=sys.stderr)
        return 130
    with replacing(folder / MODEL) as file:
        joblib.dump(vae.set_params(checkpoint=None), file)
    print(f"Saved in {folder}; look at it with tensorboard --logdir {folder}", flush=True)

    return 0


def _callbacks(
    arguments: argparse.Namespace, data: Any, folder: Path, iterations: Iterations
) -> list[Any]:
    names, number = ("elbo", "reconstruction", "kl"), iterations.after
    every = iterations.epochs_per_report
    events = TensorBoard(folder, names=names, number=number, separate=False)
    pictures = Pictures(
        folder,
        data.data[data.n_train :],
        data.target[data.n_train :],
        image_shape=data.image_shape,
        class_names=data.target_names,
        n_samples=arguments.n_samples,
        every=every,
        number=number,
        tensorboard=events,
    )
    line = "Iteration: {number} ELBO: {elbo:.3f} s/iter: {seconds:.3e}"

    return [events, pictures, Lines(line, every=every, number=number)]


def _fit(
    vae: VAETransformer, X: np.ndarray, y: np.ndarray, listeners: list[Listener], n_steps: int
) -> bool:
    """Fit, and say what it warns of in the words of the command; False if it was interrupted."""
    with warnings.catch_warnings(record=True) as caught:
        try:
            fit_told(vae, X, y, listeners=listeners, n_steps=n_steps)
        except KeyboardInterrupt:
            return False
        finally:
            for warning in caught:
                if text := _IN_OTHER_WORDS.get(warning.category, f"{warning.message}"):
                    print(text, file=sys.stderr)

    return not any(warning.category is FitInterruptedWarning for warning in caught)


def _make(
    arguments: argparse.Namespace, max_value: float, folder: Path, iterations: Iterations
) -> VAETransformer:
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
        max_iter=iterations.n_epochs,
        steps_per_epoch=iterations.per_epoch,
        checkpoint=folder,
        warm_up=0.0,
        device=arguments.device,
        random_state=arguments.random_state,
    )


def _settings(arguments: argparse.Namespace) -> dict[str, Any]:
    """What the weights depend on, but for the number of iterations."""
    names = ("dataset", "latent_dim", "batch_size", "print_every", "hidden_size", "conditional")

    return {name: getattr(arguments, name) for name in (*names, "random_state")}
