"""Measurements that are kept as lines of JSON in ``results/``: a script goes on where it ended."""

import json
from pathlib import Path

__all__ = ["append", "read"]

RESULTS = Path(__file__).parent / "results"


def read(name):
    """Records of that name, oldest first."""
    path = RESULTS / f"{name}.jsonl"
    return (
        [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.exists() else []
    )


def append(name, record):
    """Keep one more record."""
    RESULTS.mkdir(exist_ok=True)
    with open(RESULTS / f"{name}.jsonl", "a", encoding="utf-8") as file:
        file.write(json.dumps(record) + "\n")
