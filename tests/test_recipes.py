"""Recipes: unfitted, named, each a legal pipeline, and honest about labels."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from skvae import recipes


def quick(pipeline):
    """The same pipeline with one epoch everywhere."""
    names = [name for name in pipeline.get_params() if name.endswith("max_iter")]

    return pipeline.set_params(**dict.fromkeys(names, 1))


@pytest.mark.parametrize("dataset", recipes.PROFILES)
@pytest.mark.parametrize("name", recipes.FEATURES)
def test_recipes_are_unfitted_pipelines_with_the_seed_given(name, dataset):
    pipeline = recipes.make(name, dataset, random_state=3)

    assert isinstance(clone(pipeline), Pipeline)
    assert not [attribute for step in pipeline.steps for attribute in vars_fitted(step[1])]
    assert repr(pipeline) == repr(recipes.make(name, dataset, random_state=3))


def vars_fitted(step):
    return [] if isinstance(step, str) else [v for v in vars(step) if v.endswith("_")]


@pytest.mark.parametrize("name", recipes.FEATURES)
def test_digits_recipes_keep_rows_and_float32(digits, name):
    X, y = digits[0][:100], digits[1][:100]
    pipeline = quick(recipes.make(name, "digits", random_state=0))
    F = pipeline.fit(X, y).transform(X)

    assert len(F) == 100
    assert F.dtype == np.float32
    np.testing.assert_array_equal(F, quick(clone(pipeline)).fit(X, y).transform(X))


def test_mnist_fisher_vectors_have_about_6000_dimensions(rng):
    X = rng.random((4, 784), dtype=np.float32)
    pipeline = recipes.make("fv", "mnist", random_state=0)

    assert pipeline.fit(X).transform(X).shape == (4, 128 * 2 * 22)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(recipes.FEATURES.keys() - recipes.LABELLED))
def test_unsupervised_recipes_ignore_labels(digits, rng, name):
    X, y = digits[0][:200], digits[1][:200]
    pipeline = quick(recipes.make(name, "digits", random_state=0))
    F = clone(pipeline).fit(X, y).transform(X)

    np.testing.assert_array_equal(F, clone(pipeline).fit(X, rng.permutation(y)).transform(X))


def test_a_profile_of_ones_own():
    profile = recipes.PROFILES["digits"]
    own = type(profile)(**{**vars(profile), "n_principal": 5})

    assert recipes.make("pca", own).named_steps["pca"].n_components == 5


@pytest.mark.parametrize(("name", "dataset"), [("sift", "mnist"), ("fv", "imagenet")])
def test_unknown_names_list_the_choices(name, dataset):
    with pytest.raises(ValueError, match="choose from .*mnist|choose from .*fv_vae_patches"):
        recipes.make(name, dataset)


def test_every_feature_is_explained():
    assert recipes.FEATURE_TEXTS.keys() == recipes.FEATURES.keys()
