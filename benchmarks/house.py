"""The house measured: sizes, imports, estimators, private reads, as tables of Markdown.

``python house.py [CHECKOUT]``, by default this one. What the counts of imports, private reads and
estimators mean stands in ``tests/architecture.py`` of this checkout, whose functions count here.

- code: lines with a token that is neither comment nor docstring.
- body: lines of a function (nested ones and methods too) without docstring and blank lines.
- A room of a folder is a file in it, but for ``__init__``, or a folder in it; an arrow leads from
  room to room if a file of the one imports a file of the other. Floors are the rooms of the longest
  way along arrows.
- Estimators: ancestors without ``object``; methods without those of ``BaseEstimator`` and
  scikit-learn's ``set_..._request``.
"""

import argparse
import ast
import inspect
import io
import statistics
import sys
import tokenize
from collections import Counter
from graphlib import TopologicalSorter
from importlib import import_module
from pathlib import Path

from sklearn.base import BaseEstimator
from tables import show

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT / "tests"))

from architecture import (  # noqa: E402
    circle,
    defining,
    estimator_parameters,
    import_graph,
    inherited_private_reads,
    private_reads,
    reached,
    read_package,
    rooms,
)

FUNCTIONS = ast.FunctionDef, ast.AsyncFunctionDef
NO_CODE = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
}


def docstring_lines(tree):
    """Numbers of the lines of all docstrings."""
    lines = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, *FUNCTIONS)) and ast.get_docstring(node):
            lines |= set(range(node.body[0].lineno, node.body[0].end_lineno + 1))
    return lines


def kinds_of_lines(source):
    """Numbers of all lines, of code, docstrings and comments that have a line of their own."""
    docstrings = docstring_lines(source.tree)
    code, comments = set(), set()
    for token in tokenize.generate_tokens(io.StringIO(source.text).readline):
        lines = set(range(token.start[0], token.end[0] + 1))
        if token.type == tokenize.COMMENT:
            comments |= lines
        elif token.type not in NO_CODE:
            code |= lines
    n_lines = len(source.text.splitlines())
    return Counter(
        files=1,
        lines=n_lines,
        code=len(code - docstrings),
        docstrings=len(docstrings),
        comments=len(comments - code),
    )


def bodies(source):
    """Lengths of the bodies of all functions."""
    text = source.text.splitlines()
    for node in ast.walk(source.tree):
        if isinstance(node, FUNCTIONS):
            first = node.body[1:2] if ast.get_docstring(node) else node.body[:1]
            lines = text[first[0].lineno - 1 : node.end_lineno] if first else []
            yield sum(bool(line.strip()) for line in lines)


SIZE = [
    *("part", "files", "lines", "code", "docstrings", "comments"),
    *("functions", "body: median", "p90", "max", "longest file"),
]


def sizes(sources):
    """A row for the package and one for each folder."""
    folders = sorted({m.split(".")[0] for m in sources if "." in m})
    parts = {"all": sources}
    parts |= {f: {m: s for m, s in sources.items() if m.split(".")[0] == f} for f in folders}
    parts["files beside folders"] = {
        m: s for m, s in sources.items() if m.split(".")[0] not in folders
    }
    for part, files in parts.items():
        total = sum(map(kinds_of_lines, files.values()), Counter())
        lengths = [n for source in files.values() for n in bodies(source)]
        longest = max(files, key=lambda m: len(files[m].text.splitlines()))
        yield [
            part,
            total["files"],
            total["lines"],
            total["code"],
            f"{total['docstrings'] / total['lines']:.0%}",
            f"{total['comments'] / total['lines']:.1%}",
            len(lengths),
            f"{statistics.median(lengths):g}",
            f"{statistics.quantiles(lengths, n=10, method='inclusive')[-1]:g}",
            max(lengths),
            f"{len(files[longest].text.splitlines())} ({longest})",
        ]


def n_floors(graph):
    """Rooms of the longest way along arrows."""
    heights = {}
    for room in TopologicalSorter(graph).static_order():
        heights[room] = 1 + max((heights[r] for r in graph.get(room, ())), default=0)
    return max(heights.values())


def walls(sources):
    """A row for the package and one for each folder with folders or files: rooms and arrows."""
    graph = import_graph(sources)
    for folder in sorted({m.rpartition(".")[0] for m in sources}):
        within = rooms(graph, folder)
        way = circle(within)
        floors = "-" if way else n_floors(within)
        arrows = sum(map(len, within.values()))
        yield [folder or "skvae", len(within), arrows, floors, " > ".join(way) or "none"]
    way = circle(graph)
    arrows = sum(map(len, graph.values()))
    floors = "-" if way else n_floors(graph)
    yield ["all files", len(graph), arrows, floors, " > ".join(way) or "none"]


def estimators(skvae):
    """Public classes that are estimators."""
    public = (getattr(skvae, name) for name in skvae.__all__)
    return [c for c in public if inspect.isclass(c) and issubclass(c, BaseEstimator)]


def methods(cls):
    return [
        name
        for name in dir(cls)
        if not name.startswith("_")
        if callable(getattr(cls, name, None)) and not hasattr(BaseEstimator, name)
        if not (name.startswith("set_") and name.endswith("_request"))
    ]


def surface(classes):
    """A row for each estimator."""
    for cls in classes:
        ancestors = inspect.getmro(cls)[:-1]
        ours = [c for c in ancestors[1:] if c.__module__.split(".")[0] == "skvae"]
        parameters = len(inspect.signature(cls).parameters)
        yield [cls.__name__, parameters, len(ancestors), len(ours), len(methods(cls))]


def by_module(places):
    """A row for each module: how many, and which."""
    counts = Counter(place.module for place in places)
    for module, count in counts.most_common():
        names = dict.fromkeys(place.name for place in places if place.module == module)
        yield [module, count, ", ".join(f"`{name}`" for name in names)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkout", nargs="?", type=Path, default=ROOT)
    checkout = parser.parse_args().checkout.resolve()
    sys.path.insert(0, str(checkout))
    skvae = import_module("skvae")
    if Path(skvae.__file__).parents[1] != checkout:
        parser.error(f"{checkout} holds no package skvae.")
    sources = read_package(checkout / "skvae")

    print("## Size\n")
    show(SIZE, sizes(sources))

    print("\n## Rooms\n")
    show(["folder", "rooms", "arrows", "floors", "circle"], walls(sources))

    print("\n## Estimators\n")
    classes = estimators(skvae)
    show(["estimator", "parameters", "ancestors", "of ours", "methods"], surface(classes))

    reads, hooks = private_reads(sources), inherited_private_reads(sources)
    print(f"\n## Private reads across files: {len(reads)}\n")
    show(["module", "reads", "names"], by_module(reads))
    print(f"\nPrivate names of `self` that only other files define: {len(hooks)}.")

    names = {cls.__name__ for cls in classes} | {"SetEncoder"}
    files = defining(sources, names)
    below = reached(import_graph(sources), files) - files
    below = {module: sources[module] for module in below}
    taking = estimator_parameters(below, {"estimator", "encoder", "vae"}, names)
    print(f"\n## Functions below the estimators' files that take one: {len(taking)}\n")
    show(["module", "functions", "names"], by_module(taking))


if __name__ == "__main__":
    main()
