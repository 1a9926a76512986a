import numpy as np
import pytest
import small

from skvae.vae.attributes import (
    check_labelled,
    described,
    fitted_value,
    labels_of,
    settled_of,
    start_of,
    without_learned,
)
from skvae.vae.epochs import Fit

X = np.random.default_rng(0).random((40, 5))


def test_what_was_learned_is_forgotten_and_the_rest_kept():
    vae = small.vae(max_iter=1)
    before = dict(vars(vae))
    vae._note = "of a subclass"
    vae.fit(X)
    assert without_learned(vars(vae)) == before | {"_note": "of a subclass"}


def test_a_first_fit_starts_anew():
    attributes = {"random_state": 3}
    assert settled_of(attributes) is None
    start = start_of(attributes)
    assert start.seed == start_of(attributes).seed
    assert start.parameters is None and start.n_epochs == 0


def test_the_next_fit_starts_where_the_last_one_ended():
    vae = small.vae(max_iter=3).fit(X)
    start = start_of(vars(vae), optimizer={"step": np.ones(1)})
    assert start.seed == vae.seed_
    assert start.parameters is vae.parameters_
    assert start.n_epochs == 3
    assert start.optimizer == {"step": np.ones(1)}
    assert settled_of(vars(vae)).parameters["max_value"] == 1


def test_labels_are_counted_with_those_before():
    y = np.array([0, 1, 1, -1])
    first = labels_of({}, "prior", y, None)
    assert first.counts.tolist() == [1, 2]
    attributes = {"classes_": first.classes, "class_counts_": first.counts}
    assert labels_of(attributes, "prior", np.array([1, 1]), None).counts.tolist() == [1, 4]
    assert labels_of({}, "prior", y, [0, 1, 2]).counts.tolist() == [1, 2, 0]
    assert labels_of({}, None, y, None) is None


def test_a_fit_that_learns_from_labels_asks_for_them():
    check_labelled(None, None)
    with pytest.raises(ValueError, match=r"conditional='prior'.*y is None"):
        check_labelled("prior", None)


def test_only_what_a_fit_has_becomes_an_attribute():
    fit = Fit(0, {}, {}, {"loss": [1.0]}, None, None, 2, None, None, "torch")
    assert described(fit) == {"n_active_": 2, "products_": "torch"}


def test_the_value_of_a_fit_answers_as_the_estimator():
    vae = small.vae(max_iter=1).fit(X)
    assert np.array_equal(fitted_value(vars(vae)).encode(X), vae.transform(X))
