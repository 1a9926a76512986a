import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skvae.comparison.findings import find, holm, sentence_of


@given(st.lists(st.floats(0, 1), max_size=12))
def test_holm_rejects_what_the_step_down_procedure_rejects(p_values):
    """Go up from the least p-value until one is above alpha / (number that are left)."""
    alpha = 0.05
    rejected = set()
    order = np.argsort(p_values, kind="stable")
    for i, k in enumerate(order):
        if p_values[k] * (len(order) - i) >= alpha:
            break
        rejected.add(int(k))

    assert {k for k, p in enumerate(holm(p_values)) if p < alpha} == rejected


def record(feature, error, status="ok"):
    return {"feature": feature, "classifier": "knn", "status": status, "test_error": error}


def test(a, b, p):
    return {"classifier": "knn", "a": a, "b": b, "p_corrected": p}


test.__test__ = False


@pytest.mark.parametrize(
    ("p_fv_vae", "said"),
    [
        (0.04, "Under knn, fv (1.00%) is better than vae and raw."),
        (
            0.06,
            "Under knn, fv (1.00%) is better than raw, but cannot be told apart from vae (2.00%).",
        ),
    ],
)
def test_only_small_p_values_tell_features_apart(p_fv_vae, said):
    records = [record("raw", 0.05), record("fv", 0.01), record("vae", 0.02), record("x", 0, "left")]
    tests = [test("raw", "fv", 0.001), test("fv", "vae", p_fv_vae), test("raw", "vae", 0.5)]
    (finding,) = find(records, tests)

    assert sentence_of(finding) == said


def test_what_was_never_tested_is_not_told_apart():
    """Seeds that failed may leave a pair without one in common."""
    (finding,) = find([record("raw", 0.5), record("fv", 0.01)], [])

    assert sentence_of(finding) == "Under knn, fv (1.00%) and raw (50.00%) cannot be told apart."


def test_one_feature_alone_is_no_finding():
    assert find([record("raw", 0.5)], []) == []
