from itertools import islice

import numpy as np
import pytest
import torch

from skvae.vae.nn.model import VAE, to_arrays
from skvae.vae.schedule import Schedule
from skvae.vae.training.batches import Batches, Noise
from skvae.vae.training.fused import FusedStep
from skvae.vae.training.loop import train
from skvae.vae.training.optimizers import OPTIMIZERS


def setting(n=50, likelihood="bernoulli"):
    generator = torch.Generator().manual_seed(0)
    model = VAE(6, 2, (8,), "relu", likelihood, None)
    model.draw_parameters(generator)
    return model, torch.rand(n, 6, generator=generator)


def stretches(model, x, schedule, optimizer, epochs_done=0, **options):
    """Progress of a training."""
    options = {"batch_size": 16, "seed": 5} | options
    noise = Noise(2, is_zero=schedule.beta is None)
    return train(
        model, optimizer, Batches(x, None, noise, **options), schedule, epochs_done=epochs_done
    )


def run(model, x, n_epochs=3, optimizer=None, beta=1.0, **options):
    """Records of whole epochs."""
    options = {"batch_size": 16} | options
    n_batches = options.get("steps_per_epoch") or -(-len(x) // options["batch_size"])
    schedule = Schedule(n_epochs * n_batches, 1e-2, cosine=False, beta=beta, warm_up=0.0)
    optimizer = optimizer or OPTIMIZERS["adam"](model.parameters(), lr=1e-2)
    progress = stretches(model, x, schedule, optimizer, **options)
    return [record for step, n_steps, record in progress if step == n_steps]


def equal(a, b):
    return all(np.array_equal(a[name], b[name]) for name in a)


def test_steps_per_epoch_cut_passes_short_or_go_on_to_the_next():
    seen = []

    class Spy(VAE):
        def posterior(self, x):
            seen.append(x[:, 0].long())
            return super().posterior(x)

    model = Spy(6, 2, (8,), "relu", "bernoulli", None)
    model.draw_parameters(torch.Generator().manual_seed(0))
    rows = torch.arange(8.0)[:, None].expand(8, 6)
    records = run(model, rows, 2, batch_size=3, steps_per_epoch=5)
    epochs = [torch.cat(seen[:5]), torch.cat(seen[5:])]

    assert len(records) == 2
    assert [len(batch) for batch in seen] == 2 * [3, 3, 2, 3, 3]
    for numbers in epochs:
        assert sorted(numbers[:8].tolist()) == list(range(8))
        assert len(set(numbers[8:].tolist())) == 6
    assert not torch.equal(*epochs)


def test_the_last_epoch_may_be_shorter():
    model, x = setting(50)
    schedule = Schedule(10, 1e-2, cosine=False, beta=1.0, warm_up=0.0)
    optimizer = OPTIMIZERS["adam"](model.parameters(), lr=1e-2)
    told = [(step, n_steps) for step, n_steps, _ in stretches(model, x, schedule, optimizer)]
    straight, _ = setting(50)
    run(straight, x, 1, steps_per_epoch=10)

    assert told == [(4, 4), (4, 4), (2, 2)]
    assert not equal(to_arrays(model), to_arrays(straight))  # each epoch has its own noise


def test_a_schedule_goes_on_where_it_stopped():
    results = []
    for parts in ([(0, 4)], [(0, 3), (3, 4)]):
        model, x = setting()
        optimizer = OPTIMIZERS["adam"](model.parameters(), lr=1e-2)
        for epochs_done, stop in parts:
            schedule = Schedule(16, 1e-2, cosine=True, beta=1.0, warm_up=0.5)
            progress = stretches(model, x, schedule, optimizer, epochs_done)
            list(islice(progress, stop - epochs_done))
        results.append(to_arrays(model))

    assert equal(*results)


def test_progress_is_told_within_long_epochs_as_means_until_then():
    model, x = setting(1000)
    schedule = Schedule(250, 1e-3, cosine=False, beta=1.0, warm_up=0.0)
    optimizer = OPTIMIZERS["adam"](model.parameters(), lr=1e-3)
    told = list(stretches(model, x, schedule, optimizer, batch_size=4))

    assert [(step, n_steps) for step, n_steps, _ in told] == [(100, 250), (200, 250), (250, 250)]
    losses = np.array([record["loss"] for _, _, record in told])
    assert (np.abs(np.diff(losses)) < 0.3).all() and (losses > 3).all()


def test_records_of_large_epochs_are_of_ten_thousand_rows(monkeypatch):
    taken, original = [], FusedStep.__call__

    def spy(self, x, noise, y, beta, u, wanted):
        taken.append(len(x) if wanted else 0)
        return original(self, x, noise, y, beta, u, wanted)

    monkeypatch.setattr(FusedStep, "__call__", spy)
    for n_rows, every in ((19_000, 1), (20_000, 2), (57_000, 5)):
        model, x = setting(n_rows)
        records = run(model, x, 1, batch_size=1000)
        assert [n > 0 for n in taken] == [step % every == 0 for step in range(n_rows // 1000)]
        assert len(records) == 1 and sum(taken) >= 10_000
        taken.clear()


def test_one_record_an_epoch_and_lazily():
    model, x = setting()
    schedule = Schedule(8, 1e-2, cosine=False, beta=1.0, warm_up=0.0)
    optimizer = OPTIMIZERS["adam"](model.parameters(), lr=1e-2)
    before = to_arrays(model)
    records = stretches(model, x, schedule, optimizer)
    assert equal(before, to_arrays(model))
    next(records)
    after_one = to_arrays(model)

    assert not equal(before, after_one)
    assert len(list(records)) == 1


def test_records_are_means_over_rows_in_nats():
    model, x = setting()
    record = run(model, x, 1, beta=0.5, optimizer=torch.optim.SGD(model.parameters(), lr=1e-2))[0]

    assert record["elbo"] == pytest.approx(record["reconstruction"] - record["kl"])
    assert record["loss"] == pytest.approx(0.5 * record["kl"] - record["reconstruction"])
    assert record["reconstruction"] == pytest.approx(-6 * np.log(2), rel=0.2)


def test_the_loss_is_summed_over_the_batch():
    whole, x = setting(n=8)
    doubled, _ = setting(n=8)
    start = to_arrays(whole)
    for model, data in ((whole, x), (doubled, x.repeat(2, 1))):
        optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
        schedule = Schedule(1, 1e-4, cosine=False, beta=None, warm_up=0.0)
        list(stretches(model, data, schedule, optimizer))
    name = "decoder.2.bias"
    once = to_arrays(whole)[name] - start[name]
    twice = to_arrays(doubled)[name] - start[name]

    np.testing.assert_allclose(twice, 2 * once, rtol=1e-3, atol=1e-9)


def test_continuing_draws_what_one_run_would_have_drawn():
    straight, x = setting()
    run(straight, x, 4)
    halves, _ = setting()
    optimizer = OPTIMIZERS["adam"](halves.parameters(), lr=1e-2)
    run(halves, x, 3, optimizer=optimizer)
    run(halves, x, 1, epochs_before=3, optimizer=optimizer)

    assert equal(to_arrays(straight), to_arrays(halves))


def test_seeds_decide_and_the_global_generator_does_not():
    results = []
    for seed, state in ((5, 1), (5, 2), (6, 1)):
        torch.manual_seed(state)
        before = torch.get_rng_state()
        model, x = setting()
        run(model, x, dynamic=True, seed=seed)
        assert torch.equal(before, torch.get_rng_state())
        results.append(to_arrays(model))

    assert equal(results[0], results[1])
    assert not equal(results[0], results[2])


def test_dynamic_draws_are_new_in_each_epoch_and_right_on_average():
    seen = []

    class Spy(VAE):
        def posterior(self, x):
            seen.append(x.clone())
            return super().posterior(x)

    model = Spy(6, 2, (8,), "relu", "bernoulli", None)
    model.draw_parameters(torch.Generator().manual_seed(0))
    p = torch.tensor([[0.0, 0.1, 0.3, 0.5, 0.9, 1.0]]).repeat(500, 1)
    run(model, p, 4, dynamic=True, batch_size=500)
    draws = torch.stack(seen)

    assert set(draws.unique().tolist()) == {0.0, 1.0}
    torch.testing.assert_close(draws.mean((0, 1)), p[0], atol=0.04, rtol=0)
    assert not torch.equal(draws[0], draws[1])


def test_every_row_is_visited_once_with_a_smaller_last_batch():
    sizes, rows = [], []

    class Spy(VAE):
        def posterior(self, x):
            sizes.append(len(x))
            rows.append(x.clone())
            return super().posterior(x)

    model = Spy(6, 2, (8,), "relu", "bernoulli", None)
    model.draw_parameters(torch.Generator().manual_seed(0))
    x = torch.rand(50, 6, generator=torch.Generator().manual_seed(1))
    run(model, x, 1)

    assert sizes == [16, 16, 16, 2]
    assert torch.equal(torch.cat(rows).sort(0).values, x.sort(0).values)
    assert not torch.equal(torch.cat(rows), x)


def test_plain_autoencoder_has_no_noise_and_no_kl():
    results = []
    for seed in (1, 2):
        model, x = setting()
        records = run(model, x, 2, beta=None, seed=seed, batch_size=50)
        results.append(records[-1])
        assert set(records[0]) == {"loss", "reconstruction"}

    assert results[0]["loss"] == pytest.approx(results[1]["loss"], rel=1e-5)
    assert results[0]["loss"] == -results[0]["reconstruction"]


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", sorted(OPTIMIZERS))
def test_the_bound_rises(optimizer):
    model, x = setting(200)
    step = OPTIMIZERS[optimizer](model.parameters(), lr=1e-2)
    records = run(model, (x > 0.5).float().cummax(1).values, 30, optimizer=step)

    assert records[-1]["elbo"] > records[0]["elbo"] + 0.3
