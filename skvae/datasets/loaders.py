"""Loaders of image data sets, from files of the user's own or from OpenML."""

import os
import zipfile
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Literal, TypeAlias, overload

import numpy as np
from sklearn import datasets as sklearn_datasets
from sklearn.datasets import fetch_openml, get_data_home
from sklearn.model_selection import train_test_split
from sklearn.utils import Bunch

from skvae._typing import Array, PathLike
from skvae.data.writable import replacing
from skvae.datasets.idx import digest_of, read_idx
from skvae.datasets.sources import FASHION_MNIST, MNIST, Source

__all__ = ["DATASETS", "load_digits", "load_fashion_mnist", "load_mnist"]

Subset: TypeAlias = Literal["all", "train", "test"]

_N_TRAIN, _N_TEST, _SIDE = 60_000, 10_000, 28
_PREFIXES = {"train": "train", "test": "t10k"}
_IMAGES, _LABELS = "{}-images-idx3-ubyte", "{}-labels-idx1-ubyte"


@overload
def load_mnist(
    data_home: PathLike | None = None, *, subset: Subset = "all", return_X_y: Literal[False] = False
) -> Bunch: ...
@overload
def load_mnist(
    data_home: PathLike | None = None, *, subset: Subset = "all", return_X_y: Literal[True]
) -> tuple[Array, Array]: ...
def load_mnist(
    data_home: PathLike | None = None, *, subset: Subset = "all", return_X_y: bool = False
) -> Bunch | tuple[Array, Array]:
    """Load MNIST, training images first.

    Four IDX files (plain or ``.gz``) are looked for in ``<home>/mnist`` and ``<home>``, where home
    is ``data_home``, else ``$SKVAE_DATA_HOME``, else scikit-learn's data home. Where there are
    none, MNIST comes from OpenML once and is kept in ``<home>/mnist``.

    Parameters
    ----------
    data_home : str or path-like, default=None
        Folder of the data.
    subset : {"all", "train", "test"}, default="all"
        All 70,000 images, the first 60,000 or the last 10,000.
    return_X_y : bool, default=False
        Whether to return ``(data, target)`` instead of a Bunch.

    Returns
    -------
    data : Bunch
        ``data`` (n, 784) uint8 in 0..255, ``target`` (n,) int64, ``feature_names``,
        ``target_names``, ``image_shape``, ``max_value``, ``n_train`` (how many of the rows, the
        first ones, are training images) and ``DESCR``.

    Raises
    ------
    FileNotFoundError
        If there are neither files nor OpenML.
    ValueError
        If a file is damaged.

    Examples
    --------
    >>> from skvae.datasets import load_mnist
    >>> mnist = load_mnist()  # doctest: +SKIP
    >>> mnist.data.shape  # doctest: +SKIP
    (70000, 784)
    """
    return _load(MNIST, data_home, subset, return_X_y)


@overload
def load_fashion_mnist(
    data_home: PathLike | None = None, *, subset: Subset = "all", return_X_y: Literal[False] = False
) -> Bunch: ...
@overload
def load_fashion_mnist(
    data_home: PathLike | None = None, *, subset: Subset = "all", return_X_y: Literal[True]
) -> tuple[Array, Array]: ...
def load_fashion_mnist(
    data_home: PathLike | None = None, *, subset: Subset = "all", return_X_y: bool = False
) -> Bunch | tuple[Array, Array]:
    """Load Fashion-MNIST, training images first.

    As :func:`load_mnist`, from ``<home>/fashion-mnist``, the folder of Debian's package
    ``dataset-fashion-mnist``, ``<home>`` or OpenML.

    Parameters
    ----------
    data_home : str or path-like, default=None
        Folder of the data.
    subset : {"all", "train", "test"}, default="all"
        All 70,000 images, the first 60,000 or the last 10,000.
    return_X_y : bool, default=False
        Whether to return ``(data, target)`` instead of a Bunch.

    Returns
    -------
    data : Bunch
        As from :func:`load_mnist`.

    Raises
    ------
    FileNotFoundError
        If there are neither files nor OpenML.
    ValueError
        If a file is damaged.

    Examples
    --------
    >>> from skvae.datasets import load_fashion_mnist
    >>> fashion = load_fashion_mnist()  # doctest: +SKIP
    >>> fashion.target_names[9]  # doctest: +SKIP
    'Ankle boot'
    """
    return _load(FASHION_MNIST, data_home, subset, return_X_y)


def load_digits() -> Bunch:
    """Scikit-learn's 8 x 8 digits in the form of :func:`load_mnist`; needs no network.

    Returns
    -------
    data : Bunch
        ``data`` (1797, 64) uint8 in 0..16 and the other fields of :func:`load_mnist`. The last 500
        rows are a stratified test set, always the same.

    Examples
    --------
    >>> from skvae.datasets import load_digits
    >>> digits = load_digits()
    >>> digits.data.shape, digits.n_train
    ((1797, 64), 1297)
    """
    digits = sklearn_datasets.load_digits()
    order = np.concatenate(
        train_test_split(
            np.arange(len(digits.target)), test_size=500, stratify=digits.target, random_state=0
        )
    )

    return _bunch(
        digits.data[order].astype(np.uint8),
        digits.target[order].astype(np.int64),
        image_shape=(8, 8),
        max_value=16,
        n_train=len(order) - 500,
        target_names=tuple("0123456789"),
        description=digits.DESCR,
    )


def _load(
    source: Source, data_home: PathLike | None, subset: str, return_X_y: bool
) -> Bunch | tuple[Array, Array]:
    rows = {
        "all": slice(None),
        "train": slice(None, _N_TRAIN),
        "test": slice(_N_TRAIN, None),
    }
    if subset not in rows:
        raise ValueError(f"subset={subset!r} is unknown: choose one of {', '.join(rows)}.")
    home = Path(get_data_home(data_home or os.environ.get("SKVAE_DATA_HOME") or None))
    parts = list(_PREFIXES.values()) if subset == "all" else [_PREFIXES[subset]]
    folder = _find_folder(source, home)
    if folder is not None:
        X, y = _read_folder(source, folder, parts)
    else:
        X, y = (array[rows[subset]] for array in _from_openml(source, home))
    if return_X_y:
        return X, y

    return _bunch(
        X,
        y,
        image_shape=(_SIDE, _SIDE),
        max_value=255,
        n_train=0 if subset == "test" else _N_TRAIN,
        target_names=source.target_names,
        description=source.description,
    )


def _find_folder(source: Source, home: Path) -> Path | None:
    """The first folder with a file of the data set, whole or not."""
    for folder in (home / source.folder, *source.elsewhere, home):
        held = [path for name in source.digests if (path := _find_file(folder, name))]
        # MNIST and Fashion-MNIST name their files alike, so <home> may hold the other one.
        if held and not (folder == home and _is_other(source, home)):
            return folder

    return None


def _find_file(folder: Path, name: str) -> Path | None:
    return next((path for path in (folder / name, folder / f"{name}.gz") if path.is_file()), None)


def _is_other(source: Source, folder: Path) -> bool:
    others = {MNIST.folder: FASHION_MNIST, FASHION_MNIST.folder: MNIST}
    name = _LABELS.format("t10k")
    path = _find_file(folder, name)
    if path is None:
        return False

    return digest_of(path) == others[source.folder].digests[name]


def _read_folder(source: Source, folder: Path, parts: list[str]) -> tuple[Array, Array]:
    def read(pattern: str) -> Array:
        arrays = []
        for name in map(pattern.format, parts):
            path = _find_file(folder, name)
            if path is None:
                raise FileNotFoundError(
                    f"{folder} holds {source.title} in part: {name} (or {name}.gz) is missing."
                )
            arrays.append(read_idx(path, sha256=source.digests[name]))
        return np.concatenate(arrays)

    return read(_IMAGES).reshape(-1, _SIDE**2), read(_LABELS).astype(np.int64)


def _from_openml(source: Source, home: Path) -> tuple[Array, Array]:
    cache = home / source.folder / "openml.npz"
    if cache.is_file():
        try:
            with np.load(cache) as arrays:
                return arrays["data"], arrays["target"]
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
            raise ValueError(
                f"{cache} is truncated or damaged ({error}). Delete it and load again."
            ) from error
    try:
        # The "liac-arff" parser is the one that needs no pandas.
        X, y = fetch_openml(
            source.openml_name,
            version=1,
            data_home=home,
            as_frame=False,
            parser="liac-arff",
            return_X_y=True,
        )
    except OSError as error:
        names = ", ".join(source.digests)
        raise FileNotFoundError(
            f"{source.title} was not found. Either put its IDX files ({names}; each plain or .gz) "
            f"into {home / source.folder} (another home: data_home= or $SKVAE_DATA_HOME), or give "
            f"access to OpenML, from where it is fetched once; that failed with: {error}"
        ) from error
    X, y = X.astype(np.uint8), y.astype(np.int64)
    if X.shape != (_N_TRAIN + _N_TEST, _SIDE**2):
        raise ValueError(f"OpenML's {source.openml_name} has an unexpected shape: {X.shape}.")
    with replacing(cache) as file:
        np.savez_compressed(file, data=X, target=y)

    return X, y


def _bunch(
    X: Array,
    y: Array,
    *,
    image_shape: tuple[int, int],
    max_value: int,
    n_train: int,
    target_names: Iterable[str],
    description: str,
) -> Bunch:
    height, width = image_shape

    return Bunch(
        data=X,
        target=y,
        feature_names=[f"pixel_{row}_{column}" for row in range(height) for column in range(width)],
        target_names=list(target_names),
        image_shape=image_shape,
        max_value=max_value,
        n_train=n_train,
        DESCR=description,
    )


# Loaders by the name that the comparison knows them by; each takes ``data_home``.
DATASETS: dict[str, Callable[..., Bunch]] = {
    "digits": lambda data_home=None: load_digits(),
    "mnist": load_mnist,
    "fashion-mnist": load_fashion_mnist,
}
