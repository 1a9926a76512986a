"""Tables and figure of docs/fisher-mnist.md from the records of ``mnist_quality.py``.

``python mnist_report.py --chart FILE.png``
"""

import argparse
from textwrap import fill

import numpy as np
from fisher_settings import BASE, FINAL, SWEEP
from mnist_quality import N_TRAIN, read

from skvae.comparison.intervals import mcnemar

NAMES = {
    "patch_size": "patches {0} x {0}",
    "padding": "padding {}",
    "reducer": "{}",
    "n_dims": "{} dimensions",
    "n_components": "K = {}",
    "xy_weight": "xy {}",
    "levels": "pyramid {}",
    "gradients": "{}",
    "power": "power {}",
    "norm": "norm {}",
    "input": "{}",
    "max_descriptors": "fitted on {:,} descriptors",
    "C": "C = {}",
    "random_state": "seed {}",
}
LATENT_AND_PRINCIPAL = "three scales of VAE latents", "three scales of principal components"


def scale(setting, first):
    """Patch size of a scale, and what the patches are of if that is not what the first are of."""
    size, kind = setting["patch_size"], setting["input"]
    return f"{size}" if kind == first["input"] else f"{size} ({kind})"


def describe(change):
    """A change of BASE in words."""
    parts = []
    for key, value in change.items():
        if key == "also":
            scales = [BASE | change | other for other in ({}, *value)]
            parts.append("patches of " + " + ".join(scale(s, scales[0]) for s in scales))
        elif isinstance(value, list):
            parts.append(NAMES[key].format(" + ".join(map(str, value))))
        else:
            parts.append(NAMES[key].format(value))
    return ", ".join(parts)


BASE_IN_WORDS = describe({key: value for key, value in BASE.items() if value})


def sweep_rows():
    """(axis, words, dimensions, error, difference from base, its standard error) of each cell."""
    records = {describe(r["change"]): r for r in read("sweep")}
    base = set(records[""]["wrong"])
    rows = []
    for axis, changes in SWEEP.items():
        for r in (records[w] for w in map(describe, changes) if w in records):
            # Images that only one of both gets wrong are coin tosses if both are equally good.
            only_one = base ^ set(r["wrong"])
            difference = r["error"] - len(base) / N_TRAIN
            spread = np.sqrt(len(only_one)) / N_TRAIN
            rows.append(
                (axis, describe(r["change"]), r["n_features"], r["error"], difference, spread)
            )
    return rows


def sweep_table(rows):
    """Markdown of ``sweep_rows``."""
    lines = ["| axis | setting | dims | error % | points from base |", "|---|---|---|---|---|"]
    for axis, words, n_features, error, difference, spread in rows:
        delta = f"{100 * difference:+.3f} ± {100 * spread:.3f}" if words else ""
        lines.append(
            f"| {axis} | {words or BASE_IN_WORDS} | {n_features:,} | {100 * error:.3f} | {delta} |"
        )
    return "\n".join(lines)


def compress_table():
    lines = ["| vectors | dims | error % |", "|---|---|---|"]
    lines += [
        f"| {r['method']} | {r['n_features']:,} | {100 * r['error']:.3f} |"
        for r in read("compress")
    ]
    return "\n".join(lines)


def final_table():
    groups = {}
    for r in read("final"):
        groups.setdefault(r["name"], []).append(r)
    lines = ["| setting | dims | test error %, each seed | mean |", "|---|---|---|---|"]
    for name, group in groups.items():
        errors = [100 * r["error"] for r in sorted(group, key=lambda r: r["seed"])]
        each = ", ".join(f"{e:.2f}" for e in errors)
        n_features = group[0]["n_features"]
        lines.append(f"| {name} | {n_features:,} | {each} | {np.mean(errors):.3f} |")
    return "\n".join(lines)


def latent_table():
    """Images that only latents or only principal components of a VAE's size get wrong."""
    latent, principal = (describe(FINAL[name][0]) for name in LATENT_AND_PRINCIPAL)
    wrong = {describe(r["change"]): r["wrong"] for r in read("sweep")}
    pairs = [("validation", wrong.get(latent), wrong.get(principal))]
    wrong = {(r["name"], r["seed"]): r["wrong"] for r in read("final")}
    for seed in range(5):
        pairs.append((f"test, seed {seed}", *(wrong.get((n, seed)) for n in LATENT_AND_PRINCIPAL)))
    lines = ["| images | only PCA wrong | only VAE wrong | McNemar's p |", "|---|---|---|---|"]
    for images, a, b in pairs:
        if a is not None and b is not None:
            only_latent, only_principal, p_value = mcnemar(a, b)
            lines.append(f"| {images} | {only_principal} | {only_latent} | {p_value:.2g} |")
    return "\n".join(lines)


def save_chart(rows, path):
    """Errors of the sweep with their axis as a group, and what compression costs."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    rows = [r for r in rows if r[1]]
    labels = [fill(words, 46) for _, words, *_ in rows]
    lines = np.array([1.5 + label.count("\n") for label in labels])
    places, height = np.cumsum(lines) - lines / 2, 0.16 * lines.sum()
    figure, (sweep, compression) = plt.subplots(
        2, 1, figsize=(7, height + 4), height_ratios=[height, 3], layout="constrained"
    )
    # Blue and orange of Okabe and Ito's palette, and shapes besides.
    for place, (_, _, n_features, error, _, spread) in zip(places, rows, strict=True):
        large = n_features > 10_000
        sweep.errorbar(
            100 * error,
            place,
            xerr=100 * spread,
            fmt="s" if large else "o",
            color="#D55E00" if large else "#0072B2",
        )
    base = 100 * (rows[0][3] - rows[0][4])
    sweep.axvline(base, color="0.5", linewidth=1, linestyle=":")
    sweep.set_yticks(places, labels, fontsize=8)
    sweep.set_ylim(lines.sum(), 0)
    sweep.set_xlabel("error on the other half of the training images, %")
    sweep.set_title("Each setting, and the base (dotted); bars: paired standard error", fontsize=9)
    for label, marker, color in (
        ("up to 10,000 dimensions", "o", "#0072B2"),
        ("up to 20,000 dimensions", "s", "#D55E00"),
    ):
        sweep.plot([], [], marker, color=color, label=label)
    sweep.legend(fontsize=8)
    for method, marker, color in (("PCA", "o", "#0072B2"), ("random projection", "s", "#D55E00")):
        found = sorted(
            (r["n_features"], 100 * r["error"]) for r in read("compress") if r["method"] == method
        )
        compression.plot(*zip(*found, strict=True), marker + "-", color=color, label=method)
    full = next(r for r in read("compress") if r["method"] == "none")
    compression.axhline(100 * full["error"], color="0.5", linewidth=1, linestyle=":")
    compression.annotate(
        f"all {full['n_features']:,} dimensions",
        (found[0][0], 100 * full["error"]),
        fontsize=8,
        xytext=(0, 4),
        textcoords="offset points",
    )
    compression.set_xscale("log", base=2)
    compression.set_xticks([n for n, _ in found], [f"{n:,}" for n, _ in found])
    compression.set_yscale("log")
    compression.minorticks_off()
    ticks = (0.7, 1, 1.5, 2, 3, 5)
    compression.set_yticks(ticks, [str(t) for t in ticks])
    compression.set_xlabel("dimensions after compression")
    compression.set_ylabel("error, %")
    compression.set_title("What compression costs", fontsize=9)
    compression.legend(fontsize=8)
    for axes in (sweep, compression):
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=130)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chart", metavar="FILE")
    arguments = parser.parse_args()
    rows = sweep_rows()
    print(sweep_table(rows), final_table(), latent_table(), compress_table(), sep="\n\n")
    if arguments.chart:
        save_chart(rows, arguments.chart)


if __name__ == "__main__":
    main()
