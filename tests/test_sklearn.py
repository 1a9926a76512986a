import numpy as np
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import make_pipeline

from skvae._sklearn import derive_random_states


def test_only_seeds_that_are_none_are_derived():
    pipeline = make_pipeline(PCA(random_state=5), RandomForestClassifier())
    derive_random_states(pipeline, np.random.RandomState(0))
    assert pipeline[0].random_state == 5
    first = pipeline[1].random_state
    assert isinstance(first, int)
    pipeline.set_params(randomforestclassifier__random_state=None)
    derive_random_states(pipeline, np.random.RandomState(0))
    assert pipeline[1].random_state == first


def test_an_estimator_without_seeds_draws_nothing():
    rng = np.random.RandomState(0)
    derive_random_states(PCA(random_state=1), rng)
    assert rng.randint(1000) == np.random.RandomState(0).randint(1000)
