import sys

import numpy as np
import pytest
import small
from sklearn.datasets import load_digits

from skvae.callbacks import Pictures, TensorBoard

Image = pytest.importorskip("PIL.Image", reason="needs the extra 'train'")
pytest.importorskip("sklearn.callback", reason="needs scikit-learn 1.9")

X, Y = load_digits(return_X_y=True)
X = X / 16


def fit(folder, n_components=2, callbacks=(), **options):
    pictures = Pictures(folder, X[200:240], **options)
    vae = small.vae(
        n_components=n_components, hidden_layer_sizes=(8,), likelihood="bernoulli", max_iter=3
    )
    return vae.set_callbacks(*callbacks, pictures).fit(X[:200])


@pytest.mark.slow
def test_every_few_epochs_are_drawn_and_make_films(tmp_path):
    fit(tmp_path / "plane", y=Y[200:240], every=2)
    names = {path.name for path in (tmp_path / "plane").iterdir()}
    drawn = ("posterior_predictive_0_data", "posterior_predictive_0_sample", "prior_predictive_0")
    maps = ("posterior_predictive_map_frame", "prior_predictive_map_frame")
    assert names == {
        *(f"iter_{n}_{name}.png" for n in (2, 3) for name in drawn),
        *(f"{name}_{n}.png" for n in (2, 3) for name in maps),
        *("posterior_predictive.gif", "prior_predictive.gif"),
    }
    assert Image.open(tmp_path / "plane" / "prior_predictive.gif").n_frames == 2


def test_images_are_those_that_were_given(tmp_path):
    fit(tmp_path, n_components=3, n_samples=2, number=lambda n: 10 * n)
    for k in range(2):
        data = np.asarray(Image.open(tmp_path / f"iter_30_posterior_predictive_{k}_data.png"))
        np.testing.assert_allclose(data / 255, X[200 + k].reshape(8, 8), atol=0.002)
    assert not list(tmp_path.glob("*.gif"))


@pytest.mark.slow
def test_classes_need_no_names_and_images_no_classes(tmp_path):
    words = np.array(["even", "odd"])[Y % 2]
    fit(tmp_path / "named", y=words[200:240], every=3)
    fit(tmp_path / "plain", every=3)
    for folder in ("named", "plain"):
        name = "posterior_predictive_map_frame_3.png"
        assert Image.open(tmp_path / folder / name).size == (800, 600)


def test_images_are_logged_under_the_number_of_the_epoch(tmp_path):
    accumulators = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator", reason="needs 'tensorboard'"
    )
    events = TensorBoard(tmp_path / "logs", separate=False)
    fit(tmp_path, n_components=3, callbacks=[events], every=3, tensorboard=events)
    found = accumulators.EventAccumulator(str(tmp_path / "logs")).Reload()
    assert set(found.Tags()["images"]) == {"data", "posterior_predictive", "prior_predictive"}
    assert [event.step for event in found.Images("data")] == [3]


def test_what_is_missing_is_named_before_the_training(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(ImportError, match=r'pip install "skvae\[train\]"'):
        fit(tmp_path / "plane")
    assert not (tmp_path / "plane").exists()
