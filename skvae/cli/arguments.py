"""Values on the command line."""

import argparse
import math
from typing import TypeAlias

__all__ = ["Commands", "Help", "above_zero", "positive", "seed", "two_or_more", "workers"]

# What a command adds its parser to; its class has no public name.
Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


class Help(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Lines of texts as they are, and beside each option its default, where it has one."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        has_default = action.default not in (None, False, [])
        return super()._get_help_string(action) if has_default else action.help


def above_zero(text: str) -> float:
    """A finite number above 0.

    Raises
    ------
    argparse.ArgumentTypeError
        If the text is no such number.
    """
    try:
        number = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no number") from None
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is not above 0 and finite")

    return number


def positive(text: str) -> int:
    """A whole number of at least 1.

    Raises
    ------
    argparse.ArgumentTypeError
        If the text is no such number.
    """
    return _at_least(1, text)


def two_or_more(text: str) -> int:
    """A whole number of at least 2.

    Raises
    ------
    argparse.ArgumentTypeError
        If the text is no such number.
    """
    return _at_least(2, text)


def seed(text: str) -> int:
    """A whole number from 0 to 2^32 - 1.

    Raises
    ------
    argparse.ArgumentTypeError
        If the text is no such number.
    """
    number = _whole(text)
    if not 0 <= number < 2**32:
        raise argparse.ArgumentTypeError(f"{text} is not within 0 to {2**32 - 1}")

    return number


def workers(text: str) -> int:
    """A number of workers, or a negative one, which counts down from all cores.

    Raises
    ------
    argparse.ArgumentTypeError
        If the text is no whole number, or 0.
    """
    number = _whole(text)
    if number == 0:
        raise argparse.ArgumentTypeError("0 is no number of workers: -1 takes all cores")

    return number


def _at_least(least: int, text: str) -> int:
    number = _whole(text)
    if number < least:
        raise argparse.ArgumentTypeError(f"{text} is less than {least}")

    return number


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number") from None
