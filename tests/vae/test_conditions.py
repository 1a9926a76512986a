import pickle
import warnings
from importlib.util import find_spec

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array
from sklearn.base import clone, is_classifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import cross_val_score

from skvae import FisherScores, VAETransformer

N = 120


def table(n=N, seed=0):
    rng = np.random.default_rng(seed)
    batch, age = rng.choice(["a", "b"], n), rng.normal(40, 10, n)
    x = rng.normal(size=(n, 3)) + 2.0 * (batch == "b")[:, None]
    return pd.DataFrame(
        {"x0": x[:, 0], "batch": batch, "x1": x[:, 1], "age": age, "x2": x[:, 2] + age / 10}
    )


def vae(**options):
    options = {"n_components": 2, "hidden_layer_sizes": (8,), "max_iter": 2} | options
    options = {"conditional": "decoder", "conditions": ["batch", "age"]} | options
    return VAETransformer(**{"random_state": 0} | options)


@pytest.fixture(scope="module")
def fitted():
    return vae().fit(table())


def inputs(frame, known):
    """What the decoder is told of rows of ``frame`` by a fit of ``known``."""
    age = (frame["age"] - known["age"].mean()) / known["age"].std(ddof=0)
    return np.column_stack([frame["batch"] == "a", frame["batch"] == "b", age])


def test_encoder_and_likelihood_have_the_other_columns(fitted):
    X = table()
    alone = VAETransformer(2, hidden_layer_sizes=(8,), max_iter=2, random_state=0)
    alone.fit(X[["x0", "x1", "x2"]])

    assert fitted.likelihood_ == [("gaussian", "gaussian", ["x0", "x1", "x2"])]
    assert fitted.n_features_in_ == 5 and not hasattr(fitted, "classes_")
    assert fitted.parameters_["encoder.0.weight"].shape == (8, 3)
    assert fitted.parameters_["decoder.0.weight"].shape == (8, 2 + 3)
    assert np.allclose(fitted.mean_, alone.mean_) and np.allclose(fitted.scale_, alone.scale_)


def test_the_decoder_sees_z_and_the_conditions(fitted):
    X = table()
    Z = fitted.transform(X).astype(np.float32)
    h = np.hstack([Z, inputs(X, X).astype(np.float32)])
    p = fitted.parameters_
    hidden = np.maximum(h @ p["decoder.0.weight"].T + p["decoder.0.bias"], 0)
    x = hidden @ p["decoder.2.weight"].T + p["decoder.2.bias"]
    expected = x * fitted.scale_ + fitted.mean_

    found = fitted.reconstruct(X)
    assert np.allclose(found[["x0", "x1", "x2"]], expected, atol=1e-4)
    decoded = fitted.inverse_transform(Z, y=X)
    assert np.allclose(decoded[["x0", "x1", "x2"]], expected, atol=1e-4)


@pytest.mark.parametrize("output", ["mean", "params", "sample"])
def test_transform_reads_no_condition(fitted, output):
    X = table()
    other = X.assign(batch=["?", None] * (N // 2), age=np.nan)
    model = pickle.loads(pickle.dumps(fitted)).set_params(output=output)

    assert np.array_equal(model.transform(X), model.transform(other))


def test_tables_come_back_whole_with_their_conditions(fitted):
    X = table().set_index(np.arange(N) + 7)
    back = fitted.reconstruct(X)
    assert list(back.dtypes) == list(X.dtypes) and back.index.equals(X.index)
    assert back[["batch", "age"]].equals(X[["batch", "age"]])

    moved = fitted.inverse_transform(fitted.transform(X), y=[["a", 30]])
    assert list(moved.columns) == list(X.columns)
    assert set(moved["batch"]) == {"a"} and set(moved["age"]) == {30.0}
    assert moved.equals(fitted.reconstruct(X, y=[["a", 30]]).reset_index(drop=True))

    drawn = fitted.sample(1, y=X[["age", "batch"]], draw=True)
    assert drawn["age"].tolist() == X["age"].tolist() and len(drawn) == N
    assert len(fitted.sample(4, y=["b", 50])) == 4
    rows = pd.DataFrame({"batch": ["b"] * 4, "age": 50.0})
    assert fitted.sample(4, y=["b", 50]).equals(fitted.sample(4, y=rows))


@pytest.mark.skipif(find_spec("polars") is None, reason="needs polars")
def test_frames_of_polars_are_told_alike(fitted):
    import polars as pl

    X = pl.DataFrame({name: column.tolist() for name, column in table().items()})
    model = vae().fit(X)
    assert np.array_equal(model.transform(X), fitted.transform(table()))
    assert model.reconstruct(X)["batch"].to_list() == X["batch"].to_list()
    assert model.inverse_transform(model.transform(X), y=X.select("age", "batch")).shape == (N, 5)


def test_arrays_name_conditions_by_their_places(fitted):
    X = table()
    array = X.to_numpy(object)
    for conditions in ([1, 3], [-4, -2], [False, True, False, True, False], slice(1, 4, 2)):
        model = vae(conditions=conditions).fit(array)
        assert np.array_equal(model.transform(array), fitted.transform(X))
    assert model.reconstruct(array)[:, [1, 3]].tolist() == array[:, [1, 3]].tolist()
    numbers = X.drop(columns="batch").to_numpy()
    model = vae(conditions=2).fit(numbers)
    assert model.reconstruct(numbers).dtype == float
    assert np.array_equal(model.reconstruct(numbers)[:, 2], numbers[:, 2])
    assert np.isfinite(model.inverse_transform(model.transform(numbers), y=30)).all()
    named = [("numbers", "gaussian", slice("x0", "x0")), ("others", "gaussian_diag", [2, -1])]
    assert vae(likelihood=named).fit(X).likelihood_[1] == ("others", "gaussian_diag", ["x1", "x2"])


def test_densities_are_those_of_the_other_columns_given_the_conditions(fitted):
    X = table()
    scores = fitted.score_samples(X, n_importance=3)
    assert np.array_equal(scores, fitted.score_samples(X, y=X["batch"], n_importance=3))
    assert not np.allclose(scores, fitted.score_samples(X.assign(age=30.0), n_importance=3))
    refined = pickle.loads(pickle.dumps(fitted)).set_params(output="refined")
    assert not np.allclose(refined.transform(X), refined.transform(X.assign(age=30.0)))
    i = [5]
    assert np.allclose(scores[i], fitted.score_samples(X.iloc[i], n_importance=3))


def test_missing_values_are_imputed_given_the_conditions(fitted):
    X = table()
    X.loc[::2, "x2"] = np.nan
    model = vae(max_iter=3).fit(X)
    filled = model.impute(X, n_importance=20)
    assert filled.notna().all(axis=None)
    assert filled[["batch", "age"]].equals(X[["batch", "age"]])
    assert not filled["x2"].equals(model.impute(X.assign(age=70.0), n_importance=20)["x2"])
    assert [f.shape for f in model.impute(X, draws=2)] == [(N, 5)] * 2


def test_labels_are_ignored_and_nothing_is_classified(fitted):
    X = table()
    for model in (vae(), fitted):
        assert not is_classifier(model) and not hasattr(model, "predict")
    y = np.arange(N) / 7.0
    assert np.array_equal(vae().fit(X, y).transform(X), fitted.transform(X))
    assert fitted.score(X, y) == fitted.score(X)


def test_a_fit_is_the_same_however_it_is_made(fitted, tmp_path, power_cut):
    X = table()
    Z = fitted.transform(X)
    assert np.array_equal(clone(fitted).fit(X).transform(X), Z)
    assert np.array_equal(pickle.loads(pickle.dumps(fitted)).transform(X), Z)
    model = vae(checkpoint=str(tmp_path))
    with power_cut(1):
        model.fit(X)
    assert np.array_equal(model.fit(X).transform(X), Z)
    other = X.assign(batch=X["batch"].to_numpy()[::-1])
    assert not np.array_equal(vae(checkpoint=str(tmp_path)).fit(other).transform(X), Z)


def test_fits_that_continue_keep_the_conditions(fitted):
    X = table()
    model = vae(warm_start=True).fit(X)
    first = model.columns_
    model.fit(X.assign(age=X["age"] + 5)).partial_fit(X[:50])
    assert model.columns_ is first and model.n_iter_ == 5
    for conditions in (["batch"], None):
        other = pickle.loads(pickle.dumps(model)).set_params(conditions=conditions)
        with pytest.raises(ValueError, match="conditions cannot change between fits"):
            other.partial_fit(X, X["batch"])
    plain = vae(conditions=None, conditional=None, warm_start=True).fit(X[["x0", "x1", "x2"]])
    with pytest.raises(ValueError, match="conditions cannot change between fits"):
        plain.set_params(conditional="decoder", conditions=[0]).fit(X[["x0", "x1", "x2"]])
    with pytest.raises(ValueError, match="'batch' of X.* has 'c' in row 3"):
        model.partial_fit(X.assign(batch=["a", "a", "b", "c"] * 30))


def test_rows_of_weight_zero_tell_nothing():
    X = table()
    weights = np.where(np.arange(N) < 100, 2.0, 0.0)
    odd = X.copy()
    odd.loc[100:, ["batch", "age"]] = ["z", 1e9]
    odd.loc[110:, "age"] = np.nan
    found = vae().fit(odd, sample_weight=weights)
    expected = vae().fit(X[:100])
    assert np.array_equal(found.transform(X), expected.transform(X))
    assert found.score(X) == expected.score(X)


def test_moments_of_numbers_are_weighted():
    X = table()
    weights = np.arange(1, N + 1) / 10
    age = vae().fit(X, sample_weight=weights).columns_.conditions.columns[1]
    mean = np.average(X["age"], weights=weights)
    assert np.isclose(age.mean, mean)
    assert np.isclose(age.scale**2, np.average((X["age"] - mean) ** 2, weights=weights))


def test_early_stopping_holds_out_conditions_or_takes_those_of_its_own_rows():
    X = table()
    assert np.isfinite(vae(early_stopping=True).fit(X).best_validation_score_)
    model = vae(early_stopping=True).fit(X[:80], X_val=X[80:])
    moved = vae(early_stopping=True).fit(X[:80], X_val=X[80:].assign(age=90.0))
    assert model.best_validation_score_ != moved.best_validation_score_
    with pytest.raises(ValueError, match="X_val cannot be used: Column 'age' of X.* no value"):
        vae(early_stopping=True).fit(X[:80], X_val=X[80:].assign(age=np.nan))


@pytest.mark.parametrize(
    "options",
    [
        {"n_importance": 3},
        {"prior": "mixture", "n_prior_components": 2},
        {"variational": False},
        {"likelihood": "gaussian_diag", "free_bits": 0.1},
        {"likelihood": [("all", "gaussian", ["x0", "x1", "x2"])], "activation": "tanh"},
    ],
    ids=str,
)
def test_other_options_take_conditions(options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = vae(**options).fit(table())
    assert np.isfinite(model.transform(table())).all()
    assert np.isfinite(model.reconstruct(table())[["x0", "x1", "x2"]]).all(axis=None)
    if options.get("variational", True):
        assert np.isfinite(model.score(table()))
        assert model.sample(2, y=["a", 3]).shape == (2, 5)


def test_memory_maps_and_fisher_scores_take_conditions(tmp_path):
    X = table().drop(columns="batch").to_numpy()
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    model = vae(conditions=[2]).fit(X)
    assert np.array_equal(vae(conditions=[2]).fit(mapped).transform(mapped), model.transform(X))
    assert np.isfinite(FisherScores(vae(conditions=[2])).fit(X).transform(X)).all()


def test_a_condition_that_does_not_vary_is_nought():
    X = table().assign(age=7.0, batch="a")
    model = vae().fit(X)
    c = model.columns_.conditions
    assert np.array_equal(c.to_matrix(c.of_rows(X)), np.tile([1, 0], (N, 1)))
    assert np.isfinite(model.score(X))


def test_a_condition_that_does_not_vary_is_nought_however_far_it_is():
    X = table().assign(age=0.1 + 1e30)
    model = vae().fit(X)
    c = model.columns_.conditions
    assert not c.to_matrix(c.of_rows(X))[:, -1].any()
    assert model.score(X) == vae().fit(X.assign(age=7.0)).score(X.assign(age=7.0))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (pd.Timestamp("2026-11-27"), "Column 'age' of X, .* holds other things than numbers"),
        (pd.Timedelta(1, "D"), "Column 'age' of X, .* holds other things than numbers"),
        ("40", "Column 'age' of X, .* holds other things than numbers"),
        (1e30, r"Column 'age' of X, .* has 1e\+30 in row 0, more than 1e\+15 standard deviations"),
    ],
)
def test_numbers_of_the_fit_do_not_become_other_things(values, message, fitted):
    X = table().assign(age=values)
    assert np.array_equal(fitted.transform(X), fitted.transform(table()))
    with pytest.raises(ValueError, match=message):
        fitted.score_samples(X)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"conditional": None}, r"conditions=\['batch', 'age'\] are for the decoder"),
        ({"conditional": "prior"}, "are for the decoder, but conditional='prior'"),
        ({"conditions": ["bach"]}, "conditions= names the column 'bach'.*'x0', 'batch', 'x1'"),
        ({"conditions": [5]}, "conditions= names the column 5"),
        ({"conditions": []}, "conditions= names no column"),
        ({"conditions": ["age", 3]}, "conditions= names the column 'age' twice"),
        ({"conditions": slice(None)}, "conditions= names all columns"),
        ({"conditions": [True]}, "conditions= has a mask of 1 columns, but X has 5"),
        (
            {"likelihood": [("n", "gaussian", [0, 2, 3, 4])]},
            "'age' of X is in the block 'n' .* and",
        ),
        ({"likelihood": [("n", "gaussian", [0, 2])]}, "Column 'x2' of X is in no block"),
        ({"label_weight": 1.0}, "label_weight=1.0"),
        ({"max_value": 255.0}, "max_value=255.0 is for X of one likelihood"),
    ],
)
def test_what_makes_no_sense_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        vae(**options).fit(table(), table()["batch"])


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        ("age", np.nan, "Column 'age' of X, a condition, has no value: leave it out"),
        ("batch", None, "Column 'batch' of X, a condition, has no value: leave it out"),
        ("age", pd.Timestamp("2026-11-27"), "Column 'age' of X, a condition, holds times"),
        ("age", np.inf, "Column 'age' of X contains infinity"),
        ("age", [3.0, np.nan] * 60, "Column 'age' of X, .* has no value in row 1"),
        ("batch", ["a", "a", None] * 40, "Column 'batch' of X, .* has no value in row 2"),
    ],
)
def test_columns_that_cannot_be_told_are_refused_by_name(column, values, message):
    with pytest.raises(ValueError, match=message):
        vae().fit(table().assign(**{column: values}))


def test_conditions_are_columns_of_a_table_or_an_array():
    X = table().drop(columns="batch").to_numpy()

    class Blocks:
        def __iter__(self):
            yield from (X[:60], X[60:])

    for other in (csr_array(X), Blocks()):
        with pytest.raises(
            TypeError, match="and conditions= need X as a data frame or an array in"
        ):
            vae(conditions=[2]).fit(other)


def test_a_table_of_conditions_is_named_and_read_by_its_names(fitted):
    arrow = pytest.importorskip("pyarrow")
    Z = np.zeros((2, 2))
    named = fitted.inverse_transform(Z, y=pd.DataFrame({"batch": ["b"], "age": [30.0]}))
    turned = arrow.table({"age": [30.0], "batch": ["b"]})
    pd.testing.assert_frame_equal(fitted.inverse_transform(Z, y=turned), named)
    for y, message in (
        ([[3, 30.0]], "Values of column 'batch' of y are numbers, such as 3.0, but its cat"),
        (pd.DataFrame({"batch": [np.inf], "age": [1.0]}), "'batch' of y contains infinity"),
        (pd.DataFrame([["a", 1, 2]], columns=["batch", "age", "age"]), "y has more than one col"),
        (table()[:0], "y has no rows; it needs values of the conditions, 'batch', 'age'"),
        (np.ma.masked_greater([[0.0, 5.0]], 1), "y has masked values"),
    ):
        with pytest.raises(ValueError, match=message):
            fitted.sample(y=y)
    with pytest.raises(TypeError, match=r"y is sparse, .* call its toarray\(\)"):
        fitted.sample(y=csr_array(np.eye(2)))


def test_conditions_of_tables_of_arrow_have_names():
    arrow = pytest.importorskip("pyarrow")
    X = table().drop(columns="batch")
    fits = [vae(conditions=["age"]).fit(t) for t in (X, arrow.Table.from_pandas(X))]

    assert np.array_equal(*(model.transform(X) for model in fits))


def test_methods_name_the_condition_that_they_lack(fitted):
    X, Z = table(), fitted.transform(table())
    methods = fitted.score_samples, fitted.score, fitted.reconstruct, fitted.impute
    for method in methods:
        with pytest.raises(ValueError, match="Column 'batch' of X, .* has 'c' in row 0.*'a', 'b'"):
            method(X.assign(batch="c"))
        with pytest.raises(ValueError, match="Column 'age' of X, .* has no value in row 0"):
            method(X.assign(age=np.nan))
    for call in (lambda y: fitted.inverse_transform(Z, y=y), lambda y: fitted.sample(N, y=y)):
        with pytest.raises(ValueError, match="needs to know 'batch', 'age': pass y="):
            call(None)
        with pytest.raises(ValueError, match="y has no column 'age'"):
            call(X[["batch"]])
        with pytest.raises(ValueError, match="y has 7 rows of conditions, but 120 samples"):
            call(X[:7])
        with pytest.raises(ValueError, match="y has the shape .* a column for each"):
            call([["a"]] * N)
        with pytest.raises(ValueError, match="Column 'batch' of y, .* has 'c' in row 0"):
            call(["c", 30])
        with pytest.raises(ValueError, match="Column 'age' of y, .* other things than numbers"):
            call(["a", "old"])
    with pytest.raises(ValueError, match="Without X_b, y_b has to name a class .* or conditions"):
        fitted.interpolate(X)
    with pytest.raises(ValueError, match="y has no column 'age'"):
        fitted.interpolate(X, X, y_b=X[["batch"]])


def test_between_two_rows_conditions_go_from_those_of_one_to_those_of_the_other(fitted):
    X = table()
    line = fitted.interpolate(X[:3], X[5:8], n_steps=5)
    ages = np.linspace(X["age"][:3], X["age"][5:8], 5, axis=1)
    batches = np.repeat([X["batch"][:3], X["batch"][5:8]], [3, 2], axis=0).T

    assert list(line.columns) == list(X.columns)
    assert np.allclose(line["age"], ages.ravel()) and (line["batch"] == batches.ravel()).all()
    for end, rows in ((line[::5], X[:3]), (line[4::5], X[5:8])):
        pd.testing.assert_frame_equal(
            end.reset_index(drop=True), fitted.reconstruct(rows).reset_index(drop=True)
        )


def test_a_row_goes_over_to_conditions_that_the_caller_names(fitted):
    X = table()
    line = fitted.interpolate(X[:3], n_steps=2, y_a=["a", 20.0], y_b=["b", 50.0])
    Z = fitted.transform(X[:3])

    for end, y in ((line[::2], ["a", 20.0]), (line[1::2], ["b", 50.0])):
        pd.testing.assert_frame_equal(
            end.reset_index(drop=True), fitted.inverse_transform(Z, y=y), check_exact=False
        )


def accuracy(Z, y):
    return cross_val_score(LogisticRegression(max_iter=500), Z, y, cv=3).mean()


@pytest.fixture(scope="module")
def shifted():
    """Rows that say their class, and as loudly their batch and age."""
    rng = np.random.default_rng(0)
    n = 800
    kind, batch, age = rng.integers(2, size=n), rng.integers(2, size=n), rng.normal(40, 10, n)
    of_kind, of_batch, of_age = rng.normal(size=(3, 15))
    x = np.outer(kind, 2 * of_kind) + np.outer(batch, of_batch)
    x += np.outer((age - 40) / 10, of_age) + 0.3 * rng.normal(size=(n, 15))
    return pd.DataFrame(x).rename(columns=str).assign(batch=batch > 0, age=age), kind


@pytest.mark.slow
def test_z_tells_the_class_but_not_the_conditions(shifted):
    X, kind = shifted
    plain = X.drop(columns=["batch", "age"])
    options = {"hidden_layer_sizes": (64, 64), "max_iter": 50, "random_state": 0}
    told = VAETransformer(4, conditional="decoder", conditions=["batch", "age"], **options)
    Z = told.fit(X).transform(X)

    assert accuracy(plain, X["batch"]) > 0.95
    assert accuracy(Z, X["batch"]) < 0.6
    assert accuracy(Z, kind) > 0.95
    r2 = [cross_val_score(Ridge(), z, X["age"], cv=3).mean() for z in (plain, Z)]
    assert r2[0] > 0.7 and r2[1] < 0.1
    corrected = told.inverse_transform(Z, y=[[False, 40.0]])[plain.columns]
    assert accuracy(corrected, kind) > 0.95
    centres = corrected.groupby(X["batch"]).mean()
    before = plain.groupby(X["batch"]).mean()
    assert np.linalg.norm(centres.diff().iloc[1]) < 0.1 * np.linalg.norm(before.diff().iloc[1])
