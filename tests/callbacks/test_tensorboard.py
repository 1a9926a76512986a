"""What is logged, read back by TensorBoard's own reader."""

import pickle
import sys
import time

import numpy as np
import pytest
from sklearn.datasets import load_digits

from skvae import VAETransformer
from skvae.callbacks import TensorBoard
from skvae.callbacks.tensorboard import open_writer, write_record

accumulators = pytest.importorskip(
    "tensorboard.backend.event_processing.event_accumulator", reason="needs the extra 'tensorboard'"
)
X = load_digits().data[:200] / 16


def scalars(folder):
    events = accumulators.EventAccumulator(str(folder)).Reload()
    return {
        tag: [(event.step, event.value) for event in events.Scalars(tag)]
        for tag in events.Tags()["scalars"]
    }


def test_the_history_is_logged_as_it_comes(tmp_path):
    pytest.importorskip("sklearn.callback", reason="needs scikit-learn 1.9")
    logged = TensorBoard(tmp_path / "logs")
    vae = VAETransformer(3, hidden_layer_sizes=(16,), max_iter=4, early_stopping=True)
    vae.set_callbacks(logged).fit(X)
    found = scalars(tmp_path / "logs" / "fit-1")

    names = {"elbo": "ELBO", "kl": "KL"}
    assert found.keys() == {names.get(name, name) for name in vae.history_}
    for name, values in vae.history_.items():
        steps, logged_values = zip(*found[names.get(name, name)], strict=True)
        assert steps == (1, 2, 3, 4)
        np.testing.assert_allclose(logged_values, values, rtol=1e-6)

    vae.fit(X)
    assert len(scalars(tmp_path / "logs" / "fit-2")["ELBO"]) == 4
    assert pickle.loads(pickle.dumps(logged)).logdir == logged.logdir


def test_steps_that_come_again_replace_what_was_there(tmp_path):
    with open_writer(tmp_path) as writer:
        for step in (1, 2, 3):
            write_record(writer, {"elbo": -step, "kl": float("nan")}, step)
    with open_writer(tmp_path, first_step=2) as writer:
        write_record(writer, {"elbo": -20}, 2)

    assert scalars(tmp_path) == {"ELBO": [(1, -1), (2, -20)]}


def test_a_file_sorts_behind_those_that_were_opened_in_the_same_second(tmp_path):
    """TensorBoard reads files in the order of their names."""
    before = [tmp_path / f"events.out.tfevents.{int(time.time()) + k}.z.9" for k in (0, 1)]
    for path in before:
        path.touch()
    open_writer(tmp_path).close()

    assert len(names := sorted(tmp_path.iterdir())) == 3
    assert names[:2] == before


def test_the_extra_is_named_where_it_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(ImportError, match=r'pip install "skvae\[tensorboard\]"'):
        open_writer("nowhere")
