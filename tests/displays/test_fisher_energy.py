import numpy as np
import pytest
from sklearn.base import clone
from sklearn.decomposition import PCA

from skvae import FisherVectorEncoder, ImagePatches
from skvae.displays import FisherEnergyDisplay


def test_shares_of_the_squared_length_of_the_gradient_sum_to_one(digits, encoder):
    X = digits[0]
    display = FisherEnergyDisplay.from_estimator(encoder, X[3:4])
    plain = clone(encoder).set_params(power=1.0, norm=None)
    gradient = plain.fit(X[:200]).transform(X[3:4])[0]
    blocks, length = np.split(gradient, [8, 8 + 8 * 6]), gradient @ gradient
    of_means = (blocks[1].reshape(8, 6) ** 2).sum(axis=1)

    assert display.energy.shape == (3, 8, 8, 8)
    assert display.energy.sum() == pytest.approx(1)
    np.testing.assert_allclose(
        display.energy.sum(axis=(1, 2, 3)), [b @ b / length for b in blocks], rtol=1e-4
    )
    np.testing.assert_allclose(display.energy[1].sum(axis=(1, 2)), of_means / length, rtol=1e-4)


def test_pictures_hold_the_shares(digits, encoder):
    display = FisherEnergyDisplay.from_estimator(encoder, digits[0][:1])
    positions = display.ax_.images[0]
    np.testing.assert_array_equal(positions.get_array(), display.energy.sum(axis=(0, 1)))
    assert positions.get_extent() == [-0.5, 7.5, 7.5, -0.5]

    bars = display.plot("components", n_components=3).ax_.patches
    total = np.sort(display.energy.sum(axis=(0, 2, 3)))[::-1]
    heights = np.reshape([bar.get_height() for bar in bars], (3, 3)).sum(axis=0)
    np.testing.assert_allclose(heights, total[:3])

    maps = display.plot("both", n_components=1).ax_.images[0].get_array()
    strongest = display.energy.sum(axis=(0, 2, 3)).argmax()
    np.testing.assert_array_equal(maps, display.energy.sum(axis=0)[strongest])


def test_patches_lie_where_they_were_cut(digits, encoder):
    patches = clone(encoder.extractor).set_params(patch_size=4, stride=2, padding=1)
    rows, _ = patches.fit(digits[0]).grid_
    cut = patches.transform(np.arange(64.0).reshape(1, 64))[0]
    inner = cut[5].reshape(4, 4)  # second row and column: no padding

    assert rows.tolist() == [0.5, 2.5, 4.5, 6.5]
    assert inner.mean() == 8 * rows[1] + rows[1]


def test_what_has_no_energy_map_is_an_error(digits, encoder):
    with pytest.raises(TypeError, match="FisherVectorEncoder with ImagePatches"):
        FisherEnergyDisplay.from_estimator(PCA(2).fit(digits[0]), digits[0][:1])
    with pytest.raises(ValueError, match="holds 2 images"):
        FisherEnergyDisplay.from_estimator(encoder, digits[0][:2])


@pytest.mark.parametrize(
    ("X", "scales"), [([np.ones((8, 8)), np.ones((8, 9))], (1,)), (np.ones((2, 8, 8)), (1, 0.5))]
)
def test_patches_of_several_sizes_or_scales_have_no_map(rng, X, scales):
    X = [x + rng.random(x.shape) for x in X]
    patches = ImagePatches(3, scales=scales)
    fitted = FisherVectorEncoder(2, extractor=patches, random_state=0).fit(X)
    with pytest.raises(TypeError, match=r"fitted on images of one size .* scales=\(1,\)"):
        FisherEnergyDisplay.from_estimator(fitted, X[:1])


def test_an_image_of_another_size_has_no_map(rng):
    X = rng.random((3, 8, 8))
    fitted = FisherVectorEncoder(2, extractor=ImagePatches(3), random_state=0).fit(X)
    with pytest.raises(ValueError, match=r"images of shape \(9, 9\), but image_shape=\(8, 8, 1\)"):
        FisherEnergyDisplay.from_estimator(fitted, rng.random((1, 9, 9)))
