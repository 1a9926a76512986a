"""Figures by name, kept in a file as they are found, so that a stopped program leaves some."""

import argparse
import json
from pathlib import Path

import torch

__all__ = ["Figures", "device_and_figures"]


class Figures:
    """Prints each figure; ``path`` is the JSON file that gets them, or None."""

    def __init__(self, path=None):
        self.path, self.found = path, {}

    def add(self, name, value):
        print(f"{name}: {value}", flush=True)
        self.found[name] = value
        if self.path is not None:
            Path(self.path).write_text(json.dumps(self.found, indent=2), encoding="utf-8")


def device_and_figures(description, devices):
    """What a program of figures of a device is told: which one, and where figures go."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--device", choices=devices, default="cuda")
    parser.add_argument("--record", metavar="FILE", help="JSON of the figures")
    options = parser.parse_args()
    if options.device == "cuda" and not torch.cuda.is_available():
        parser.exit(1, "torch finds no CUDA GPU: nothing was measured.\n")
    return options.device, Figures(options.record)
