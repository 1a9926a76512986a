"""Tables as Markdown, row by row as they are measured."""

__all__ = ["show"]


def show(header, rows):
    """Print column names, and each row as soon as the iterable yields it."""
    print("| " + " | ".join(header) + " |\n" + "|---" * len(header) + "|")
    for row in rows:
        print("| " + " | ".join(map(str, row)) + " |", flush=True)
    print()
