import numpy as np
import pytest
from sklearn.decomposition import PCA

from skvae import DescriptorSets, FisherVectorEncoder


@pytest.fixture
def sets(rng):
    return [rng.normal(size=(n, 3)) + i for i, n in enumerate((12, 0, 30))]


def rows(parameters):
    return np.hstack([part.reshape(len(part), -1) for part in parameters])


def after(mixture, X, **options):
    found = mixture.adapt(X, **options)
    return rows([part[None] for part in (found.weights_, found.means_, found.covariances_)])[0]


@pytest.mark.parametrize(
    "settings", [{}, {"power": 1, "norm": None}, {"gradients": ("means",)}, {"reducer": PCA(2)}]
)
def test_they_are_the_mixture_adapted_to_each_set(sets, settings):
    encoder = FisherVectorEncoder(2, random_state=0, **settings).fit(sets)
    reduce = encoder.reducer_.transform if encoder.reducer_ else lambda X: X
    found = rows(encoder.adapted_mixtures(sets, relevance=4))
    for i in (0, 2):
        expected = after(encoder.mixture_, reduce(sets[i]), relevance=4)
        np.testing.assert_allclose(found[i], expected, rtol=1e-9)


def test_an_empty_set_leaves_the_mixture_as_it_is(sets):
    encoder = FisherVectorEncoder(2, random_state=0).fit(sets)
    weights, means, covariances = encoder.adapted_mixtures(sets)
    np.testing.assert_array_equal(weights[1], encoder.mixture_.weights_)
    np.testing.assert_array_equal(means[1], encoder.mixture_.means_)
    np.testing.assert_array_equal(covariances[1], encoder.mixture_.covariances_)


def test_weights_count_and_are_not_divided_by_their_sum(rng, sets):
    encoder = FisherVectorEncoder(2, random_state=0).fit(sets)
    times = [rng.integers(0, 4, len(s)) for s in sets]
    found = encoder.adapted_mixtures(sets, sample_weight=times)
    repeated = [s.repeat(t, axis=0) for s, t in zip(sets, times, strict=True)]
    np.testing.assert_allclose(rows(found), rows(encoder.adapted_mixtures(repeated)), rtol=1e-9)


def test_missing_values_have_no_part_and_positions_are_dimensions(rng, sets):
    sets[0][::3, 1] = np.nan
    X = DescriptorSets(sets, positions=[rng.uniform(-1, 1, (len(s), 2)) for s in sets])
    encoder = FisherVectorEncoder(2, spatial=("xy", 1, 2), random_state=0).fit(X)
    found = rows(encoder.adapted_mixtures(X))
    expected = after(encoder.mixture_, np.hstack([sets[0], X.positions[0]]))
    np.testing.assert_allclose(found[0], expected, rtol=1e-9)


def test_they_are_float64_of_float32_sets_and_do_not_depend_on_threads(sets):
    X = [s.astype(np.float32) for s in sets]
    encoder = FisherVectorEncoder(2, random_state=0).fit(X)
    found = encoder.adapted_mixtures(X)
    assert {part.dtype for part in found} == {np.dtype(np.float64)}
    np.testing.assert_array_equal(
        rows(found), rows(encoder.set_params(n_jobs=2).adapted_mixtures(X))
    )


def test_relevance_that_is_no_positive_number_is_an_error(sets):
    encoder = FisherVectorEncoder(2, random_state=0).fit(sets)
    with pytest.raises(ValueError, match="relevance=0 must be a positive number"):
        encoder.adapted_mixtures(sets, relevance=0)
