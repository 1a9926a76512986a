"""Recipes: unfitted, named, each a legal pipeline, and honest about labels."""

import pickle
from functools import partial

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.pipeline import Pipeline
from sklearn.semi_supervised import LabelSpreading
from sklearn.svm import LinearSVC

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
    X, y = digits[0][:100], digits[1][:100]
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


def few_digits(digits):
    """A classifier that was fitted to 300 digits, 60 of them with labels, and what it was given."""
    X = digits[0][:300].astype(np.float32)
    labels = np.where(np.arange(300) < 60, digits[1][:300], -1)
    model = recipes.few_labels("fv", "digits", n_dims=20, random_state=0)
    names = [name for name in model.get_params() if name.endswith("fv__n_components")]
    model.set_params(**dict.fromkeys(names, 4))

    return model.fit(X, labels), X, labels


@pytest.fixture(scope="module")
def few(digits):
    return few_digits(digits)


@pytest.mark.parametrize("dataset", recipes.PROFILES)
@pytest.mark.parametrize("name", ["fv", "fv_vae_patches"])
def test_few_labels_is_unfitted_and_takes_the_scales_of_the_profile(name, dataset):
    model = recipes.few_labels(name, dataset, n_dims=7, n_neighbors=4, random_state=3)
    scales = recipes.PROFILES[dataset].scales
    sizes = [s.get("patch_size", recipes.PROFILES[dataset].patches["patch_size"]) for s in scales]
    parts = [part for _, part in model["features"].transformer_list]

    assert [part["fv"].extractor.patch_size for part in parts] == sizes
    assert [part["svd"].n_components for part in parts] == [7] * len(scales)
    assert {part["fv"].random_state for part in parts} == {3}
    assert isinstance(clone(model), Pipeline)
    assert not [attribute for part in parts for attribute in vars_fitted(part["svd"])]


def test_new_rows_are_classified_by_a_linear_classifier_of_all_rows(few, digits):
    model, X, labels = few
    F, F_new = (model["features"].transform(rows) for rows in (X, digits[0][300:320]))
    spread = clone(model["classifier"].transduction).fit(F, labels).transduction_
    linear = LinearSVC(random_state=0).fit(F, np.where(labels >= 0, labels, spread))

    np.testing.assert_array_equal(
        model.decision_function(digits[0][300:320]), linear.decision_function(F_new)
    )


def test_shares_of_new_rows_are_the_mean_of_their_neighbours(few, digits):
    model, X, _ = few
    F, F_new = (model["features"].transform(rows) for rows in (X, digits[0][300:320]))
    spreading = model["classifier"].transduction_
    order = np.argsort(np.linalg.norm(F_new[:, None] - F, axis=2), axis=1)[:, :10]
    means = spreading.label_distributions_[order].mean(axis=1)

    np.testing.assert_allclose(
        spreading.predict_proba(F_new), means / means.sum(axis=1, keepdims=True), atol=1e-12
    )


def test_new_rows_are_independent_of_each_other(few, digits):
    model, new = few[0], digits[0][300:320]
    alone = np.concatenate([model.decision_function(row[None]) for row in new])

    np.testing.assert_allclose(model.decision_function(new), alone, atol=1e-5)  # SVD in float32


def test_few_labels_survive_pickle(few, digits):
    model, new = few[0], digits[0][300:320]

    again = pickle.loads(pickle.dumps(model))

    np.testing.assert_allclose(
        again.decision_function(new), model.decision_function(new), atol=1e-5
    )


def test_few_labels_need_features_of_patches():
    with pytest.raises(ValueError, match="'pca' has no patches: choose from fv, fv_vae_patches"):
        recipes.few_labels("pca")


def test_few_labels_name_the_data_sets():
    with pytest.raises(ValueError, match="choose from .*mnist"):
        recipes.few_labels("fv", "imagenet")


def test_rows_are_linked_if_either_has_chosen_the_other_by_the_square_of_what_both_have(rng):
    A = rng.normal(size=(40, 3))
    distances = np.linalg.norm(A[:, None] - A, axis=2) + np.diag(np.full(40, np.inf))
    chosen = distances <= np.sort(distances, axis=1)[:, 4:5]
    circles = (chosen | np.eye(40, dtype=bool)).astype(int)
    graph = recipes.neighbor_graph(A, A, n_neighbors=5)

    np.testing.assert_array_equal(graph.toarray(), (chosen | chosen.T) * (circles @ circles.T) ** 2)


def test_new_rows_are_linked_to_their_neighbours_alone(rng):
    A, B = rng.normal(size=(40, 3)), rng.normal(size=(6, 3))
    distances = np.linalg.norm(A[:, None] - B, axis=2)
    graph = recipes.neighbor_graph(A, B, n_neighbors=5)

    np.testing.assert_array_equal(graph.toarray(), distances <= np.sort(distances, axis=0)[4])


def spreading(n_neighbors):
    kernel = partial(recipes.neighbor_graph, n_neighbors=n_neighbors)

    return LabelSpreading(kernel=kernel, alpha=0.9, max_iter=200)


def test_a_label_reaches_the_end_of_its_strip_past_nearer_ones_of_another():
    across = np.repeat([0.0, 3.0], 100)
    A = np.stack([across, np.tile(np.arange(100) / 5, 2)], axis=1)
    labels = np.full(200, -1)
    labels[[0, 199]] = 0, 1  # at opposite ends
    model = spreading(n_neighbors=4).set_params(alpha=0.99, max_iter=2000).fit(A, labels)

    np.testing.assert_array_equal(model.transduction_, across > 0)


def test_labels_spread_from_either_side_of_a_link():
    # The outlier chooses the pair, which chooses each other: a directed graph never reaches it.
    A = np.array([[0.0], [1.0], [5.0]])
    model = spreading(n_neighbors=1)
    model.fit(A, [-1, -1, 0])

    assert (model.label_distributions_ > 0).all()


def test_an_island_without_a_label_has_no_share_of_any_class():
    A = np.array([[0.0], [1.0], [50.0], [51.0]])
    model = spreading(n_neighbors=1)
    model.fit(A, [1, -1, -1, -1])

    np.testing.assert_array_equal(model.label_distributions_.sum(axis=1), [1, 1, 0, 0])
