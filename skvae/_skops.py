"""What a skops file may hold and how large it may become, both known before it is read."""

import json
import math
import os
import zipfile
from collections.abc import Iterable, Iterator
from typing import IO, Any

import numpy as np
from sklearn import metrics, model_selection

from skvae._typing import PathLike

__all__ = ["check_sizes", "trusted_types"]

# Bytes that any file may unpack to, and how many for each of its own: of zeros alone it is 1,000.
_ALWAYS, _PER_BYTE = 2**26, 100

# Plain values that fits and extractors hold, and transformers of scikit-learn's in them.
_OURS = (
    "skvae.data.frames.ColumnType",
    "skvae.data.frames.FrameType",
    "skvae.series.windows.Windows",
    "skvae.vae.categories.Categories",
    "skvae.vae.column_blocks.ColumnBlock",
    "skvae.vae.columns.Columns",
    "skvae.vae.conditions.Condition",
    "skvae.vae.conditions.Conditions",
)

# Parameters that say something and do nothing: which columns, and which folder.
_PARAMETERS = (
    "pathlib.PosixPath",
    "pathlib.WindowsPath",
    "pathlib._local.PosixPath",  # where Python 3.13 has them
    "pathlib._local.WindowsPath",
    "sklearn.compose._column_transformer.make_column_selector",
)

# Parts of fitted estimators of scikit-learn's that are Python throughout and act only by calling
# other parts, whose types are looked at as well. Trees are not among them: their compiled code
# follows the numbers in a file wherever they lead.
_PARTS = (
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.metrics._scorer._CurveScorer",
    "sklearn.metrics._scorer._MultimetricScorer",
    "sklearn.metrics._scorer._PassthroughScorer",
    "sklearn.metrics._scorer._Scorer",
    "sklearn.model_selection._search_successive_halving.HalvingGridSearchCV",
    "sklearn.model_selection._search_successive_halving.HalvingRandomSearchCV",
    "sklearn.model_selection._search_successive_halving._SubsampleMetaSplitter",
    "sklearn.model_selection._split._CVIterableWrapper",
    "sklearn.utils._bunch.Bunch",
    "sklearn.utils._metadata_requests.MetadataRequest",
    "sklearn.utils._metadata_requests.MethodMetadataRequest",
)


def trusted_types(ours: Iterable[type]) -> set[str]:
    """Names of the types that may be loaded beside those that skops trusts anyway.

    They are estimators of ours, and of scikit-learn's what a fitted search or ensemble holds:
    splitters, the scores that have a name there, and the parts that connect them.

    Parameters
    ----------
    ours : iterable of type
        The estimators.

    Returns
    -------
    names : set of str
    """
    splitters = (x for x in vars(model_selection).values() if hasattr(x, "get_n_splits"))
    scores = (metrics.get_scorer(name)._score_func for name in metrics.get_scorer_names())

    return {*_PARTS, *_OURS, *_PARAMETERS} | {
        f"{x.__module__}.{x.__name__}" for x in (*ours, *splitters, *scores)
    }


def check_sizes(path: PathLike) -> None:
    """Raise if a file would unpack to far more than it is, or is not as it says.

    Parameters
    ----------
    path : str or path-like
        A zip file of skops's.

    Raises
    ------
    ValueError
        If it would fill the memory, or the header of an array does not fit its bytes.
    """
    with zipfile.ZipFile(path) as archive:
        limit = max(_ALWAYS, _PER_BYTE * os.path.getsize(path))
        sizes = _sizes(archive, limit)
        # An array that is named often becomes as many arrays.
        total = sum(sizes[name] for name in _named(json.loads(archive.read("schema.json"))))
    _check_total(total, limit)


def _sizes(archive: zipfile.ZipFile, limit: int) -> dict[str, int]:
    """Bytes that each entry of an archive becomes, of archives inside it those of their entries."""
    declared = {entry.filename: entry.file_size for entry in archive.infolist()}
    _check_total(sum(declared.values()), limit)
    sizes = {}
    for name, size in declared.items():
        with archive.open(name) as file:
            if name.endswith(".npz"):
                with zipfile.ZipFile(file) as inner:
                    size += sum(_sizes(inner, limit).values())
            elif name.endswith(".npy"):
                _check_header(name, file, size)
        sizes[name] = size
    _check_total(sum(sizes.values()), limit)

    return sizes


def _check_total(total: int, limit: int) -> None:
    if total > limit:
        raise ValueError(
            f"it would unpack to {total / 1e6:,.0f} MB, of which no more than "
            f"{limit / 1e6:,.0f} MB are likely for a file of its size"
        )


def _check_header(name: str, file: IO[bytes], size: int) -> None:
    version = np.lib.format.read_magic(file)
    if version == (1, 0):
        shape, _, dtype = np.lib.format.read_array_header_1_0(file)
    else:
        shape, _, dtype = np.lib.format.read_array_header_2_0(file)
    if math.prod(shape) * dtype.itemsize != size - file.tell():
        raise ValueError(f"{name} is an array of {shape} and {dtype}, but has other bytes")


def _named(node: Any) -> Iterator[str]:
    """Names of the files in a schema, as often as they stand there."""
    waiting = [node]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            if isinstance(name := node.get("file"), str):
                yield name
            waiting += node.values()
        elif isinstance(node, list):
            waiting += node
