"""Packages that some of the library needs and not all of it."""

from importlib import import_module

__all__ = ["require"]


def require(module: str, purpose: str, install: str) -> None:
    """Say what to install where a package is missing.

    Parameters
    ----------
    module : str
        What has to be importable; its first name is that of the package.
    purpose : str
        What needs it.
    install : str
        What pip is to install.

    Raises
    ------
    ImportError
        If it cannot be imported.

    Examples
    --------
    >>> from skvae._optional import require
    >>> require("numpy.linalg", "A product", "numpy")
    >>> require("numpie", "A product", "numpie")
    Traceback (most recent call last):
    ImportError: A product needs numpie: pip install numpie
    """
    try:
        import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise ImportError(f"{purpose} needs {package}: pip install {install}") from error
