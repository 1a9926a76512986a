"""The comparison: blind to the test set, repeatable, and nothing finished is lost."""

import os
import signal
import threading
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.decomposition import PCA
from sklearn.feature_selection import SelectKBest
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from threadpoolctl import threadpool_limits

from skvae import compare_features
from skvae.comparison import compare, selection
from skvae.comparison.runs import run_cell
from skvae.recipes import PROFILES


@pytest.fixture
def data(digits):
    X, y = digits

    return X[:300], y[:300], X[300:400], y[300:400]


class Spy(ClassifierMixin, BaseEstimator):
    """A nearest-neighbour classifier that keeps what it was shown."""

    seen = []

    def __init__(self, n_neighbors=1):
        self.n_neighbors = n_neighbors

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        Spy.seen.append(("fit", X.copy(), np.array(y)))
        self.knn_ = KNeighborsClassifier(self.n_neighbors).fit(X, y)
        return self

    def predict(self, X):
        Spy.seen.append(("predict", X.copy(), None))
        return self.knn_.predict(X)


def rows_of(X):
    return {x.tobytes() for x in X}


def test_selection_never_meets_test_rows(data, in_process):
    Spy.seen.clear()
    compare_features(*data, features=["raw"], classifiers={"spy": (Spy(), {"n_neighbors": [1, 3]})})
    X_train, y_train, X_test, _ = data
    *selecting, refit, test = Spy.seen

    assert [kind for kind, *_ in selecting] == ["fit", "predict"] * 2
    for _, X, _ in selecting:
        assert not rows_of(X) & rows_of(X_test)
    assert not rows_of(selecting[0][1]) & rows_of(selecting[1][1])
    assert rows_of(refit[1]) == rows_of(X_train)
    np.testing.assert_array_equal(np.bincount(refit[2]), np.bincount(y_train))
    np.testing.assert_array_equal(test[1], X_test)


@pytest.mark.slow
def test_poisoned_test_rows_change_no_choice(data, in_process, rng):
    X_train, y_train, X_test, y_test = data
    options = {"features": ["raw", "pca"], "classifiers": ["linear", "knn"], "dataset": "digits"}
    clean = compare_features(*data, **options)
    poisoned = compare_features(
        X_train, y_train, rng.random(X_test.shape), rng.permutation(y_test), **options
    )

    assert [r.chosen for r in clean.rows] == [r.chosen for r in poisoned.rows]
    assert [r.validation_error for r in clean.rows] == [r.validation_error for r in poisoned.rows]
    assert all(a.test_error < b.test_error for a, b in zip(clean.rows, poisoned.rows, strict=True))


def test_validation_labels_do_not_leak_through_features(in_process, rng):
    # Pure noise: columns selected with the validation labels would look good on them.
    X, y = rng.normal(size=(300, 2000)), rng.integers(0, 2, 300)
    comparison = compare_features(
        X[:200],
        y[:200],
        X[200:],
        y[200:],
        features={"best columns": SelectKBest(k=20)},
        classifiers={"linear": (LogisticRegression(), {"C": [1.0]})},
    )

    assert comparison.rows[0].validation_error > 0.3


def test_unsupervised_recipes_never_see_labels(data, in_process, monkeypatch):
    seen = []
    fit = PCA.fit_transform
    monkeypatch.setattr(PCA, "fit", lambda self, X, y=None: seen.append(y) or fit(self, X) is None)
    monkeypatch.setattr(
        PCA, "fit_transform", lambda self, X, y=None: seen.append(y) or fit(self, X)
    )
    compare_features(*data, features=["pca"], classifiers=["knn"], dataset="digits")

    assert seen
    assert all(y is None for y in seen)


def test_same_seed_same_result_and_another_seed_another_split(data, in_process):
    options = {"features": ["raw", "pca"], "classifiers": ["knn"], "dataset": "digits"}
    first, second = (compare_features(*data, n_seeds=3, **options) for _ in range(2))

    assert [r.mistakes for r in first.rows] == [r.mistakes for r in second.rows]
    assert [r.chosen for r in first.rows] == [r.chosen for r in second.rows]
    assert [r.seed for r in first.rows] == [0, 0, 1, 1, 2, 2]
    assert len({r.validation_error for r in first.rows}) > 1
    assert first.summary()[0]["n_seeds"] == 3


def test_threads_are_limited_from_outside(data, in_process):
    with threadpool_limits(1):
        comparison = compare_features(*data, features=["raw"], classifiers=["knn"])

    assert comparison.settings["n_threads"] == 1


def test_mistakes_are_the_test_rows_that_went_wrong(data, in_process):
    X_train, y_train, X_test, y_test = data
    (row,) = compare_features(*data, features=["raw"], classifiers=["knn"]).rows
    predicted = KNeighborsClassifier(**row.chosen).fit(X_train, y_train).predict(X_test)

    np.testing.assert_array_equal(row.mistakes, np.flatnonzero(predicted != y_test))
    assert row.test_error == len(row.mistakes) / 100
    assert row.error_low <= row.test_error <= row.error_high


def test_settings_hold_a_long_pipeline_from_end_to_end(data, in_process):
    idle = [(f"step_{i}_that_does_nothing_at_all", "passthrough") for i in range(25)]
    features = {"long": Pipeline([*idle, ("pca", PCA(3))])}
    settings = compare_features(*data, features=features, classifiers=["knn"]).settings
    assert "..." not in settings["features"]["long"]
    assert settings["features"]["long"].count("passthrough") == 25


@pytest.mark.slow
def test_labels_may_be_names(data, in_process):
    X_train, y_train, X_test, y_test = data
    names = np.array([f"digit {k}" for k in range(10)])
    options = {"features": ["raw"], "classifiers": ["knn", "linear"]}
    by_name = compare_features(X_train, names[y_train], X_test, names[y_test], **options)
    by_number = compare_features(*data, **options)

    assert [r.mistakes for r in by_name.rows] == [r.mistakes for r in by_number.rows]


class Wide(TransformerMixin, BaseEstimator):
    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return np.tile(X, 16)


def test_svm_is_left_out_beyond_its_dimensions_and_the_table_says_so(data, in_process):
    comparison = compare_features(*data, features={"wide": Wide()}, classifiers=["knn", "svm"])

    assert [row.status for row in comparison.rows] == ["ok", "left out"]
    assert "left out: 1024 dims > 1000" in comparison.table()


def test_a_fit_that_does_not_converge_leaves_a_note(data, in_process):
    comparison = compare_features(
        *data,
        features=["raw"],
        classifiers={"hasty": (LogisticRegression(max_iter=2), {"C": [1.0]})},
    )

    assert any("ConvergenceWarning" in note for note in comparison.rows[0].notes)
    assert any("not converged at C=1.0" in note for note in comparison.rows[0].notes)
    assert "ConvergenceWarning" in comparison.table()


class Failing(TransformerMixin, BaseEstimator):
    def fit(self, X, y=None):
        raise MemoryError("too large")


@pytest.mark.slow
@pytest.mark.usefixtures("forked_workers")
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_failing_feature_does_not_take_the_others_along(data, n_jobs):
    comparison = compare_features(
        *data,
        features={"bad": Failing(), "good": make_pipeline(PCA(5))},
        classifiers=["knn"],
        n_jobs=n_jobs,
    )

    assert [(r.feature, r.status) for r in comparison.rows] == [("bad", "failed"), ("good", "ok")]
    assert "MemoryError: too large" in comparison.table()


@pytest.mark.slow
def test_a_process_knows_its_own_peak_memory(data):
    ballast = np.ones(50_000_000)  # 400 MB in this process, which must not be counted
    comparison = compare_features(*data, features=["raw"], classifiers=["knn"])

    assert ballast.nbytes / 2**20 > comparison.rows[0].peak_memory_mb - 100 > 0


def test_ctrl_c_keeps_the_rows_finished_so_far(data, monkeypatch):
    def run(cells, n_jobs):
        run_cell(cells[0])
        yield cells[0], None
        raise KeyboardInterrupt

    monkeypatch.setattr(compare, "run_in_processes", run)
    comparison = compare_features(
        *data, features=["raw", "pca"], classifiers=["knn"], dataset="digits"
    )

    assert comparison.interrupted
    assert [row.feature for row in comparison.rows] == ["raw"]
    assert "Interrupted" in comparison.table()


class Slow(ClassifierMixin, BaseEstimator):
    """Presses Ctrl-C in the main process, then takes its time."""

    def __init__(self, main=0, depth=1):
        self.main = main
        self.depth = depth

    def fit(self, X, y):
        os.kill(self.main, signal.SIGINT)
        threading.Event().wait(60)


@pytest.fixture
def heeds_ctrl_c():
    """Where the tests run as a shell's background job, Ctrl-C is ignored from the start."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.usefixtures("heeds_ctrl_c", "forked_workers")
def test_ctrl_c_keeps_the_finished_rows_of_a_running_feature(data):
    comparison = compare_features(
        *data,
        features={"raw": Wide()},
        classifiers={
            "knn": (KNeighborsClassifier(), {"n_neighbors": [1]}),
            "slow": (Slow(os.getpid()), {"depth": [1]}),
        },
    )

    assert comparison.interrupted
    assert [row.classifier for row in comparison.rows] == ["knn"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"features": ["sift"]}, "'sift' is unknown: choose from raw, pca"),
        ({"features": "raw"}, "list of names"),
        ({"classifiers": ["forest"]}, "'forest' is unknown: choose from linear, knn, svm"),
        ({"classifiers": []}, "list of names"),
        ({"dataset": "imagenet"}, "'imagenet' is unknown: choose from digits"),
        ({"n_seeds": 0}, "n_seeds=0"),
        ({"random_state": None}, "random_state=None must be an integer"),
        ({"random_state": -1}, "random_state=-1 must be an integer"),
        ({"features": {1: PCA(2)}}, "features must map names, .* got the keys .1"),
        ({"features": {}}, "features must map names"),
        ({"classifiers": {None: None}}, "classifiers must map names"),
    ],
)
def test_unknown_options_list_the_choices(data, options, message):
    with pytest.raises(ValueError, match=message):
        compare_features(*data, **options)


def test_arrays_that_do_not_fit_are_refused(data):
    X_train, y_train, X_test, y_test = data

    with pytest.raises(ValueError, match="X_train has 64 features, but X_test has 63"):
        compare_features(X_train, y_train, X_test[:, 1:], y_test)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        compare_features(X_train, y_train[1:], X_test, y_test)
    with pytest.raises(ValueError, match="X_test has masked values"):
        compare_features(X_train, y_train, np.ma.masked_equal(X_test, X_test[0, 2]), y_test)
    with pytest.raises(ValueError, match="NaN"):
        compare_features(np.full_like(X_train, np.nan), y_train, X_test, y_test)


def test_progress_is_told_when_asked_for(data, in_process, capsys):
    options = {"features": ["raw"], "classifiers": ["knn"]}
    compare_features(*data, **options)
    silent = capsys.readouterr()
    compare_features(*data, verbose=1, **options)

    assert silent.err == silent.out == ""
    assert "[raw, seed 0] knn:" in capsys.readouterr().err


def test_named_classifiers_are_left_unfitted():
    assert not any(
        name.endswith("_") for c in selection.CLASSIFIERS.values() for name in vars(c.estimator)
    )


def relabelled(data, names):
    """The two commonest kinds of digits only, under other names."""
    X_train, y_train, X_test, y_test = data
    kept, left = y_train < 2, y_test < 2

    return (
        X_train[kept],
        np.array(names)[y_train[kept]],
        X_test[left],
        np.array(names)[y_test[left]],
    )


TWO_FEATURES = {
    "features": ["raw", "vae_prior"],
    "classifiers": ["knn", "linear"],
    "dataset": replace(
        PROFILES["digits"], vae={"n_components": 2, "hidden_layer_sizes": (8,), "max_iter": 2}
    ),
}
expected_rows = []


@pytest.fixture
def expected(data, in_process):
    """Rows of the classes 0 and 1, compared once."""
    if not expected_rows:
        expected_rows.extend(compare_features(*relabelled(data, [0, 1]), **TWO_FEATURES).rows)
    return expected_rows


@pytest.mark.slow
@pytest.mark.parametrize(
    ("names", "container"),
    [
        (["no", "yes"], lambda y: y.astype(object)),
        (["no", "yes"], lambda y: pd.Series(y, dtype="category")),
        ([-1, 1], np.asarray),
        ([-1, 1], lambda y: y.astype(object)),
        ([False, True], lambda y: pd.Series(y, dtype="boolean")),
    ],
    ids=["objects", "categories", "signs", "objects of numbers", "pandas' bools"],
)
@pytest.mark.usefixtures("without_charts")
def test_what_labels_are_called_changes_no_result(names, container, data, expected, tmp_path):
    X_train, y_train, X_test, y_test = relabelled(data, names)
    found = compare_features(X_train, container(y_train), X_test, container(y_test), **TWO_FEATURES)

    assert [row.status for row in found.rows] == ["ok"] * 4
    assert [row.mistakes for row in found.rows] == [row.mistakes for row in expected]
    taken = [[names[k] for k in row.mistaken_for] for row in expected]
    assert [list(row.mistaken_for) for row in found.rows] == taken
    found.save_report(tmp_path / "report.html", container(y_test))


def test_rare_classes_and_those_that_only_the_test_rows_have_are_no_failure(data, in_process):
    X_train, y_train, X_test, y_test = data
    X = np.concatenate([X_train[y_train < 3], X_train[y_train == 4][:1]])
    y = np.concatenate([y_train[y_train < 3], [4]])
    comparison = compare_features(X, y, X_test, y_test, features=["raw"])
    unseen = set(np.flatnonzero(~np.isin(y_test, [0, 1, 2, 4])))

    assert [row.status for row in comparison.rows] == ["ok"] * 3
    assert all(unseen <= set(row.mistakes) for row in comparison.rows)


@pytest.mark.parametrize(
    ("y_train", "y_test", "message"),
    [
        (np.zeros(300, int), np.zeros(100, int), "y_train has one class only, .*0"),
        (np.arange(300) % 2, np.array(["0", "1"] * 50), "y_train holds labels like"),
        (np.linspace(0, 1, 300), np.zeros(100, int), "y_train holds .* no class"),
    ],
)
def test_labels_that_no_classifier_could_learn_are_refused(data, y_train, y_test, message):
    X_train, _, X_test, _ = data
    with pytest.raises(ValueError, match=message):
        compare_features(X_train, y_train, X_test, y_test, features=["raw"])


def test_finished_rows_are_picked_up_for_the_same_data_and_settings_only(
    data, in_process, tmp_path, capsys
):
    X_train, y_train, X_test, y_test = data
    options = {"features": ["raw"], "classifiers": ["knn"], "checkpoint": tmp_path / "kept"}
    first = compare_features(*data, **options)
    again = compare_features(*data, verbose=1, **options)
    assert again.rows == first.rows  # seconds too: nothing was computed
    assert again.settings["n_picked_up"] == 1
    assert "1 rows of an earlier run are picked up" in capsys.readouterr().err

    for other, changed in (
        ((X_train, y_train, X_test, np.roll(y_test, 1)), {}),
        ((X_train[:, ::-1], y_train, X_test, y_test), {}),
        (data, {"classifiers": {"knn": (KNeighborsClassifier(), {"n_neighbors": [3]})}}),
        (data, {"random_state": 1}),
        (data, {"features": {"raw": PCA(3)}}),
    ):
        fresh = compare_features(*other, verbose=1, **{**options, **changed})
        assert fresh.settings["n_picked_up"] == 0
        assert "holds rows of other data, settings or versions" in capsys.readouterr().err


@pytest.mark.slow
def test_a_feature_goes_on_with_the_classifiers_that_are_missing(data, in_process, tmp_path):
    options = {"features": ["raw"], "classifiers": ["linear", "knn"]}
    whole = compare_features(*data, checkpoint=tmp_path, **options)
    (path,) = tmp_path.iterdir()
    path.write_text(path.read_text("utf-8").splitlines(keepends=True)[1])
    again = compare_features(*data, checkpoint=tmp_path, **options)

    assert again.settings["n_picked_up"] == 1
    assert again.rows[1] == whole.rows[1]
    assert [row.mistakes for row in again.rows] == [row.mistakes for row in whole.rows]
    assert [row.classifier for row in again.rows] == ["linear", "knn"]


@pytest.fixture
def table(rng):
    y = rng.integers(0, 2, 90)
    X = pd.DataFrame({"a": y + rng.normal(size=90), "b": rng.choice(["u", "v", None], 90)})

    return X, np.array(["no", "yes"])[y]


def test_without_test_rows_every_row_is_tested_once(in_process, table):
    X, y = table
    comparison = compare_features(
        X, y, features=["raw", "pca"], classifiers=["knn"], dataset="table", cv=3
    )
    raw, pca = comparison.rows

    assert comparison.n_test == 90
    assert raw.test_error == len(raw.mistakes) / 90
    assert all(y[i] != label for i, label in zip(raw.mistakes, raw.mistaken_for, strict=True))
    assert 0 < raw.test_error < 0.5
    assert len(raw.chosen["n_neighbors"]) == 3
    assert comparison.settings["n_folds"] == 3
    assert comparison.table().startswith("90 rows of 2 classes, each tested once in 3 folds")


def test_no_fold_learns_from_its_test_rows(in_process, table):
    X, y = table
    X = X.assign(row=np.arange(90.0))
    seen = []

    class Keeper(TransformerMixin, BaseEstimator):
        def fit(self, X, y=None):
            seen.append((set(X.row), None))
            return self

        def transform(self, X):
            seen.append((None, set(X.row)))
            return X[["a"]].to_numpy()

    compare_features(
        X,
        y,
        features={"keeper": Keeper()},
        classifiers={"knn": (KNeighborsClassifier(), {"n_neighbors": [3]})},
        dataset="table",
        cv=3,
    )
    fitted = [learned for learned, _ in seen[::5]]
    tested = [shown for _, shown in seen[2::5]]

    assert all(len(learned) == 60 for learned in fitted)
    assert all(not learned & shown for learned, shown in zip(fitted, tested, strict=True))
    assert set().union(*tested) == set(range(90))


def test_arrays_are_cross_validated_as_well(in_process, data):
    X, y = data[:2]
    comparison = compare_features(
        X, y, features=["raw"], classifiers=["knn"], dataset="digits", cv=2, n_seeds=2
    )

    assert [row.seed for row in comparison.rows] == [0, 1]
    assert comparison.rows[0].mistakes != comparison.rows[1].mistakes


@pytest.mark.slow
def test_rows_of_folds_are_picked_up_after_a_kill(in_process, table, tmp_path, monkeypatch):
    X, y = table
    options = {"features": ["raw"], "classifiers": ["knn"], "dataset": "table", "cv": 3}
    first = compare_features(X, y, **options, checkpoint=tmp_path)
    again = compare_features(X, y, **options, checkpoint=tmp_path)
    other = compare_features(X, y, **(options | {"cv": 4}), checkpoint=tmp_path)

    assert again.settings["n_picked_up"] == 1
    assert again.rows == first.rows
    assert other.settings["n_picked_up"] == 0
