"""A comparison as one self-contained HTML page."""

from html import escape
from importlib.resources import files
from string import Template

import numpy as np
from sklearn.utils import check_consistent_length

from skvae.comparison import html
from skvae.comparison.confusions import confused_pairs, confusion_matrix, hardest
from skvae.comparison.labels import check_labels
from skvae.comparison.text import cell_text, columns_of
from skvae.data.writable import replacing
from skvae.displays.canvas import require_matplotlib
from skvae.displays.feature_comparison import FeatureComparisonDisplay
from skvae.displays.mosaic import as_images

__all__ = ["save_report"]

# More classes make no legible matrix.
_MAX_CLASSES = 20
_N_HARD = 24
_N_PAIRS = 8

_CHARTS = {
    "error": ("Errors and their intervals", "Test error of each feature with its 95% interval"),
    "dimensions": ("Error against dimensions", "Test error against the dimensions of the feature"),
    "seconds": ("Error against time", "Test error against the seconds to fit and predict"),
}


def save_report(comparison, path, y_test, X_test=None, *, image_shape=None, command=None):
    """Write the page; see ``FeatureComparison.save_report``."""
    require_matplotlib("A report")
    y_test = check_labels(y_test, "y_test")
    if len(y_test) != comparison.n_test:
        raise ValueError(f"y_test has {len(y_test)} labels for {comparison.n_test} test rows.")
    images = None
    if X_test is not None:
        check_consistent_length(X_test, y_test)
        images = as_images(X_test, image_shape)
    sections = _sections(comparison, y_test, images, command)
    page = Template((files("skvae.comparison") / "report.html").read_text("utf-8")).substitute(
        title="Comparison of features",
        lead=_lead(comparison),
        sections="\n".join(
            f"<section>\n<h2>{heading}</h2>\n{content}\n</section>"
            for heading, content in sections
            if content
        ),
    )
    with replacing(path, "w", encoding="utf-8") as file:
        file.write(page)


def _sections(comparison, y_test, images, command):
    """Headings and contents, in order."""
    records = comparison.summary()
    done = [row for row in comparison.rows if row.status == "ok"]

    yield "Test errors", _errors(comparison, records) if records else "<p>Nothing was run.</p>"
    if done:
        yield "Charts", _charts(comparison, records)
        yield "Confusion matrices", _confusions(done, y_test)
        yield "Most confused", _most_confused(done, y_test, images)
    yield "Are the differences real?", _tests(comparison.mcnemar())
    if records:
        yield "All numbers", _details(records)
    yield "Notes", _notes(records)
    yield "How to run it again", _how(comparison.settings, command)


def _lead(comparison):
    done = [r for r in comparison.summary() if r["status"] == "ok"]
    text = f"Test errors of features under the same classifiers, on {comparison.n_test:,} test rows"
    if "n_train" in comparison.settings:
        text += f" after {comparison.settings['n_train']:,} training rows"
    text += "."
    if done:
        best = min(done, key=lambda record: record["test_error"])
        text += (
            f" The lowest is <strong>{cell_text('test_error', best)}%</strong> "
            f"({cell_text('interval', best)}): {html.text(best['feature'])} with "
            f"{html.text(best['classifier'])}."
        )
    if comparison.interrupted:
        text += " <strong>The run was interrupted: rows are missing.</strong>"

    return text


def _errors(comparison, records):
    """Features by classifiers."""
    features, classifiers = (
        list(dict.fromkeys(record[name] for record in records))
        for name in ("feature", "classifier")
    )
    by_name = {(record["feature"], record["classifier"]): record for record in records}
    lowest = {
        name: min(
            (r["test_error"] for r in records if r["classifier"] == name and r["status"] == "ok"),
            default=None,
        )
        for name in classifiers
    }
    body = []
    for feature in features:
        own = [by_name.get((feature, name)) for name in classifiers]
        best = [
            "best" if r and r["status"] == "ok" and r["test_error"] == lowest[name] else ""
            for name, r in zip(classifiers, own, strict=True)
        ]
        first = next(record for record in own if record)
        cost = [cell_text(name, first) for name in ("n_dims", "feature_fit_seconds")]
        body.append(html.row(html.name(feature), [*cost, *map(_error_cell, own)], ["", "", *best]))
    caption = (
        f"Test error in % of {comparison.n_test:,} rows, with its 95% interval (Wilson), which "
        "covers the chance of the test rows. Bold: the lowest of a classifier."
    )
    head = ["feature", "dims", "fit s", *map(html.text, classifiers)]

    return html.scroll("Test errors", html.table(caption, head, body, "errors"))


def _error_cell(record):
    if record is None:
        return "not run"
    if record["status"] != "ok":
        return html.text(record["status"])
    error = cell_text("test_error", record)
    if spread := cell_text("test_error_std", record):
        error += f" ± {spread}"

    return f"{error} <small>{cell_text('interval', record).replace(' to ', '–')}</small>"


def _charts(comparison, records):
    display = FeatureComparisonDisplay(records=records, n_test=comparison.n_test)
    n_features = len({record["feature"] for record in display.records})
    heights = {"error": 1.5 + 0.5 * n_features, "dimensions": 3.8, "seconds": 3.8}

    def figure(kind):
        def draw(ax):
            display.plot(kind, ax)
            display.name_classifiers(ax, ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1))

        title, alt = _CHARTS[kind]
        alt = f"Chart. {alt}, by classifier; the numbers are in the tables of this page."
        drawing = html.chart(draw, (5.0, heights[kind]), alt)

        return f"<figure>\n<h3>{title}</h3>\n{drawing}\n</figure>"

    return '<div class="charts">\n' + "\n".join(map(figure, _CHARTS)) + "\n</div>"


def _confusions(done, y_test):
    labels = np.array(sorted({*y_test.tolist(), *(k for row in done for k in row.mistaken_for)}))
    if len(labels) > _MAX_CLASSES:
        return f"<p>Left out: {len(labels)} classes are too many to read.</p>"
    groups: dict = {}
    for row in done:
        groups.setdefault((row.feature, row.classifier), []).append(row)
    matrices = {names: confusion_matrix(rows, y_test, labels) for names, rows in groups.items()}
    most = max(_wrong(counts).max() for counts in matrices.values())
    tables = "\n".join(
        f"<div>{_confusion(names, counts, labels, most)}</div>"
        for names, counts in matrices.items()
    )
    seeds = max(map(len, groups.values()))
    total = f", summed over {seeds} seeds" if seeds > 1 else ""

    return (
        f"<p>Test rows by true label (rows) and predicted label (columns){total}. Blue: right; the "
        f'darker the orange, the more often confused.</p>\n<div class="row">\n{tables}\n</div>'
    )


def _wrong(counts):
    """Counts off the diagonal."""
    return counts - np.diag(np.diag(counts))


def _confusion(names, counts, labels, most):
    heads = [html.text(label) for label in labels]
    body = [
        html.row(
            heads[i],
            [str(count) if count else "" for count in counts[i]],
            ["right" if i == j else _shade(counts[i, j], most) for j in range(len(labels))],
        )
        for i in range(len(labels))
    ]
    feature, classifier = map(html.text, names)
    caption = f"{feature} with {classifier}: {_wrong(counts).sum():,} wrong"

    return html.table(caption, ["<small>true</small>", *heads], body, "confusion")


def _shade(count, most):
    return f"wrong-{int(np.ceil(3 * count / most))}" if count else ""


def _most_confused(done, y_test, images):
    pairs = ", ".join(
        f"{html.text(label)} taken for {html.text(other)} ({count:,})"
        for (label, other), count in confused_pairs(done, y_test, _N_PAIRS)
    )
    if not pairs:
        return "<p>No test row was misclassified.</p>"
    text = f"<p>Labels confused most often, over all features and classifiers: {pairs}.</p>"
    if images is None:
        return text
    low, high = images.min(), images.max()
    items = "\n".join(
        _hard(hard, (images[hard.row] - low) / (high - low or 1), len(done))
        for hard in hardest(done, y_test, _N_HARD)
    )

    return (
        f"{text}\n<p>The test images that the most of the {len(done)} runs (a feature, a "
        f'classifier, a seed) got wrong:</p>\n<ul class="digits">\n{items}\n</ul>'
    )


def _hard(hard, image, n_runs):
    label, other = hard.label, hard.taken_for
    pixels = image[:, :, 0] if image.shape[2] == 1 else image
    shown = html.picture(pixels, f"Test image {hard.row}: a {label}, most often taken for {other}")
    caption = (
        f"{html.text(label)}, not {html.text(other)} "
        f"<small>{hard.n_wrong} of {n_runs} wrong</small>"
    )

    return f"<li><figure>{shown}<figcaption>{caption}</figcaption></figure></li>"


def _tests(records):
    tables = []
    for classifier in dict.fromkeys(record["classifier"] for record in records):
        own = {(r["a"], r["b"]): r for r in records if r["classifier"] == classifier}
        rows, columns = (list(dict.fromkeys(pair[side] for pair in own)) for side in (0, 1))
        body = [
            html.row(html.name(a), [_test_cell(own.get((a, b))) for b in columns]) for a in rows
        ]
        head = ["feature", *map(html.text, columns)]
        table = html.table(f"Under {html.text(classifier)}", head, body)
        tables.append(html.scroll(f"Tests under {classifier}", table))
    if not tables:
        return ""

    return (
        "<p>McNemar's exact test of each pair of features (first seed, not corrected for the "
        "number of pairs). A small p-value: the two would seldom differ so much by chance. Below "
        "it, the test rows that only the row's feature, and only the column's, got wrong.</p>\n"
        '<div class="row">\n' + "\n".join(tables) + "\n</div>"
    )


def _test_cell(record):
    if record is None:
        return ""
    value = f"{record['p_value']:.2g}"
    if record["p_value"] < 0.05:
        value = f"<strong>{value}</strong>"

    return f"{value} <small>{record['only_a']} : {record['only_b']}</small>"


def _details(records):
    columns = columns_of(records)
    del columns["feature"]
    body = [
        html.row(
            html.name(record["feature"]), [html.text(cell_text(name, record)) for name in columns]
        )
        for record in records
    ]
    caption = "Means over seeds; times in seconds"
    content = html.table(caption, ["feature", *columns.values()], body, "details")

    return html.scroll("All numbers", content)


def _notes(records):
    items = [
        f"<li>{html.text(record['feature'])}, {html.text(record['classifier'])}: "
        f"{html.text(note)}</li>"
        for record in records
        for note in [*([record["reason"]] if record["reason"] else []), *record["notes"]]
    ]

    return "<ul>\n" + "\n".join(items) + "\n</ul>" if items else ""


def _how(settings, command):
    parts = []
    if command:
        parts.append(f"<pre><code>{escape(command)}</code></pre>")
    facts = {
        "Date": settings.get("date"),
        "Duration": f"{settings['seconds']:.0f} s" if "seconds" in settings else None,
        "Rows of an earlier run": str(settings.get("n_picked_up") or ""),
        "Seeds": ", ".join(map(str, settings.get("seeds", []))),
        "Machine": ", ".join(
            str(settings[name]) for name in ("platform", "processor") if settings.get(name)
        ),
        "Processes, threads each, cores": ", ".join(
            str(settings[name]) for name in ("n_jobs", "n_threads", "cores") if name in settings
        ),
        "Python": settings.get("python"),
        "Versions": ", ".join(f"{k} {v}" for k, v in settings.get("versions", {}).items()),
    }
    facts = {name: value for name, value in facts.items() if value}
    if facts:
        items = (f"<dt>{name}</dt><dd>{html.text(value)}</dd>" for name, value in facts.items())
        parts.append("<dl>" + "\n".join(items) + "</dl>")
    for kind in ("features", "classifiers"):
        if kind in settings:
            parts.append(f"<h3>The {kind}</h3>")
            parts += [
                f"<p>{html.text(name)}</p>\n"
                f"<pre><code>{escape(' '.join(text.split()))}</code></pre>"
                for name, text in settings[kind].items()
            ]

    return "\n".join(parts)
