"""What all displays have in common: where they draw, in which colours, and what they refuse."""

import sys
from functools import partial

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from small import vae

from skvae import displays


@pytest.fixture
def makers(digits, plane, classes, encoder, comparison):
    """Every display as a function of keyword arguments."""
    X, y = digits
    make = {
        "LatentSpaceDisplay": (plane, X[:50], y[:50]),
        "ReconstructionDisplay": (encoder, X[:4]),
        "ManifoldDisplay": (plane,),
        "SamplesDisplay": (classes,),
        "InterpolationDisplay": (classes, X[:2], X[2:4]),
        "TrainingCurveDisplay": (classes,),
        "MixtureComponentsDisplay": (encoder,),
        "FisherEnergyDisplay": (encoder, X[:1]),
        "ContributionsDisplay": (encoder, X[:1], encoder.transform(X[:1])[0]),
        "ComponentChangesDisplay": (encoder, X[:1]),
    }
    functions = {
        name: partial(getattr(displays, name).from_estimator, *arguments)
        for name, arguments in make.items()
    }
    functions["FeatureComparisonDisplay"] = partial(
        displays.FeatureComparisonDisplay.from_comparison, comparison
    )

    return functions


@pytest.mark.parametrize("name", displays.__all__)
def test_a_display_draws_where_it_is_told(name, makers):
    import matplotlib.pyplot as plt

    own = makers[name]()
    figure, (left, right) = plt.subplots(1, 2)
    given = makers[name](ax=right)

    assert own.figure_ is own.ax_.figure
    assert own.figure_ is not figure
    assert given.ax_ is right
    assert given.figure_ is figure
    assert right.has_data()
    assert not left.has_data()
    assert own.plot(ax=left) is own
    assert own.ax_ is left


@pytest.mark.slow
@pytest.mark.parametrize("name", displays.__all__)
def test_pictures_are_reproducible_opaque_and_legible_in_a_dark_style(
    name, makers, drawn, tmp_path
):
    import matplotlib.pyplot as plt

    # At a lower resolution thin letters are grey, how grey depends on matplotlib's version.
    light, again = (drawn(makers[name](), tmp_path, dpi=100) for _ in range(2))
    np.testing.assert_array_equal(light, again)
    with plt.style.context("dark_background"):
        dark = drawn(makers[name](), tmp_path, dpi=100)

    assert (light[..., 3] == 1).all()
    assert (light[0, 0, :3] == 1).all()
    assert (dark[0, 0, :3] == 0).all()
    # Something light is drawn on the dark ground, and something dark on the light one.
    assert dark[..., :3].min(axis=2).max() > 0.9
    assert light[..., :3].max(axis=2).min() < 0.2


@pytest.mark.parametrize("name", displays.__all__)
def test_without_matplotlib_the_error_names_the_extra(name, makers, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)

    with pytest.raises(ImportError, match=rf'{name} needs .* pip install "skvae\[plot\]"'):
        makers[name]()


@pytest.mark.parametrize(
    ("name", "lacking"),
    [
        ("SamplesDisplay", "sample"),
        ("TrainingCurveDisplay", "history_"),
        ("MixtureComponentsDisplay", "component_descriptors"),
        ("ContributionsDisplay", "contributions"),
        ("ComponentChangesDisplay", "component_changes"),
    ],
)
def test_an_estimator_of_another_kind_is_an_error_that_says_which_to_pass(name, lacking, makers):
    maker = makers[name]
    pca = PCA(2).fit(np.eye(4))
    with pytest.raises(TypeError, match=f"PCA has no {lacking}; pass a fitted "):
        maker.func(pca, *maker.args[1:])


def test_an_autoencoder_without_density_says_why_it_draws_no_samples():
    plain = vae(variational=False).fit(np.eye(16))
    with pytest.raises(TypeError, match="no sample; .*needs? variational=True"):
        displays.SamplesDisplay.from_estimator(plain)


@pytest.mark.parametrize("name", sorted(set(displays.__all__) - {"FeatureComparisonDisplay"}))
def test_estimators_must_be_fitted(name, makers):
    make = makers[name]
    estimator, *rest = make.args

    with pytest.raises(NotFittedError):
        make.func(clone(estimator), *rest)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("TrainingCurveDisplay", "loss"),
        ("MixtureComponentsDisplay", "map"),
        ("FisherEnergyDisplay", "map"),
        ("ContributionsDisplay", "list"),
        ("ComponentChangesDisplay", "map"),
        ("FeatureComparisonDisplay", "time"),
    ],
)
def test_an_unknown_kind_lists_the_choices(name, kind, makers):
    with pytest.raises(ValueError, match=f"kind='{kind}' must be .*'"):
        makers[name](kind=kind)
