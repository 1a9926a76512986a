import copy
import warnings
from functools import partial

import numpy as np
import pandas as pd
import pytest
import small

from skvae.data.row_facts import RowFacts, facts_of
from skvae.vae.overflow import check_answer, check_moments, check_reach
from skvae.vae.scaling import Scaling

RNG = np.random.default_rng(0)
REALS = RNG.normal(size=(60, 4))
UNITS = RNG.random((60, 4))
COUNTS = RNG.poisson(3, (60, 4)).astype(float)
Y = np.arange(60) % 3
vae = partial(small.vae, n_components=2, hidden_layer_sizes=8, max_iter=1)


@pytest.fixture(autouse=True)
def no_warning_of_numpy():
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        warnings.filterwarnings("ignore", "Posterior collapse")
        yield


@pytest.mark.parametrize(
    ("X", "options"),
    [
        (REALS, {}),
        (REALS, {"likelihood": "gaussian_diag", "activation": "tanh"}),
        (REALS, {"network": "conv"}),
        (UNITS, {}),
        (COUNTS, {"likelihood": "poisson"}),
        (REALS, {"conditional": "prior"}),
        (REALS, {"conditional": "decoder"}),
    ],
    ids=["gaussian", "tanh", "conv", "bernoulli", "poisson", "prior", "decoder"],
)
def test_finite_rows_have_finite_answers_or_an_error_that_names_column_and_size(X, options):
    fitted = vae(**options).fit(X[:20], Y[:20])
    for size in (1e20, 1e60, 1e300):
        rows = X[:3].copy()
        rows[1, 2] = size
        check_answers(fitted, rows, X[:3], size)


def check_answers(fitted, rows, others, size):
    calls = [
        lambda output=output: copy.copy(fitted).set_params(output=output).transform(rows)
        for output in ("mean", "params", "sample", "refined")
    ]
    calls += [
        lambda name=name: getattr(fitted, name)(rows)
        for name in ("score", "score_samples", "reconstruct", "predict_proba")
        if hasattr(fitted, name)
    ]
    for call in [*calls, lambda: fitted.interpolate(rows, others)]:
        try:
            assert np.isfinite(call()).all()
        except ValueError as error:
            assert f"{size:.3g}" in str(error)
            assert "column 2" in str(error) or "needs values in" in str(error)


def test_latent_points_out_of_reach_are_refused():
    fitted = vae().fit(REALS)
    with pytest.raises(ValueError, match=r"latent points .* column 1 is 1e\+60"):
        fitted.inverse_transform([[0.0, 0.0], [0.0, 1e60]])
    assert np.isfinite(fitted.inverse_transform([[0.0, 1e20]])).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("X", "options"),
    [(REALS, {}), (UNITS, {}), (COUNTS, {"likelihood": "poisson"})],
    ids=["gaussian", "bernoulli", "poisson"],
)
def test_one_extreme_row_leaves_a_streaming_model_as_it_was(X, options, dtype):
    model = vae(**options).partial_fit(X.astype(dtype))
    before = copy.deepcopy(vars(model))
    batch = X[:20].astype(dtype)
    batch[7, 2] = 1e20
    with pytest.raises(ValueError, match=r"1e\+20"):
        model.partial_fit(batch)

    assert vars(model).keys() == before.keys()
    for name, value in model.parameters_.items():
        assert np.array_equal(value, before["parameters_"][name])
    assert np.isfinite(model.partial_fit(X.astype(dtype)).score(X.astype(dtype)))


@pytest.mark.parametrize("options", [{}, {"early_stopping": True}], ids=str)
@pytest.mark.parametrize("size", [1e20, 1e38])
def test_attributes_are_finite_after_a_fit_with_an_extreme_row(options, size):
    X = REALS.astype(np.float32)
    X[7, 2] = size
    fitted = vae(**options, likelihood="gaussian").fit(X)

    values = [v for v in vars(fitted).values() if isinstance(v, np.ndarray)]
    values += [*fitted.parameters_.values(), *map(np.array, fitted.history_.values())]
    assert all(np.isfinite(v).all() for v in values)


def test_a_variance_too_large_for_a_float_is_refused_by_name():
    X = pd.DataFrame(REALS, columns=list("abcd"))
    X.loc[7, "c"] = 1e200
    with pytest.raises(ValueError, match=r"variance of column 2 \(c\) .* up to 1e\+200"):
        vae().fit(X)
    facts = [*vars(facts_of(np.array([[5.0], [-9.0]]))).values()]
    with pytest.raises(ValueError, match=r"column 0 of X, with values up to 9"):
        check_moments(RowFacts(*facts[:-2], np.array([np.inf]), np.ones(1)), None)


def test_what_training_can_reach_depends_on_the_units():
    standard = Scaling(np.zeros(2), np.ones(2), 1.0, None)
    raw = Scaling(None, None, 1.0, None)
    check_reach(facts_of(np.array([[0.0, 9e5]])), standard, None)
    check_reach(facts_of(np.array([[0.0, 9e14]])), raw, None)
    with pytest.raises(ValueError, match=r"column 1 .* -2e\+06.*standard deviations"):
        check_reach(facts_of(np.array([[0.0, -2e6]])), standard, None)
    with pytest.raises(ValueError, match=r"column 1 \(b\) .* 2e\+15.*Divide"):
        check_reach(facts_of(np.array([[0.0, 2e15]])), raw, ["a", "b"])


def test_the_column_named_is_the_strangest_and_not_the_largest():
    X = np.array([[1.0, 2.0], [1e9, 50.0]])
    answer = np.array([0.0, np.nan])
    with pytest.raises(ValueError, match=r"Row 1 of X .* column 0 is 1e\+09"):
        check_answer(answer, X)
    with pytest.raises(ValueError, match="column 1 is 50"):
        check_answer(answer, X, center=np.array([1e9, 0.0]), unit=np.array([1.0, 1.0]))
    assert check_answer(X, X) is X
