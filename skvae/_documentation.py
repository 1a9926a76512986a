"""From an estimator to its page in the documentation."""

import os
from importlib.metadata import PackageNotFoundError, metadata

__all__ = ["DocumentedMixin"]


class DocumentedMixin:
    """Link the HTML representation of an estimator to its page.

    The address of the pages is ``$SKVAE_DOCS_URL``, else the project's URL "Documentation"; where
    there is neither, there is no link. A mixin: put it before ``BaseEstimator``.
    """

    _doc_link_module = "skvae"
    _doc_link_template = "{base}/generated/skvae.{name}.html"

    def _doc_link_url_param_generator(self):
        return {"base": _base_url(), "name": type(self).__name__}

    def _get_doc_link(self):
        return super()._get_doc_link() if _base_url() else ""


def _base_url():
    url = os.environ.get("SKVAE_DOCS_URL") or _project_url("Documentation")
    return url.rstrip("/")


def _project_url(label):
    try:
        lines = metadata("skvae").get_all("Project-URL") or []
    except PackageNotFoundError:  # run from a copy of the sources
        return ""
    urls = dict(line.split(", ", 1) for line in lines)
    return urls.get(label, "")
