"""The page: what a decoder, its latent space and a template make together."""

import re
from collections.abc import Sequence
from importlib.resources import files
from typing import Any, Literal

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_consistent_length

from skvae import __version__
from skvae._pages import fill_page
from skvae._typing import ArrayLike, PathLike
from skvae.data.images import shape_of_images
from skvae.data.rows import validate_rows
from skvae.data.writable import replacing
from skvae.explorer.conditions import conditions_of, some_conditions
from skvae.explorer.decoders import encode_floats, export_decoder
from skvae.explorer.units import decoder_in_units, inverse_of
from skvae.vae.columns import Columns
from skvae.vae.descriptions import network_of
from skvae.vae.fitted import FittedVAE
from skvae.vae.labels import distinct_labels, encode_labels, split_labels
from skvae.vae.transformer import VAETransformer

__all__ = ["find_vae", "save_explorer"]

MAX_BYTES = 5_000_000
MAX_POINTS = 2_000
MAX_FEATURES = 100
# Standard deviations of the prior that the hand can reach.
_REACH = 3.5
_MIN_PIXELS = 64
# Percentiles of grey levels that are black and white where no range is known.
_USUAL = (1, 99)
# By which the ends of what is shown are known.
_N_ROWS = 256


def save_explorer(
    estimator: Any,
    path: PathLike,
    X: ArrayLike | None = None,
    y: ArrayLike | None = None,
    *,
    image_shape: Sequence[int] | Literal["auto"] | None = "auto",
    class_names: Sequence[str] | None = None,
    title: str | None = None,
) -> None:
    """Write a page in which the decoder's output follows the hand over the latent space.

    The page computes the decoder itself: it is one file, needs no network and agrees with
    ``inverse_transform``. With 2 latent dimensions it has a map, in any case a slider for each,
    and a button for each class of a conditional model. Conditions (``conditions=``) have a button
    for each category, and numbers a slider.

    Parameters
    ----------
    estimator : VAETransformer or Pipeline
        Fitted. Of a pipeline the page shows the decoder of its one ``VAETransformer``, in the units
        of the pipeline's X where the steps before it are scikit-learn's scalers of single features,
        else in those which it was fitted on.
    path : str or path-like
        HTML file to write; its folder is made if need be.
    X : array-like or DataFrame of shape (n_samples, n_features), default=None
        Rows whose posterior means the page knows: marks on the map, and places to start from. Of
        more than 2,000, so many are taken at even distances.
    y : array-like of shape (n_samples,), default=None
        Their classes; -1 and missing values mean unlabelled.
    image_shape : "auto", tuple of int or None, default="auto"
        (height, width) or (height, width, channels) of the image that a row is; None shows a
        table of features. "auto" is the estimator's, else square if there are at least 64
        features without names.
    class_names : list of str, default=None
        Names of the sorted classes in y; None takes the labels.
    title : str, default=None
        Heading.

    Raises
    ------
    ValueError
        If there is no ``VAETransformer`` or it is not fitted, its decoder is of the user's own
        making with layers that the page does not know, a table is to be an image, or the page would
        take more than 5 MB.
    OSError
        If the file cannot be written; one that was there is left as it was.

    Examples
    --------
    >>> import os, tempfile
    >>> from sklearn.datasets import load_digits
    >>> from skvae import VAETransformer, save_explorer
    >>> X, y = load_digits(return_X_y=True)
    >>> vae = VAETransformer(2, max_iter=2, random_state=0).fit(X / 16)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "explorer.html")
    ...     save_explorer(vae, path, X / 16, y)
    ...     100_000 < os.path.getsize(path) < 5_000_000
    True
    """
    vae, before = find_vae(estimator)
    fitted = vae.fitted_
    means = None if X is None else _posterior_means(vae, before, X)
    if means is None and not fitted.variational:
        raise ValueError(
            "variational=False has no prior that says where latent points lie: pass rows as X "
            "(--dataset)."
        )
    title = title or "Latent explorer"
    points, names = (None, {}) if means is None else _points(means, y, class_names)
    prior = _prior(fitted, vae, names) if fitted.variational else None
    decoder, inverse = export_decoder(fitted), inverse_of(before)
    if inverse is not None and fitted.columns is None:
        decoder = decoder_in_units(decoder, inverse)
    content = {
        "decoder": decoder,
        **_latent_space(vae, prior, means),
        "points": points,
        "prior": prior,
        "conditions": _conditions(fitted, vae, names),
        **_output(vae, before, means, image_shape),
    }
    page = _fill(title, _describe(fitted), content)
    if len(page) > MAX_BYTES:
        n_weights = sum(v.size for k, v in fitted.parameters.items() if k.startswith("decoder."))
        raise ValueError(
            f"The page would take {len(page) / 1e6:.1f} MB, and {MAX_BYTES / 1e6:.0f} MB are the "
            f"limit: the decoder has {n_weights:,} weights of 5.3 bytes. Fit a smaller one "
            "(hidden_layer_sizes)."
        )
    with replacing(path) as file:
        file.write(page)


def find_vae(estimator: Any) -> tuple[VAETransformer, list[Any]]:
    """The VAE that an estimator is or has as a step, and the list of steps before it."""
    steps = (
        [step for _, step in estimator.steps] if isinstance(estimator, Pipeline) else [estimator]
    )
    places = [i for i, step in enumerate(steps) if isinstance(step, VAETransformer)]
    if len(places) != 1:
        raise ValueError(
            f"The explorer needs a VAETransformer, or a Pipeline with one as a step; got a "
            f"{type(estimator).__name__} with {len(places)} of them."
        )

    return steps[places[0]], steps[: places[0]]


def _posterior_means(vae: VAETransformer, before: list[Any], X: Any) -> np.ndarray:
    if before:
        X = Pipeline([(str(i), step) for i, step in enumerate(before)]).transform(X)

    fitted: FittedVAE = vae.fitted_

    return fitted.encode(
        fitted.admit(validate_rows(vae, X, reset=False, to_matrix=fitted.to_matrix))
    )


def _latent_space(
    vae: VAETransformer, prior: dict[str, Any] | None, means: np.ndarray | None
) -> dict[str, Any]:
    """Where each dimension may go, and which carries most."""
    ends = []
    if prior is not None:
        centers, reach = np.array(prior["means"]), _REACH * np.array(prior["scales"])
        ends += [centers - reach, centers + reach]
    if means is not None:
        ends += list(np.percentile(means, [[0.5], [99.5]], axis=0))
    all_ends = np.concatenate(ends)
    low, high = all_ends.min(axis=0), all_ends.max(axis=0)
    if len(low) == 2:  # one unit is as long in both directions of the map
        middle, half = (low + high) / 2, (high - low).max() / 2
        low, high = middle - half, middle + half
    nats = getattr(vae, "kl_per_dimension_", None)
    weights = nats
    if weights is None:
        assert means is not None  # the estimator is no variational one
        weights = means.var(axis=0)

    return {
        "ranges": np.stack([low, high], axis=1).tolist(),
        "order": np.argsort(-weights, kind="stable").tolist(),
        "nats": None if nats is None else nats.tolist(),
    }


def _points(
    means: np.ndarray, y: Any, class_names: Sequence[str] | None
) -> tuple[dict[str, Any], dict[Any, Any]]:
    """Latent points that the page knows, and the names of their classes by label."""
    rows = np.linspace(0, len(means) - 1, min(len(means), MAX_POINTS)).astype(int)
    points = {"z": encode_floats(means[rows]), "classes": None}
    if y is None:
        return points, {}
    known, labelled = split_labels(y)
    check_consistent_length(means, labelled)
    labels = distinct_labels(known)
    if class_names is not None and len(class_names) != len(labels):
        raise ValueError(
            f"class_names has {len(class_names)} names, but y has {len(labels)} classes."
        )
    names = dict(zip(labels, labels if class_names is None else class_names, strict=True))
    classes = _marks(labels, names)
    class_numbers = encode_labels(y, labels)
    if not labelled.all():
        class_numbers[~labelled] = len(labels)
        classes.append({"mark": "?", "name": "unlabelled"})

    return points | {"classes": classes, "class_numbers": class_numbers[rows].tolist()}, names


def _prior(fitted: FittedVAE, vae: VAETransformer, names: dict[Any, Any]) -> dict[str, Any]:
    """The prior as a mixture: of classes, of components of its own, or of one."""
    prior = fitted.mixture_prior()
    kind, classes = None, None
    if prior.of_classes:
        kind, classes = "Class", _marks(vae.classes_, names)
    elif prior.n_components > 1:
        kind, classes = "Component", _marks(np.arange(1, prior.n_components + 1), {})

    return {
        "kind": kind,
        "classes": classes,
        "weights": prior.mixture.weights.tolist(),
        "means": prior.mixture.means.tolist(),
        "scales": prior.scales.tolist(),
    }


def _conditions(
    fitted: FittedVAE, vae: VAETransformer, names: dict[Any, Any]
) -> list[dict[str, Any]]:
    """What the decoder is told beside z, to choose from."""
    if fitted.labels_in_decoder:
        return [{"name": "Class", "categories": _marks(vae.classes_, names)}]

    return [] if fitted.conditions is None else conditions_of(fitted.conditions)


def _marks(labels: Any, names: dict[Any, Any]) -> list[dict[str, str]]:
    """A mark of at most two characters and a name for each class."""
    texts = [str(label) for label in labels]
    marks = texts if max(map(len, texts), default=0) <= 2 else [str(i) for i in range(len(texts))]
    written = [str(names.get(label, label)) for label in labels]

    return [{"mark": mark, "name": name} for mark, name in zip(marks, written, strict=True)]


def _output(
    vae: VAETransformer, before: list[Any], means: np.ndarray | None, image_shape: Any
) -> dict[str, Any]:
    """How to show x: an image and its darkest and brightest value, or features and their ends."""
    fitted, shape = vae.fitted_, _image_shape(vae, image_shape)
    y = None if fitted.conditions is None else some_conditions(fitted.conditions, _N_ROWS)
    if fitted.variational:
        rows = vae.sample(_N_ROWS, y=y)
    else:
        assert means is not None  # without a prior the page has rows
        rows = vae.inverse_transform(means[:_N_ROWS], None if y is None else y[: len(means)])
    if fitted.columns is not None:
        return _output_of_table(fitted.columns, fitted.columns.to_matrix(rows))
    inverse = inverse_of(before)
    rows = rows if inverse is None else inverse(rows)
    if shape is not None:
        shares = fitted.likelihood.scaled and not before
        # One pixel of one row far out would take the contrast of all.
        ends = [0, fitted.scaling.max_value] if shares else np.percentile(rows, _USUAL).tolist()
        return {"image": shape, "ends": ends}
    numbered = [f"x{i}" for i in range(rows.shape[1])]
    named = vae if inverse is None else before[0]
    names = getattr(named, "feature_names_in_", numbered)

    return _features(names, _ends_of(rows), variations=rows.std(axis=0))


def _ends_of(rows: np.ndarray) -> np.ndarray:
    """Least and greatest value of each column, (n_features, 2)."""
    return np.stack([rows.min(axis=0), rows.max(axis=0)], axis=1)


def _output_of_table(columns: Columns, x: np.ndarray) -> dict[str, Any]:
    """How to show the network's columns: numbers, and the probability of each category."""
    ends = _ends_of(x)
    is_category = np.isin(columns.column_of, list(columns.categories))
    ends[is_category] = 0, 1
    scales = np.where(is_category, 1, x.std(axis=0).clip(1e-300))

    return _features(columns.feature_names, ends, variations=x.std(axis=0) / scales)


def _features(names: Any, ends: np.ndarray, variations: np.ndarray) -> dict[str, Any]:
    """Features to show with a bar each, those that vary most."""
    shown = np.sort(np.argsort(-variations, kind="stable")[:MAX_FEATURES])

    return {
        "image": None,
        "n_features": len(ends),
        "features": [{"index": int(i), "name": names[i], "ends": ends[i].tolist()} for i in shown],
    }


def _image_shape(vae: VAETransformer, image_shape: Any) -> tuple[int, ...] | None:
    n_features = vae.n_features_in_
    if image_shape is None:
        return None
    if vae.fitted_.columns is not None:
        if image_shape == "auto":
            return None
        raise ValueError(
            "Columns with likelihoods of their own are no image: leave image_shape out."
        )
    if image_shape == "auto":
        image_shape = vae.fitted_.architecture["image_shape"] or vae.image_shape
        square = round(n_features**0.5) ** 2 == n_features >= _MIN_PIXELS
        named = hasattr(vae, "feature_names_in_")
        if image_shape is None and (named or not square):
            return None
    shape = shape_of_images(np.empty((0, n_features)), image_shape)
    if shape[2] not in (1, 3):
        raise ValueError(
            f"The page shows images of 1 or 3 channels, not of {shape[2]}; image_shape=None "
            "(--table) shows numbers."
        )

    return shape


def _describe(fitted: FittedVAE) -> str:
    architecture = fitted.architecture
    network = network_of(architecture["network"]).name
    hidden = architecture["hidden_layer_sizes"][::-1]
    widths = [fitted.n_components, *hidden, architecture["n_features"]]

    return (
        f"VAETransformer ({network}), decoder {'-'.join(map(str, widths))}, "
        f"{fitted.likelihood.name} likelihood, skvae {__version__}"
    )


def _fill(title: str, description: str, content: dict[str, Any]) -> bytes:
    """The template with its parts in place."""
    folder = files("skvae.explorer")
    library = folder.joinpath("vendor", "ml-matrix-6.15.1.umd.js").read_text("utf-8")
    page = fill_page(
        "skvae.explorer",
        "page.html",
        title=title,
        description=description,
        content=content,
        means=content["decoder"]["means"],
        style=folder.joinpath("page.css").read_text("utf-8"),
        licence=folder.joinpath("vendor", "LICENSE").read_text("utf-8"),
        library=re.sub(r"//# sourceMappingURL=.*", "", library),
        decoder=folder.joinpath("decoder.js").read_text("utf-8"),
        controls=folder.joinpath("controls.js").read_text("utf-8"),
    )

    return page.encode("utf-8")
