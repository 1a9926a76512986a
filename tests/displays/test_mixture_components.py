import numpy as np
import pytest

from skvae import DescriptorSets, FisherVectorEncoder, ImagePatches, VLADEncoder
from skvae.displays import MixtureComponentsDisplay


def test_patches_are_means_taken_back(encoder):
    display = MixtureComponentsDisplay.from_estimator(encoder, n_components=5)
    mixture = encoder.mixture_
    order = np.argsort(mixture.weights_)[::-1][:5]
    back = encoder.reducer_.inverse_transform(mixture.means_[order, :-2])

    np.testing.assert_allclose(display.patches.reshape(5, 9), back)
    np.testing.assert_array_equal(display.weights, mixture.weights_[order])
    np.testing.assert_allclose(display.positions, mixture.means_[order, -2:] / 0.7)


def test_patches_lie_at_their_places(encoder):
    display = MixtureComponentsDisplay.from_estimator(encoder, kind="places")
    left, right, bottom, top = np.transpose([image.get_extent() for image in display.ax_.images])
    centres = np.stack([(left + right) / 2, (bottom + top) / 2], axis=1)

    np.testing.assert_allclose(centres[::-1], display.positions)
    low, high = display.ax_.get_ylim()
    assert low > high  # y grows downward, as rows of an image do


def test_words_and_plain_sets_have_components_too(digits, rng):
    vlad = VLADEncoder(4, extractor=ImagePatches(patch_size=2), random_state=0).fit(digits[0][:50])
    plain = FisherVectorEncoder(3, random_state=0).fit(rng.random((5, 20, 6)))

    assert MixtureComponentsDisplay.from_estimator(vlad).patches.shape == (4, 2, 2, 1)
    display = MixtureComponentsDisplay.from_estimator(plain, patch_shape=(2, 3))
    assert display.patches.shape == (3, 2, 3, 1)
    with pytest.raises(ValueError, match="not square"):
        MixtureComponentsDisplay.from_estimator(plain)
    with pytest.raises(ValueError, match="spatial='xy'"):
        display.plot("places")


def test_components_without_places_in_a_plane_have_no_map(rng):
    places = [rng.uniform(-1, 1, (20, 1)) for _ in range(5)]
    sets = DescriptorSets(rng.random((5, 20, 4)), positions=places)
    encoder = FisherVectorEncoder(3, spatial="xy", random_state=0).fit(sets)
    with pytest.raises(ValueError, match="positions in a plane"):
        MixtureComponentsDisplay.from_estimator(encoder, kind="places")
