"""What a comparison has found: which features are better, and which cannot be told apart."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

__all__ = ["ALPHA", "Finding", "find", "holm", "sentence_of", "sentences_of"]

# p-values below it tell two features apart.
ALPHA = 0.05


class Finding(NamedTuple):
    """What is known about the features under one classifier.

    Attributes
    ----------
    classifier : str
        Its name.
    leaders : tuple of str
        The feature with the lowest error, and those that cannot be told apart from it.
    errors : tuple of float
        Of the leaders.
    others : tuple of str
        Features that the first of the leaders beats.
    """

    classifier: str
    leaders: tuple[str, ...]
    errors: tuple[float, ...]
    others: tuple[str, ...]


def holm(p_values: Sequence[float]) -> list[float]:
    """p-values corrected for their number, by Holm's step-down procedure.

    Parameters
    ----------
    p_values : sequence of float
        Of all tests that were made.

    Returns
    -------
    corrected : list of float
        In their order. With those below alpha rejected, the chance to reject any true hypothesis is
        alpha at most, whatever the dependence of the tests (Holm, Scandinavian Journal of
        Statistics, 1979).

    Examples
    --------
    >>> from skvae.comparison.findings import holm
    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    order = np.argsort(p_values, kind="stable")
    factors = np.arange(len(order), 0, -1)
    steps = np.maximum.accumulate(np.minimum(factors * np.asarray(p_values, float)[order], 1))
    corrected = np.empty(len(order))
    corrected[order] = steps

    return [float(p) for p in corrected]


def find(records: Iterable[Mapping[str, Any]], tests: Iterable[Mapping[str, Any]]) -> list[Finding]:
    """The leaders of each classifier.

    Parameters
    ----------
    records : iterable of dict
        From ``FeatureComparison.summary()``.
    tests : iterable of dict
        From ``FeatureComparison.mcnemar()``.

    Returns
    -------
    findings : list of Finding
        One for each classifier under which at least two features were finished.
    """
    done: dict[str, list[tuple[float, str]]] = {}
    for record in records:
        if record["status"] == "ok":
            pair = (record["test_error"], record["feature"])
            done.setdefault(record["classifier"], []).append(pair)
    p_values = {
        (test["classifier"], frozenset((test["a"], test["b"]))): test["p_corrected"]
        for test in tests
    }
    findings = []
    for classifier, pairs in done.items():
        (_, best), *rest = ranked = sorted(pairs, key=lambda pair: pair[0])
        beaten = {
            name
            for _, name in rest
            if p_values.get((classifier, frozenset((best, name))), 1.0) < ALPHA
        }
        leaders = [pair for pair in ranked if pair[1] not in beaten]
        if rest:
            findings.append(
                Finding(
                    classifier,
                    tuple(name for _, name in leaders),
                    tuple(error for error, _ in leaders),
                    tuple(name for _, name in rest if name in beaten),
                )
            )

    return findings


def sentence_of(finding: Finding) -> str:
    """A finding in words.

    Parameters
    ----------
    finding : Finding

    Returns
    -------
    sentence : str

    Examples
    --------
    >>> from skvae.comparison.findings import Finding, sentence_of
    >>> sentence_of(Finding("linear", ("fv",), (0.0072,), ("pca", "raw")))
    'Under linear, fv (0.72%) is better than pca and raw.'
    >>> sentence_of(Finding("knn", ("vae", "pca"), (0.02, 0.021), ()))
    'Under knn, vae (2.00%) and pca (2.10%) cannot be told apart.'
    """
    names = [
        f"{name} ({100 * error:.2f}%)"
        for name, error in zip(finding.leaders, finding.errors, strict=True)
    ]
    if not finding.others:
        return f"Under {finding.classifier}, {_listed(names)} cannot be told apart."
    others = _listed(finding.others)
    if len(names) == 1:
        return f"Under {finding.classifier}, {names[0]} is better than {others}."

    return (
        f"Under {finding.classifier}, {names[0]} is better than {others}, "
        f"but cannot be told apart from {_listed(names[1:])}."
    )


def sentences_of(
    records: Iterable[Mapping[str, Any]], tests: Iterable[Mapping[str, Any]]
) -> list[str]:
    """The findings of :func:`find` in words."""
    return [sentence_of(finding) for finding in find(records, tests)]


def _listed(names: Sequence[str]) -> str:
    """a; a and b; a, b and c"""
    *first, last = names

    return f"{', '.join(first)} and {last}" if first else last
