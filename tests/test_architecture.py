"""The laws of the house: who may import what, where torch begins, what no file knows of another."""

import inspect
from fnmatch import fnmatch
from pathlib import Path

import pytest
from architecture import (
    circle,
    defining,
    estimator_parameters,
    import_graph,
    imports_at_top,
    naming,
    private_reads,
    reached,
    read_package,
    rooms,
)

import skvae
from skvae.fisher.layout import GRADIENTS
from skvae.vae.descriptions import LIKELIHOODS, NETWORKS, PRIORS

SOURCES = read_package(Path(skvae.__file__).parent)
FOLDERS = {module.rpartition(".")[0] for module in SOURCES}

# Underscore modules and exceptions, which every room may import.
GROUND_FLOOR = "_"

# What else a room may import, beside itself. A room is a file or folder of the package; those
# within vae have rows of their own.
MAY_IMPORT = {
    "skvae": set(),
    "__main__": {"cli"},
    GROUND_FLOOR: set(),
    "data": {"compute"},
    "compute": set(),
    "callbacks": {"data", "displays"},
    "persistence": {"skvae"},
    "datasets": {"data"},
    "mixture": {"data", "compute"},
    "images": {"data", "compute"},
    "fisher": {"data", "compute", "mixture"},
    "tables": {"data", "fisher"},
    "series": {"data", "fisher"},
    "vae": {"data", "compute", "mixture", "fisher", "vae.nn", "vae.training"},
    "vae.nn": {"data", "compute", "mixture", "fisher", "vae"},
    "vae.training": {"data", "compute", "mixture", "vae", "vae.nn"},
    "parts": {"vae", "vae.nn"},
    "table_recipes": {"data", "vae"},
    "inductive": set(),
    "recipes": {"images", "fisher", "vae", "table_recipes", "inductive"},
    "displays": {"data", "compute", "images", "mixture", "fisher", "vae"},
    "explorer": {"data", "compute", "mixture", "vae", "vae.nn"},
    "comparison": {
        *("data", "compute", "images", "fisher", "vae"),
        *("recipes", "table_recipes", "displays"),
    },
    "cli": {
        *("data", "compute", "datasets", "persistence", "callbacks", "vae"),
        *("recipes", "table_recipes", "displays", "explorer", "comparison"),
    },
}

TORCH_IS_AT_HOME = (
    *("vae.nn", "vae.nn.*", "vae.training", "vae.training.*"),
    *("mixture.torch_*", "compute.torch_*", "explorer.decoders"),
)

ESTIMATORS = {*skvae.__all__, "SetEncoder"}
# scikit-learn's validate_data wants the estimator itself.
VALIDATION = {"data.containers", "data.images", "data.rows"}


@pytest.fixture(scope="module")
def imports():
    """Which modules of the package each of them imports."""
    return import_graph(SOURCES)


def room_of(module):
    """The row of the table that is about a module."""
    outer, inner = module.split(".")[0], ".".join(module.split(".")[:2])
    if outer == "exceptions" or (outer.startswith("_") and not outer.startswith("__")):
        return GROUND_FLOOR
    return inner if inner in MAY_IMPORT else outer or "skvae"


def lines(things):
    return "\n".join(map(str, things))


def test_every_module_is_in_a_room_of_the_table():
    assert {room_of(module) for module in SOURCES} <= set(MAY_IMPORT)


@pytest.mark.parametrize(
    "room",
    MAY_IMPORT,
)
def test_a_room_imports_only_what_it_may(room, imports):
    allowed = MAY_IMPORT[room] | {room, GROUND_FLOOR}
    forbidden = [
        f"{module} imports {target or 'skvae'}"
        for module, targets in imports.items()
        for target in targets
        if room_of(module) == room and room_of(target) not in allowed
    ]
    assert not forbidden, lines(forbidden)


def test_imports_of_modules_run_in_no_circle(imports):
    assert not circle(imports)


@pytest.mark.parametrize("folder", sorted(FOLDERS))
def test_imports_of_the_rooms_of_a_folder_run_in_no_circle(folder, imports):
    assert not circle(rooms(imports, folder))


def test_torch_is_imported_at_the_top_only_where_it_is_at_home():
    at_top = [module for module, source in SOURCES.items() if imports_at_top(source, "torch")]
    assert not [m for m in at_top if not any(fnmatch(m, home) for home in TORCH_IS_AT_HOME)]


def test_no_file_reads_a_private_name_of_another():
    reads = private_reads(SOURCES)
    assert not reads, lines(reads)


@pytest.mark.parametrize(
    "room",
    ["data", "compute", "mixture", "images", "fisher", "tables", "series", "vae"],
)
def test_no_function_below_the_estimators_takes_one(room, imports):
    files = defining(SOURCES, ESTIMATORS)
    below = reached(imports, files) - files - VALIDATION
    sources = {m: SOURCES[m] for m in below if m.split(".")[0] == room}
    names = {"estimator", "vae"} if room == "vae" else {"estimator", "vae", "encoder"}
    taking = estimator_parameters(sources, names, ESTIMATORS)
    assert not taking, lines(taking)


def test_the_transformer_has_few_ancestors():
    assert len(inspect.getmro(skvae.VAETransformer)[:-1]) <= 12  # without object


# Settings of fits, which name their parts as a user does.
RECIPES = {"recipes", "table_recipes", "cli.train"}


@pytest.mark.parametrize(
    ("names", "module"),
    [
        (LIKELIHOODS, "vae.nn.likelihoods"),
        (NETWORKS, "vae.nn.networks"),
        (PRIORS, "vae.nn.priors"),
    ],
    ids=["likelihoods", "networks", "priors"],
)
def test_a_part_is_named_where_it_is_described_and_where_its_module_is(names, module):
    # "mixture" is a parameter of encoders too, and "normal" the quantiles of a table's columns.
    others = {m for m in SOURCES if room_of(m) in {"fisher", "tables"}} | RECIPES
    sources = {m: s for m, s in SOURCES.items() if m not in others}
    for name in names:
        assert naming(sources, name) == {"vae.descriptions", module}, name


@pytest.mark.parametrize("name", GRADIENTS)
def test_a_gradient_is_named_where_it_is_described_and_converted_and_by_a_vocabulary(name):
    sources = {m: s for m, s in SOURCES.items() if room_of(m) == "fisher"}
    allowed = {"fisher.layout", "fisher.conventions", "fisher.vocabulary"}
    if name == "weights":  # those of descriptors, an argument
        allowed |= {"fisher.sources", "fisher.descriptor_sets"}
    assert naming(sources, name) <= allowed


# The counters themselves, on a package of three files.


@pytest.fixture
def small(tmp_path):
    texts = {
        "__init__.py": "",
        "a.py": (
            "from typing import TYPE_CHECKING\n"
            "import torch.nn\n"
            "if TYPE_CHECKING:\n"
            "    from skvae.inner import b\n"
            "class A:\n"
            "    def _own(self):\n"
            "        self._value = 1\n"
        ),
        "inner/__init__.py": "",
        "inner/b.py": (
            "from skvae.a import A, _other\n"
            "_other = None\n"
            "def _later(thing: 'A', part):\n"
            "    import torch\n"
            "    from skvae.inner import c\n"
            "    thing._given = thing._value + getattr(part, '_own')\n"
            "    return thing._replace(part._later)\n"
        ),
        "inner/c.py": "import numpy\nfrom skvae import __version__\n",
    }
    for name, text in texts.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return read_package(tmp_path)


def test_imports_are_those_of_a_running_program(small):
    graph = import_graph(small)
    assert graph["inner.b"] == {"a", "inner.c"}
    assert graph["a"] == graph["inner.c"] == set()
    assert rooms(graph) == {"a": set(), "inner": {"a"}}
    assert rooms(graph, "inner") == {"b": {"c"}, "c": set()}
    assert reached(graph, {"inner.b"}) == {"inner.b", "a", "inner.c"}
    assert set(circle(graph | {"a": {"inner.b"}})) == {"a", "inner.b"}
    assert [m for m, s in small.items() if imports_at_top(s, "torch")] == ["a"]


def test_private_reads_are_of_what_another_file_defines_or_any_file_gives(small):
    assert lines(private_reads(small)).splitlines() == [
        "inner.b:6 _given",
        "inner.b:6 _own",
        "inner.b:6 _value",
    ]


def test_names_are_those_of_the_code_that_runs(tmp_path):
    (tmp_path / "types.py").write_text(
        'def f(a: Literal["x"] = "x", *, b="x"):\n    """x or y"""\n'
    )
    (tmp_path / "code.py").write_text('def f(a):\n    return a == "x"\n')
    assert naming(read_package(tmp_path), "x") == {"code"}


def test_estimators_are_known_by_their_name_or_annotation(small):
    assert lines(estimator_parameters(small, {"part"})) == "inner.b:3 _later(part)"
    assert lines(estimator_parameters(small, (), {"A"})) == "inner.b:3 _later(thing)"
    assert defining(small, {"A"}) == {"a"}
