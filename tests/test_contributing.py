"""What contributors are told: files that exist, and the linters that the tests run."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_every_file_that_is_named_exists():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = re.findall(r"\b((?:skvae|tests|docs|benchmarks)(?:/[\w-]+)+(?:\.\w+)?)", text)
    missing = sorted({path for path in named if not (ROOT / path).exists()})
    assert len(named) > 20
    assert not missing


def test_hooks_have_the_versions_of_the_tests():
    hooks = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    pinned = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    (rev,) = re.findall(r"ruff-pre-commit\n +rev: v(\S+)", hooks)
    assert f"\nruff=={rev}\n" in pinned
