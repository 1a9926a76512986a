"""Fisher vectors in the layouts of other libraries."""

import numpy as np

from skvae._typing import ArrayLike, FloatArray
from skvae.data.containers import check_numbers
from skvae.fisher.layout import GRADIENTS, Layout

__all__ = ["LAYOUTS", "convert_layout"]

# Gradients that a library keeps, and its sign of those of standard deviations.
LAYOUTS = {
    "skvae": (tuple(GRADIENTS), 1),
    "scikit-image": (tuple(GRADIENTS), -1),
    "vlfeat": (("means", "stds"), 1),
}


def convert_layout(
    vectors: ArrayLike,
    n_components: int,
    *,
    source: str = "skvae",
    target: str = "vlfeat",
    norm: str | None = "l2",
) -> FloatArray:
    """Rewrite Fisher vectors that one library made as another would have made them.

    ============== ======================================================== ===========
    layout         entries                                                  also of
    ============== ======================================================== ===========
    "skvae"        weights (K), means (K d), standard deviations (K d)      the paper
    "scikit-image" weights (K), means (K d), -standard deviations (K d)
    "vlfeat"       means (K d), standard deviations (K d)                   cyvlfeat
    ============== ======================================================== ===========

    Parameters
    ----------
    vectors : array-like of shape (n_sets, n_features)
        Fisher vectors with every gradient of ``source``, after any power, which acts on each entry
        alone. The vectors of a pyramid's cells convert one by one: reshape to
        (n_sets * n_cells, -1) first.
    n_components : int
        K of their mixture.
    source, target : {"skvae", "scikit-image", "vlfeat"}
        Layouts to read and to write.
    norm : {"l2", "l1", "intra"} or None, default="l2"
        How ``vectors`` were normalised. Losing the weights shortens a normalised vector, so what
        remains is divided by its length, which gives the other library's vector exactly; with None
        nothing is divided.

    Returns
    -------
    converted : ndarray of shape (n_sets, n_features_out)
        A new array, float32 for float32 ``vectors``, else float64. Vectors of zeros stay zero.

    Raises
    ------
    ValueError
        If a layout or norm is unknown, a length is impossible for K, or ``target`` has weights that
        ``source`` lacks: nothing in a vector of VLFeat tells them.

    Notes
    -----
    VLFeat gives zeros to components of weight below 1e-6, and leaves posteriors below 1e-6 out; in
    the rest its vectors and ours agree to 1e-5 before the power.

    Examples
    --------
    >>> import numpy as np
    >>> from skvae.fisher import convert_layout
    >>> one_component = np.array([[0.0, 3.0, 4.0]])
    >>> convert_layout(one_component, 1, target="scikit-image")
    array([[ 0.,  3., -4.]])
    >>> convert_layout(one_component, 1, target="vlfeat")
    array([[0.6, 0.8]])
    """
    for name, given in (("source", source), ("target", target)):
        if given not in LAYOUTS:
            raise ValueError(f"{name}={given!r} must be one of {tuple(LAYOUTS)}.")
    if norm not in ("l2", "l1", "intra", None):
        raise ValueError(f"norm={norm!r} must be 'l2', 'l1', 'intra' or None.")
    (kept, sign), (wanted, target_sign) = LAYOUTS[source], LAYOUTS[target]
    if set(wanted) - set(kept):
        raise ValueError(
            f"source={source!r} has no gradients of weights and target={target!r} needs them. "
            "Convert the others to 'vlfeat' instead, or keep gradients=('means', 'stds') in the "
            "encoder."
        )
    converted = check_numbers(vectors, "vectors", copy=True)
    try:
        layout = Layout.of_length(kept, n_components, converted.shape[1])
    except ValueError:
        n_fixed = n_components if "weights" in kept else 0
        raise ValueError(
            f"vectors have {converted.shape[1]} features; layout {source!r} with "
            f"n_components={n_components} has {n_fixed} + 2 * {n_components} * d."
        ) from None
    features = layout.slices()
    if sign != target_sign:
        converted[:, features["stds"]] *= -1
    if set(kept) == set(wanted):
        return converted
    converted = np.concatenate([converted[:, features[g]] for g in features if g in wanted], axis=1)
    if norm is not None:
        order = 1 if norm == "l1" else 2
        length = np.linalg.norm(converted, ord=order, axis=1, keepdims=True)
        converted = converted / np.where(length > 0, length, 1)
    return converted
