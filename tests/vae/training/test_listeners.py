from skvae.vae.epochs import Epoch, Start
from skvae.vae.training.listeners import EarlyStopping, Records, Units, Validation


def epoch_of(number=1, **record):
    return Epoch(number, record, {"number": number}, None)


def test_early_stopping_returns_to_the_best_though_within_tol():
    stopper = EarlyStopping(n_iter_no_change=2, tol=0.5)
    scores = [-3.0, -2.0, -1.9, -2.1]
    stops = [stopper.update(score, epoch) for epoch, score in enumerate(scores)]

    assert stops == [False, False, False, True]
    assert stopper.best_parameters == 2 and stopper.best_score == -1.9


def test_slow_rises_add_up():
    stopper = EarlyStopping(n_iter_no_change=3, tol=0.5)

    assert not any(stopper.update(0.2 * epoch, None) for epoch in range(50))


def test_the_units_of_a_record_are_those_of_densities():
    epoch = epoch_of(loss=3.0, reconstruction=-2.0, elbo=-3.0, kl=1.0)
    Units(0.5).epoch_ended(epoch)

    assert epoch.record == {"loss": 2.5, "reconstruction": -1.5, "elbo": -2.5, "kl": 1.0}


def test_a_history_goes_on_and_has_nan_where_epochs_lack_something():
    records = Records()
    records.fit_began(Start(0, history={"loss": [1.0], "kl": [2.0]}))
    epoch = epoch_of(loss=3.0, validation_elbo=4.0)
    records.epoch_ended(epoch)

    assert repr(epoch.history) == (
        "{'loss': [1.0, 3.0], 'kl': [2.0, nan], 'validation_elbo': [nan, 4.0]}"
    )


def test_validation_waits_for_the_whole_kl_weight():
    stopper = EarlyStopping(n_iter_no_change=1, tol=0.0)
    validation = Validation("score", lambda model: -1.0, stopper, kl_weight=1.0)
    epochs = [epoch_of(number, kl_weight=weight) for number, weight in enumerate((0.5, 1, 1), 1)]
    for epoch in epochs:
        validation.epoch_ended(epoch)

    assert [epoch.stop for epoch in epochs] == [False, False, True]
    assert all(epoch.record["score"] == -1 for epoch in epochs)
    assert stopper.best_parameters == {"number": 2}
