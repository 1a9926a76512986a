import pickle
from types import SimpleNamespace

import pytest

from skvae.callbacks.notes import Notes, numbered

EPOCH, FIT = (SimpleNamespace(task_name=name, root_uuid=1) for name in ("epoch", "fit"))


class Numbers(Notes):
    """Keeps the numbers of the epochs noted."""

    def __init__(self, **options):
        super().__init__(**options)
        self.noted = []

    def note(self, vae, context, seconds):
        assert seconds >= 0
        self.noted.append(numbered(self.number, vae.n_iter_))


def run(notes, n_epochs, first=1):
    """A fit as scikit-learn tells it."""
    notes.setup(None, FIT)
    notes.on_fit_task_begin(None, FIT)
    for n_iter in range(first, first + n_epochs):
        fitted = SimpleNamespace(n_iter_=n_iter)
        notes.on_fit_task_begin(None, EPOCH)
        notes.on_fit_task_end(None, EPOCH, fitted_estimator=fitted)
    notes.on_fit_task_end(None, FIT, fitted_estimator=fitted)
    notes.teardown(None, FIT)
    return notes.noted


@pytest.mark.parametrize(
    ("every", "first", "noted"),
    [(1, 1, [1, 2, 3, 4, 5]), (2, 1, [2, 4, 5]), (5, 1, [5]), (9, 1, [5]), (2, 4, [4, 6, 8])],
)
def test_every_few_epochs_are_noted_and_the_last_one(every, first, noted):
    assert run(Numbers(every=every), 5, first) == noted


def test_epochs_may_be_counted_in_other_units():
    assert run(Numbers(every=2, number=lambda n: 100 * n), 3) == [200, 300]


def test_what_is_pickled_in_the_middle_of_a_fit_is_ready_for_another():
    notes = Numbers()
    notes.setup(None, FIT)
    assert run(pickle.loads(pickle.dumps(notes)), 2) == [1, 2]
