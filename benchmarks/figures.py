"""Figures by name, kept in a file as they are found, so that a stopped program leaves some."""

import json
from pathlib import Path

__all__ = ["Figures"]


class Figures:
    """Prints each figure; ``path`` is the JSON file that gets them, or None."""

    def __init__(self, path=None):
        self.path, self.found = path, {}

    def add(self, name, value):
        print(f"{name}: {value}", flush=True)
        self.found[name] = value
        if self.path is not None:
            Path(self.path).write_text(json.dumps(self.found, indent=2))
