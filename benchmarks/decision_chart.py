"""The chart "Which estimator?" of the documentation, as SVG in the colours of its page.

``python benchmarks/decision_chart.py docs/concepts/which-estimator.svg``
"""

import argparse
from pathlib import Path
from typing import NamedTuple
from xml.sax.saxutils import escape

WIDTH, LEFT, RIGHT, GAP = 352, 152, 162, 26
LINE, PAD = 17, 9


class Step(NamedTuple):
    """A question, and where its "yes" leads: lines of code and of words, and the page of each."""

    question: list[str]
    answer: list[tuple[str, str]]


STEPS = [
    Step(
        ["Is a sample a set", "of patches, frames,", "words or rows?"],
        [
            ("FisherVectorEncoder()", "fisher-vectors.html"),
            ("images: ImagePatches", "images.html"),
            ("series: SeriesWindows", "series.html"),
            ("keyed rows: TableSets", "tables.html"),
            ("shorter: VLADEncoder", "fisher-vectors.html"),
        ],
    ),
    Step(
        ["Do only a few of the", "samples have a label?"],
        [
            ("images: few_labels()", "few-labels.html"),
            ("rows: VAETransformer(", "vae.html#labels"),
            ('    conditional="prior")', "vae.html#labels"),
        ],
    ),
    Step(
        ["Do you want outliers,", "densities, new rows?"],
        [
            ("VAETransformer(", "vae.html#likelihoods"),
            ('    prior="mixture")', "vae.html#likelihoods"),
        ],
    ),
    Step(
        ["Do neighbours, a", "kernel or a map follow?"],
        [("VAETransformer()", "vae.html")],
    ),
    Step(
        ["Does a linear", "classifier follow?"],
        [
            ("FisherScores(", "vae.html#fisher-scores"),
            ("    VAETransformer())", "vae.html#fisher-scores"),
        ],
    ),
]
LAST = ["Take the columns", "themselves, or PCA."]


def box(x, y, width, lines, kind):
    """A rounded box around lines of text or of links, and its height."""
    height = LINE * len(lines) + 2 * PAD - 4
    parts = [f'<rect class="{kind}" x="{x}" y="{y}" width="{width}" height="{height}" rx="6"/>']
    for i, line in enumerate(lines):
        text, address = line if isinstance(line, tuple) else (line, None)
        indent = 13 if text.startswith("    ") else 0
        place = f'x="{x + PAD + indent}" y="{y + PAD + LINE * i + 10}"'
        element = f"<text {place}>{escape(text.lstrip())}</text>"
        parts.append(f'<a href="{address}">{element}</a>' if address else element)
    return "".join(parts), height


def arrow(path, label, x, y):
    return (
        f'<path d="{path}" marker-end="url(#tip)"/><text class="way" x="{x}" y="{y}">{label}</text>'
    )


def chart():
    """Questions go down on the left, answers stand on the right."""
    y, parts = 4, []
    middle, answer_x = LEFT // 2, WIDTH - RIGHT - 2
    for step in STEPS:
        question, height = box(2, y, LEFT, step.question, "question")
        answer, answer_height = box(answer_x, y, RIGHT, step.answer, "answer")
        across = f"M{LEFT + 2} {y + height / 2}H{answer_x - 3}"
        bottom = y + max(height, answer_height) + GAP
        down = f"M{middle} {y + height}V{bottom - 3}"
        parts += [question, answer, arrow(across, "yes", LEFT + 7, y + height / 2 - 5)]
        parts.append(arrow(down, "no", middle + 6, y + height + 17))
        y = bottom
    last, height = box(2, y, LEFT, LAST, "question")
    tip = (
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="6" refY="4" markerWidth="6" '
        'markerHeight="6" orient="auto"><path d="M0 0L8 4L0 8z"/></marker></defs>'
    )
    return (
        f'<svg class="chart" viewBox="0 0 {WIDTH} {y + height + 4:.0f}" role="group" '
        f'aria-label="Which estimator? Five questions, from top to bottom.">\n{tip}\n'
        + "\n".join(parts + [last])
        + "\n</svg>\n"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("picture", type=Path, metavar="FILE.svg")
    parser.parse_args().picture.write_text(chart(), "utf-8")


if __name__ == "__main__":
    main()
