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


def run(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)


def test_the_fisher_half_never_imports_torch():
    run(
        "import sys, numpy as np; from skvae import FisherVectorEncoder, ImagePatches, datasets;"
        "X = np.random.default_rng(0).normal(size=(20, 5, 3));"
        "FisherVectorEncoder(2).fit_transform(X);"
        "assert 'torch' not in sys.modules"
    )


def test_importing_the_vae_does_not_import_torch():
    run("import sys; from skvae import VAETransformer; assert 'torch' not in sys.modules")
