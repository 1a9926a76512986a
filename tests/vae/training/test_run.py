import warnings

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from torch import nn

from skvae.exceptions import FitInterruptedWarning
from skvae.vae.epochs import Listener, Progress, Start
from skvae.vae.training.listeners import Records
from skvae.vae.training.run import run_epochs


def scripted(losses, model, weight=float, n_steps=1):
    """Stretch i sets the weight to i; a loss may be an exception to raise instead."""
    for stretch, loss in enumerate(losses):
        if isinstance(loss, BaseException):
            model.weight.data.fill_(-1)
            raise loss
        model.weight.data.fill_(weight(stretch))
        yield Progress(stretch % n_steps + 1, n_steps, {"loss": loss})


def run(losses, stop_at=None, weight=float, n_steps=1, before=None, is_alone=True):
    model = nn.utils.skip_init(nn.Linear, 1, 1, bias=False)
    seen = []

    class Stop(Listener):
        def epoch_ended(self, epoch):
            assert not model.training
            seen.append(epoch.record["loss"])
            epoch.stop = epoch.number == stop_at

    progress = scripted(losses, model, weight, n_steps)
    records = Records()
    records.fit_began(Start(0))
    kept = run_epochs(progress, model, [Stop(), records], parameters=before, is_alone=is_alone)
    history = [] if kept.last is None else kept.last.history["loss"]
    assert model.weight.item() == kept.parameters["weight"].item()
    assert seen == history and not model.training
    return kept.parameters["weight"].item(), history


def test_the_last_epoch_is_kept():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert run([3.0, 2.0, 1.0]) == (2, [3.0, 2.0, 1.0])
        assert run([3.0, 2.0, 1.0], stop_at=2) == (1, [3.0, 2.0])
        assert run([4.0, 3.0, 2.0, 1.0], n_steps=2) == (3, [3.0, 1.0])


def test_interruption_keeps_the_last_whole_epoch():
    with pytest.warns(FitInterruptedWarning, match="epoch 2 is kept"):
        assert run([3.0, 2.0, KeyboardInterrupt()]) == (1, [3.0, 2.0])
    with pytest.warns(FitInterruptedWarning, match="epoch 1 is kept"):
        assert run([3.0, 2.0, 1.0, KeyboardInterrupt()], n_steps=2) == (1, [2.0])
    with pytest.raises(KeyboardInterrupt):
        run([3.0, KeyboardInterrupt()], n_steps=2)
    with pytest.raises(KeyboardInterrupt):
        run([3.0, 2.0, KeyboardInterrupt()], is_alone=False)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_divergence_keeps_the_last_finite_epoch(bad):
    with pytest.warns(ConvergenceWarning, match="epoch 3.*the model of epoch 2.*learning_rate"):
        assert run([3.0, 2.0, bad, 1.0]) == (1, [3.0, 2.0])
    with pytest.warns(ConvergenceWarning, match="epoch 2, by step 2; the model of epoch 1"):
        assert run([3.0, 2.0, 1.0, bad, 1.0], n_steps=2) == (1, [2.0])


def test_divergence_within_the_first_epoch_keeps_its_finite_steps():
    with pytest.warns(ConvergenceWarning, match="epoch 1, by step 3; the model of step 2 is kept"):
        assert run([3.0, 2.0, np.nan, 1.0], n_steps=9) == (1, [2.0])


def test_divergence_at_once_leaves_nothing_to_keep_but_what_was_before():
    with pytest.raises(ValueError, match="epoch 1, by step 1.*learning_rate_init"):
        run([np.nan])
    with pytest.warns(ConvergenceWarning, match="kept as it was before"):
        assert run([np.nan], before={"weight": np.array([[7.0]])}) == (7, [])


def test_a_bad_weight_is_divergence_too():
    with pytest.warns(ConvergenceWarning):
        assert run([3.0, 2.0], weight=lambda epoch: np.nan if epoch else 0.0) == (0, [3.0])


def test_an_epoch_whose_listeners_are_interrupted_is_not_kept():
    class Impatient(Listener):
        def epoch_ended(self, epoch):
            if epoch.number == 3:
                raise KeyboardInterrupt

    model, records = nn.utils.skip_init(nn.Linear, 1, 1, bias=False), Records()
    records.fit_began(Start(0))
    with pytest.warns(FitInterruptedWarning, match="epoch 2 is kept"):
        kept = run_epochs(scripted([3.0, 2.0, 1.0], model), model, [records, Impatient()])

    assert model.weight.item() == 1
    assert kept.last.history == {"loss": [3.0, 2.0]}
