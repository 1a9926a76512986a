import numpy as np
from mixtures import random_mixture

from skvae.mixture.kernel import recent, recent_kernel
from skvae.mixture.statistics import Mixture


def test_a_mixture_of_the_same_numbers_is_worked_on_once(rng):
    calls = []
    function = recent(lambda mixture, dtype: calls.append(dtype) or mixture.means.sum())
    mixture = random_mixture(rng)
    same = Mixture(*map(np.copy, mixture))
    assert function(mixture, np.float32) == function(same, np.float32)
    assert calls == [np.float32]
    function(same, np.float64)
    assert calls == [np.float32, np.float64]


def test_numbers_changed_in_place_are_noticed(rng):
    mixture = random_mixture(rng)
    before = recent_kernel(mixture, np.dtype(np.float32), None)
    mixture.means[0] += 1
    after = recent_kernel(mixture, np.dtype(np.float32), None)
    assert not np.array_equal(before.eta, after.eta)


def test_only_a_few_are_kept(rng):
    calls = []
    function = recent(lambda mixture: calls.append(1))
    mixtures = [random_mixture(rng) for _ in range(10)]
    for mixture in [*mixtures, mixtures[0]]:
        function(mixture)
    assert len(calls) == 11


def test_what_is_remembered_is_of_a_copy_that_its_owner_cannot_change(rng):
    function = recent(lambda mixture: mixture)
    mixture = random_mixture(rng)
    before = Mixture(*map(np.copy, mixture))
    function(mixture)
    mixture.means[0] += 1
    assert np.array_equal(function(before).means, before.means)


def test_what_is_given_to_a_function_is_known_without_its_numbers(rng):
    own = recent(lambda mixture: mixture)(random_mixture(rng))
    assert not any(parameter.flags.writeable for parameter in own)
    calls = []
    function = recent(lambda mixture, dtype: calls.append(mixture) or dtype)
    function(own, "float32")
    function(own, "float32")
    assert len(calls) == 1
    assert calls[0] is own
    function(own, "float64")
    assert len(calls) == 2
