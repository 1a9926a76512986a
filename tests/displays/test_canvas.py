"""Names that the user gave are written as they are."""

from functools import partial

import numpy as np
import pytest

from skvae.displays import (
    FeatureComparisonDisplay,
    LatentSpaceDisplay,
    ReconstructionDisplay,
    SamplesDisplay,
)
from skvae.displays.canvas import label_of, name_legend

NAMES = ["us$_per_$", "$x^{$", "_hidden", "", r"a\$", "two\nlines"]
SHOWN = ["us$_per_$", "$x^{$", "_hidden", "", r"a\$", r"two\nlines"]


def texts_of(figure):
    from matplotlib.text import Text

    figure.canvas.draw()  # raises where a name is read as a formula

    return [text for text in figure.findobj(Text) if text.get_visible()]


def records():
    numbers = {"test_error": 0.1, "error_low": 0.05, "error_high": 0.2, "n_dims": 4}
    numbers |= {"status": "ok", "feature_fit_seconds": 1.0, "transform_seconds": 1.0}
    numbers |= {"fit_seconds": 1.0, "predict_seconds": 1.0}

    return [{"feature": name, "classifier": name, **numbers} for name in NAMES]


def comparison(kind):
    return FeatureComparisonDisplay(records=records(), n_test=100).plot(kind)


def latent_space(rng):
    y = np.array(NAMES, object)[np.arange(60) % len(NAMES)]

    return LatentSpaceDisplay.from_predictions(rng.normal(size=(60, 2)), y)


def reconstructions(rng):
    X = rng.random((3, 16))

    return ReconstructionDisplay.from_predictions(X, dict.fromkeys(NAMES, X))


def samples(rng):
    images = rng.random((len(NAMES), 2, 4, 4, 1))

    return SamplesDisplay(images=images, classes=NAMES).plot()


@pytest.mark.parametrize(
    "draw",
    [
        *(partial(lambda kind, _: comparison(kind), k) for k in ("error", "dimensions", "seconds")),
        latent_space,
        reconstructions,
        samples,
    ],
    ids=["errors", "dimensions", "seconds", "latent space", "reconstructions", "samples"],
)
def test_names_are_no_formulas_and_stay_on_their_line(draw, rng):
    texts = texts_of(draw(rng).figure_)
    names = [text for text in texts if text.get_text().strip() in SHOWN and text.get_text()]

    assert {text.get_text().strip() for text in names} >= {*SHOWN} - {""}
    assert not any(text.get_parse_math() or text.get_usetex() for text in names)


def test_a_legend_has_all_names_and_leaves_labels_of_others_alone(rng):
    from matplotlib.figure import Figure

    ax = Figure().add_subplot()
    for label in ("$x^2$", *map(label_of, NAMES)):
        ax.plot([0, 1], label=label)
    name_legend(ax, NAMES)
    theirs, *ours = ax.get_legend().get_texts()

    assert theirs.get_parse_math()
    assert [text.get_text().strip() for text in ours] == SHOWN
    assert not any(text.get_parse_math() for text in ours)
