import pytest

from skvae.cli.train_listeners import Iterations


@pytest.mark.parametrize(
    ("total", "every", "reports"),
    [
        (50, 20, [20, 40, 50]),
        (60, 20, [20, 40, 60]),
        (5, 20, [5]),
        (6000, 2000, [2000, 4000, 6000]),
        (4000, 1500, [1500, 3000, 4000]),
    ],
)
def test_reports_are_due_where_they_were_asked_for_and_at_the_end(total, every, reports):
    iterations = Iterations(total, every)
    n, k = iterations.n_epochs, iterations.epochs_per_report
    ends = [iterations.after(epoch) for epoch in range(1, n + 1)]

    assert [ends[epoch - 1] for epoch in sorted({*range(k, n + 1, k), n})] == reports
    assert ends[-1] == total and ends == sorted(set(ends))
