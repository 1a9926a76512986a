"""What the tests of fits share."""

from contextlib import contextmanager

import pytest


@pytest.fixture
def power_cut(monkeypatch):
    """A context in which the training fails in the middle of an epoch, after some whole ones."""
    from skvae.vae import fitting

    @contextmanager
    def after(n_epochs):
        original = fitting.train

        def broken(*args, **kwargs):
            progress = original(*args, **kwargs)
            for _ in range(n_epochs):
                yield next(progress)
            next(progress)
            raise RuntimeError("power cut")

        with monkeypatch.context() as patch, pytest.raises(RuntimeError, match="power cut"):
            patch.setattr(fitting, "train", broken)
            yield

    return after
