"""What features there are, for the help of commands."""

from skvae.recipes import FEATURE_TEXTS
from skvae.table_recipes import TABLE_FEATURE_TEXTS

__all__ = ["list_of_features"]


def list_of_features() -> str:
    """Lines with the name of each feature and what it is, of images and of a table."""
    lines = []
    for heading, texts in (("images", FEATURE_TEXTS), ("a table", TABLE_FEATURE_TEXTS)):
        lines += ["", f"features of {heading}:"]
        lines += [f"  {name:<16}{text}" for name, text in texts.items()]

    return "\n".join(lines[1:])
