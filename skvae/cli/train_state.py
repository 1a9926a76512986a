"""A fitted estimator as arrays and plain values, and back."""

import numpy as np

from skvae.data.archive import damage_of, read_checkpoint, write_checkpoint

__all__ = ["load_fitted", "save_fitted"]

_ATTRIBUTES = "attributes"

# Attributes that a fit keeps for the next one, beside the public ones.
_KEPT = {"_architecture", "_optimizer_state", "_settled"}


def save_fitted(estimator, path, iteration):
    """Write what an estimator has learned, and what it needs to go on learning.

    Parameters
    ----------
    estimator : estimator
        Fitted; its attributes are arrays, dictionaries of arrays and plain values.
    path : Path
        Of the checkpoint.
    iteration : int
        How many are done.
    """
    arrays: dict = {_ATTRIBUTES: {}}
    state = {}
    parameters = estimator.get_params(deep=False)
    for name, value in vars(estimator).items():
        if name in parameters:
            continue
        if isinstance(value, np.ndarray):
            arrays[_ATTRIBUTES][name] = value
        elif isinstance(value, dict) and all(isinstance(a, np.ndarray) for a in value.values()):
            arrays[name] = value
        else:
            state[name] = value
    write_checkpoint(path, arrays, {"iteration": iteration, "state": state})


def load_fitted(estimator, path):
    """Give an estimator with the same parameters what :func:`save_fitted` wrote.

    Parameters
    ----------
    estimator : VAETransformer
        Left as it is if the file is damaged.
    path : Path
        Of the checkpoint.

    Returns
    -------
    iteration : int
        How many are done.

    Raises
    ------
    ValueError
        If the file is damaged, or sets what no fit learns.
    """
    from skvae.vae.nn.model import VAE, load_arrays

    arrays, content = read_checkpoint(path)
    with damage_of(path):
        learned = arrays.pop(_ATTRIBUTES, {}) | arrays | content["state"]
        for name in learned:
            if not _is_learned(estimator, name):
                raise ValueError(f"no fit sets {name}")
        iteration = content["iteration"]
        if type(iteration) is not int or iteration < 1:
            raise ValueError(f"it is of iteration {iteration!r}")
        load_arrays(VAE(**learned["_architecture"]), learned["parameters_"])
    vars(estimator).update(learned)

    return iteration


def _is_learned(estimator, name):
    """Whether a fit sets this attribute, by scikit-learn's convention or as one of its own."""
    is_public = name.endswith("_") and not name.startswith("_")

    return name in _KEPT or (is_public and not hasattr(type(estimator), name))
