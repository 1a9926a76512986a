import warnings

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from torch import nn

from skvae.exceptions import FitInterruptedWarning, PosteriorCollapseWarning
from skvae.vae.training.listeners import EarlyStopping, run_epochs, warn_of_collapse
from skvae.vae.training.loop import Progress


def scripted(losses, model, weight=float, n_steps=1):
    """Stretch i sets the weight to i; a loss may be an exception to raise instead."""
    for stretch, loss in enumerate(losses):
        if isinstance(loss, BaseException):
            model.weight.data.fill_(-1)
            raise loss
        model.weight.data.fill_(weight(stretch))
        yield Progress(stretch % n_steps + 1, n_steps, {"loss": loss})


def run(losses, stop_at=None, weight=float, n_steps=1, before=None):
    model = nn.utils.skip_init(nn.Linear, 1, 1, bias=False)
    seen = []

    def after_epoch(record, parameters, whole=True):
        seen.append(record["loss"])
        return len(seen) == stop_at

    progress = scripted(losses, model, weight, n_steps)
    kept = run_epochs(progress, model, after_epoch, before=before)
    history = [record["loss"] for record in kept.history]
    assert model.weight.item() == kept.parameters["weight"].item()
    assert seen == history
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


def test_early_stopping_returns_to_the_best_though_within_tol():
    stopper = EarlyStopping(n_iter_no_change=2, tol=0.5)
    scores = [-3.0, -2.0, -1.9, -2.1]
    stops = [stopper.update(score, epoch) for epoch, score in enumerate(scores)]

    assert stops == [False, False, False, True]
    assert stopper.best_parameters == 2 and stopper.best_score == -1.9


def test_slow_rises_add_up():
    stopper = EarlyStopping(n_iter_no_change=3, tol=0.5)

    assert not any(stopper.update(0.2 * epoch, None) for epoch in range(50))


@pytest.mark.parametrize(
    ("n_active", "nats", "said"),
    [(0, 0.0, "none of 32"), (0, 5.0, "none of 32"), (1, 0.9, "1 of 32"), (3, 0.9, "3 of 32")],
)
def test_a_posterior_next_to_the_prior_is_a_collapse(n_active, nats, said):
    with pytest.warns(PosteriorCollapseWarning, match=f"{said} latent dimensions.*smaller beta"):
        warn_of_collapse(n_active, np.full(32, nats / 32), "gaussian")


@pytest.mark.parametrize(("n_active", "nats"), [(1, 2.0), (4, 0.9), (32, 0.1)])
def test_few_dimensions_that_carry_something_are_none(n_active, nats):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_collapse(n_active, np.full(32, nats / 32), "poisson")
