import numpy as np
import pytest
from matplotlib.colors import to_hex

from skvae.comparison.intervals import wilson_interval
from skvae.comparison.records import Row
from skvae.comparison.results import FeatureComparison
from skvae.displays import FeatureComparisonDisplay


def points(display):
    """Per classifier, where its markers are."""
    return {
        bars.get_label(): np.transpose(bars.lines[0].get_data()).astype(float)
        for bars in display.ax_.containers
    }


def test_features_run_from_the_best_up_with_their_intervals(comparison):
    display = FeatureComparisonDisplay.from_comparison(comparison)
    (segments,) = display.ax_.containers[1].lines[2]

    assert [text.get_text() for text in display.ax_.get_yticklabels()] == ["fv", "raw"]
    assert points(display)["knn"][:, 0] == pytest.approx([0.64, 6.4])
    interval = wilson_interval(0.0064, 100)
    np.testing.assert_allclose(segments.get_segments()[0][:, 0], 100 * np.array(interval))
    assert "svm" not in points(display)  # left out


def markers(display):
    """Per classifier, where its markers are among costs."""
    lines = (line for line in display.ax_.lines if line.get_linestyle() == "None")
    return {line.get_label(): np.transpose(line.get_data()).astype(float) for line in lines}


def test_cost_is_dimensions_or_seconds(comparison):
    display = FeatureComparisonDisplay.from_comparison(comparison, kind="dimensions")
    np.testing.assert_allclose(markers(display)["knn"], [[64, 0.64], [640, 6.4]])
    display.plot("seconds")
    np.testing.assert_allclose(markers(display)["linear"], [[1, 5], [5, 5]])
    assert {text.get_text() for text in display.ax_.texts} == {"raw", "fv"}


@pytest.mark.parametrize("kind", ["dimensions", "seconds"])
def test_names_of_features_cover_neither_points_nor_each_other(kind):
    names = ("raw", "pca", "fv", "vae", "fv+vae", "vae_prior")
    dims, errors = (64, 20, 640, 150, 790, 150), (4.6, 6.2, 3.0, 6.8, 6.0, 4.6)
    rows = [
        Row(
            *(name, classifier, 0),
            n_dims=n_dims,
            feature_fit_seconds=n_dims / 100,
            test_error=e / 100,
            error_low=e / 200,
            error_high=e / 50,
        )
        for name, n_dims, error in zip(names, dims, errors, strict=True)
        for classifier, e in (("linear", error), ("knn", 0.9 * error), ("svm", error / 2))
    ]
    comparison = FeatureComparison(tuple(rows), n_test=500)
    display = FeatureComparisonDisplay.from_comparison(comparison, kind=kind)
    display.figure_.canvas.draw()
    boxes = [text.get_window_extent() for text in display.ax_.texts]
    points = display.ax_.transData.transform(np.concatenate(list(markers(display).values())))
    assert len(boxes) == 6
    assert not [1 for i, a in enumerate(boxes) for b in boxes[:i] if a.overlaps(b)]
    assert not [1 for box in boxes for point in points if box.contains(*point)]


def test_classifiers_differ_in_colour_and_marker(comparison):
    display = FeatureComparisonDisplay.from_comparison(comparison)
    lines = [bars.lines[0] for bars in display.ax_.containers]

    assert [to_hex(line.get_color()) for line in lines] == ["#0072b2", "#e69f00"]
    assert len({line.get_marker() for line in lines}) == 2


def test_errors_of_zero_are_drawn_on_a_linear_scale():
    row = Row("raw", "knn", 0, n_dims=4, test_error=0.0, error_low=0.0, error_high=0.03)
    comparison = FeatureComparison((row,), n_test=100)
    for kind in ("error", "dimensions"):
        display = FeatureComparisonDisplay.from_comparison(comparison, kind=kind)
        axis = display.ax_.xaxis if kind == "error" else display.ax_.yaxis
        assert axis.get_scale() == "linear"


def test_nothing_finished_is_an_error():
    with pytest.raises(ValueError, match="No feature was finished"):
        FeatureComparisonDisplay.from_comparison(FeatureComparison((), n_test=1))
