"""``skvae recipe``."""

import argparse
from collections.abc import Iterator
from typing import Any

from sklearn.base import BaseEstimator

from skvae import recipes
from skvae.cli.arguments import Commands

__all__ = ["add_command"]

_PROGRAM = '''\
"""The features {name} of {dataset}."""

{imports}

from skvae import {names}

data = datasets.{loader}()
X, y = data.data[: data.n_train] / data.max_value, data.target[: data.n_train]

features = {pipeline}
F = features.fit_transform(X, y)
print(F.shape)
'''


def add_command(commands: Commands) -> None:
    """Add the command to the subparsers of ``skvae``."""
    parser = commands.add_parser(
        "recipe",
        help="print a program with the pipeline behind a feature's name",
        epilog="example: skvae recipe fv --dataset digits > features.py && python features.py",
    )
    parser.set_defaults(run=_print_recipe)
    parser.add_argument("name", choices=recipes.FEATURES)
    parser.add_argument("--dataset", choices=recipes.PROFILES, default="digits")


def _print_recipe(arguments: argparse.Namespace) -> int:
    pipeline = recipes.make(arguments.name, arguments.dataset)
    public = sorted({_home_of(type(part)) for part in _parts(pipeline)})
    imports = [f"from {home} import {name}" for home, name in public if home != "skvae"]
    names = [name for home, name in public if home == "skvae"]
    program = _PROGRAM.format(
        name=arguments.name,
        dataset=arguments.dataset,
        imports="\n".join(imports),
        names=", ".join([*names, "datasets"]),
        loader=f"load_{arguments.dataset.replace('-', '_')}",
        pipeline=pipeline.__repr__(N_CHAR_MAX=10**9),
    )
    print(program, end="")

    return 0


def _parts(estimator: BaseEstimator) -> Iterator[Any]:
    """An estimator and all that are within it."""
    inner = estimator.get_params().values()

    return (part for part in (estimator, *inner) if isinstance(part, BaseEstimator))


def _home_of(cls: type) -> tuple[str, str]:
    """Where a class is imported from, and its name."""
    package, *rest = cls.__module__.split(".")
    home = package if package == "skvae" else f"{package}.{rest[0]}"

    return home, cls.__name__
