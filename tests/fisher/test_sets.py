"""What every source of sets gives: a new source is one class, and one line in ``SOURCES``."""

from collections import UserList
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from architecture import having, read_package

import skvae
from skvae.data.image_sequence import ImageSequence
from skvae.fisher import sets as sets_
from skvae.fisher.annotated_sets import AnnotatedSets, SetWeights
from skvae.fisher.dask_sets import DaskSets
from skvae.fisher.extracted_sets import ExtractedSets
from skvae.fisher.items import items_of
from skvae.fisher.listed_sets import ListedSets
from skvae.fisher.mapped_sets import MappedSets
from skvae.fisher.packing import pack_sets
from skvae.fisher.sequence_sets import SequenceSets
from skvae.fisher.sets import PackedSets, Sets, batches_of, check_positions, joined_batches
from skvae.series.sources import WindowedSets
from skvae.series.windows import Windows
from skvae.tables.sources import DescribedSets

SIZES = [3, 0, 40, 1, 7, 0, 0, 25, 2, 2]


def of_files(sets, folder):
    def mapped(i, X):
        np.save(folder / f"{i}.npy", X)
        return np.load(folder / f"{i}.npy", mmap_mode="r")

    # No file holds an empty array.
    return [mapped(i, X) if len(X) else X for i, X in enumerate(sets)]


def extracted(sets, **found):
    numbers = np.arange(float(len(sets)))[:, None]
    extractor = SimpleNamespace(
        transform=lambda rows: [sets[int(i)] for (i,) in rows],
        **{name: lambda rows, f=f: f(rows[:, 0].astype(int)) for name, f in found.items()},
    )
    return ExtractedSets(numbers, extractor)


def listed(sets):
    images = ImageSequence.of([np.full((1, 1), i) for i in range(len(sets))])
    extractor = SimpleNamespace(
        extract=lambda numbers: (
            [sets[int(i[0, 0])] for i in numbers],
            [places_of(sets)[int(i[0, 0])] for i in numbers],
        )
    )
    return ListedSets(images, extractor)


def in_dask(sets):
    dask = pytest.importorskip("dask")
    parts = [sets[:4], sets[4:]]
    sizes = [np.array([len(s) for s in part]) for part in parts]
    return DaskSets([dask.delayed(list)(part) for part in parts], sizes, sets[0].dtype)


def described(sets):
    offsets = np.cumsum([0, *map(len, sets)])
    rows = np.arange(offsets[-1])[::-1]
    return DescribedSets.of(rows, offsets, np.concatenate(sets)[::-1].__getitem__)


def annotated(source, sets):
    of_descriptors = SetWeights(of_descriptors=weights_of(sets))
    return AnnotatedSets(source, places_of(sets), of_descriptors)


def weights_of(sets):
    """Weights that tell which descriptor they are of; they are not whole."""
    return [s[:, 0] + 0.5 for s in sets]


def read_one_by_one(sets):
    return SequenceSets.of(items_of(UserList(sets)))


def places_of(sets):
    """Positions that tell which descriptor they are of."""
    return [s[:, :2] / 1000 - 1 for s in sets]


# From sets as a list of arrays, and a folder.
SOURCES = {
    "packed": lambda sets, folder: PackedSets(*pack_sets(sets)),
    "packed with positions and weights": lambda sets, folder: PackedSets(
        *pack_sets(sets), pack_sets(places_of(sets))[0], np.concatenate(weights_of(sets))
    ),
    "mapped": lambda sets, folder: MappedSets(of_files(sets, folder), sets[0].dtype),
    "extracted": lambda sets, folder: extracted(sets),
    "extracted with positions": lambda sets, folder: extracted(
        sets,
        extract=lambda numbers: ([sets[i] for i in numbers], [places_of(sets)[i] for i in numbers]),
    ),
    "listed": lambda sets, folder: listed(sets),
    "dask": lambda sets, folder: in_dask(sets),
    "annotated": lambda sets, folder: annotated(PackedSets(*pack_sets(sets)), sets),
    "annotated, in files": lambda sets, folder: annotated(
        MappedSets(of_files(sets, folder), sets[0].dtype), sets
    ),
    "annotated, extracted": lambda sets, folder: annotated(extracted(sets), sets),
    "described": lambda sets, folder: described(sets),
    "windowed": lambda sets, folder: WindowedSets(
        [s.T for s in sets], Windows((1,), 1), sets[0].dtype
    ),
    "read one by one": lambda sets, folder: read_one_by_one(sets),
    "read one by one, sizes known": lambda sets, folder: read_one_by_one(sets).measured(),
}


@pytest.fixture
def sets():
    """Every number of them occurs once."""
    numbers = np.arange(3.0 * sum(SIZES)).reshape(-1, 3)
    return np.split(numbers, np.cumsum(SIZES)[:-1])


@pytest.fixture(params=SOURCES)
def source(request, sets, tmp_path):
    return SOURCES[request.param](sets, tmp_path)


def test_no_source_is_missing_here(sets, tmp_path):
    sources = read_package(Path(skvae.__file__).parent)
    asked_for = {"__len__", "batches", "part", "pull", "sample"}
    tried = {type(make(sets, tmp_path)).__name__ for make in SOURCES.values()}
    assert tried == having(sources, asked_for)


def assert_are(packed, expected):
    """Packed sets are those that are expected, with whatever else belongs to their descriptors."""
    assert isinstance(packed, PackedSets)
    descriptors, offsets = pack_sets(expected, width=3)
    assert np.array_equal(packed.descriptors, descriptors)
    assert np.array_equal(packed.offsets, offsets)
    assert_belong(packed)


def assert_belong(packed):
    if packed.positions is not None and packed.positions.shape[1] == 2:  # else times
        assert np.array_equal(packed.positions, packed.descriptors[:, :2] / 1000 - 1)
    if packed.weights is not None:
        assert np.array_equal(packed.weights, packed.descriptors[:, 0] + 0.5)


def test_a_source_has_the_protocol(source, sets):
    assert isinstance(source, Sets)
    assert len(source) == len(sets)
    assert source.dtype == source.pull().dtype == np.float64


def test_what_is_pulled_are_the_sets(source, sets):
    assert_are(source.pull(), sets)
    assert_are(source.pull(), sets)  # anew


@pytest.mark.parametrize("chosen", [slice(2, 5), slice(0, 10), slice(9, 10), slice(5, 7)])
def test_a_part_is_some_of_the_sets(source, sets, chosen):
    part = source.part(chosen)
    assert isinstance(part, Sets) and len(part) == len(sets[chosen])
    assert_are(part.pull(), sets[chosen])
    assert_are(part.part(slice(0, 1)).pull(), sets[chosen][:1])


@pytest.mark.parametrize("chosen", [[0, 2, 3, 9], [1, 2], [7]])
def test_a_part_may_be_chosen_by_ascending_numbers(source, sets, chosen):
    assert_are(source.part(np.array(chosen)).pull(), [sets[i] for i in chosen])


@pytest.mark.parametrize("max_sets", [1, 3, 1000])
def test_batches_are_all_sets_in_order(source, sets, max_sets):
    batches = source.batches(max_sets)
    numbers = [np.arange(batch.start, batch.stop) for batch in batches]
    assert np.concatenate(numbers).tolist() == list(range(len(sets)))
    assert max(map(len, numbers)) <= max_sets
    for batch in batches:
        assert_are(source.part(batch).pull(), sets[batch])


def test_a_sample_is_one_set_of_descriptors_drawn_once(source, sets):
    sample = source.sample(30, np.random.RandomState(0))
    assert len(sample) == 1
    drawn = sample.descriptors
    assert 0 < len(drawn) <= 30
    assert len(np.unique(drawn[:, 0])) == len(drawn)
    assert np.isin(drawn[:, 0], np.concatenate(sets)[:, 0]).all()
    assert_belong(sample)
    again = source.sample(30, np.random.RandomState(0))
    assert np.array_equal(again.descriptors, drawn)


def test_a_sample_takes_all_where_there_is_room(source, sets):
    sample = source.sample(10**6, np.random.RandomState(0))
    everything = np.concatenate(sets)
    assert np.array_equal(np.sort(sample.descriptors[:, 0]), everything[:, 0])
    assert_belong(sample)


# Sets in memory


@pytest.fixture
def packed(rng):
    sizes = rng.integers(0, 5000, 40)
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    return PackedSets(rng.normal(size=(offsets[-1], 2)), offsets)


def test_batches_hold_about_as_many_descriptors(packed):
    sizes = np.diff(packed.offsets)
    found = [sizes[batch].sum() for batch in packed.batches(1000)]
    assert len(found) > 1
    assert max(found) < sets_.BATCH_DESCRIPTORS + sizes.max()


def test_all_empty_sets_are_one_batch():
    assert batches_of(np.zeros(4, int), 10) == [slice(0, 3)]


def test_sample_of_packed_sets_has_the_size_that_is_asked_for(packed):
    sample = packed.sample(500, np.random.RandomState(0))
    assert len(np.unique(sample.descriptors, axis=0)) == 500
    everything = packed.sample(10**9, np.random.RandomState(0))
    assert np.array_equal(everything.descriptors, packed.descriptors)


def test_numbers_of_packed_sets_may_come_in_any_order(packed):
    chosen = packed.part(np.array([7, 3, 7]))
    for i, j in enumerate((7, 3, 7)):
        one, same = chosen.part(slice(i, i + 1)), packed.part(slice(j, j + 1))
        assert np.array_equal(one.descriptors, same.descriptors)


def test_whole_weights_are_descriptors_that_were_there_so_often(packed):
    packed = packed.part(slice(0, 5))
    weights = np.arange(len(packed.descriptors)) % 3.0
    weighted = replace(packed, weights=weights)
    repeated = replace(packed, descriptors=packed.descriptors.repeat(weights.astype(int), axis=0))
    for n in (100, 10**9):
        a, b = (s.sample(n, np.random.RandomState(0)) for s in (weighted, repeated))
        assert a.weights is None and np.array_equal(a.descriptors, b.descriptors)


def test_counted_sets_have_no_zeros_and_weights_near_one():
    sets = PackedSets(np.arange(5.0)[:, None], np.array([0, 3, 3, 5]))
    sets = replace(sets, weights=np.array([6e200, 0, 3e200, 0, 0])).counted()
    assert sets.descriptors.ravel().tolist() == [0, 2]
    assert sets.offsets.tolist() == [0, 2, 2, 2]
    assert 1 <= sets.weights.max() < 2 and sets.weights[0] == 2 * sets.weights[1]


@pytest.mark.parametrize("max_sets", [1, 3, 1000])
def test_small_batches_are_joined_to_larger_ones(monkeypatch, sets, max_sets):
    monkeypatch.setattr(sets_, "BATCH_DESCRIPTORS", 10)
    packed = SOURCES["packed with positions and weights"](sets, None)
    ones = [packed.part(slice(i, i + 1)) for i in range(len(packed))]
    joined = list(joined_batches(iter(ones), max_sets))
    assert sum(map(len, joined)) == len(sets)
    first = 0
    for batch in joined:
        assert len(batch) <= max_sets and (len(batch.descriptors) <= 10 or len(batch) == 1)
        assert_are(batch, sets[first : first + len(batch)])
        first += len(batch)
    assert max(map(len, joined)) == min(max_sets, 4)


@pytest.mark.parametrize("bad", [np.ones((3, 2)), np.ones((4, 3))])
def test_positions_of_the_wrong_shape_are_named(bad):
    with pytest.raises(ValueError, match=r"positions must have shape \(4, 2\)"):
        check_positions(bad, 4)


def test_positions_that_are_not_finite_are_named():
    with pytest.raises(ValueError, match="Input positions contains NaN"):
        check_positions(np.full((4, 2), np.nan), 4)
