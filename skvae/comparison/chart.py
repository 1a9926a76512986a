"""A comparison as a picture."""

__all__ = ["save_chart"]

# Okabe and Ito's colours, told apart by the colour-blind; markers and lightness do it in grey.
_STYLES = [
    ("#0072B2", "o"),
    ("#E69F00", "s"),
    ("#009E73", "^"),
    ("#CC79A7", "D"),
    ("#000000", "v"),
]


def save_chart(comparison, path):
    """Draw test errors with their 95% intervals, features from the best down.

    Parameters
    ----------
    comparison : FeatureComparison
    path : path-like
        A PNG file.

    Raises
    ------
    ImportError
        If matplotlib is missing.
    """
    try:
        from matplotlib.figure import Figure
        from matplotlib.ticker import FuncFormatter, NullFormatter
    except ImportError as error:
        raise ImportError('comparison.png needs matplotlib: pip install "skvae[plot]"') from error
    records = [record for record in comparison.summary() if record["status"] == "ok"]
    features, classifiers = (
        list(dict.fromkeys(record[name] for record in records))
        for name in ("feature", "classifier")
    )
    best = {
        name: min(r["test_error"] for r in records if r["feature"] == name) for name in features
    }
    features.sort(key=best.__getitem__, reverse=True)
    figure = Figure(figsize=(7.5, 1.4 + 0.55 * len(features)), layout="constrained")
    axes = figure.add_subplot()
    for index, name in enumerate(classifiers):
        _draw(axes, [r for r in records if r["classifier"] == name], features, index, classifiers)
    axes.set_yticks(range(len(features)), features)
    axes.set_ylim(-0.6, len(features) - 0.4)
    if min(best.values()) > 0:
        axes.set_xscale("log")
        axes.set_xticks(_ticks(*axes.get_xlim()))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel(f"test error, % of {comparison.n_test:,} (bars: 95% intervals)")
    axes.grid(axis="x", color="0.88")
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    if title := comparison.settings.get("title"):
        axes.set_title(title, loc="left", fontsize=11)
    figure.savefig(path, dpi=150)


def _draw(axes, records, features, index, classifiers):
    colour, marker = _STYLES[index % len(_STYLES)]
    offset = (index - (len(classifiers) - 1) / 2) * -0.2
    errors = [100 * record["test_error"] for record in records]
    bars = [
        [e - 100 * r["error_low"] for e, r in zip(errors, records, strict=True)],
        [100 * r["error_high"] - e for e, r in zip(errors, records, strict=True)],
    ]
    axes.errorbar(
        errors,
        [features.index(record["feature"]) + offset for record in records],
        xerr=bars,
        fmt=marker,
        color=colour,
        label=classifiers[index],
        capsize=2.5,
        linewidth=1.2,
        markersize=6,
    )


def _ticks(low, high):
    """1, 2 and 5 times powers of ten inside the axis."""
    return [
        round(digit * 10.0**power, 4)
        for power in range(-3, 3)
        for digit in (1, 2, 5)
        if low <= digit * 10.0**power <= high
    ]
