from collections import UserDict, UserList, deque
from types import SimpleNamespace

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch

from skvae.fisher.items import ItemsOfArray, ItemsOfList, ItemsOfSequence, items_of

SETS = [np.ones((2, 3)), np.zeros((0, 3)), 2 * np.ones((1, 3))]
TABLE = np.arange(24.0).reshape(4, 2, 3)


class InFile:
    """An array as h5py has it: read by slices, and with an open file that no process can get."""

    def __init__(self, array):
        self.array, self.n_read = array, 0
        self.shape, self.dtype, self.file = array.shape, array.dtype, (i for i in [])

    def __getitem__(self, rows):
        self.n_read += 1
        return self.array[rows]

    def __array__(self, dtype=None, copy=None):
        return self[:]


class Squares:
    """A sequence as torch has it, which never ends for those who iterate over it."""

    def __len__(self):
        return 3

    def __getitem__(self, i):
        return np.full((2, 2), i**2)


@pytest.mark.parametrize(
    "X",
    [
        SETS,
        tuple(SETS),
        TABLE,
        TABLE[:, 0],
        [s.tolist() for s in SETS],
        dict(enumerate(SETS)),
        dict(enumerate(SETS)).values(),
        UserDict(enumerate(SETS)),
        pd.Series(SETS),
        pd.DataFrame(TABLE[0]),
        pd.DataFrame(TABLE[0]).groupby(0),
        pl.DataFrame(TABLE[0]),
        pl.Series([s.tolist() for s in SETS]),
        [pl.DataFrame(s) for s in SETS],
        [pl.Series([1.0])],
        torch.ones(2, 3, 4),
        [torch.ones(2, 3)],
        "text",
        3.0,
        None,
    ],
)
def test_what_lies_in_memory_is_left_to_others(X):
    assert items_of(X) is None


@pytest.mark.parametrize(
    ("X", "kind"),
    [
        (InFile(TABLE), ItemsOfArray),
        (InFile(TABLE[:, 0]), ItemsOfArray),
        ([SETS[0], InFile(SETS[1])], ItemsOfList),
        (UserDict(enumerate(map(InFile, SETS))).values(), ItemsOfList),
        (UserDict(enumerate(SETS)).values(), ItemsOfSequence),
        (UserList(SETS), ItemsOfSequence),
        (deque(SETS), ItemsOfSequence),
        (Squares(), ItemsOfSequence),
        (SimpleNamespace(shape=(2, 3, 4)), None),
    ],
)
def test_what_is_read_when_it_is_asked_for_is_known(X, kind):
    assert type(items_of(X)) is (kind or type(None))


def test_items_are_read_by_their_numbers():
    for X in (UserList(SETS), [InFile(s) for s in SETS], UserDict(enumerate(SETS)).values()):
        items = items_of(X)
        assert items.n == 3
        chosen = np.array([0, 2])
        first, last = items.part(chosen).read(chosen)
        assert np.array_equal(first, SETS[0]) and np.array_equal(last, SETS[2])


def test_neighbours_in_an_array_are_read_together():
    X = InFile(TABLE)
    found = items_of(X).read(np.array([0, 1, 3]))
    assert np.array_equal(found, TABLE[[0, 1, 3]])
    assert X.n_read == 2
    rows = items_of(InFile(TABLE[:, 0])).read(np.array([1, 2]))
    assert np.array_equal(rows, TABLE[1:3, :1])


def test_shapes_and_types_of_arrays_are_known_unread():
    X = [InFile(SETS[0]), [[1, 2, 3]], InFile(SETS[1])]
    shapes, types = items_of(X).known()
    assert shapes == [(2, 3), (1, 3), (0, 3)] and types == [float, int, float]
    assert X[0].n_read == X[2].n_read == 0
    assert items_of(InFile(TABLE[:, 0])).known() == ([(1, 3)] * 4, [float] * 4)
    assert items_of(Squares()).known() is None


def test_a_group_that_is_no_mapping_is_named():
    class Group(Squares):
        keys = None

        def __iter__(self):
            return iter("abc")

    with pytest.raises(TypeError, match=r"X is a Group.* pass \[X\[key\] for key in X\]"):
        items_of(Group())


def test_what_cannot_be_read_is_named_by_its_number():
    class Broken(InFile):
        def __getitem__(self, rows):
            raise OSError("no such file: set.npy")

    for X in (Broken(TABLE), [*map(InFile, SETS[:2]), Broken(SETS[2])]):
        with pytest.raises(ValueError, match="Set 2 of X cannot be read: OSError: no such file"):
            items_of(X).read(np.array([2]))


def test_a_first_array_of_objects_is_named(tmp_path):
    np.savez(tmp_path / "sets.npz", a=np.array([1, "x"], object))
    message = "Set 0 of X cannot be read: ValueError: Object arrays"
    with np.load(tmp_path / "sets.npz") as file, pytest.raises(ValueError, match=message):
        items_of(file.values())
