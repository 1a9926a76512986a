import re
import subprocess
import sys
from operator import attrgetter
from pathlib import Path

import pytest

import skvae

ROOT = Path(__file__).parents[1]


def test_public_names():
    assert set(skvae.__all__) <= set(dir(skvae))
    for name in skvae.__all__:
        assert getattr(skvae, name).__name__.endswith(name)


def test_unknown_name():
    with pytest.raises(AttributeError, match="No skvae attribute FisherVector"):
        skvae.FisherVector  # noqa: B018


def documented_names():
    """Of the API reference, such as ``fisher.convert_layout``."""
    names, module = [], ""
    for line in (ROOT / "docs" / "api.rst").read_text("utf-8").splitlines():
        if line.startswith(".. currentmodule:: skvae"):
            module = line.partition("skvae")[2].lstrip(".")
        elif re.fullmatch(r"   [\w.]+", line):
            names.append(".".join(filter(None, [module, line.strip()])))
    return names


def test_the_reference_is_read_whole():
    names = documented_names()
    assert len(names) == len(set(names)) > 30
    assert {"VAETransformer", "displays.SamplesDisplay", "recipes.make"} < set(names)


@pytest.mark.parametrize("name", documented_names())
def test_documented_names_are_public(name):
    home, _, last = name.rpartition(".")
    module = attrgetter(home)(skvae) if home else skvae
    assert home in ["", *skvae.__all__]
    assert last in module.__all__
    assert getattr(module, last).__doc__


NEEDS_LITTLE = """
import sys
import numpy as np
import skvae
import skvae.comparison
from skvae.fisher import convert_layout
from skvae.mixture import from_parameters
from skvae import FisherVectorEncoder, ImageKeypoints, ImagePatches, VAETransformer, datasets

VAETransformer()
skvae.displays.LatentSpaceDisplay
FisherVectorEncoder(2).fit_transform(np.random.default_rng(0).normal(size=(20, 5, 3)))
print({"torch", "matplotlib", "skimage", "dask", "distributed"} & set(sys.modules))
"""


@pytest.fixture(scope="module")
def printed():
    """What a process prints that needs little, and then, with skvae anew, all documented names."""
    names = ", ".join(f"skvae.{name}" for name in documented_names())
    code = f"""{NEEDS_LITTLE}
for name in [name for name in sys.modules if name.partition(".")[0] == "skvae"]:
    del sys.modules[name]
import skvae
print(len([{names}]))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


@pytest.mark.slow
def test_documented_names_need_no_import_but_of_skvae(printed):
    assert printed[1:] == [str(len(documented_names()))]


@pytest.mark.slow
def test_nothing_is_imported_before_it_is_needed(printed):
    """Fisher vectors need no torch, and arrays in memory no dask; a VAE is not yet fitted here."""
    assert printed[0] == "set()"
