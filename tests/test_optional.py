import pytest

from skvae._optional import require


def test_what_is_there_is_required_in_silence():
    require("numpy.linalg", "A product", "numpy")


def test_what_is_missing_is_named_with_what_to_install():
    with pytest.raises(ImportError, match=r'^A chart needs plotter: pip install "skvae\[plot\]"$'):
        require("plotter.figure", "A chart", '"skvae[plot]"')
