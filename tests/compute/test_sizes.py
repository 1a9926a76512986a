import numpy as np
import pytest
from joblib import cpu_count

from skvae.compute import sizes
from skvae.compute.sizes import N_JOBS, check_count, check_memory, n_workers


@pytest.mark.parametrize("n_jobs", [0, 1025, 10_000, np.int64(10**12), 2.5, True, "2"])
def test_no_workers_and_absurdly_many_are_refused(n_jobs):
    with pytest.raises(ValueError, match=f"n_jobs={n_jobs} must be None.*-1 is all cores"):
        n_workers(n_jobs)
    assert not any(c is not None and c.is_satisfied_by(n_jobs) for c in N_JOBS)


@pytest.mark.parametrize("n_jobs", [1, 2, np.int64(3), 1024, -1, -1000])
def test_any_other_number_of_workers_is_accepted(n_jobs):
    assert n_workers(n_jobs) == (n_jobs if n_jobs > 0 else max(1, cpu_count() + 1 + n_jobs))
    assert any(c is not None and c.is_satisfied_by(n_jobs) for c in N_JOBS)


@pytest.mark.parametrize("number", [0, -1, 2.0, True, "3", None])
def test_a_number_of_things_is_a_positive_integer(number):
    with pytest.raises(ValueError, match=f"draws={number!r} must be a positive integer"):
        check_count(number, "draws")
    with pytest.raises(ValueError, match="n_steps=1 must be an integer of at least 2"):
        check_count(1, "n_steps", 2)
    check_count(np.int64(2), "n_steps", 2)


def test_what_memory_cannot_hold_is_refused_by_name(monkeypatch):
    monkeypatch.setattr(sizes, "_memory", lambda: 8 * 10**9)
    check_memory(8 * 10**9, "n_samples=10")
    with pytest.raises(ValueError, match="n_samples=10 needs 2,000 GB of memory; .* has 8"):
        check_memory(2 * 10**12, "n_samples=10")


def test_a_system_that_does_not_tell_its_memory_is_taken_for_a_large_one(monkeypatch):
    monkeypatch.delattr(sizes.os, "sysconf", raising=False)
    check_memory(10**11, "n_samples=10")
    with pytest.raises(ValueError, match="has 1,000"):
        check_memory(10**13, "n_samples=10")
