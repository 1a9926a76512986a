import pickle
import warnings
import zipfile

import joblib
import numpy as np
import pytest
import skops.io
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

import skvae
from skvae import DiagonalGaussianMixture, ImagePatches, VAETransformer
from skvae.persistence import load_estimator

X = np.random.default_rng(0).normal(size=(20, 4))


@pytest.mark.parametrize(
    "estimator",
    [
        DiagonalGaussianMixture(2),
        ImagePatches(patch_size=2),
        VAETransformer(2, hidden_layer_sizes=(4,), max_iter=1),
    ],
    ids=lambda e: type(e).__name__,
)
def test_another_version_is_named(estimator, monkeypatch):
    data = pickle.dumps(estimator.fit(X))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pickle.loads(data)
    monkeypatch.setattr("skvae.persistence.__version__", "99.0")
    with pytest.warns(UserWarning, match=f"saved by skvae {skvae.__version__} .* loaded by 99.0"):
        pickle.loads(data)


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


def test_strangers_in_a_skops_file_are_named(tmp_path):
    skops.io.dump(FunctionTransformer(np.linalg.norm), tmp_path / "model")
    with pytest.raises(ValueError, match="neither scikit-learn's nor skvae's: .*norm"):
        load_estimator(tmp_path / "model")


@pytest.mark.parametrize("name", ["a.zip", "b.pkl"])
def test_damaged_files(name, tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        file.writestr("text", "no schema")
    (tmp_path / "b.pkl").write_bytes(pickle.dumps(VAETransformer())[:50])
    with pytest.raises(ValueError, match=f"{name} holds no estimator that can be read"):
        load_estimator(tmp_path / name, allow_pickle=True)
