"""The command line: the parser of ``skvae``, and how its errors end."""

import argparse
import io
import os
import sys
from collections.abc import Sequence

from skvae import __version__
from skvae._optional import require
from skvae.cli import compare, explore, recipe, train

__all__ = ["main"]

_COMMANDS = (compare, train, explore, recipe)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command.

    Parameters
    ----------
    argv : list of str, default=None
        Arguments; None takes those of the process.

    Returns
    -------
    status : int
        0, 1 if something failed, 130 after Ctrl-C.
    """
    argv = sys.argv[1:] if argv is None else argv
    if isinstance(sys.stdout, io.TextIOWrapper):  # names of columns may be of any script
        sys.stdout.reconfigure(errors="backslashreplace")
    parser = _make_parser()
    try:
        _complete(parser)
        arguments = parser.parse_args(argv, argparse.Namespace(argv=argv))
        status: int = arguments.run(arguments)
        return status
    except BrokenPipeError:
        # Python flushes standard output once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (OSError, ValueError, ImportError) as error:
        print(f"skvae: {_message(error)}", file=sys.stderr)
        return 1


def _message(error: Exception) -> str:
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}."

    return str(error)


def _complete(parser: argparse.ArgumentParser) -> None:
    """Answer a shell that asks what may come next, and end; else do nothing."""
    if "_ARGCOMPLETE" not in os.environ:
        return
    require("argcomplete", "Completion", '"skvae[completion]"')
    import argcomplete

    argcomplete.autocomplete(parser)


def _make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="skvae",
        description=sys.modules["skvae"].__doc__,
        epilog="skvae COMMAND --help has the options of a command, and examples.",
    )
    parser.add_argument("--version", action="version", version=f"skvae {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for command in _COMMANDS:
        command.add_command(commands)

    return parser
