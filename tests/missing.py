"""Folders of tests that need a package which may be missing."""

import importlib

import pytest

__all__ = ["skip_files_without"]


class _Skipped(pytest.Module):
    """A file of tests that is skipped before it is imported."""

    reason = ""

    def collect(self):
        pytest.skip(self.reason, allow_module_level=True)


def skip_files_without(package, reason):
    """A hook for a conftest, which could not skip by itself where pytest is given its folder."""
    try:
        importlib.import_module(package)
    except ImportError:
        kind = type("Skipped", (_Skipped,), {"reason": reason})
        return lambda module_path, parent: kind.from_parent(parent, path=module_path)
    return lambda module_path, parent: None
