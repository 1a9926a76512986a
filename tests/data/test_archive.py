import json
import os
import zipfile

import numpy as np
import pytest

from skvae.data import archive
from skvae.data.archive import check_same, checkpoint_path, read_checkpoint, write_checkpoint

ARRAYS = {
    "parameters": {"encoder.0.weight": np.arange(6, dtype=np.float32).reshape(2, 3)},
    "optimizer": {"0.step": np.float32(3), "0.exp/avg": np.array([np.pi, -0.0, 1e-300])},
}
STATE = {"history": {"loss": [0.1 + 0.2, float("nan")]}, "finished": False, "best": float("-inf")}


def test_what_was_written_is_read_bit_by_bit(tmp_path):
    path = tmp_path / "checkpoint.npz"
    write_checkpoint(path, ARRAYS, STATE)
    arrays, state = read_checkpoint(path)

    assert arrays.keys() == ARRAYS.keys()
    for group, named in ARRAYS.items():
        assert arrays[group].keys() == named.keys()
        for name, array in named.items():
            assert arrays[group][name].dtype == array.dtype
            assert arrays[group][name].tobytes() == array.tobytes()
    assert state["history"]["loss"][0] == 0.1 + 0.2
    assert np.isnan(state["history"]["loss"][1]) and state["best"] == -np.inf
    assert os.listdir(tmp_path) == ["checkpoint.npz"]


def test_a_failed_write_leaves_the_old_checkpoint(tmp_path):
    path = tmp_path / "checkpoint.npz"
    write_checkpoint(path, ARRAYS, {"epoch": 1})
    with pytest.raises(TypeError):
        write_checkpoint(path, ARRAYS, {"epoch": object()})

    assert read_checkpoint(path)[1]["epoch"] == 1
    write_checkpoint(path, ARRAYS, {"epoch": 2})
    assert read_checkpoint(path)[1]["epoch"] == 2


@pytest.mark.parametrize("n_bytes", [0, 10, 400, -40])
def test_truncated_files_are_named(tmp_path, n_bytes):
    path = tmp_path / "checkpoint.npz"
    write_checkpoint(path, ARRAYS, STATE)
    path.write_bytes(path.read_bytes()[:n_bytes])
    with pytest.raises(ValueError, match=r"checkpoint.npz is damaged.*Move it away"):
        read_checkpoint(path)


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError, match="checkpoint needs a folder"):
        checkpoint_path(tmp_path / "file", {})


def test_other_files_are_refused(tmp_path):
    path = tmp_path / "checkpoint.npz"
    np.savez(path, a=np.arange(3))
    with pytest.raises(ValueError, match="no checkpoint of this version"):
        read_checkpoint(path)
    np.save(path.with_suffix(".npy"), np.arange(3))
    os.replace(path.with_suffix(".npy"), path)
    with pytest.raises(ValueError, match="no checkpoint of this version"):
        read_checkpoint(path)


def test_nothing_is_unpickled(tmp_path):
    path = tmp_path / "checkpoint.npz"
    np.savez(path, **{"parameters/a": np.array([{}], dtype=object)})
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("state.json", json.dumps({"format": "skvae checkpoint 1", "skvae": "0"}))
    with pytest.raises(ValueError, match="damaged.*allow_pickle=False"):
        read_checkpoint(path)


def test_other_versions_are_told(tmp_path, monkeypatch):
    path = tmp_path / "checkpoint.npz"
    monkeypatch.setattr(archive, "__version__", "0.0.1")
    write_checkpoint(path, ARRAYS, STATE)
    monkeypatch.undo()
    with pytest.warns(UserWarning, match="written by skvae 0.0.1"):
        read_checkpoint(path)


def test_differences_are_named(tmp_path):
    check_same(tmp_path, {"a": [1, 2]}, {"a": (1, 2)})
    with pytest.raises(ValueError, match="a was 1 and is 2; b was None and is 3"):
        check_same(tmp_path, {"a": 1}, {"a": 2, "b": 3})


def test_folders_are_made_or_refused(tmp_path):
    assert checkpoint_path(tmp_path / "a" / "b", {}).parent.is_dir()
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        checkpoint_path(tmp_path / "file", {})


def test_names_tell_descriptions_apart(tmp_path):
    descriptions = [{}, {"a": 1}, {"a": 1.5}, {"a": [1, 2], "b": None}]
    names = [checkpoint_path(tmp_path, description).name for description in descriptions]

    assert len(set(names)) == len(names)
    assert checkpoint_path(tmp_path, {"b": None, "a": (1, 2)}).name == names[-1]


def rewritten(path, change):
    """The checkpoint with other members, by whoever knows of zip files only."""
    with zipfile.ZipFile(path) as archive:
        comment = archive.comment
        members = {name: archive.read(name) for name in archive.namelist()}
    change(members)
    with zipfile.ZipFile(path, "w") as archive:
        archive.comment = comment
        for name, content in members.items():
            archive.writestr(name, content)


@pytest.mark.parametrize(
    "change",
    [
        lambda members: members.pop("parameters/encoder.0.weight.npy"),
        lambda members: members.update({"parameters/new.npy": members["optimizer/0.step.npy"]}),
        lambda members: members.update({"state.json": members["state.json"][:-1] + b" }"}),
        lambda members: members.update({"optimizer/0.step.npy": b"\x93NUMPY"}),
        lambda members: members.pop("state.json"),
        lambda members: members.update({"state.json": b"[" * 100_000}),
    ],
)
def test_other_contents_are_damage(tmp_path, change):
    path = tmp_path / "checkpoint.npz"
    write_checkpoint(path, ARRAYS, STATE)
    rewritten(path, change)
    with pytest.raises(ValueError, match=r"checkpoint.npz is damaged.*Move it away"):
        read_checkpoint(path)


@pytest.mark.slow
def test_nothing_is_unpacked(tmp_path):
    path = tmp_path / "checkpoint.npz"
    np.savez_compressed(path, **{"parameters/a": np.zeros(10**7)})
    with pytest.raises(ValueError, match=r"damaged.*it is compressed"):
        read_checkpoint(path)


def test_a_size_that_is_declared_and_not_there_is_damage(tmp_path):
    path = tmp_path / "checkpoint.npz"
    write_checkpoint(path, {"parameters": {"a": np.zeros((2, 3))}}, STATE)

    def enlarge(members):
        npy = members["parameters/a.npy"]
        members["parameters/a.npy"] = npy.replace(
            b"(2, 3), }" + 12 * b" ", b"(999999999999, 9), }  "
        )

    rewritten(path, enlarge)
    with pytest.raises(ValueError, match="damaged"):
        read_checkpoint(path)
