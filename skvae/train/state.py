"""A fitted estimator as arrays and plain values, and back."""

import numpy as np

from skvae._checkpoint_file import read_checkpoint, write_checkpoint

__all__ = ["load_fitted", "save_fitted"]

_ATTRIBUTES = "attributes"


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

    Returns
    -------
    iteration : int
        How many are done.
    """
    arrays, content = read_checkpoint(path)
    attributes = arrays.pop(_ATTRIBUTES, {})
    vars(estimator).update(attributes | arrays | content["state"])

    return content["iteration"]
