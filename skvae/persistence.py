"""How a file of an estimator is read."""

import zipfile
from typing import Any

import joblib

from skvae._optional import require
from skvae._typing import PathLike

__all__ = ["load_estimator"]


def load_estimator(path: PathLike, *, allow_pickle: bool = False) -> Any:
    """Read an estimator from a file.

    Parameters
    ----------
    path : str or path-like
        What ``skops.io.dump`` wrote, or with ``allow_pickle`` what joblib or pickle did.
    allow_pickle : bool, default=False
        Whether to read pickles. Reading one runs the code inside it: allow files that you trust
        only. A skops file is read without running anything. It may hold estimators of skvae and
        scikit-learn, also fitted searches and ensembles, but no trees and no functions other than
        scikit-learn's scores.

    Returns
    -------
    estimator : estimator

    Raises
    ------
    ImportError
        If the file is skops's and skops is missing.
    ValueError
        If the file is a pickle and those are not allowed, holds other types or no estimator, would
        unpack to far more than it is, or is damaged.
    OSError
        If it cannot be read.

    Examples
    --------
    >>> import joblib, os, tempfile
    >>> from sklearn.decomposition import PCA
    >>> from skvae import load_estimator
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "pca.joblib")
    ...     _ = joblib.dump(PCA(3), path)
    ...     load_estimator(path, allow_pickle=True)
    PCA(n_components=3)
    """
    with open(path, "rb") as file:
        is_skops = zipfile.is_zipfile(file)
    if not is_skops and not allow_pickle:
        raise ValueError(
            f"{path} is no skops file. If it is a pickle (joblib writes them too), reading it runs "
            "the code inside: allow that with --allow-pickle (allow_pickle=True) if you trust "
            "where it comes from. Files of skops.io.dump are read without running anything."
        )
    try:
        estimator = _load_skops(path) if is_skops else joblib.load(path)
    except (ImportError, OSError, _UntrustedError):
        raise
    except Exception as error:  # a damaged file can raise anything
        raise ValueError(f"{path} holds no estimator that can be read: {error!r}.") from error
    if isinstance(estimator, type) or not {"fit", "get_params"} <= {*dir(estimator)}:
        kind = estimator if isinstance(estimator, type) else type(estimator)
        what = "the class" if isinstance(estimator, type) else "an object of type"
        raise ValueError(f"{path} holds no estimator, but {what} {kind.__qualname__}.")

    return estimator


class _UntrustedError(ValueError):
    pass


def _load_skops(path: PathLike) -> Any:
    require("skops.io", str(path), '"skvae[skops]"')
    from skops import io

    import skvae
    from skvae._skops import check_sizes, trusted_types

    check_sizes(path)
    ours = (getattr(skvae, name) for name in dir(skvae) if name[0].isupper())
    types = io.get_untrusted_types(file=path)
    if strangers := sorted(set(types) - trusted_types(ours)):
        raise _UntrustedError(
            f"{path} holds types that are not known to be harmless: {', '.join(strangers)}. If you "
            "trust them, read it with skops.io.load(trusted=...) in Python."
        )

    return io.load(path, trusted=types)
