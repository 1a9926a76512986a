"""The base of every estimator here: a link to its page, and the version that saved it."""

import os
from importlib.metadata import PackageNotFoundError, metadata
from typing import Any

from sklearn.base import BaseEstimator

from skvae import __version__
from skvae._warnings import warn

__all__ = ["Estimator"]


class Estimator(BaseEstimator):
    """scikit-learn's base of estimators, with what it does for its own alone.

    The HTML representation links to the page of the class. The address of the pages is
    ``$SKVAE_DOCS_URL``, else the project's URL "Documentation"; where there is neither, there is no
    link. Every pickle holds the version of skvae, and another one that reads it warns.
    """

    _doc_link_template = "{base}/generated/skvae.{name}.html"

    @property
    def _doc_link_module(self) -> str:
        """The package whose classes have pages: none where their address is unknown."""
        return "skvae" if _base_url() else ""

    def _doc_link_url_param_generator(self) -> dict[str, str]:
        return {"base": _base_url(), "name": type(self).__name__}

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_skvae_version": __version__}

    def __setstate__(self, state: dict[str, Any]) -> None:
        version = state.pop("_skvae_version", "unknown")
        if version != __version__:
            warn(
                f"This {type(self).__name__} was saved by skvae {version} and is loaded by "
                f"{__version__}: results may differ. Fit it again, or install that version.",
            )
        super().__setstate__(state)


def _base_url() -> str:
    return (os.environ.get("SKVAE_DOCS_URL") or _project_url("Documentation")).rstrip("/")


def _project_url(label: str) -> str:
    try:
        lines = metadata("skvae").get_all("Project-URL") or []
    except PackageNotFoundError:  # run from a copy of the sources
        return ""
    urls: dict[str, str] = dict(line.split(", ", 1) for line in lines)

    return urls.get(label, "")
