"""What describes a likelihood, a network or a prior without torch.

A part has two halves: a description, and modules of torch. What a description leaves out, torch
computes or nobody: a missing function switches off the path that needs it, and never means
identity. Those that the library brings are in :mod:`skvae.vae.descriptions`.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from skvae.vae.numpy_networks import Layer
from skvae.vae.value_ranges import ValueFacts

__all__ = ["ArrayFunction", "Likelihood", "Network", "NetworkSizes", "Prior"]

# An expression of the page's: it can compute with ``output`` and do nothing else.
_PAGE_TOKENS = re.compile(
    r"(\s+|\d+\.?\d*(e[+-]?\d+)?|\.\d+|[-+*/%()<>?:,]|output\b|Math\.(PI|E|abs|atan|cos|cosh|exp|"
    r"expm1|log|log1p|max|min|pow|sign|sin|sinh|sqrt|tanh)\b)*"
)

ArrayFunction = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Likelihood:
    """A distribution of x given z, as far as it can be told without torch.

    Parameters
    ----------
    name : str
        Names it in messages and on pages.
    module : callable or None, default=None
        Makes the ``torch.nn.Module`` from the number of features; to be pickled it has to be
        importable. None means the one of that name in ``skvae.vae.nn.likelihoods``.
    standardised : bool or tuple of bool, default=False
        Whether it describes features of mean 0 and variance 1, which a fit makes them; a tuple says
        so of each feature.
    scaled : bool, default=False
        Whether it describes X / ``max_value``, shares of 1 that ``binarize`` may make binary. Its
        values count as discrete: their log-probability has no units.
    binary : bool, default=False
        Whether it is a probability of 0 and 1 alone, so that scores of other values come with a
        warning.
    check : callable or None, default=None
        ``check(facts, max_value)`` raises a ValueError that says what to do where X cannot come
        from it, the ``low``, ``high`` and ``whole`` of X in ``facts``.
    checks_new_rows : bool, default=False
        Whether rows are checked after the fit as well, as where the encoder sees a function of them
        that is defined on the support alone.
    collapse_advice : str or None, default=None
        What helps against a posterior collapse, in whole sentences, where it is another thing than
        for most likelihoods.
    to_encoder : callable or None, default=None
        What the encoder sees of rows, (n, n_features) float32, in numpy. None leaves encoding to
        torch.
    to_mean : callable or None, default=None
        E[x|z] from the decoder's output, in numpy. None leaves decoding to torch.
    page_mean : str or None, default=None
        E[x|z] of one feature as an expression of JavaScript in ``output``, numbers, operators and
        functions of ``Math``, for the explorer's page. None means that there can be no page.

    Examples
    --------
    >>> import numpy as np
    >>> from skvae.parts import Likelihood
    >>> Likelihood("exponential", to_mean=np.exp, page_mean="Math.exp(output)")
    Likelihood(name='exponential')
    """

    name: str
    module: Callable[[int], Any] | None = field(default=None, repr=False)
    standardised: bool | tuple[bool, ...] = field(default=False, repr=False)
    scaled: bool = field(default=False, repr=False)
    binary: bool = field(default=False, repr=False)
    check: Callable[[ValueFacts, float], None] | None = field(default=None, repr=False)
    checks_new_rows: bool = field(default=False, repr=False)
    collapse_advice: str | None = field(default=None, repr=False)
    to_encoder: ArrayFunction | None = field(default=None, repr=False)
    to_mean: ArrayFunction | None = field(default=None, repr=False)
    page_mean: str | None = field(default=None, repr=False)

    def page_expression(self) -> str:
        """``page_mean``, if it is one that may stand in a page.

        Raises
        ------
        ValueError
            If there is none, or it does more than to compute with ``output``.
        """
        if self.page_mean is None:
            raise ValueError(
                f"The page cannot compute the mean of likelihood={self.name!r}: its description "
                "has no page_mean."
            )
        if not _PAGE_TOKENS.fullmatch(self.page_mean):
            raise ValueError(
                f"page_mean of likelihood={self.name!r} may hold output, numbers, operators and "
                f"functions of Math, such as 'Math.exp(output)'; got {self.page_mean!r}."
            )
        return self.page_mean


@dataclass(frozen=True)
class NetworkSizes:
    """What encoder and decoder have to fit.

    Parameters
    ----------
    n_features, n_components : int
        Dimensions of x and z.
    hidden_layer_sizes : sequence of int
        The parameter of the estimator.
    activation : {"relu", "tanh"}
        The parameter of the estimator.
    image_shape : tuple of int or None, default=None
        (height, width, channels), where rows are images.
    n_labels : int, default=0
        Inputs of the decoder behind z.
    outputs_per_feature : int, default=1
        Outputs of the decoder for each feature, next to each other.
    sees_mask : bool, default=False
        Whether the encoder sees, behind the values, which of them are observed: 1, or 0 where one
        is missing.
    """

    n_features: int
    n_components: int
    hidden_layer_sizes: Sequence[int]
    activation: str
    image_shape: Sequence[int] | None = None
    n_labels: int = 0
    outputs_per_feature: int = 1
    sees_mask: bool = False

    @property
    def of_encoder(self) -> tuple[int, int]:
        """Widths of the encoder's input and of its output, ``[mean | raw scale]``."""
        return self.n_features * (2 if self.sees_mask else 1), 2 * self.n_components

    @property
    def of_decoder(self) -> tuple[int, int]:
        """Widths of the decoder's input and of its output."""
        return self.n_components + self.n_labels, self.n_features * self.outputs_per_feature


@dataclass(frozen=True)
class Network:
    """Encoder and decoder, as far as they can be told without torch.

    Parameters
    ----------
    name : str
        Names them in messages and on pages.
    modules : callable or None, default=None
        Makes the two ``torch.nn.Module`` from ``NetworkSizes``; to be pickled it has to be
        importable. None means those of that name in ``skvae.vae.nn.networks``.
    numpy_layers : callable or None, default=None
        ``numpy_layers(weights, activation)`` gives the layers of either network in numpy, functions
        of columns (n_inputs, n) float32, from its weights by their names in the module's
        ``state_dict``. A ``Linear`` at the end lets ``transform``
        leave out the scales. None leaves all to torch.
    of_images : bool, default=False
        Whether they need ``image_shape``.
    fully_connected : bool, default=False
        Whether their weights are those of linear layers with ``hidden_layer_sizes`` in between, so
        that a model larger than memory is refused before it is made.
    sees_mask : bool, default=False
        Whether the encoder sees, behind the values, which of them are observed, where a fit begins
        with rows that have missing values: ``NetworkSizes`` says so. To others these are zeros.
    """

    name: str
    modules: Callable[[NetworkSizes], Iterable[Any]] | None = field(default=None, repr=False)
    numpy_layers: Callable[[Mapping[str, np.ndarray], str], list[Layer]] | None = field(
        default=None, repr=False
    )
    of_images: bool = field(default=False, repr=False)
    fully_connected: bool = field(default=False, repr=False)
    sees_mask: bool = field(default=False, repr=False)


@dataclass(frozen=True)
class Prior:
    """A distribution of z, as far as it can be told without torch.

    Parameters
    ----------
    name : str
        Names it in messages.
    module : callable or None, default=None
        Makes the ``torch.nn.Module`` from the model, whose encoder it may use. None means the one
        of that name in ``skvae.vae.nn.priors``.
    learned : bool, default=True
        Whether training moves it, which the KL term alone does.
    of_classes : bool, default=False
        Whether it has a form for ``conditional="prior"``.
    is_sized : bool, default=False
        Whether ``n_prior_components`` says how many components it has.
    """

    name: str
    module: Callable[[Any], Any] | None = field(default=None, repr=False)
    learned: bool = field(default=True, repr=False)
    of_classes: bool = field(default=False, repr=False)
    is_sized: bool = field(default=False, repr=False)
