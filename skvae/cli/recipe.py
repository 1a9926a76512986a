"""``skvae recipe``."""

import argparse
import io
import sys
from collections.abc import Iterator

from sklearn.base import BaseEstimator

from skvae import recipes
from skvae._sklearn import written_out
from skvae.cli.arguments import Commands, Help
from skvae.cli.feature_list import list_of_features
from skvae.cli.table_file import add_table_options, read_table
from skvae.table_recipes import TABLE_FEATURES

__all__ = ["add_command"]

_DESCRIPTION = """\
Print a program with the pipeline behind a feature's name: it reads the data, and computes the
features.

{features}
"""
_EPILOG = """\
examples:
  skvae recipe fv > features.py && python features.py
  skvae recipe vae --data patients.csv --target outcome --drop id
"""
_PROGRAM = '''\
"""The features {name} of {dataset}."""

{imports}

from skvae import {names}

data = datasets.{loader}({data_home})
X, y = data.data[: data.n_train] / data.max_value, data.target[: data.n_train]

features = {pipeline}
F = features.fit_transform(X, y)
print(F.shape)
'''
_PROGRAM_OF_TABLE = '''\
"""The features {name} of a table."""

{imports}

table = {call}
y = table[{target!r}]
X = table.drop(columns={left_out!r})

features = {pipeline}
F = features.fit_transform(X, y)
print(F.shape)
'''


def add_command(commands: Commands) -> None:
    """Add the command to the subparsers of ``skvae``."""
    parser = commands.add_parser(
        "recipe",
        help="print a program with the pipeline behind a feature's name",
        description=_DESCRIPTION.format(features=list_of_features()),
        epilog=_EPILOG,
        formatter_class=Help,
    )
    parser.set_defaults(run=_print_recipe)
    names = list(dict.fromkeys([*recipes.FEATURES, *TABLE_FEATURES]))
    parser.add_argument("name", choices=names, metavar="NAME", help="of the features")
    source = parser.add_mutually_exclusive_group()
    source.add_argument(
        "--dataset", choices=recipes.PROFILES, default="digits", help="images and labels"
    )
    add_table_options(parser, source)
    parser.add_argument(
        "--data-home", metavar="DIR", help="folder of data sets, else $SKVAE_DATA_HOME"
    )


def _print_recipe(arguments: argparse.Namespace) -> int:
    program = _of_images if arguments.data is None else _of_table
    text = program(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper) and not sys.stdout.isatty():
        sys.stdout.reconfigure(encoding="utf-8")  # in a file, that of Python's programs
    print(text, end="")

    return 0


def _of_images(arguments: argparse.Namespace) -> str:
    pipeline = recipes.make(arguments.name, arguments.dataset)
    imports, names = _imports(pipeline)
    home = arguments.data_home

    return _PROGRAM.format(
        name=arguments.name,
        dataset=arguments.dataset,
        imports="\n".join(imports),
        names=", ".join([*names, "datasets"]),
        loader=f"load_{arguments.dataset.replace('-', '_')}",
        data_home="" if home is None else f"data_home={home!r}",
        pipeline=written_out(pipeline),
    )


def _of_table(arguments: argparse.Namespace) -> str:
    path, target, drop = arguments.data, arguments.target, arguments.drop
    table = read_table(path, target, drop=drop, categorical=arguments.categorical)
    pipeline = recipes.make_for_table(arguments.name, table.X)
    imports, names = _imports(pipeline)
    ours = [f"\nfrom skvae import {', '.join(names)}"] if names else []

    return _PROGRAM_OF_TABLE.format(
        name=arguments.name,
        imports="\n".join(["import pandas as pd", *imports, *ours]),
        call=table.call,
        target=target,
        left_out=[target, *drop],
        pipeline=written_out(pipeline),
    )


def _imports(pipeline: BaseEstimator) -> tuple[list[str], list[str]]:
    """Lines that import the classes of a pipeline, and the names of this package's own."""
    homes: dict[str, list[str]] = {}
    for home, name in sorted({_home_of(type(part)) for part in _parts(pipeline)}):
        homes.setdefault(home, []).append(name)
    ours = homes.pop("skvae", [])

    return [f"from {home} import {', '.join(names)}" for home, names in homes.items()], ours


def _parts(value: object) -> Iterator[BaseEstimator]:
    """An estimator and all that are within it, or within a list or tuple."""
    if isinstance(value, BaseEstimator):
        yield value
        value = list(value.get_params(deep=False).values())
    if isinstance(value, list | tuple):
        for inner in value:
            yield from _parts(inner)


def _home_of(cls: type) -> tuple[str, str]:
    """Where a class is imported from, and its name."""
    package, *rest = cls.__module__.split(".")
    home = package if package == "skvae" else f"{package}.{rest[0]}"

    return home, cls.__name__
