from functools import partial

import numpy as np
import pandas as pd
import pytest

from skvae import VAETransformer
from skvae.data.rows import read_rows
from skvae.vae.fit_data import Given
from skvae.vae.fit_plan import plan_fit

X = np.random.default_rng(0).normal(size=(40, 3))


def plan(X, y=None, X_val=None, n_steps=None, **options):
    vae = VAETransformer(2, hidden_layer_sizes=(4,), **options)
    given = vae.get_params(deep=False)
    before = dict(given)
    read = partial(read_rows, vae)
    found = plan_fit(read, vars(vae), given, Given(X, y), Given(X_val), n_steps=n_steps)
    assert given == before
    return found


def test_a_plan_of_numbers_has_the_parameters_as_they_are():
    planned = plan(X, batch_size=10, max_iter=3)
    assert planned.columns is None and planned.parameters["likelihood"] == "auto"
    assert planned.specification.architecture["likelihood"] == "gaussian"
    assert planned.specification.n_epochs == 3
    assert planned.data.validation is None and len(planned.data.examples) == 40
    assert plan(X, batch_size=10, n_steps=6).specification.schedule.n_steps == 6


def test_a_table_settles_likelihoods_and_conditions_stand_in_the_place_of_labels():
    table = pd.DataFrame(X, columns=list("abc")).assign(d=np.where(X[:, 0] > 0, "u", "v"))
    planned = plan(table)
    assert planned.columns is not None
    assert planned.parameters["likelihood"] == planned.columns.likelihood
    told = plan(table, conditional="decoder", conditions=["d"])
    assert told.parameters["conditional"] is None and told.data.labels is None
    assert told.data.examples.numbers.shape == (40, told.columns.conditions.width)


def test_rows_to_stop_by_come_with_the_plan():
    planned = plan(X, X_val=X[:5], early_stopping=True)
    assert len(planned.data.validation) == 5 and len(planned.data.examples) == 40


def test_what_has_no_meaning_is_refused_before_rows_are_read():
    with pytest.raises(ValueError, match="n_importance=2 needs variational=True"):
        plan(None, n_importance=2, variational=False)
