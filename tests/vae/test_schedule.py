import numpy as np
import pytest

from skvae.vae.schedule import Schedule


def test_schedule_of_the_kl_weight():
    schedule = Schedule(100, 1e-3, cosine=False, beta=4.0, warm_up=0.2)
    weights = np.array([schedule.kl_weight(step) for step in range(100)])

    np.testing.assert_allclose(weights[:20], 4 * np.arange(1, 21) / 20)
    assert (weights[19:] == 4).all()


@pytest.mark.parametrize("warm_up", [0.0, 0.2, 1.0])
@pytest.mark.parametrize("n_steps", [1, 7])
def test_the_shortest_fit_reaches_beta(n_steps, warm_up):
    schedule = Schedule(n_steps, 1e-3, cosine=True, beta=0.7, warm_up=warm_up)

    assert schedule.kl_weight(n_steps - 1) == 0.7


def test_cosine_falls_from_the_rate_towards_zero():
    schedule = Schedule(1000, 1e-2, cosine=True, beta=1.0, warm_up=0.0)
    rates = np.array([schedule.learning_rate(step) for step in range(1000)])

    assert rates[0] == 1e-2 and rates[500] == pytest.approx(5e-3) and rates[-1] < 1e-7
    assert (np.diff(rates) < 0).all()
    assert Schedule(9, 1e-2, cosine=False, beta=1.0, warm_up=0.0).learning_rate(8) == 1e-2


def test_without_a_kl_term_there_is_no_weight():
    assert Schedule(9, 1e-2, cosine=False, beta=None, warm_up=0.0).kl_weight(3) is None


def test_only_a_constant_schedule_is_the_same_however_long():
    for cosine, warm_up in ((True, 0.0), (False, 0.4), (False, 0.0)):
        a, b = (Schedule(n, 1e-2, cosine=cosine, beta=1.0, warm_up=warm_up) for n in (10, 20))
        same = all(
            (a.learning_rate(step), a.kl_weight(step)) == (b.learning_rate(step), b.kl_weight(step))
            for step in range(10)
        )
        assert a.is_open_ended == same
