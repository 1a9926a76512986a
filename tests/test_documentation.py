"""Estimators link to their pages where an address is known, and only there."""

from urllib.parse import urlsplit

import pytest
from sklearn.base import TransformerMixin
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline

import skvae
from skvae import FisherVectorEncoder, VAETransformer

ESTIMATORS = [
    getattr(skvae, name)
    for name in skvae.__all__
    if hasattr(getattr(skvae, name), "fit") and name != "ImageKeypoints"
] + [lambda: skvae.ImageKeypoints(detector=None)]


@pytest.mark.parametrize("make", ESTIMATORS)
def test_the_representation_links_to_the_page_of_the_class(make, monkeypatch):
    monkeypatch.setenv("SKVAE_DOCS_URL", "https://example.org/docs/")
    estimator = make()
    page = f"https://example.org/docs/generated/skvae.{type(estimator).__name__}.html"
    assert f'href="{page}"' in estimator._repr_html_()


def test_scikit_learn_keeps_its_own_links(monkeypatch):
    monkeypatch.setenv("SKVAE_DOCS_URL", "https://example.org/docs")
    html = make_pipeline(PCA(), FisherVectorEncoder())._repr_html_()
    hosts = {urlsplit(part.split('"')[0]).hostname for part in html.split('href="')[1:]}
    assert hosts == {"scikit-learn.org", "example.org"}


@pytest.mark.parametrize("urls", [[], ["Documentation, https://example.org/here"]])
def test_the_address_is_that_of_the_package(urls, monkeypatch, tmp_path):
    lines = ["Metadata-Version: 2.1", "Name: skvae", *(f"Project-URL: {url}" for url in urls)]
    (tmp_path / "skvae-1.0.dist-info").mkdir()
    (tmp_path / "skvae-1.0.dist-info" / "METADATA").write_text("\n".join(lines))
    monkeypatch.delenv("SKVAE_DOCS_URL", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    page = 'href="https://example.org/here/generated/skvae.VAETransformer.html"'
    html = VAETransformer()._repr_html_()
    assert (page in html) == bool(urls)
    assert bool(urls) or "href=" not in html


def test_a_class_of_the_user_has_no_page_of_ours(monkeypatch):
    class Mine(VAETransformer, TransformerMixin):
        pass

    Mine.__module__ = "elsewhere"
    monkeypatch.setenv("SKVAE_DOCS_URL", "https://example.org/docs")
    assert "example.org" not in Mine()._repr_html_()
