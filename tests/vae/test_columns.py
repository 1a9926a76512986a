import pickle
from functools import partial
from importlib.util import find_spec

import numpy as np
import pandas as pd
import pytest
from scipy import integrate
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from skvae import FisherScores, VAETransformer, load_estimator
from skvae.vae.columns import columns_of

N = 120


def table(n=N, seed=0):
    rng = np.random.default_rng(seed)
    port = rng.choice(["S", "C", "Q"], n, p=[0.6, 0.3, 0.1])
    grade = rng.choice(["lo", "mid", "hi"], n)
    return pd.DataFrame(
        {
            "port": port,
            "age": rng.normal(30, 10, n) + 20 * (port == "C"),
            "siblings": rng.poisson(2, n),
            "alive": rng.random(n) < 0.4,
            "grade": pd.Categorical(grade, ["lo", "mid", "hi", "top"], ordered=True),
            "score": rng.normal(size=n).astype(np.float32),
        }
    )


def in_polars(frame):
    import polars as pl

    kinds = {"grade": pl.Enum(["lo", "mid", "hi", "top"]), "score": pl.Float32}
    return pl.DataFrame({name: frame[name].tolist() for name in frame}, schema_overrides=kinds)


LIBRARIES = {"pandas": lambda frame: frame}
if find_spec("polars"):
    LIBRARIES["polars"] = in_polars

TRIPLES = [
    ("reals", "gaussian_diag", ["score", "age"]),
    ("counts", "negative_binomial", ["siblings"]),
    ("kinds", "categorical", ["port", "alive", "grade"]),
]


def vae(**options):
    options = {"n_components": 2, "hidden_layer_sizes": (8,), "max_iter": 2} | options
    return VAETransformer(**{"random_state": 0} | options)


@pytest.fixture(scope="module")
def fitted():
    return vae().fit(table())


def same_types(a, b):
    return list(a.columns) == list(b.columns) and list(a.dtypes) == list(b.dtypes)


@pytest.mark.parametrize("make", LIBRARIES.values(), ids=LIBRARIES)
def test_a_table_goes_in_and_tables_come_back(make):
    X = make(table())
    model = vae().fit(X)

    assert model.n_features_in_ == 6
    assert model.feature_names_in_.tolist() == list(X.columns)
    assert model.get_feature_names_out().tolist() == ["vaetransformer0", "vaetransformer1"]
    Z = model.transform(X)
    assert Z.shape == (N, 2)
    back = (
        model.reconstruct(X),
        model.inverse_transform(Z),
        model.sample(7),
        model.sample(7, draw=True),
        model.interpolate(X[:2], X[2:4], n_steps=3),
    )
    for rows, n in zip(back, (N, N, 7, 7, 6), strict=True):
        assert type(rows) is type(X) and len(rows) == n and same_types(rows, X)
    assert model.likelihood_ == [
        ("numbers", "gaussian_diag", ["age", "siblings", "score"]),
        ("categories", "categorical", ["port", "alive", "grade"]),
    ]


@pytest.mark.skipif("polars" not in LIBRARIES, reason="needs polars")
def test_libraries_of_tables_make_no_difference(fitted):
    other = vae().fit(in_polars(table()))

    assert np.array_equal(other.transform(in_polars(table())), fitted.transform(table()))


def test_a_table_of_numbers_is_what_its_array_is():
    frame = table()[["age", "siblings", "score"]].astype(float)
    a, b = vae().fit(frame), vae().fit(frame.to_numpy())

    assert not hasattr(a, "columns_") and a.likelihood_ == "gaussian"
    assert np.array_equal(a.transform(frame), b.transform(frame.to_numpy()))
    assert isinstance(a.reconstruct(frame), np.ndarray)


def test_the_index_of_rows_comes_back(fitted):
    X = table().set_axis([f"row {i}" for i in range(N)])
    assert fitted.reconstruct(X).index.equals(X.index)


def test_pickles_clones_and_refits_are_the_same(fitted):
    X = table()
    Z = fitted.transform(X)

    assert np.array_equal(pickle.loads(pickle.dumps(fitted)).transform(X), Z)
    assert np.array_equal(clone(fitted).fit(X).transform(X), Z)
    named = vae(likelihood=TRIPLES).fit(X)
    assert np.array_equal(clone(named).fit(X).transform(X), named.transform(X))
    assert named.likelihood_ == TRIPLES


def test_rows_do_not_depend_on_their_neighbours(fitted):
    X = table()
    some = X.iloc[[5, 99, 3]]

    assert np.array_equal(fitted.transform(some), fitted.transform(X)[[5, 99, 3]])
    scores = partial(fitted.score_samples, n_importance=3)
    assert np.array_equal(scores(some), scores(X)[[5, 99, 3]])


def test_columns_of_the_network_are_known_by_those_of_the_table():
    columns = vae(likelihood=TRIPLES).fit(table()).columns_

    assert columns.column_of.tolist() == [5, 1, 2, 0, 0, 0, 3, 3, 4, 4, 4, 4]
    assert columns.feature_names[:5].tolist() == ["score", "age", "siblings", "port_C", "port_Q"]
    matrix = columns.to_matrix(table())
    pd.testing.assert_frame_equal(columns.to_table(matrix), table())


@pytest.mark.slow
def test_the_density_integrates_to_one():
    rng = np.random.default_rng(0)
    kind = rng.choice(["a", "b", "c"], 300)
    X = pd.DataFrame({"kind": kind, "size": 100 * (kind == "a") + rng.normal(0, 20, 300)})
    model = vae(max_iter=10, n_components=1).fit(X)
    grid = np.linspace(-200, 300, 200)
    densities = [
        np.exp(model.score_samples(pd.DataFrame({"kind": k, "size": grid}), n_importance=100))
        for k in "abc"
    ]
    assert integrate.trapezoid(sum(densities), grid) == pytest.approx(1, abs=0.03)
    unknown = pd.DataFrame({"kind": "new", "size": grid})
    density = np.exp(model.score_samples(unknown, n_importance=100))
    assert integrate.trapezoid(density, grid) == pytest.approx(1, abs=0.03)


def test_the_density_is_in_the_units_of_the_numbers_alone():
    X = table()
    larger = X.assign(age=1000 * X["age"])
    a, b = (vae(likelihood=TRIPLES).fit(frame) for frame in (X, larger))

    difference = np.subtract(a.history_["elbo"], b.history_["elbo"])
    np.testing.assert_allclose(difference, np.log(1000), atol=1e-3)


@pytest.mark.slow
def test_categories_are_learned_from_the_others():
    rng = np.random.default_rng(0)
    kind = rng.choice(["a", "b"], 400)
    X = pd.DataFrame({"kind": kind, "shade": np.where(kind == "a", "red", "blue")})
    model = vae(max_iter=40, n_components=1, learning_rate_init=0.01).fit(X)

    assert (model.reconstruct(X)["shade"] == X["shade"]).mean() > 0.95
    drawn = model.sample(300, draw=True)
    right = (drawn["kind"] == "a") == (drawn["shade"] == "red")
    assert right.mean() > 0.8


def test_an_array_has_columns_by_their_places():
    X = table().to_numpy()
    triples = [("n", "gaussian_diag", [1, 5]), ("c", "poisson", 2), ("k", "categorical", [0, 3, 4])]
    model = vae(likelihood=triples).fit(X)

    back = model.reconstruct(X)
    assert back.shape == X.shape and set(back[:, 0]) <= {"S", "C", "Q"}
    numbers = np.random.default_rng(0).integers(0, 3, (60, 4))
    back = vae(likelihood="categorical", max_iter=5).fit(numbers).sample(9, draw=True)
    assert back.dtype == np.float64 and set(np.unique(back)) <= {0, 1, 2}
    rows = [["a", 1.0], ["b", 2.0], ["a", 0.5]] * 9
    mixed = vae(likelihood=[("k", "categorical", 0), ("n", "gaussian", 1)]).fit(rows)
    assert mixed.transform(rows).shape == (27, 2)


@pytest.mark.parametrize(
    "column", [["only"] * N, [True] * N, [3] * N, np.full(N, 2.5), [1, 2, 3] * (N // 3)]
)
def test_columns_of_any_values_are_categories_if_that_is_asked(column):
    X = table()[["age"]].assign(own=column)
    model = vae(likelihood=[("n", "gaussian", ["age"]), ("k", "categorical", ["own"])]).fit(X)

    assert set(model.reconstruct(X)["own"]) <= set(column)
    assert same_types(model.sample(3), X)
    assert np.isfinite(model.score(X))


def test_constant_numbers_are_no_obstacle():
    X = table().assign(age=3.0)
    model = vae().fit(X)
    assert np.isfinite(model.score(X)) and model.scale_[0] == 1


def test_a_constant_column_is_nought_to_the_network_however_far_it_is():
    rng = np.random.default_rng(0)
    X = np.c_[rng.normal(size=(50, 2)), np.full(50, 0.1 + 1e30)]
    far = VAETransformer(2, max_iter=1, random_state=0).fit(X)
    near = VAETransformer(2, max_iter=1, random_state=0).fit(X * [1, 1, 0])
    assert far.mean_[2] == X[0, 2] and far.scale_[2] == 1
    assert np.array_equal(far.transform(X), near.transform(X * [1, 1, 0]))
    assert far.score(X) == pytest.approx(near.score(X * [1, 1, 0]), abs=0.1)


@pytest.mark.parametrize("likelihood", ["categorical", [("n", "gaussian", [0, 1])]])
def test_masks_and_gradients_are_not_ignored(likelihood):
    X = np.ma.masked_greater(np.arange(20.0).reshape(10, 2) % 3, 1)
    with pytest.raises(ValueError, match=r"X has masked values \(6 of 20\)"):
        VAETransformer(1, likelihood=likelihood).fit(X)
    torch = pytest.importorskip("torch")
    with pytest.raises(TypeError, match="X is a tensor that requires gradients"):
        VAETransformer(1, likelihood=likelihood).fit(torch.ones(4, 2, requires_grad=True))


def test_tables_of_arrow_are_told_to_become_frames():
    arrow = pytest.importorskip("pyarrow")
    X = arrow.table({"a": [1.0, 2.5], "c": ["x", "y"]})
    with pytest.raises(
        TypeError, match=r"other columns than numbers: .* X.to_pandas\(\) or polars"
    ):
        VAETransformer(1).fit(X)


def test_tables_of_numbers_of_arrow_have_names():
    arrow = pytest.importorskip("pyarrow")
    X = table()[["age", "score"]]
    named = [("n", "gaussian_diag", ["age"]), ("m", "gaussian", ["score"])]
    a = vae(likelihood=named).fit(arrow.Table.from_pandas(X))

    assert a.likelihood_ == named
    assert np.array_equal(a.transform(X), vae(likelihood=named).fit(X).transform(X))


def blocks(X):
    class Blocks:
        def __iter__(self):
            yield from (X[:60], X[60:])

    return Blocks()


@pytest.mark.parametrize(
    "options",
    [
        {"likelihood": "categorical"},
        {"likelihood": [("n", "gaussian", slice(None))]},
        {"conditional": "decoder", "conditions": 0},
    ],
)
def test_rows_that_are_not_in_one_piece_are_refused_by_every_method(options):
    X = np.random.default_rng(0).integers(0, 3, (N, 4)).astype(float)
    model = vae(**options).fit(X)
    sparse, message = csr_array(X), r"one piece, but it is sparse: call its toarray\(\)"
    stopping = clone(model).set_params(early_stopping=True)
    for call in (
        clone(model).fit,
        model.partial_fit,
        model.transform,
        model.score_samples,
        FisherScores(model).fit,
        lambda X_val: stopping.fit(X, X_val=X_val),
    ):
        with pytest.raises(TypeError, match=message):
            call(sparse)
    with pytest.raises(TypeError, match="X_val cannot be used: Blocks of columns, categories and"):
        stopping.fit(X, X_val=sparse)
    with pytest.raises(TypeError, match="one piece, but it comes in blocks: stack them"):
        clone(model).fit(blocks(X))


@pytest.mark.parametrize("way", ["compute", "collect"])
def test_tables_that_are_to_be_computed_are_told_so(way, fitted, recwarn):
    if way == "compute":
        X = pytest.importorskip("dask.dataframe").from_pandas(table(), npartitions=2)
    else:
        X = pytest.importorskip("polars").LazyFrame({"age": [1.0, 2.0]})
    for call in (vae().fit, vae(likelihood=TRIPLES).fit, fitted.transform):
        with pytest.raises(TypeError, match=rf"X is still to be computed: call its {way}\(\)"):
            call(X)
    assert not recwarn.list


def test_a_series_is_no_table(fitted):
    with pytest.raises(ValueError, match="Expected 2D array, got 1D array instead: X must be a"):
        fitted.transform(table()["age"])


def test_rare_categories_are_pooled_on_request():
    X = table()
    encoder = OneHotEncoder(max_categories=2, handle_unknown="infrequent_if_exist")
    triples = [
        ("rest", "gaussian_diag", ["age", "siblings", "score"]),
        ("port", encoder, ["port"]),
        ("kinds", "categorical", ["alive", "grade"]),
    ]
    model = vae(likelihood=triples).fit(X)

    assert len(model.columns_.column_of) == 3 + 2 + 2 + 4
    pooled = X["port"].isin(["C", "Q"])
    new = X.assign(port=X["port"].where(~pooled, "new"))
    assert np.array_equal(model.transform(new), model.transform(X))
    assert set(model.sample(50, draw=True)["port"]) <= {"S", "C"}


def test_partial_fit_and_warm_starts_keep_their_columns():
    X = table()
    model = vae().partial_fit(X[:60]).partial_fit(X[60:])
    assert model.n_iter_ == 2
    warm = vae(warm_start=True).fit(X).fit(X)
    assert warm.n_iter_ == 4
    new = X.assign(port="new")
    for go_on in (model.partial_fit, warm.fit):
        with pytest.raises(
            ValueError, match="Column 'port' of X has the category 'new', which the"
        ):
            go_on(new)
    assert np.isfinite(model.transform(new)).all()
    with pytest.raises(ValueError, match="likelihood cannot change"):
        model.set_params(likelihood=TRIPLES).partial_fit(X)
    by_name = vae(likelihood=TRIPLES).partial_fit(X)
    with pytest.raises(ValueError, match="must be in the same order"):
        by_name.partial_fit(X[X.columns[::-1]])
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        by_name.partial_fit(X.to_numpy())
    with pytest.raises(ValueError, match="'port'"):
        model.set_params(likelihood="gaussian").partial_fit(X)


def test_rows_to_stop_by_may_have_new_categories_whenever_a_fit_begins():
    X = table()
    model = vae(early_stopping=True, warm_start=True)
    for _ in range(2):
        model.fit(X, X_val=X.assign(port="new"))
        assert np.isfinite(model.best_validation_score_)


def test_a_fit_of_numbers_does_not_become_one_of_columns():
    frame = table()[["age", "score"]]
    model = vae().partial_fit(frame)
    with pytest.raises(ValueError, match="likelihood cannot change"):
        model.set_params(likelihood=[("n", "gaussian", slice(None))]).partial_fit(frame)


def test_checkpoints_end_with_the_bits_of_an_uninterrupted_fit(tmp_path):
    X = table()
    whole = vae(max_iter=4, learning_rate="constant", warm_up=0).fit(X)
    options = {"checkpoint": tmp_path, "learning_rate": "constant", "warm_up": 0}
    vae(max_iter=2, **options).fit(X)
    resumed = vae(max_iter=4, **options).fit(X)

    assert np.array_equal(resumed.transform(X), whole.transform(X))


@pytest.mark.slow
def test_labels_weights_validation_rows_and_fisher_scores_take_tables():
    X, y = table(), np.arange(N) % 2
    for conditional in ("prior", "decoder"):
        model = vae(conditional=conditional).fit(X, y, sample_weight=1.0 + y)
        assert model.predict(X).shape == (N,)
        assert same_types(model.sample(4, y=1), X)
        assert same_types(model.inverse_transform(model.transform(X)), X)
    stopped = vae(early_stopping=True).fit(X[:90], X_val=X[90:])
    assert np.isfinite(stopped.best_validation_score_)
    assert FisherScores(vae()).fit(X).transform(X).shape[0] == N
    pipeline = make_pipeline(vae(), LogisticRegression()).fit(X, y)
    assert pipeline.predict(X).shape == (N,)
    frame = vae().set_output(transform="pandas").fit_transform(X)
    assert list(frame.columns) == ["vaetransformer0", "vaetransformer1"]


def with_(**columns):
    return table().assign(**columns)


NUMBERS = ["age", "siblings", "score"]


@pytest.mark.parametrize(
    ("X", "likelihood", "message"),
    [
        (
            table(),
            [("n", "gaussian", NUMBERS + ["port"]), ("k", "categorical", ["alive", "grade"])],
            "Column 'port' of X holds categories, which likelihood='gaussian' of the block 'n'",
        ),
        (
            table(),
            [("n", "gaussian", NUMBERS + ["grade"]), ("k", "categorical", ["alive", "port"])],
            "Column 'grade' of X holds categories",
        ),
        (with_(port=table()["port"].astype(object)), "gaussian", "Column 'port' of X holds categ"),
        (table(), "gaussian", "'port'"),
        (table()[["age", "port"]].to_numpy(object), "auto", "Column 1 of X holds text such as 'C'"),
        (with_(age=np.nan), "auto", "Column 'age' of X has no value"),
        (with_(port=None), "auto", "Column 'port' of X has no value"),
        (with_(age=[np.inf] + [1.0] * (N - 1)), "auto", "Column 'age' of X contains infinity"),
        (with_(siblings=-1), TRIPLES, "'siblings' of X .*'counts'.*'negative_binomial' needs coun"),
        (with_(siblings=0.5), TRIPLES, "Column 'siblings' of X"),
        (with_(when=pd.Timestamp("2026-01-01")), "auto", "Column 'when' of X holds times"),
        (with_(port=[1] + ["S"] * (N - 1)), "auto", "Column 'port' of X holds int and str"),
        (
            table()[NUMBERS],
            [("b", "bernoulli", ["age"]), ("n", "gaussian", ["siblings", "score"])],
            r"'age' of X \(block 'b'\): likelihood='bernoulli' needs values in \[0, 1\]",
        ),
        (
            with_(age=np.linspace(0, 1, N))[NUMBERS],
            [("b", "bernoulli", ["age"]), ("n", "gaussian", ["siblings", "score"])],
            "'age' of X .* values between 0 and 1, for which likelihood='bernoulli' is no density",
        ),
        (table()[:0], "auto", "empty table"),
        (table()[:0].astype(object), "auto", "empty table"),
        (table()[[]], "auto", "0 feature.* empty table"),
        (with_(age=[1e200, -1e200] + [1.0] * (N - 2)), "auto", "age.* too large for a float"),
        (table().set_axis(list("aabcde"), axis=1), "auto", "more than one column of the name 'a'"),
    ],
)
def test_what_no_fit_can_use_is_named(X, likelihood, message):
    with pytest.raises(ValueError, match=message):
        vae(likelihood=likelihood).fit(X)


@pytest.mark.parametrize("options", [{"max_value": 255}, {"binarize": "threshold"}])
def test_what_is_for_one_likelihood_is_refused(options):
    (name,) = options
    with pytest.raises(ValueError, match=f"{name}=.* is for X of one likelihood"):
        vae(**options).fit(table())


@pytest.mark.parametrize("likelihood", ["auto", "gaussian"])
@pytest.mark.parametrize("make", [list, tuple, np.array, partial(np.array, dtype=object)])
def test_text_is_named_by_its_place_in_rows_of_any_kind(make, likelihood):
    rows = make([make([1.0, "2", "a"]), make([3.0, "4", "b"])])
    with pytest.raises(ValueError, match="Column 2 of X holds text such as 'a', .* pass a data fr"):
        vae(likelihood=likelihood).fit(rows)
    model = vae().fit(np.random.default_rng(0).normal(size=(20, 3)))
    with pytest.raises(ValueError, match="X holds text such as a in column 2"):
        model.transform(rows)


def test_new_rows_are_checked_by_column(fitted):
    for X, message in (
        (table().drop(columns="age"), "age"),
        (with_(age="old"), "Column 'age' of X holds categories"),
        (table().set_axis(list("aabcde"), axis=1), "X has more than one column of the name 'a'"),
    ):
        with pytest.raises(ValueError, match=message):
            fitted.transform(X)
    strict = [
        ("k", OneHotEncoder(), ["port", "alive", "grade"]),
        ("n", "gaussian_diag", NUMBERS),
    ]
    with pytest.raises(ValueError, match=r"categories of column 'port' of X: .*\['new'\]"):
        vae(likelihood=strict).fit(table()).transform(with_(port="new"))


def test_a_column_far_out_is_named(fitted):
    with pytest.raises(ValueError, match="age"):
        fitted.partial_fit(with_(age=1e12))


def test_arrays_and_tables_of_numbers_need_no_columns():
    assert columns_of("auto", np.zeros((3, 2))) is None
    assert columns_of("auto", table()[NUMBERS]) is None
    assert columns_of("gaussian", table()[NUMBERS]) is None
    assert columns_of("gaussian", np.array([["1.5", 2], [3.0, None]], object)) is None


def test_files_of_skops_hold_tables(fitted, tmp_path):
    io = pytest.importorskip("skops.io")
    io.dump(fitted, tmp_path / "vae.skops")
    loaded = load_estimator(tmp_path / "vae.skops")

    assert np.array_equal(loaded.transform(table()), fitted.transform(table()))
    pd.testing.assert_frame_equal(loaded.sample(4), fitted.sample(4))
