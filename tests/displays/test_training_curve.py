import numpy as np
import pytest
from sklearn.decomposition import PCA

from skvae import VAETransformer
from skvae.displays import TrainingCurveDisplay


def lines(ax):
    return {line.get_label(): line.get_ydata() for line in ax.get_lines()}


def test_curves_are_the_history(classes):
    display = TrainingCurveDisplay.from_estimator(classes)
    drawn = lines(display.ax_)

    assert set(drawn) == {"reconstruction", "ELBO", "ELBO, validation"}
    np.testing.assert_array_equal(drawn["ELBO"], classes.history_["elbo"])
    np.testing.assert_array_equal(lines(display.plot("kl").ax_)["KL"], classes.history_["kl"])


def test_the_first_epochs_are_not_cut_off():
    elbo = [-1e4, -300, *np.linspace(-110, -100, 98)]
    history = {"elbo": elbo, "reconstruction": elbo, "loss": elbo}
    low, high = TrainingCurveDisplay(history=history).plot().ax_.get_ylim()
    assert low < min(elbo) and max(elbo) < high


def test_bars_are_the_kl_of_dimensions(classes):
    display = TrainingCurveDisplay.from_estimator(classes, kind="dimensions")
    heights = [bar.get_height() for bar in display.ax_.patches]

    np.testing.assert_allclose(heights, np.sort(classes.kl_per_dimension_)[::-1])
    assert display.ax_.get_title() == f"{classes.n_active_} of 5 dimensions are active"


def test_the_map_is_the_kl_of_dimensions_by_epoch(classes):
    display = TrainingCurveDisplay.from_estimator(classes, kind="active")
    order = np.argsort(-classes.kl_curves_[-1])
    (image,) = display.ax_.images
    shown = np.asarray(image.get_array())
    (line,) = display.ax_.get_lines()
    place = line.get_ydata()

    np.testing.assert_allclose(shown, classes.kl_curves_[:, order].T)
    assert image.get_extent() == [0.5, 3.5, 5.5, 0.5]
    np.testing.assert_allclose(place - 0.5, classes.history_["n_active"])


def test_a_plain_autoencoder_has_no_kl(digits):
    ae = VAETransformer(2, variational=False, max_iter=1).fit(digits[0][:100])

    assert set(lines(TrainingCurveDisplay.from_estimator(ae).ax_)) == {"reconstruction"}
    for kind in ("kl", "dimensions", "active"):
        with pytest.raises(ValueError, match="variational=False"):
            TrainingCurveDisplay.from_estimator(ae, kind=kind)


def test_an_estimator_without_history_is_an_error(digits):
    with pytest.raises(TypeError, match="PCA has no history_"):
        TrainingCurveDisplay.from_estimator(PCA().fit(digits[0]))
