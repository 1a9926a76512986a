"""What the tests of fits share."""

from contextlib import contextmanager

import pytest
from missing import skip_files_without

pytest_pycollect_makemodule = skip_files_without("torch", "needs torch")


@pytest.fixture(autouse=True)
def one_thread():
    """Several threads of torch wait for each other, a hundred times too long on busy cores."""
    import torch

    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(n_threads)


@pytest.fixture
def power_cut(monkeypatch):
    """A context in which the training fails in the middle of an epoch, after some whole ones.

    Checkpoints are written after all of them.
    """
    from skvae.vae.training import fit
    from skvae.vae.training.checkpoints import CheckpointFile

    @contextmanager
    def after(n_epochs):
        original = fit.train

        def broken(*args, **kwargs):
            progress = original(*args, **kwargs)
            for _ in range(n_epochs):
                yield next(progress)
            next(progress)
            raise RuntimeError("power cut")

        with monkeypatch.context() as patch, pytest.raises(RuntimeError, match="power cut"):
            patch.setattr(fit, "train", broken)
            patch.setattr(CheckpointFile, "INTERVAL", 0.0)
            yield

    return after
