import numpy as np
import pytest
from sklearn.decomposition import PCA, KernelPCA

from skvae.displays import LatentSpaceDisplay


def test_two_dimensions_are_drawn_as_they_are(digits, plane):
    X, y = digits
    display = LatentSpaceDisplay.from_estimator(plane, X[:60], y[:60])
    Z = plane.transform(X[:60])
    drawn = np.concatenate([group.get_offsets() for group in display.ax_.collections])

    np.testing.assert_allclose(np.sort(drawn, axis=0), np.sort(Z, axis=0), rtol=1e-6)
    assert display.ax_.get_xlabel() == "z1"
    labels = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert labels == [str(label) for label in range(10)]
    for group, label in zip(display.ax_.collections, range(10), strict=True):
        np.testing.assert_allclose(group.get_offsets(), Z[y[:60] == label], rtol=1e-6)
    # Each class is named where it is.
    (two,) = (text for text in display.ax_.texts if text.get_text() == "2")
    np.testing.assert_allclose(two.xy, np.median(Z[y[:60] == 2], axis=0), rtol=1e-6)


def test_more_dimensions_become_principal_components(rng):
    Z = rng.normal(size=(40, 5)) * [5, 4, 1, 1, 1]
    display = LatentSpaceDisplay.from_predictions(Z)
    pca = PCA(2).fit(Z)

    np.testing.assert_allclose(np.abs(display.points), np.abs(pca.transform(Z)))
    assert display.ax_.get_xlabel() == f"PC 1 ({pca.explained_variance_ratio_[0]:.0%})"


def test_neighbours_stay_neighbours_under_tsne(rng):
    centres = 20 * rng.normal(size=(3, 6))
    Z = np.repeat(centres, 20, axis=0) + rng.normal(size=(60, 6))
    points = LatentSpaceDisplay.from_predictions(Z, projection="tsne").points
    nearest = np.linalg.norm(points[:, None] - points, axis=2).argsort(axis=1)[:, 1]

    assert (nearest // 20 == np.arange(60) // 20).mean() > 0.95


def test_a_transformer_of_ones_own(rng):
    display = LatentSpaceDisplay.from_predictions(rng.normal(size=(20, 4)), projection=KernelPCA(2))

    assert display.ax_.get_ylabel() == "KernelPCA 2"
    with pytest.raises(ValueError, match="projection must give 2 dimensions"):
        LatentSpaceDisplay.from_predictions(rng.normal(size=(20, 4)), projection=PCA(3))


def test_posterior_parameters_count_by_their_means(digits, plane):
    Z = plane.transform(digits[0][:20])
    params = type(plane)(output="params")
    params.__dict__ = {**vars(plane), "output": "params"}
    display = LatentSpaceDisplay.from_estimator(params, digits[0][:20])

    np.testing.assert_array_equal(display.points, Z)


@pytest.mark.parametrize(
    ("y", "names"),
    [
        ([0, 1, -1, -1, 0, 1], ["0", "1"]),
        (["a", "b", None, "", "a", "b"], ["a", "b"]),
        (np.array(["a", "b", np.nan, -1, "a", "b"], object), ["a", "b"]),
    ],
)
def test_unlabelled_points_are_grey_and_named(rng, y, names):
    display = LatentSpaceDisplay.from_predictions(rng.normal(size=(6, 2)), y)

    legend = display.ax_.get_legend().get_texts()
    assert [text.get_text() for text in legend] == ["unlabelled", *names]
    assert len(display.ax_.collections[0].get_offsets()) == 2


def test_strings_are_labels(rng):
    display = LatentSpaceDisplay.from_predictions(rng.normal(size=(3, 2)), ["a", "b", "a"])

    assert {text.get_text() for text in display.ax_.texts} == {"a", "b"}


@pytest.mark.parametrize(
    ("Z", "options", "message"),
    [
        (np.zeros((5, 1)), {}, "at least 2 latent dimensions, got 1"),
        (np.zeros((5, 3)), {"projection": None}, "n_components=2, or use projection='pca'"),
        (np.zeros((5, 3)), {"projection": "umap"}, "must be 'auto', 'pca', 'tsne'"),
        (np.zeros((5, 2)), {"y": [0, 1]}, "inconsistent numbers of samples"),
        (np.full((5, 2), np.nan), {}, "NaN"),
    ],
)
def test_what_cannot_be_mapped_is_an_error(Z, options, message):
    with pytest.raises(ValueError, match=message):
        LatentSpaceDisplay.from_predictions(Z, **options)
