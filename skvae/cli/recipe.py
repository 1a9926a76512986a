"""``skvae recipe``."""

import argparse

from skvae import recipes
from skvae.cli.arguments import Commands

__all__ = ["add_command"]


def add_command(commands: Commands) -> None:
    """Add the command to the subparsers of ``skvae``."""
    parser = commands.add_parser("recipe", help="print the pipeline behind a feature's name")
    parser.set_defaults(run=_print_recipe)
    parser.add_argument("name", choices=recipes.FEATURES)
    parser.add_argument("--dataset", choices=recipes.PROFILES, default="digits")


def _print_recipe(arguments: argparse.Namespace) -> int:
    print(recipes.make(arguments.name, arguments.dataset))

    return 0
