"""What the source of a package says of its structure: imports, private reads, estimators handed on.

A module is a file; its name is dotted, without the package's own: ``vae.nn.model``, and "" for the
package's ``__init__``. Imports are those of a running program: also those inside functions, but not
those under ``if TYPE_CHECKING:``.
"""

import ast
import re
from dataclasses import dataclass
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from itertools import chain
from pathlib import Path

__all__ = [
    "Place",
    "Source",
    "circle",
    "defining",
    "estimator_parameters",
    "having",
    "import_graph",
    "imports_at_top",
    "inherited_private_reads",
    "naming",
    "private_reads",
    "reached",
    "read_package",
    "rooms",
]


@dataclass(frozen=True)
class Source:
    """The text of a file and what it parses to."""

    path: Path
    text: str

    @cached_property
    def tree(self):
        return ast.parse(self.text)

    @cached_property
    def constants(self):
        """Values that stand in the code, without those of types and parameters."""
        left_out = {id(n) for node in _types_and_defaults(self.tree) for n in ast.walk(node)}
        nodes = ast.walk(self.tree)
        return {n.value for n in nodes if isinstance(n, ast.Constant) and id(n) not in left_out}


@dataclass(frozen=True, order=True)
class Place:
    """A name in a line of a module."""

    module: str
    line: int
    name: str

    def __str__(self):
        return f"{self.module}:{self.line} {self.name}"


def read_package(folder):
    """Sources of a package's files, by module."""
    folder = Path(folder)
    paths = sorted(folder.rglob("*.py"))
    return {_module_of(p.relative_to(folder)): Source(p, p.read_text("utf-8")) for p in paths}


def _module_of(path):
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


# Imports


def _at_run_time(tree, *, inside_functions=True):
    """The nodes of a tree, without what only type checkers see."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            continue
        if not inside_functions and isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        yield node
        yield from _at_run_time(node, inside_functions=inside_functions)


def _imported(nodes):
    """(module, name or None) of each import, absolute ones."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from ((alias.name, None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.module, alias.name) for alias in node.names)


def imports_at_top(source, library):
    """Whether a file imports a library as soon as it is imported itself."""
    nodes = _at_run_time(source.tree, inside_functions=False)
    return any(module.split(".")[0] == library for module, _ in _imported(nodes))


def import_graph(sources, package="skvae"):
    """Modules that each module imports; a version number or the like binds to nothing."""
    return {
        name: set(_targets(source, sources, package)) - {name} for name, source in sources.items()
    }


def _targets(source, sources, package):
    for module, name in _imported(_at_run_time(source.tree)):
        if module.split(".")[0] != package or (name or "").startswith("__"):
            continue
        module = module[len(package) + 1 :]
        inner = f"{module}.{name}".lstrip(".")
        yield inner if inner in sources else module


def rooms(graph, folder=""):
    """The graph among what lies in a folder: its files and its subfolders, one node each."""
    within = {name: _room_of(name, folder) for name in graph}
    arrows = {room: set() for room in within.values() if room}
    for name, targets in graph.items():
        if within[name]:
            arrows[within[name]] |= {within[t] for t in targets} - {None, within[name]}
    return arrows


def _room_of(module, folder):
    """The file or subfolder of a folder in which a module lies, if it lies there at all."""
    depth = len(folder.split(".")) if folder else 0
    parts = module.split(".") if module else []
    if len(parts) <= depth or ".".join(parts[:depth]) != folder:
        return None
    return parts[depth]


def reached(graph, starts):
    """Modules that some modules import, or what they import does, and so on."""
    found, new = set(), set(starts)
    while new:
        found |= new
        new = set(chain.from_iterable(graph[name] for name in new)) - found
    return found


def circle(graph):
    """Nodes of a circle, or an empty list."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return error.args[1]
    return []


# Private names


def _is_private(name):
    return name.startswith("_") and not name.startswith("__")


def _written(tree, *, to_others=False):
    """Private names that a file defines: functions, classes, variables, attributes of self.

    Or, which is no definition, attributes that it gives to objects of others.
    """
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            names |= {node.attr} if _is_self(node.value) != to_others else set()
        elif to_others:
            continue
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
    return set(filter(_is_private, names))


def _is_self(node):
    """Whether an expression is ``self``, ``cls`` or ``super()``."""
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and node.func.id == "super"
    return isinstance(node, ast.Name) and node.id in ("self", "cls")


def _name_of(node):
    return node.id if isinstance(node, ast.Name) else None


def _accesses(tree):
    """(line, private name, whether of self) wherever a file names an attribute or imports one."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            yield node.lineno, node.attr, _is_self(node.value)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.lineno, alias.name, False) for alias in node.names)
        elif isinstance(node, ast.Call) and _name_of(node.func) in ("getattr", "hasattr"):
            owner, name = node.args[:2]
            if isinstance(name, ast.Constant):
                yield node.lineno, name.value, _is_self(owner)


def _reads_of_others(sources, *, of_self):
    own = {module: _written(source.tree) for module, source in sources.items()}
    given = (_written(source.tree, to_others=True) for source in sources.values())
    ours = set().union(*own.values(), *given)
    return sorted(
        Place(module, line, name)
        for module, source in sources.items()
        for line, name, is_self in _accesses(source.tree)
        if name in ours - own[module] and is_self == of_self
    )


def private_reads(sources):
    """Private names of one file that another file reads or writes.

    That is ``thing._name``, ``getattr(thing, "_name")`` or ``from module import _name`` with one
    leading underscore, where ``thing`` is not ``self``, ``cls`` or ``super()``, ``_name`` is not
    defined in this file, and some file of the package defines it or writes it to a ``thing``. So a
    name that two files define is taken for each one's own, a name that none writes for another
    library's, and names in other strings, as in ``vars(thing)["_name"]``, are not seen.
    """
    return _reads_of_others(sources, of_self=False)


def inherited_private_reads(sources):
    """Private names of ``self`` that a file uses and only other files define: hooks of a base."""
    return _reads_of_others(sources, of_self=True)


# Estimators


def defining(sources, classes):
    """Modules in which one of some classes is defined."""
    return {
        module
        for module, source in sources.items()
        for node in source.tree.body
        if isinstance(node, ast.ClassDef) and node.name in classes
    }


def having(sources, methods):
    """Names of the classes that define all of some methods themselves, protocols left out."""
    return {
        node.name
        for source in sources.values()
        if all(f"def {name}(" in source.text for name in methods)  # parsing takes a second
        for node in ast.walk(source.tree)
        if isinstance(node, ast.ClassDef) and "Protocol" not in map(_name_of, node.bases)
        if methods <= {part.name for part in node.body if isinstance(part, ast.FunctionDef)}
    }


def estimator_parameters(sources, names, classes=()):
    """Functions with a parameter of one of these names, or annotated as one of these classes."""
    return sorted(
        Place(module, node.lineno, f"{node.name}({parameter.arg})")
        for module, source in sources.items()
        for node in ast.walk(source.tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        for parameter in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)
        if parameter.arg in names or not _words(parameter.annotation).isdisjoint(classes)
    )


def _words(annotation):
    return set(re.findall(r"\w+", ast.unparse(annotation))) if annotation else set()


def naming(sources, text):
    """Modules whose code has a text among its constants.

    Docstrings, types (``Literal["text"]``) and the values that parameters have by default do not
    count.
    """
    return {module for module, source in sources.items() if text in source.constants}


def _types_and_defaults(tree):
    for node in ast.walk(tree):
        if _is_type(node):
            yield node
        elif isinstance(node, ast.arguments):
            yield from filter(None, [*node.defaults, *node.kw_defaults])


def _is_type(node):
    return isinstance(node, ast.Subscript) and ast.unparse(node.value) == "Literal"
