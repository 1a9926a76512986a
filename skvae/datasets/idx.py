"""IDX files, the format of MNIST."""

import gzip
import hashlib
import math
import zlib
from io import BufferedIOBase
from pathlib import Path
from typing import Any

import numpy as np

from skvae._typing import Array, PathLike

__all__ = ["digest_of", "read_idx"]

# The third byte of an IDX file names the type of its values; all are big-endian.
_IDX_TYPES = {8: "u1", 9: "i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}
_MOST_DIMENSIONS = 32
_STEP_BYTES = 2**20


def read_idx(path: PathLike, *, sha256: str | None = None) -> Array:
    """Read an IDX file, the format of MNIST.

    Parameters
    ----------
    path : str or path-like
        The file; one whose name ends in ``.gz`` is decompressed, as far as its header declares.
    sha256 : str, default=None
        SHA-256 that the decompressed bytes must have, in hexadecimal. None checks nothing.

    Returns
    -------
    array : ndarray
        Values in the shape and type that the file states.

    Raises
    ------
    ValueError
        If the file is damaged, truncated, longer than it declares or not IDX, or has another
        SHA-256.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from skvae.datasets import read_idx
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     path = Path(directory) / "labels-idx1-ubyte"
    ...     _ = path.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 3, 5, 0, 4]))
    ...     read_idx(path)
    array([5, 0, 4], dtype=uint8)
    """
    path = Path(path)
    header, dtype, shape, values = _read(path)
    found = _sha256(header, values) if sha256 is not None else None
    if found != sha256:
        raise ValueError(
            f"{path} is damaged or another file: the SHA-256 of its decompressed bytes is {found}, "
            f"not {sha256}. Delete it and get it again."
        )
    array = np.frombuffer(values, dtype).reshape(shape)

    return array.astype(dtype.newbyteorder("="), copy=False)


def digest_of(path: Path) -> str:
    """SHA-256 of an IDX file's decompressed bytes, in hexadecimal."""
    header, _, _, values = _read(path)

    return _sha256(header, values)


def _sha256(header: bytes, values: bytearray) -> str:
    digest = hashlib.sha256(header)
    digest.update(values)

    return digest.hexdigest()


def _read(path: Path) -> tuple[bytes, np.dtype[Any], tuple[int, ...], bytearray]:
    """Header, type, shape and bytes of the values; nothing that the header does not declare."""
    try:
        with (gzip.open if path.suffix == ".gz" else open)(path, "rb") as file:
            header, dtype, shape = _read_header(file, path)
            n_bytes = dtype.itemsize * math.prod(shape)
            values = _read_at_most(file, n_bytes)
            if len(values) < n_bytes or file.read(1):
                found = f"{len(values):,} bytes" if len(values) < n_bytes else "more bytes"
                raise ValueError(
                    f"{path} is truncated or too long: {found} of values instead of {n_bytes:,} "
                    f"for shape {shape}. Delete it and get it again."
                )
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(
            f"{path} is truncated or damaged and cannot be decompressed ({error}). Delete it and "
            "get it again."
        ) from error

    return header, dtype, shape, values


def _read_header(file: BufferedIOBase, path: Path) -> tuple[bytes, np.dtype[Any], tuple[int, ...]]:
    header = file.read(4)
    if len(header) < 4 or header[:2] != b"\0\0" or header[2] not in _IDX_TYPES:
        raise ValueError(f"{path} is not an IDX file: it starts with {header!r}.")
    n_dimensions = header[3]
    header += file.read(4 * n_dimensions)
    if len(header) < 4 + 4 * n_dimensions:
        raise ValueError(f"{path} is truncated: its header alone has {4 + 4 * n_dimensions} bytes.")
    shape = tuple(np.frombuffer(header[4:], ">u4").tolist())
    if n_dimensions > _MOST_DIMENSIONS or (0 in shape and max(shape) > 2**31):
        raise ValueError(f"{path} is not an IDX file: no array has the shape {shape}.")

    return header, np.dtype(_IDX_TYPES[header[2]]), shape


def _read_at_most(file: BufferedIOBase, n_bytes: int) -> bytearray:
    """The next bytes, in steps: a header may declare more than the file has, or memory."""
    content = bytearray()
    while len(content) < n_bytes:
        step = file.read(min(_STEP_BYTES, n_bytes - len(content)))
        if not step:
            break
        content += step

    return content
