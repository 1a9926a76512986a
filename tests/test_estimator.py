"""Estimators link to their pages where an address is known; pickles name their version."""

import inspect
import pickle
import warnings
from email.message import Message
from urllib.parse import urlsplit

import numpy as np
import pytest
from sklearn.base import TransformerMixin, clone
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline

import skvae
from skvae import (
    DiagonalGaussianMixture,
    FisherVectorEncoder,
    ImagePatches,
    VAETransformer,
    _estimator,
)

ESTIMATORS = [
    getattr(skvae, name)
    for name in skvae.__all__
    if hasattr(getattr(skvae, name), "fit")
    and name not in ("FisherScores", "ImageKeypoints", "SeriesWindows", "TableSets")
] + [
    lambda: skvae.FisherScores(VAETransformer()),
    lambda: skvae.ImageKeypoints(detector=None),
    lambda: skvae.SeriesWindows(width=1),
    lambda: skvae.TableSets(None, key="key"),
]


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
def test_the_address_is_that_of_the_package(urls, monkeypatch):
    package = Message()
    for url in urls:
        package["Project-URL"] = url
    monkeypatch.delenv("SKVAE_DOCS_URL", raising=False)
    monkeypatch.setattr(_estimator, "metadata", lambda name: package)
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


@pytest.mark.parametrize(
    "estimator",
    [
        DiagonalGaussianMixture(2),
        ImagePatches(patch_size=2),
        VAETransformer(2, hidden_layer_sizes=(4,), max_iter=1),
    ],
    ids=lambda e: type(e).__name__,
)
def test_another_version_is_named(estimator):
    fitted = estimator.fit(np.random.default_rng(0).normal(size=(20, 4)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pickle.loads(pickle.dumps(fitted))
    state = fitted.__getstate__() | {"_skvae_version": "99.0"}
    with pytest.warns(UserWarning, match=f"saved by skvae 99.0 .* loaded by {skvae.__version__}"):
        clone(estimator).__setstate__(state)


@pytest.mark.parametrize(
    ("name", "most"),
    [
        ("BagOfVisualWordsEncoder", 12),
        ("DiagonalGaussianMixture", 8),
        ("FisherScores", 9),
        ("FisherVectorEncoder", 12),
        ("ImageKeypoints", 8),
        ("ImagePatches", 8),
        ("TableSets", 8),
        ("VLADEncoder", 12),
    ],
)
def test_no_method_is_looked_for_in_more_classes(name, most):
    classes = inspect.getmro(getattr(skvae, name))
    assert len(classes) - 1 <= most  # without object
