"""IDX files, the format of MNIST."""

import gzip
import hashlib
import math
import zlib
from pathlib import Path

import numpy as np

__all__ = ["read_bytes", "read_idx"]

# The third byte of an IDX file names the type of its values; all are big-endian.
_IDX_TYPES = {8: "u1", 9: "i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}


def read_idx(path, *, sha256=None):
    """Read an IDX file, the format of MNIST.

    Parameters
    ----------
    path : str or path-like
        The file; one whose name ends in ``.gz`` is decompressed.
    sha256 : str, default=None
        SHA-256 that the decompressed bytes must have, in hexadecimal. None checks nothing.

    Returns
    -------
    array : ndarray
        Values in the shape and type that the file states.

    Raises
    ------
    ValueError
        If the file is damaged, truncated or not IDX, or has another SHA-256.

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
    content = read_bytes(path)
    found = hashlib.sha256(content).hexdigest() if sha256 is not None else None
    if found != sha256:
        raise ValueError(
            f"{path} is damaged or another file: the SHA-256 of its decompressed bytes is {found}, "
            f"not {sha256}. Delete it and get it again."
        )

    return _parse_idx(content, path)


def read_bytes(path):
    """Bytes of a file, decompressed if its name ends in ``.gz``."""
    if path.suffix != ".gz":
        return path.read_bytes()
    try:
        return gzip.decompress(path.read_bytes())
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(
            f"{path} is truncated or damaged and cannot be decompressed ({error}). Delete it and "
            "get it again."
        ) from error


def _parse_idx(content, path):
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] not in _IDX_TYPES:
        raise ValueError(f"{path} is not an IDX file: it starts with {content[:4]!r}.")
    n_dimensions, dtype = content[3], np.dtype(_IDX_TYPES[content[2]])
    start = 4 + 4 * n_dimensions
    if len(content) < start:
        raise ValueError(f"{path} is truncated: its header alone has {start} bytes.")
    shape = tuple(np.frombuffer(content[4:start], ">u4").tolist())
    expected = start + dtype.itemsize * math.prod(shape)
    if len(content) != expected:
        raise ValueError(
            f"{path} is truncated or too long: {len(content)} bytes instead of {expected} for "
            f"shape {shape}."
        )
    values = np.frombuffer(content, dtype, offset=start).reshape(shape)

    return values.astype(dtype.newbyteorder("="))  # writeable, in the machine's byte order
