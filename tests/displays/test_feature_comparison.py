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


def test_cost_is_dimensions_or_seconds(comparison):
    display = FeatureComparisonDisplay.from_comparison(comparison, kind="dimensions")
    knn = points(display)["knn"]
    np.testing.assert_allclose(knn[:, 0], [64, 640], rtol=0.1)  # a little aside
    np.testing.assert_allclose(knn[:, 1], [0.64, 6.4])
    np.testing.assert_allclose(points(display.plot("seconds"))["linear"], [[1, 5], [5, 5]])
    assert {text.get_text() for text in display.ax_.texts} == {"raw", "fv"}


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
