import pickle
import zipfile
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    BaggingClassifier,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.linear_model import LogisticRegression, RidgeClassifierCV
from sklearn.model_selection import (
    GridSearchCV,
    RandomizedSearchCV,
    ShuffleSplit,
    StratifiedKFold,
    TunedThresholdClassifierCV,
)
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skvae import FisherVectorEncoder, SeriesWindows, VAETransformer
from skvae.persistence import load_estimator

X = np.random.default_rng(0).normal(size=(20, 4))


class Trap:
    def __reduce__(self):
        return exec, ("raise SystemExit('code of the file ran')",)


def test_pickles_run_only_when_allowed(tmp_path):
    path = tmp_path / "trap.pkl"
    path.write_bytes(pickle.dumps(Trap()))
    with pytest.raises(ValueError, match="reading it runs the code inside"):
        load_estimator(path)
    with pytest.raises(SystemExit, match="code of the file ran"):
        load_estimator(path, allow_pickle=True)


@pytest.mark.parametrize("dump", [joblib.dump, skops.io.dump])
def test_estimators_come_back(dump, tmp_path):
    fitted = make_pipeline(StandardScaler(), VAETransformer(2, max_iter=1)).fit(X)
    dump(fitted, tmp_path / "model")
    again = load_estimator(tmp_path / "model", allow_pickle=dump is joblib.dump)

    assert np.array_equal(again.transform(X), fitted.transform(X))


LABELS = np.array(["a", "b"])[np.arange(20) % 2]
PIPELINE = make_pipeline(FisherVectorEncoder(2), LogisticRegression())
GRID = {"fishervectorencoder__n_components": [1, 2]}
FITTED = {
    "grid search": GridSearchCV(PIPELINE, GRID, cv=2),
    "grid search of a VAE": GridSearchCV(
        make_pipeline(VAETransformer(2, hidden_layer_sizes=(4,), max_iter=1), LogisticRegression()),
        {"vaetransformer__n_components": [1, 2]},
        cv=2,
    ),
    "grid of numpy's": GridSearchCV(
        PIPELINE, {"logisticregression__C": np.logspace(-1, 1, 2)}, cv=StratifiedKFold(2)
    ),
    "several scores": GridSearchCV(
        PIPELINE, GRID, cv=2, scoring=["accuracy", "f1_macro"], refit="accuracy"
    ),
    "steps to choose from": GridSearchCV(
        Pipeline([("feature", PCA()), ("class", LogisticRegression())]),
        {"feature": [PCA(2), FisherVectorEncoder(2)]},
        cv=ShuffleSplit(2, random_state=0),
    ),
    "splits of one's own": GridSearchCV(PIPELINE, GRID, cv=[(np.arange(10), np.arange(10, 20))]),
    "random search": RandomizedSearchCV(
        PIPELINE, {"logisticregression__C": [0.1, 1.0, 10.0]}, n_iter=2, cv=2, random_state=0
    ),
    "columns": make_pipeline(
        ColumnTransformer([("a", FisherVectorEncoder(2), [0, 1])], remainder="passthrough"),
        LogisticRegression(),
    ),
    "union": make_pipeline(
        FeatureUnion([("a", FisherVectorEncoder(2)), ("b", PCA(2))]), LogisticRegression()
    ),
    "cross-validated classifier": make_pipeline(FisherVectorEncoder(2), RidgeClassifierCV()),
    "calibrated": CalibratedClassifierCV(PIPELINE, cv=2),
    "vote": VotingClassifier([("a", PIPELINE), ("b", LogisticRegression())]),
    "stack": StackingClassifier([("a", PIPELINE), ("b", LogisticRegression())], cv=2),
    "bag": BaggingClassifier(PIPELINE, 2, random_state=0),
    "threshold": TunedThresholdClassifierCV(PIPELINE, cv=2),
}


@pytest.mark.parametrize("name", FITTED)
def test_what_is_made_of_our_estimators_comes_back_from_skops(name, tmp_path):
    fitted = FITTED[name].fit(X, LABELS)
    skops.io.dump(fitted, tmp_path / "model")

    again = load_estimator(tmp_path / "model")
    assert np.array_equal(again.predict(X), fitted.predict(X))


TABLE = pd.DataFrame({"x": X[:, 0], "batch": LABELS, "kind": LABELS[::-1]})
SMALL = {"n_components": 2, "hidden_layer_sizes": (4,), "max_iter": 1}
KINDS = {
    "conditions": (VAETransformer(conditional="decoder", conditions="batch", **SMALL), TABLE),
    "selector": (
        VAETransformer(
            likelihood=[
                ("a", "gaussian_diag", make_column_selector(dtype_include=float)),
                ("b", "categorical", make_column_selector(dtype_exclude=float)),
            ],
            **SMALL,
        ),
        TABLE,
    ),
    "series": (FisherVectorEncoder(2, extractor=SeriesWindows(3)), X.repeat(3, axis=1)),
    "path": (VAETransformer(checkpoint=Path("state"), **SMALL), X),
}


@pytest.mark.parametrize("kind", KINDS)
def test_values_in_parameters_and_fits_come_back_from_skops(kind, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    estimator, rows = KINDS[kind]
    features = estimator.fit_transform(rows)
    skops.io.dump(estimator, "model")

    assert np.array_equal(load_estimator("model").transform(rows), features)


@pytest.mark.parametrize(
    "thing",
    [
        {"a": PCA(2)},
        [PCA(2)],
        PCA,
        VAETransformer,
        np.ones(3),
        "text",
        None,
        np.sum,
        StratifiedKFold(2),
    ],
    ids=["dict", "list", "class", "our class", "array", "text", "None", "function", "splitter"],
)
@pytest.mark.parametrize("dump", [joblib.dump, skops.io.dump])
def test_what_is_no_estimator_is_not_returned(dump, thing, tmp_path):
    dump(thing, tmp_path / "model")
    with pytest.raises(ValueError, match=f"^{tmp_path}/model holds "):
        load_estimator(tmp_path / "model", allow_pickle=dump is joblib.dump)


@pytest.mark.parametrize("harmful", [RandomForestClassifier(2), KNeighborsClassifier()])
def test_compiled_code_that_follows_the_numbers_of_a_file_is_not_trusted(harmful, tmp_path):
    """Crafted trees read memory that is not theirs."""
    X2 = np.random.default_rng(0).normal(size=(60, 2))
    skops.io.dump(harmful.fit(X2, np.arange(60) % 2), tmp_path / "model")
    with pytest.raises(ValueError, match="not known to be harmless"):
        load_estimator(tmp_path / "model")


def test_strangers_in_a_skops_file_are_named(tmp_path):
    skops.io.dump(FunctionTransformer(np.linalg.norm), tmp_path / "model")
    with pytest.raises(ValueError, match="not known to be harmless: .*norm"):
        load_estimator(tmp_path / "model")


@pytest.mark.parametrize("name", ["a.zip", "b.pkl"])
def test_damaged_files(name, tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        file.writestr("text", "no schema")
    (tmp_path / "b.pkl").write_bytes(pickle.dumps(VAETransformer())[:50])
    with pytest.raises(ValueError, match=f"{name} holds no estimator that can be read"):
        load_estimator(tmp_path / name, allow_pickle=True)
