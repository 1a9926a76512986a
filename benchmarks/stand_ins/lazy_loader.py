"""What skvae needs of the package lazy-loader, for machines where nothing can be installed.

``benchmarks/gpu.py`` puts this folder on the path where the package is missing.
"""

import ast
from importlib import import_module
from pathlib import Path

__all__ = ["attach_stub"]


def attach_stub(package, filename):
    """``__getattr__``, ``__dir__`` and ``__all__`` of a package whose stub says what it has."""
    stub = ast.parse(Path(filename).with_suffix(".pyi").read_text("utf-8"))
    imports = [node for node in stub.body if isinstance(node, ast.ImportFrom)]
    homes = {alias.name: node.module for node in imports for alias in node.names}

    def find(name):
        if name not in homes:
            raise AttributeError(f"No {package} attribute {name}")
        if homes[name] is None:
            return import_module(f"{package}.{name}")

        return getattr(import_module(f"{package}.{homes[name]}"), name)

    return find, lambda: sorted(homes), sorted(homes)
