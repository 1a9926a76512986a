"""What makes tests of comparisons cheap where they ask about something else."""

from functools import partial

import pytest
from elsewhere import fork_server

from skvae.comparison import processes, report


@pytest.fixture
def forked_workers(monkeypatch):
    """Processes of a comparison are forked from a server, which has imported all they need."""
    executor = partial(processes.ProcessPoolExecutor, context=fork_server())
    monkeypatch.setattr(processes, "ProcessPoolExecutor", executor)


@pytest.fixture
def without_charts(monkeypatch):
    """Reports whose charts are empty: to draw them takes most of the time."""
    monkeypatch.setattr(report, "chart_uris", lambda draw, figsize: ("data:,", "data:,"))
