"""``skvae explore``."""

import argparse

import numpy as np

from skvae import datasets
from skvae.cli.arguments import Commands, Help, above_zero, positive
from skvae.data.writable import check_writable
from skvae.persistence import load_estimator

__all__ = ["add_command"]

_DESCRIPTION = """\
Write a page in which the decoder's output follows the hand over the latent space of a
VAETransformer, or of a Pipeline with one: one file, no network. A skops file is read without
running anything in it; a joblib or pickle file runs the code inside it, so that --allow-pickle has
to say that you trust it."""
_EPILOG = """\
examples:
  skvae explore vae.skops --dataset digits
  skvae explore vae.joblib --allow-pickle --table --output page.html
"""


def add_command(commands: Commands) -> None:
    """Add the command to the subparsers of ``skvae``."""
    parser = commands.add_parser(
        "explore",
        help="a page that decodes the latent space live",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=Help,
    )
    parser.set_defaults(run=_explore)
    add = parser.add_argument
    add("model", metavar="MODEL", help="file of a fitted estimator: skops, joblib or pickle")
    add("--output", default="explorer.html", metavar="FILE", help="page")
    add("--allow-pickle", action="store_true", help="read joblib and pickle files, which run code")
    add("--dataset", choices=datasets.DATASETS, help="whose test images the page marks")
    add(
        "--max-value",
        type=above_zero,
        metavar="V",
        help="of a white pixel in the data of the fit (default: the VAE's max_value)",
    )
    add("--data-home", metavar="DIR", help="folder of data sets, else $SKVAE_DATA_HOME")
    shape = parser.add_mutually_exclusive_group()
    shape.add_argument(
        "--image-shape",
        type=positive,
        nargs="+",
        metavar="N",
        help="height, width and perhaps channels of the images that rows are",
    )
    shape.add_argument("--table", action="store_true", help="rows are features, not images")
    add("--title", help="heading of the page")


def _explore(arguments: argparse.Namespace) -> int:
    from skvae.explorer.page import find_vae, save_explorer

    check_writable(arguments.output)
    estimator = load_estimator(arguments.model, allow_pickle=arguments.allow_pickle)
    X = y = names = None
    if arguments.dataset is not None:
        data = datasets.DATASETS[arguments.dataset](data_home=arguments.data_home)
        white = arguments.max_value or find_vae(estimator)[0].fitted_.scaling.max_value
        X = data.data[data.n_train :].astype(np.float32) * np.float32(white / data.max_value)
        y, names = data.target[data.n_train :], data.target_names
    save_explorer(
        estimator,
        arguments.output,
        X,
        y,
        image_shape=None if arguments.table else arguments.image_shape or "auto",
        class_names=names,
        title=arguments.title,
    )
    print(f"Saved {arguments.output}: open it in a browser.")

    return 0
