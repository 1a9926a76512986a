"""What the protocol of all sources leaves open: several widths, positions, types."""

import numpy as np
import pytest

from skvae.series.sources import WindowedSets
from skvae.series.windows import Windows

WINDOWS = Windows((2, 5), 2, "mean")


@pytest.fixture
def panel(rng):
    return [rng.normal(size=(2, n)) for n in (5, 19, 8, 40, 6)]


def test_sets_are_the_windows_of_each_series(panel):
    packed = WindowedSets(panel, WINDOWS, np.dtype(np.float64)).pull()
    for i, series in enumerate(panel):
        alone = WindowedSets([series], WINDOWS, np.dtype(np.float64)).pull()
        part = packed.part(slice(i, i + 1))
        assert np.array_equal(part.descriptors, alone.descriptors)
        assert np.array_equal(part.positions, WINDOWS.positions(series.shape[1]))


def test_a_sample_has_the_positions_of_its_windows(panel):
    source = WindowedSets(panel, WINDOWS, np.dtype(np.float64))
    packed, sample = source.pull(), source.sample(12, np.random.RandomState(0))
    for descriptor, position in zip(sample.descriptors, sample.positions, strict=True):
        (i,) = np.flatnonzero((packed.descriptors == descriptor).all(axis=1))
        assert packed.positions[i] == position
    assert len(sample.descriptors) == 12


def test_series_of_several_types_have_descriptors_of_one():
    panel = [np.arange(6, dtype=dtype)[None] for dtype in ("u1", "f8", "f4")]
    packed = WindowedSets(panel, WINDOWS, np.dtype(np.float32)).pull()
    assert packed.dtype == np.float32
    assert len({part.tobytes() for part in np.split(packed.descriptors, 3)}) == 1
