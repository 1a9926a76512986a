"""The Fisher half where torch is not installed; the other half says what to install."""

import sys

import pytest
from elsewhere import printed_by

pytestmark = pytest.mark.slow

# Python runs a file of this name at the start of every process: those of joblib too.
SITECUSTOMIZE = """
import sys
from importlib.machinery import PathFinder

class WithoutTorch(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name.partition(".")[0] != "torch":
            return super().find_spec(name, path, target)

    @classmethod
    def find_distributions(cls, context):
        return iter(()) if context.name == "torch" else super().find_distributions(context)

sys.meta_path[sys.meta_path.index(PathFinder)] = WithoutTorch
"""

FISHER_HALF = """
import numpy as np
import skvae

rng = np.random.default_rng(0)
sets = [rng.normal(size=(20, 5)) for _ in range(12)]
mixture = skvae.DiagonalGaussianMixture(2, device="auto").fit(sets[0])
rows = [mixture.score_samples(sets[0])]
for encoder in (
    skvae.FisherVectorEncoder(2, device="auto"),
    skvae.VLADEncoder(2),
    skvae.BagOfVisualWordsEncoder(2),
):
    rows.append(encoder.fit_transform(sets))
    encoder._repr_html_()
assert all(np.isfinite(row).all() for row in rows)
assert {"VAETransformer", "data_parallel"} <= set(dir(skvae))
print(repr(skvae.VAETransformer(2)))
"""

VAE_HALF = """
X = np.random.default_rng(0).normal(size=(20, 5))
for ask in (
    lambda: skvae.VAETransformer(2).fit(X),
    lambda: skvae.FisherScores(skvae.VAETransformer(2)).fit(X),
    lambda: skvae.FisherVectorEncoder(2, device="cuda").fit([X]),
    lambda: skvae.data_parallel,
    lambda: skvae.save_explorer,
    lambda: skvae.parts.Prior,
):
    try:
        ask()
    except ImportError as error:
        print(error)
"""

TRAIN = """
import contextlib, os, sys, tempfile
from skvae.cli.main import main

with contextlib.redirect_stderr(sys.stdout), tempfile.TemporaryDirectory() as folder:
    status = main(["train", "--dataset", "digits", "--logdir", folder + "/log"])
    print(status, os.listdir(folder))
"""

COMPARE = """
print("A comparison:")
options = "--features fv vae --classifiers knn --n-train 100 --quiet"
print(main(["compare", *options.split()]))
"""


@pytest.fixture(scope="module")
def printed(tmp_path_factory):
    """What both halves and two commands print where Python finds no torch, in one process."""
    folder = tmp_path_factory.mktemp("torchless")
    (folder / "sitecustomize.py").write_text(SITECUSTOMIZE)
    environment = {"PYTHONPATH": f"{folder}:{':'.join(filter(None, sys.path))}"}
    text = printed_by(FISHER_HALF + VAE_HALF + TRAIN + COMPARE, **environment)
    before, _, comparison = text.partition("A comparison:\n")
    return before.splitlines(), comparison.splitlines()


def test_fisher_vectors_and_mixtures_work(printed):
    assert printed[0][0] == "VAETransformer(n_components=2)"


def test_an_autoencoder_says_what_to_install(printed):
    needs = [
        *["VAETransformer needs torch"] * 2,
        "device='cuda' needs torch",
        "VAETransformer needs torch",
        "The latent explorer needs torch",
        "VAETransformer needs torch",
    ]
    assert printed[0][1:-2] == [f"{text}: pip install torch" for text in needs]


def test_a_command_that_needs_torch_says_so_and_makes_no_folder(printed):
    assert printed[0][-2:] == ["skvae: skvae train needs torch: pip install torch", "1 []"]


def test_a_comparison_goes_on_without_the_features_of_an_autoencoder(printed):
    *table, status = printed[1]
    fv, vae = table[2:4]
    assert fv.startswith("fv ") and float(fv.split()[3]) < 20
    assert vae.startswith("vae ") and "VAETransformer needs torch: pip install torch" in vae
    assert status == "1"
