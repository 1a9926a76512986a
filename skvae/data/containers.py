"""Containers of numbers: what they say beyond their numbers is kept, or named in an error."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from math import isfinite
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import DTypeLike
from scipy.sparse import issparse
from sklearn.base import BaseEstimator
from sklearn.utils import check_array
from sklearn.utils.validation import validate_data

from skvae._typing import Array
from skvae.data.places import placed

__all__ = [
    "MISSING_ALLOWED",
    "array_of",
    "array_of_sequence",
    "check_computed",
    "check_names",
    "check_numbers",
    "float_type",
    "is_dask",
    "is_none",
    "is_frame",
    "is_text",
    "numbers",
    "validate_numbers",
]

# Of ``check_array``, for readers to whom NaN is a missing value; infinity stays an error.
MISSING_ALLOWED: Mapping[str, Any] = {"ensure_all_finite": "allow-nan"}
_READ = "read files first (ImagePatches reads images), and encode words by numbers"
# By the kind of a type: what values are, and what to do instead.
_NOT_NUMBERS = {
    "M": ("dates", "pass seconds since the first: (x - x.min()) / np.timedelta64(1, 's')"),
    "m": ("durations", "divide them by a unit: x / np.timedelta64(1, 's')"),
    "U": ("text", _READ),
    "S": ("bytes", _READ),
    "V": ("records", "pass numpy.lib.recfunctions.structured_to_unstructured(x)"),
}


def float_type(dtype: DTypeLike) -> np.dtype[Any]:
    """The float type that numbers become: float32 where that is exact, else float64.

    Examples
    --------
    >>> import numpy as np
    >>> from skvae.data.containers import float_type
    >>> float_type(np.dtype("uint8")), float_type(np.dtype("int32"))
    (dtype('float32'), dtype('float64'))
    """
    return np.dtype(np.float32 if np.can_cast(dtype, np.float32) else np.float64)


def check_numbers(
    X: Any, name: str = "X", *, kept: Sequence[DTypeLike] = (), **options: Any
) -> Array:
    """``check_array`` for any container: types are kept, and meaning that it would lose is named.

    Parameters
    ----------
    X : array-like
        See :func:`numbers`.
    name : str
        Of the argument, for errors.
    kept : sequence of dtype
        What numbers may stay; others become what :func:`float_type` says.
    **options
        Of ``sklearn.utils.check_array``.

    Returns
    -------
    X : ndarray
    """
    if _is_checked(X, options):
        known: Array = X
        return known
    X = numbers(X, name)
    with placed(X):
        checked: Array = check_array(X, dtype=_kept_type(X, kept), input_name=name, **options)

    return checked


def _is_checked(X: Any, options: Mapping[str, Any]) -> bool:
    """Whether ``check_array`` would return X itself, which it takes long to find out."""
    return (
        type(X) is np.ndarray
        and options.keys() <= {"ensure_min_samples", *MISSING_ALLOWED}
        and X.dtype in (np.float32, np.float64)
        and X.ndim == 2
        and X.shape[0] >= options.get("ensure_min_samples", 1)
        and X.shape[1] > 0
        and isfinite(np.vdot(X, X))
    )


def validate_numbers(
    estimator: BaseEstimator,
    X: Any,
    *,
    reset: bool,
    kept: Sequence[DTypeLike] = (),
    **options: Any,
) -> Any:
    """``validate_data`` for any container, as :func:`check_numbers` is ``check_array``.

    Parameters
    ----------
    estimator : estimator
        Its ``n_features_in_`` is set or compared with.
    X : array-like of shape (n, n_features)
        See :func:`numbers`.
    reset : bool
        Whether to set or to compare.
    kept : sequence of dtype
        What numbers may stay; others become what :func:`float_type` says.
    **options
        Of ``sklearn.utils.validation.validate_data``.

    Returns
    -------
    X : ndarray, or (X, y) where ``options`` have labels y.
    """
    if not reset and _is_checked(X, options) and _has_features_of(X, estimator):
        return X
    X = numbers(X)
    dtype = _kept_type(X, kept)
    with placed(X):
        return validate_data(estimator, X, reset=reset, dtype=dtype, **options)


def _has_features_of(X: Array, estimator: Any) -> bool:
    """Whether ``validate_data`` would find nothing wrong with the columns of an array."""
    n_features = getattr(estimator, "n_features_in_", None)
    return X.shape[1] == n_features and not hasattr(estimator, "feature_names_in_")


def array_of(X: Any, name: str = "X") -> Array:
    """A container of numbers as an array that shares its memory where it can.

    Parameters
    ----------
    X : array-like
        See :func:`numbers`.
    name : str
        Of the argument, for errors.

    Returns
    -------
    X : ndarray
        In the type of the numbers, float64 of objects; they are not checked otherwise.
    """
    X = numbers(X, name)
    if issparse(X):
        raise TypeError(f"{name} is sparse, but dense data is required: call its toarray().")
    dtype = _type_of(X)
    if hasattr(X, "iloc") and not all(isinstance(kind, np.dtype) for kind in np.ravel(X.dtypes)):
        array: Array = X.to_numpy(dtype, na_value=np.nan)
        return array
    return np.asarray(X, np.float64 if dtype.hasobject else dtype)


def numbers(X: Any, name: str = "X") -> Any:
    """A container of numbers as numpy or a data frame, no meaning of which conversion would lose.

    Parameters
    ----------
    X : array-like
        An array, tensor, data frame or sequence.
    name : str
        Of the argument, for errors.

    Returns
    -------
    X : ndarray, sparse matrix or data frame
        In the type of the numbers. Frames stay what they are, with the names of their columns.

    Raises
    ------
    TypeError
        If a tensor requires gradients, is sparse or nested, a frame is still to be computed, or X
        is no container.
    ValueError
        If values are masked, or are no numbers but dates, durations, text, records or categories,
        or two columns have one name.

    Examples
    --------
    >>> import numpy as np
    >>> from skvae.data.containers import numbers
    >>> numbers(np.ma.array([1.0, 2.0], mask=[False, False]))
    array([1., 2.])
    >>> numbers(np.ma.array([1.0, 2.0], mask=[False, True]))
    Traceback (most recent call last):
     ...
    ValueError: X has masked values (1 of 2), which would be read as if they were not: leave ...
    """
    check_computed(X, name)
    X = array_of_sequence(X, name) if isinstance(X, (list, tuple)) else _plain(X, name)
    if is_frame(X):
        return _checked_frame(X, name)
    X = X if hasattr(X, "shape") else np.asarray(X)
    kind = getattr(getattr(X, "dtype", None), "kind", None)
    if kind in ("U", "S"):
        _check_text(X, name)
    if kind in _NOT_NUMBERS:
        what, advice = _NOT_NUMBERS[kind]
        example = f" such as {X.flat[0]!s}" if X.size else ""
        raise ValueError(f"{name} holds {what}{example}, no numbers: {advice}.")
    if kind in ("O", None):
        some = X if kind else np.asarray(X[:1])
        _check_objects(np.asarray(X) if some.dtype == object else some, name)
    return _with_nan(X) if kind == "O" and isinstance(X, np.ndarray) else X


def _with_nan(X: Array) -> Array:
    """Objects with NaN in the place of None and of pandas.NA."""
    gaps = [is_none(x) for x in X.flat]

    return np.where(np.reshape(gaps, X.shape), np.nan, X) if any(gaps) else X


def is_none(value: Any) -> bool:
    """Whether a value is None or pandas.NA, which cannot be asked whether it is anything."""
    return value is None or type(value).__name__ == "NAType"


def is_dask(X: Any) -> bool:
    """Whether X is a collection of dask, which whoever made one has imported."""
    return "dask" in sys.modules and sys.modules["dask"].is_dask_collection(X)


def check_computed(X: Any, name: str) -> None:
    """Raise a TypeError for a frame of dask or a lazy one of polars.

    Parameters
    ----------
    X : object
    name : str
        Of the argument, for errors.
    """
    is_lazy = hasattr(X, "collect") and not hasattr(X, "shape")
    if is_lazy or (hasattr(X, "dtypes") and is_dask(X)):
        way = "collect()" if is_lazy else "compute()"
        raise TypeError(f"{name} is still to be computed: call its {way}.")


def is_frame(X: object) -> bool:
    """Whether X is a data frame of pandas or polars, or a column of pandas."""
    return hasattr(X, "shape") and hasattr(X, "dtypes")


def _plain(X: Any, name: str) -> Any:
    """Without the mask of an array that has none, and without torch."""
    if hasattr(X, "requires_grad") and hasattr(X, "detach"):
        return _array_of_tensor(X, name)
    if isinstance(X, np.ma.MaskedArray):
        n_masked = np.ma.count_masked(X)
        if n_masked:
            raise ValueError(
                f"{name} has masked values ({n_masked} of {X.size}), which would be read as if "
                f"they were not: leave them out, or put numbers in their place by its "
                "filled(...)."
            )
        return X.data
    return X


def _array_of_tensor(X: Any, name: str) -> Array:
    ways = {
        "requires gradients, which would end here": (X.requires_grad, "detach()"),
        "is nested": (X.is_nested, "unbind()"),
        "is sparse": (str(X.layout) not in ("torch.strided", "torch.jagged"), "to_dense()"),
        "is quantised": (X.is_quantized, "dequantize()"),
    }
    for what, (true, way) in ways.items():
        if true:
            raise TypeError(f"{name} is a tensor that {what}: call its {way}.")
    if X.is_meta:
        raise TypeError(f"{name} is a tensor of the device meta, which has no values.")
    if X.is_floating_point() and X.element_size() < 4:
        X = X.float()  # numpy knows no bfloat16, and no floats of 8 bits
    array: Array = X.numpy(force=True)

    return array


def _has_meaning(sequence: Iterable[Any]) -> bool:
    return any(isinstance(x, np.ma.MaskedArray) or hasattr(x, "requires_grad") for x in sequence)


def array_of_sequence(X: Sequence[Any], name: str) -> Array:
    """A list or tuple as an array, without the masks and gradients of its elements.

    Parameters
    ----------
    X : list or tuple
    name : str
        Of the argument, for errors.

    Raises
    ------
    ValueError
        If its elements differ in shape.
    """
    if _has_meaning(X):
        X = [_plain(x, f"{name}[{i}]") for i, x in enumerate(X)]
    try:
        return np.asarray(X)
    except ValueError as error:
        raise ValueError(
            f"The elements of {name} do not make an array, since they differ in shape ({error})."
        ) from error


def _check_objects(X: Any, name: str) -> None:
    if X.ndim == 0:
        raise TypeError(f"{name} is of type {type(X[()]).__name__}, which is no array of numbers.")
    if X.size and isinstance(X.flat[0], PathLike):
        raise ValueError(f"{name} holds paths such as {X.flat[0]!s}, no numbers: {_READ}.")
    if X.size and np.ndim(X.flat[0]):
        raise ValueError(
            f"{name} holds arrays in its cells, where numbers are needed: rows of equal length "
            f"become an array by numpy.stack(list({name}))."
        )
    _check_text(X, name)


def _check_text(X: Array, name: str) -> None:
    """Raise an error for text that numpy does not read as a number."""
    for place, value in enumerate(X.flat):
        if is_text(value):
            where = f" in column {place % X.shape[1]}" if X.ndim == 2 else ""
            what = "bytes" if isinstance(value, bytes) else "text"
            raise ValueError(f"{name} holds {what} such as {value!s}{where}, no numbers: {_READ}.")


def is_text(value: Any) -> bool:
    """Whether a value is text that does not stand for a number, as numpy reads those.

    Examples
    --------
    >>> from skvae.data.containers import is_text
    >>> [is_text(value) for value in ("a", "1.5", 1.5, None)]
    [True, False, False, False]
    """
    if not isinstance(value, str | bytes):
        return False
    try:
        float(value)
    except ValueError:
        return True
    return False


def check_names(names: Sequence[Any], name: str) -> None:
    """Raise a ValueError if two columns of a table have one name.

    Parameters
    ----------
    names : sequence
        Of the columns.
    name : str
        Of the table, for errors.
    """
    if len(set(names)) < len(names):
        twice = next(column for i, column in enumerate(names) if column in names[:i])
        raise ValueError(f"{name} has more than one column of the name {twice!r}: rename them.")


def _checked_frame(X: Any, name: str) -> Any:
    names = list(getattr(X, "columns", ()))
    check_names(names, name)
    for place, (column, kind) in enumerate(zip(names, np.ravel(X.dtypes), strict=False)):
        values = X.iloc[:, place] if kind == np.dtype(object) else ()
        text = next((f"text such as {value!r}" for value in values if is_text(value)), None)
        if text or not _is_numeric(kind):
            raise ValueError(
                f"Column {column!r} of {name} holds {text or kind}, no numbers: leave it out, or "
                "encode it by numbers (categories by sklearn.preprocessing.OneHotEncoder)."
            )
    _check_objects(np.asarray(X if len(X.shape) == 1 else X[:1]), name)
    # scikit-learn takes a sparse frame for a sparse matrix, whose other values are all zero.
    if any(getattr(kind, "fill_value", 0) != 0 for kind in np.ravel(X.dtypes)):
        return X.sparse.to_dense()
    return X


def _is_numeric(kind: Any) -> bool:
    """Whether a column holds numbers, or objects that may be some."""
    if hasattr(kind, "is_numeric"):  # a type of polars
        return kind.is_numeric() or str(kind) == "Boolean"
    return kind.kind in "biufc" or kind == np.dtype(object)


def _kept_type(X: Any, kept: Sequence[DTypeLike]) -> np.dtype[Any]:
    dtype = _type_of(X)
    return dtype if dtype in kept else float_type(dtype)


def _type_of(X: Any) -> np.dtype[Any]:
    """The type of the numbers in what :func:`numbers` gives."""
    if hasattr(X, "iloc"):
        return np.result_type(*{_numpy_type(kind) for kind in np.ravel(X.dtypes)})
    kind = getattr(X, "dtype", None)
    return kind if isinstance(kind, np.dtype) else np.asarray(X[:0]).dtype


def _numpy_type(kind: Any) -> np.dtype[Any]:
    """Numpy's type for a column of pandas; one of floats where values may be missing."""
    if isinstance(kind, np.dtype):
        return kind
    return np.result_type(getattr(kind, "numpy_dtype", np.float64), np.float16)
