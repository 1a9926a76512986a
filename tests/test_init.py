import subprocess
import sys

import pytest

import skvae


def test_public_names():
    assert set(skvae.__all__) <= set(dir(skvae))
    for name in skvae.__all__:
        assert getattr(skvae, name).__name__.endswith(name)


def test_unknown_name():
    with pytest.raises(AttributeError, match="no attribute 'FisherVector'"):
        skvae.FisherVector  # noqa: B018


@pytest.mark.slow
def test_nothing_is_imported_before_it_is_needed():
    """Fisher vectors need no torch, and arrays in memory no dask; a VAE is not yet fitted here."""
    code = """
import sys
import numpy as np
import skvae
from skvae import FisherVectorEncoder, ImageKeypoints, ImagePatches, VAETransformer, datasets

VAETransformer()
skvae.displays.LatentSpaceDisplay
FisherVectorEncoder(2).fit_transform(np.random.default_rng(0).normal(size=(20, 5, 3)))
print({"torch", "matplotlib", "skimage", "dask", "distributed"} & set(sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
