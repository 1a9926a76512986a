"""Fisher vectors and variational autoencoders as scikit-learn transformers."""

from importlib import import_module

__version__ = "0.1.0"

# Loaded on first use, so that the Fisher half never pays for torch.
_HOMES = {
    "BagOfVisualWordsEncoder": "skvae.fisher.vocabulary",
    "DiagonalGaussianMixture": "skvae.mixture.estimator",
    "FisherScores": "skvae.vae.fisher_scores",
    "FisherVectorEncoder": "skvae.fisher.encoder",
    "ImageKeypoints": "skvae.images.keypoints",
    "ImagePatches": "skvae.images.patches",
    "VAETransformer": "skvae.vae.transformer",
    "VLADEncoder": "skvae.fisher.vocabulary",
    "compare_features": "skvae.comparison.compare",
    "save_explorer": "skvae.explorer.page",
}
_MODULES = ("datasets", "displays")

__all__ = [*_HOMES, *_MODULES]  # noqa: PLE0604


def __getattr__(name):
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    if name in _MODULES:
        return import_module(f"skvae.{name}")
    raise AttributeError(f"module 'skvae' has no attribute {name!r}")


def __dir__():
    return sorted([*globals(), *__all__])
