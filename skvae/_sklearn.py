"""Every private scikit-learn name and version difference, in one place."""

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, cast

import numpy as np
from sklearn import config_context, get_config
from sklearn.base import BaseEstimator, _fit_context
from sklearn.utils import _param_validation, metaestimators
from sklearn.utils._param_validation import HasMethods, StrOptions

from skvae._typing import Method

__all__ = [
    "CallbackSupportMixin",
    "HasMethods",
    "Interval",
    "StrOptions",
    "available_if",
    "callback_context",
    "derive_random_states",
    "fit_context",
    "plain",
    "plain_outputs",
    "sequence_shown",
    "written_out",
]

try:
    from sklearn.utils._repr_html.estimator import _VisualBlock
except ImportError:  # before scikit-learn 1.7
    from sklearn.utils._estimator_html_repr import _VisualBlock

try:
    from sklearn.callback import CallbackSupportMixin
except ImportError:  # they came with scikit-learn 1.9

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Stands in for scikit-learn's mixin of this name where there is none."""

        def set_callbacks(self, *callbacks: object) -> "CallbackSupportMixin":
            """Refuse callbacks."""
            if callbacks:
                raise ImportError(
                    "Callbacks need scikit-learn 1.9 or newer: pip install -U scikit-learn."
                )

            return self

        def _init_callback_context(self, **_: object) -> None:
            return None


def callback_context(estimator: CallbackSupportMixin, task_name: str, n_subtasks: int) -> Any:
    """The root of a task that an estimator's callbacks are told of.

    Parameters
    ----------
    estimator : estimator
        Has the callbacks.
    task_name : str
        Name of the method.
    n_subtasks : int
        Parts of the task, at most.

    Returns
    -------
    context : sklearn.callback.CallbackContext or None
        None where scikit-learn has no callbacks.
    """
    return estimator._init_callback_context(task_name=task_name, max_subtasks=n_subtasks)


def available_if(check: Callable[[Any], bool]) -> Callable[[Method], Method]:
    """scikit-learn's decorator of methods that an estimator has under a condition."""

    def decorate(method: Method) -> Method:
        return cast(Method, metaestimators.available_if(check)(method))

    return decorate


def fit_context(*, prefer_skip_nested_validation: bool) -> Callable[[Method], Method]:
    """scikit-learn's decorator of methods that fit, which checks the parameters before."""

    def decorate(method: Method) -> Method:
        checked = _fit_context(prefer_skip_nested_validation=prefer_skip_nested_validation)

        return cast(Method, checked(method))

    return decorate


class Interval(_param_validation.Interval):
    """scikit-learn's constraint of a number, of which True and False are none."""

    def is_satisfied_by(self, val: object) -> bool:
        """Whether ``val`` is a number inside of the interval."""
        return not isinstance(val, bool) and super().is_satisfied_by(val)


def plain(value: Any) -> Any:
    """A parameter in Python's own types, where a grid made it one of numpy's.

    ``np.array([16, 32])`` holds ``np.int64(16)``, which scikit-learn's checks accept, but torch,
    JSON and powers of integers do not take for the number that it is.

    Parameters
    ----------
    value : object
        Numpy scalars and arrays become what they hold, also inside of tuples, lists and the
        values of dicts; anything else is returned as it is.

    Returns
    -------
    object

    Examples
    --------
    >>> import numpy as np
    >>> from skvae._sklearn import plain
    >>> plain((np.int64(16), np.array([1, 2]), np.str_("l2"), None))
    (16, [1, 2], 'l2', None)
    """
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if type(value) in (tuple, list):
        return type(value)(plain(item) for item in value)
    return value


def plain_outputs() -> AbstractContextManager[None]:
    """A context in which parts of an estimator of ours give arrays to each other.

    Data frames, which a user may have asked scikit-learn for, have names of columns, and a part
    that was fitted with them warns where they are missing, or fails. Each thread needs its own.
    """
    if get_config()["transform_output"] == "default":
        return nullcontext()
    outputs: AbstractContextManager[None] = config_context(transform_output="default")
    return outputs


def sequence_shown(parts: dict[str, BaseEstimator]) -> Any:
    """How the HTML representation of an estimator shows that its parts follow each other.

    Parameters
    ----------
    parts : dict of estimator
        By the name of the parameter.

    Returns
    -------
    block : object
        What scikit-learn asks an estimator's ``_sk_visual_block_`` for.
    """
    names = [f"{name}: {type(part).__name__}" for name, part in parts.items()]

    return _VisualBlock(
        "serial",
        list(parts.values()),
        names=names,
        name_details=[str(part) for part in parts.values()],
    )


def written_out(part: Any) -> str:
    """The repr of an estimator in full: scikit-learn's own leaves out the middle of a long one.

    Parameters
    ----------
    part : object
        Anything that is no estimator of scikit-learn has its own repr.
    """
    if isinstance(part, BaseEstimator):
        return str(part.__repr__(N_CHAR_MAX=sys.maxsize))

    return repr(part)


def derive_random_states(estimator: BaseEstimator, rng: np.random.RandomState) -> None:
    """Give every ``random_state=None`` inside ``estimator`` a seed drawn from ``rng``.

    Like scikit-learn's ensembles, but a seed that the user has set is kept.

    Parameters
    ----------
    estimator : estimator
        Changed in place: pass a clone.
    rng : numpy.random.RandomState
        Source of the seeds; parameters are visited in sorted order.
    """
    unset = {
        name: int(rng.randint(2**31 - 1))
        for name, value in sorted(estimator.get_params(deep=True).items())
        if (name == "random_state" or name.endswith("__random_state")) and value is None
    }
    if unset:
        estimator.set_params(**unset)
