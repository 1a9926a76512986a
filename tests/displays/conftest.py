"""Small models, fitted once; figures are closed after each test."""

import pytest
from missing import skip_files_without
from sklearn.decomposition import PCA

from skvae import FisherVectorEncoder, ImagePatches, VAETransformer
from skvae.comparison.records import Row
from skvae.comparison.results import FeatureComparison

pytest_pycollect_makemodule = skip_files_without("matplotlib", "needs the extra 'plot'")


@pytest.fixture(autouse=True)
def closed_figures():
    import matplotlib
    import matplotlib.pyplot as plt

    matplotlib.use("Agg")
    yield
    plt.close("all")


@pytest.fixture(scope="session")
def plane(digits):
    """A VAE of two latent dimensions."""
    return VAETransformer(2, max_iter=2, random_state=0).fit(digits[0][:300])


@pytest.fixture(scope="session")
def classes(digits):
    """A VAE of five latent dimensions with class means."""
    X, y = digits
    vae = VAETransformer(5, conditional="prior", max_iter=3, early_stopping=True, random_state=0)

    return vae.fit(X[:300], y[:300])


@pytest.fixture(scope="session")
def encoder(digits):
    """Fisher vectors of 3 x 3 patches with positions."""
    patches = ImagePatches(patch_size=3, padding=1)

    return FisherVectorEncoder(
        8, extractor=patches, reducer=PCA(4), spatial="xy", xy_weight=0.7, random_state=0
    ).fit(digits[0][:200])


_ROWS = tuple(
    Row(
        feature,
        classifier,
        0,
        n_dims=n_dims,
        test_error=error,
        error_low=error / 2,
        error_high=2 * error,
        fit_seconds=seconds,
    )
    for feature, n_dims, seconds in (("raw", 64, 1.0), ("fv", 640, 5.0))
    for classifier, error in (("linear", 0.05), ("knn", n_dims / 10_000))
)


@pytest.fixture
def comparison():
    """Two features under two classifiers; errors and dimensions rise together for kNN."""
    left_out = Row("fv", "svm", 0, status="left out", n_dims=640)

    return FeatureComparison((*_ROWS, left_out), n_test=100)


@pytest.fixture
def drawn():
    """Pixels of a display's figure, as saved: (height, width, RGBA)."""

    def pixels(display, tmp_path, **kwargs):
        from matplotlib.image import imread

        display.figure_.savefig(tmp_path / "figure.png", **{"dpi": 50} | kwargs)

        return imread(tmp_path / "figure.png")

    return pixels
