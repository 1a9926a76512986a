"""What fit and partial_fit do over epochs and over calls."""

import pickle
import re
import warnings
from functools import partial
from itertools import count

import numpy as np
import pytest
import small
import torch
from reiterable import Blocks
from scipy.stats import nbinom
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from small import same_weights

from skvae import VAETransformer
from skvae.exceptions import FitInterruptedWarning, PosteriorCollapseWarning
from skvae.vae.training import beginning, fit
from skvae.vae.training.fused import FusedStep
from skvae.vae.training.optimizers import OPTIMIZERS

X, Y = load_digits(return_X_y=True)
X = X[:300] / 16
Y = Y[:300]
vae = partial(small.vae, n_components=4, max_iter=4)


def test_history_is_consistent():
    fitted = vae(likelihood="bernoulli", beta=2.0, warm_up=0.5).fit(X)
    history = {name: np.array(values) for name, values in fitted.history_.items()}

    assert {len(values) for values in history.values()} == {fitted.n_iter_} == {4}
    np.testing.assert_allclose(history["elbo"], history["reconstruction"] - history["kl"])
    np.testing.assert_allclose(history["kl_weight"], [1, 2, 2, 2])
    np.testing.assert_allclose(
        history["loss"][2:], 2 * history["kl"][2:] - history["reconstruction"][2:]
    )
    assert fitted.loss_curve_ == fitted.history_["loss"]


@pytest.mark.slow
def test_history_is_in_the_units_of_the_data():
    """At convergence the training bound is close to the score of the same rows."""
    options = {"likelihood": "gaussian", "max_iter": 20, "batch_size": 16, "warm_up": 0.0}
    fitted = vae(**options).fit(100 * X)

    assert fitted.history_["elbo"][-1] == pytest.approx(fitted.score(100 * X), abs=2)
    assert -fitted.loss_curve_[-1] == pytest.approx(fitted.score(100 * X), abs=2)
    assert fitted.score(100 * X) < -100


def test_history_stays_aligned_when_fits_differ():
    fitted = vae(warm_start=True).fit(X).set_params(early_stopping=True).fit(X).partial_fit(X)

    assert {len(values) for values in fitted.history_.values()} == {9}
    assert np.isfinite(fitted.history_["validation_elbo"]).tolist() == [False] * 4 + [True] * 4 + [
        False
    ]


def test_automatic_rate_is_used():
    rated = {n: vae(batch_size=n, learning_rate_init=1e-3).fit(X) for n in (32, 64)}

    assert same_weights(vae(batch_size=32).fit(X), rated[32])
    assert not same_weights(vae(batch_size=64).fit(X), rated[64])


def test_automatic_batches_are_used():
    assert same_weights(vae().fit(X), vae(batch_size=32).fit(X))
    assert not same_weights(vae().fit(X), vae(batch_size=33).fit(X))


def test_a_new_fit_forgets_the_old_one():
    fitted = vae(conditional="prior", early_stopping=True).fit(X, Y)
    fitted.set_params(conditional=None, early_stopping=False, variational=False).fit(X)

    names = ("classes_", "class_means_", "best_validation_score_", "kl_per_dimension_")
    for name in (*names, "kl_curves_"):
        assert not hasattr(fitted, name)


def test_one_epoch_still_reaches_beta():
    assert vae(max_iter=1, warm_up=1.0, beta=0.3).fit(X).history_["kl_weight"] == [0.3]


def test_kl_per_dimension_sums_to_the_kl_of_the_training_rows():
    fitted = vae(output="params", max_iter=10).fit(X)
    mean, log_var = np.split(fitted.transform(X), 2, axis=1)
    expected = 0.5 * (np.exp(log_var) + mean**2 - 1 - log_var).mean(0)

    np.testing.assert_allclose(fitted.kl_per_dimension_, expected, rtol=1e-4)
    assert fitted.n_active_ == (mean.var(0) > 0.01).sum() > 0


@pytest.mark.parametrize("conditional", [None, "prior"])
def test_kl_curves_follow_some_training_rows(conditional):
    fitted = vae(output="params", max_iter=4, conditional=conditional).fit(X, Y)
    rows = np.linspace(0, len(X) - 1, 30).astype(int)  # of up to 900 rows, 30 are watched
    mean, log_var = np.split(fitted.transform(X[rows]), 2, axis=1)
    away = mean if conditional is None else mean - fitted.class_means_[Y[rows]]
    expected = 0.5 * (np.exp(log_var) + away**2 - 1 - log_var).mean(0)

    assert fitted.kl_curves_.shape == (4, fitted.n_components)
    np.testing.assert_allclose(fitted.kl_curves_[-1], expected, rtol=1e-4)
    assert fitted.history_["n_active"][-1] == (mean.var(0) > 0.01).sum()


def test_kl_curves_go_on_with_the_history():
    fitted = vae(max_iter=2).fit(X)
    first = fitted.kl_curves_
    fitted.set_params(variational=False).partial_fit(X)
    fitted.set_params(variational=True).partial_fit(X)

    assert np.array_equal(fitted.kl_curves_[:2], first)
    assert np.isfinite(fitted.kl_curves_).all(axis=1).tolist() == [True, True, False, True]
    assert np.isfinite(fitted.history_["n_active"]).tolist() == [True, True, False, True]


@pytest.mark.slow
def test_collapse_is_reported_and_success_is_not():
    with pytest.warns(PosteriorCollapseWarning, match="smaller beta"):
        collapsed = vae(beta=1e3, warm_up=0.0, max_iter=20, learning_rate_init=1e-2).fit(X)
    assert collapsed.n_active_ == 0

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        vae(max_iter=10).fit(X)


def short_texts(n=400, n_words=300, n_topics=4):
    """Seven words a row, of topics that have words of their own."""
    rng = np.random.default_rng(0)
    topics = rng.dirichlet(np.full(n_words, 0.05), n_topics)
    topic = rng.integers(0, n_topics, n)
    rates = 0.7 / n_words + 0.3 * topics[topic]
    return np.stack([rng.multinomial(7, p) for p in rates]).astype(float), topic


@pytest.mark.slow
def test_what_the_warning_says_of_short_counts_mends_their_collapse():
    counts, topic = short_texts()
    options = {"n_components": 16, "likelihood": "poisson", "max_iter": 30}
    with pytest.warns(PosteriorCollapseWarning, match="one hidden layer.*warm_up=1.0") as record:
        vae(**options, hidden_layer_sizes=(200, 200)).fit(counts)
    assert "of 16 latent dimensions" in str(record[0].message)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        mended = vae(**options, hidden_layer_sizes=(200,), warm_up=1.0).fit(counts)
    assert mended.n_active_ > 8
    between = [mended.transform(counts)[topic == k].mean(0) for k in range(4)]
    assert np.ptp(between, axis=0).max() > 0.5


def test_a_fit_of_counts_begins_at_their_mean():
    counts, _ = short_texts(100)
    started = vae(likelihood="poisson", max_iter=1, learning_rate_init=1e-9).fit(counts)
    again = vae(likelihood="poisson", max_iter=1, learning_rate_init=1e-9).partial_fit(counts)
    expected = np.log(np.maximum(counts.mean(0), 1e-4))
    for fitted in (started, again):
        np.testing.assert_allclose(fitted.parameters_["decoder.2.bias"], expected, atol=1e-4)


def test_seed_model_is_one_setting():
    fitted = VAETransformer(
        100,
        batch_size=64,
        optimizer="rmsprop",
        learning_rate="constant",
        likelihood="bernoulli",
        binarize="threshold",
        warm_up=0.0,
        max_iter=20,
        random_state=0,
    ).fit(X)
    shapes = {name: a.shape for name, a in fitted.parameters_.items() if name.endswith("weight")}

    assert shapes == {
        "encoder.0.weight": (200, 64),
        "encoder.2.weight": (200, 200),
        "encoder.4.weight": (200, 200),
        "decoder.0.weight": (200, 100),
        "decoder.2.weight": (200, 200),
        "decoder.4.weight": (64, 200),
    }
    assert fitted.history_["elbo"][-1] > fitted.history_["elbo"][0] + 5
    assert set(fitted.history_["kl_weight"]) == {1.0}
    np.testing.assert_array_equal(fitted.transform(X), fitted.transform((X > 0.5).astype(float)))


def test_early_stopping_waits_for_the_warm_up_and_returns_to_the_best():
    fitted = vae(
        early_stopping=True, warm_up=0.5, max_iter=40, n_iter_no_change=2, tol=1e6, beta=1.0
    ).fit(X)
    curve = fitted.history_["validation_elbo"]

    assert fitted.n_iter_ == 22  # 20th epoch is the first at full weight, then two of no rise
    assert fitted.best_validation_score_ == max(curve[19:])


def test_early_stopping_scores_rows_it_does_not_train_on(monkeypatch):
    seen = {}
    original = fit.train

    def spy(model, optimizer, batches, *args, **kwargs):
        seen["n"] = len(batches.x)
        return original(model, optimizer, batches, *args, **kwargs)

    monkeypatch.setattr(fit, "train", spy)
    vae(early_stopping=True, validation_fraction=0.25).fit(X)

    assert seen["n"] == 225


def test_early_stopping_works_for_a_plain_autoencoder_and_for_labels():
    assert (
        "validation_reconstruction" in vae(early_stopping=True, variational=False).fit(X).history_
    )
    assert "validation_elbo" in vae(early_stopping=True, conditional="prior").fit(X, Y).history_


def test_validation_elbo_is_the_score_of_the_held_out_rows(monkeypatch):
    seen = {}
    original = fit.split

    def spy(*args):
        result = original(*args)
        seen["X"] = result[1].rows[:]
        return result

    monkeypatch.setattr(fit, "split", spy)
    fitted = vae(early_stopping=True, beta=0.5, likelihood="gaussian").fit(X)

    assert fitted.score(seen["X"]) == pytest.approx(fitted.best_validation_score_, abs=1e-6)


def test_one_row_cannot_be_split():
    with pytest.raises(ValueError, match="n_samples=1"):
        vae(early_stopping=True).fit(X[:1])


def test_partial_fit_is_one_pass_and_keeps_the_optimizer():
    calls = vae().partial_fit(X)
    assert calls.n_iter_ == 1 and calls.history_["kl_weight"] == [1.0]
    calls.partial_fit(X).partial_fit(X)
    assert calls.n_iter_ == 3

    whole = vae(max_iter=3, warm_up=0.0, learning_rate="constant").fit(X)
    assert same_weights(calls, whole)


def test_partial_fit_takes_classes_that_come_later():
    few = Y < 5
    estimator = vae(conditional="prior").partial_fit(X[few], Y[few], classes=np.arange(10))
    estimator.partial_fit(X, Y)
    assert estimator.class_means_.shape == (10, 4)
    assert estimator.class_counts_.sum() == 300 + few.sum()

    with pytest.raises(ValueError, match="not seen"):
        vae(conditional="prior").partial_fit(X[few], Y[few]).partial_fit(X, Y)


def test_labels_may_all_come_later():
    estimator = vae(conditional="prior").partial_fit(X, np.full(300, -1), classes=range(10))
    assert np.isfinite(estimator.score(X))
    assert estimator.partial_fit(X, Y).class_counts_.sum() == 300


def test_warm_start_continues_and_cold_start_does_not():
    warm = vae(warm_start=True, max_iter=5).fit(X)
    first = warm.history_["elbo"][-1]
    warm.fit(X)
    assert warm.n_iter_ == 10
    assert warm.history_["kl_weight"][5:] == [1.0] * 5
    assert warm.history_["elbo"][5] > first - 1

    cold = vae(max_iter=5).fit(X)
    assert same_weights(cold, vae(max_iter=5).fit(X).fit(X))
    assert not same_weights(cold, warm)


@pytest.mark.slow
def test_class_means_move_apart_and_attract_their_rows():
    options = {"n_components": 8, "batch_size": 16, "max_iter": 25, "learning_rate_init": 4e-3}
    fitted = vae(conditional="prior", **options).fit(X, Y)
    distances = ((fitted.transform(X)[:, None] - fitted.class_means_) ** 2).sum(2)

    assert (fitted.classes_[distances.argmin(1)] == Y).mean() > 0.8


@pytest.mark.slow
def test_a_mixture_prior_spreads_over_its_components_and_finds_classes():
    """Chance would put a fifth of the rows with their component's most frequent digit."""
    options = {"batch_size": 16, "max_iter": 30, "learning_rate_init": 4e-3}
    fitted = vae(prior="mixture", n_components=8, hidden_layer_sizes=(64,), **options).fit(X)
    weights = fitted.prior_weights_
    assert weights.sum() == pytest.approx(1, abs=1e-6)
    assert np.exp(-(weights * np.log(weights)).sum()) > 6
    squares = (fitted.transform(X)[:, None] - fitted.prior_means_) ** 2 / fitted.prior_variances_
    own = (squares.sum(2) + np.log(fitted.prior_variances_).sum(1)).argmin(1)
    majorities = [np.bincount(Y[own == k]).max() for k in np.unique(own)]
    assert sum(majorities) > 0.45 * len(X)


@pytest.mark.slow
def test_unlabelled_rows_take_part_where_the_decoder_sees_labels():
    y = np.where(np.arange(300) < 60, Y, -1)
    options = {"conditional": "decoder", "max_iter": 6, "batch_size": 16}
    options["learning_rate_init"] = 4e-3
    fitted = vae(**options).fit(X, y)
    assert fitted.class_counts_.sum() == 60
    assert fitted.score(X) > vae(**options).fit(X[:60], y[:60]).score(X) + 1


@pytest.mark.slow
def test_free_bits_keep_dimensions_in_use():
    kl = [
        vae(beta=4.0, warm_up=0.0, max_iter=20, free_bits=bits).fit(X).kl_per_dimension_
        for bits in (0.0, 0.2)
    ]
    assert kl[0].min() < 0.1 < 0.15 < kl[1].min()


def linear(n_inputs, n_outputs):
    return torch.nn.Sequential(torch.nn.Linear(n_inputs, n_outputs))


def gated(n_inputs, n_outputs):
    return torch.nn.Sequential(torch.nn.Linear(n_inputs, 2 * n_outputs), torch.nn.GLU())


@pytest.mark.slow
@pytest.mark.parametrize("network", ["mlp", "conv", (linear, linear), (linear, gated)])
def test_importance_weighted_training_keeps_an_honest_history(network):
    options = {"max_iter": 8, "batch_size": 16, "warm_up": 0.1, "learning_rate_init": 4e-3}
    rows = X[:160]
    fitted = vae(network=network, n_importance=5, **options).fit(rows)
    last = {name: values[-1] for name, values in fitted.history_.items()}
    assert last["elbo"] == pytest.approx(last["reconstruction"] - last["kl"])
    assert last["elbo"] < -last["loss"]
    assert last["elbo"] == pytest.approx(fitted.score(rows), abs=1)
    assert -last["loss"] == pytest.approx(fitted.score_samples(rows, n_importance=5).mean(), abs=1)


@pytest.mark.slow
def test_unlabelled_rows_take_part():
    y = np.where(np.arange(len(Y)) % 2, Y, -1)
    fitted = vae(conditional="prior", max_iter=15).fit(X, y)
    other = vae(conditional="prior", max_iter=15).fit(X[y >= 0], y[y >= 0])

    assert -1 not in fitted.classes_
    assert fitted.score(X[y < 0]) > other.score(X[y < 0])


def interrupt_after(monkeypatch, n_epochs):
    original = fit.train

    def interrupted(*args, **kwargs):
        records = original(*args, **kwargs)
        for _ in range(n_epochs):
            yield next(records)
        raise KeyboardInterrupt

    monkeypatch.setattr(fit, "train", interrupted)


def test_ctrl_c_keeps_whole_epochs(monkeypatch):
    interrupt_after(monkeypatch, 2)
    options = {"learning_rate": "constant", "warm_up": 0.0}
    with pytest.warns(FitInterruptedWarning, match="epoch 2"):
        interrupted = vae(**options).fit(X)
    monkeypatch.undo()

    assert interrupted.n_iter_ == 2
    assert same_weights(interrupted, vae(**options, max_iter=2).fit(X))


def test_ctrl_c_before_an_epoch_leaves_the_estimator_as_it_was(monkeypatch):
    fitted = vae().fit(X)
    before = dict(vars(fitted))
    interrupt_after(monkeypatch, 0)
    with pytest.raises(KeyboardInterrupt):
        fitted.set_params(n_components=4).fit(2 * X - 1)

    assert vars(fitted) == before


def test_divergence_says_what_to_try():
    with pytest.raises(ValueError, match="smaller learning_rate_init"):
        vae(learning_rate_init=1e30, optimizer="rmsprop").fit(X)


@pytest.mark.parametrize("options", [{}, {"variational": False}, {"conditional": "prior"}])
def test_a_fit_that_ends_far_worse_than_it_began_has_diverged(options):
    rows = 30 * X - 7
    with pytest.warns(ConvergenceWarning, match="ended at .*untrained.*smaller learning_rate_init"):
        fitted = vae(likelihood="gaussian", learning_rate_init=5.0, **options).fit(rows, Y)
    assert np.isfinite(fitted.history_["loss"]).all()
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        vae(likelihood="gaussian", **options).fit(rows, Y)


def diverge_at(monkeypatch, step):
    """Let the loss become NaN, with the weights, from a step on."""
    original = FusedStep.__call__
    steps = count()

    def call(self, *args):
        if next(steps) < step:
            return original(self, *args)
        self.model.encoder[0].bias.data.fill_(float("nan"))
        return torch.full((3,), float("nan"))

    monkeypatch.setattr(FusedStep, "__call__", call)


@pytest.mark.parametrize("early_stopping", [False, True])
def test_divergence_within_a_long_first_epoch_keeps_finite_weights(monkeypatch, early_stopping):
    diverge_at(monkeypatch, 150)
    options = {"steps_per_epoch": 300, "warm_up": 0.0, "learning_rate": "constant"}
    with pytest.warns(ConvergenceWarning, match="epoch 1, by step 200; the model of step 100"):
        fitted = vae(**options, early_stopping=early_stopping).fit(X)
    monkeypatch.undo()

    assert fitted.n_iter_ == 1
    assert all(np.isfinite(values).all() for values in fitted.history_.values())
    options |= {"steps_per_epoch": 100, "max_iter": 1}
    short = vae(**options, early_stopping=early_stopping).fit(X)
    assert same_weights(fitted, short)
    assert fitted.history_ == short.history_


@pytest.mark.parametrize(("step", "n_written"), [(150, 0), (350, 1)])
def test_no_checkpoint_goes_on_from_where_it_diverges(monkeypatch, tmp_path, step, n_written):
    diverge_at(monkeypatch, step)
    with pytest.warns(ConvergenceWarning):
        vae(steps_per_epoch=300, checkpoint=tmp_path).fit(X)

    assert len(list(tmp_path.iterdir())) == n_written


def test_divergence_later_keeps_whole_epochs(monkeypatch):
    diverge_at(monkeypatch, 25)
    options = {"learning_rate": "constant", "warm_up": 0.0}
    with pytest.warns(ConvergenceWarning, match="the model of epoch 2 is kept"):
        fitted = vae(**options).fit(X)
    monkeypatch.undo()

    assert same_weights(fitted, vae(**options, max_iter=2).fit(X))
    assert {len(values) for values in fitted.history_.values()} == {2}


def test_divergence_in_a_later_call_leaves_the_model_fit_to_go_on(monkeypatch):
    fitted = vae().partial_fit(X)
    diverge_at(monkeypatch, 0)
    with pytest.warns(ConvergenceWarning, match="as it was before"):
        fitted.partial_fit(X)
    monkeypatch.undo()

    assert fitted.n_iter_ == 1
    assert same_weights(fitted.partial_fit(X), vae().partial_fit(X).partial_fit(X))


@pytest.mark.parametrize("optimizer", ["adam", "rmsprop"])
@pytest.mark.parametrize("by_hand", [True, False])
def test_steps_follow_gradients_of_bounded_length(monkeypatch, optimizer, by_hand):
    lengths = []

    class Spy(OPTIMIZERS[optimizer]):
        def update(self, *aside):
            super().update(*aside)
            gradients = [p.grad.ravel() for g in self.param_groups for p in g["params"]]
            lengths.append(torch.cat(gradients).norm().item())

    monkeypatch.setitem(beginning.OPTIMIZERS, optimizer, lambda params, lr: Spy(params, lr=lr))
    if not by_hand:
        monkeypatch.setattr(FusedStep, "supports", lambda *parts: False)
    options = {"optimizer": optimizer, "max_iter": 1}
    free = vae(**options).fit(X)
    long, lengths[:] = max(lengths), []
    clipped = vae(**options, max_grad_norm=long / 2).fit(X)

    assert max(lengths) == pytest.approx(long / 2, rel=1e-4)
    assert not same_weights(free, clipped)
    assert same_weights(free, vae(**options, max_grad_norm=2 * long).fit(X))


def test_verbose_prints_a_line_per_epoch(capsys):
    vae(verbose=1).fit(X)
    lines = capsys.readouterr().out.splitlines()

    assert len(lines) == 4
    assert all("elbo" in line and "\r" not in line for line in lines)
    for epoch, line in enumerate(lines, 1):
        rate = r"\[\d\d:\d\d<\d\d:\d\d, +[\d.]+(epoch/s|s/epoch)\]"
        assert re.match(rf"epoch {epoch}/4 {rate}  loss ", line)


def test_verbose_is_one_live_bar_where_there_can_be_one(capsys, monkeypatch):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    vae(verbose=1, early_stopping=True).fit(X)
    output = capsys.readouterr().out

    assert output.count("\n") == 1
    assert "100%" in output and "epoch 4/4" in output and "validation_elbo" in output
    vae().fit(X)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"binarize": "dynamic"},
        {"likelihood": "gaussian"},
        {"conditional": "prior"},
        {"n_importance": 3},
    ],
)
def test_random_state_alone_decides(options):
    outputs = []
    for state, seed in ((1, 0), (2, 0), (1, 1)):
        np.random.seed(state)  # noqa: NPY002
        torch.manual_seed(state)
        outputs.append(vae(**options, random_state=seed).fit(X, Y))

    assert same_weights(outputs[0], outputs[1])
    assert not same_weights(outputs[0], outputs[2])


def test_global_state_is_untouched():
    torch.set_num_threads(2)
    default = torch.get_default_dtype()
    plain = vae().fit(X).transform(X)
    torch_state, numpy_state = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    try:
        torch.set_default_dtype(torch.float64)
        fitted = vae(conditional="prior", early_stopping=True, binarize="dynamic").fit(X, Y)
        fitted.score(X)
        fitted.score_samples(X[:2], n_importance=2)
        fitted.sample(3, draw=True)
        fitted.partial_fit(X, Y)
        vae(n_importance=2).fit(X)
        assert torch.get_default_dtype() == torch.float64
        assert np.array_equal(plain, vae().fit(X).transform(X))
    finally:
        torch.set_default_dtype(default)

    assert torch.equal(torch_state, torch.get_rng_state())
    assert np.array_equal(numpy_state, np.random.get_state()[1])  # noqa: NPY002
    assert torch.get_num_threads() == 2
    assert (torch.tensor([2.0**-126]) * 0.5).item() > 0
    torch.set_num_threads(1)


def attentive_encoder(n_features, n_outputs):
    return torch.nn.Sequential(
        torch.nn.Linear(n_features, 40), Gate(), torch.nn.Linear(40, n_outputs)
    )


class Gate(torch.nn.Module):
    def forward(self, h):
        return h * h.sigmoid()


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [{"network": "conv"}, {"network": (attentive_encoder, torch.nn.Linear)}],
)
def test_other_networks_learn_too(options):
    state = torch.get_rng_state()
    fitted = vae(n_components=8, max_iter=15, batch_size=16, **options).fit(X)
    bounds = fitted.history_["elbo"]

    assert bounds[-1] > bounds[0] + 5
    assert fitted.n_active_ > 2
    assert fitted.transform(X).shape == (300, 8)
    assert fitted.reconstruct(X).shape == X.shape
    assert torch.equal(state, torch.get_rng_state())
    again = pickle.loads(pickle.dumps(fitted))
    assert np.array_equal(again.transform(X), fitted.transform(X))
    assert same_weights(*(vae(**options).fit(X) for _ in range(2)))


class Moody(torch.nn.Sequential):
    """Modules that draw in training, or look at the other rows of a batch."""

    def __init__(self, n_in, n_out):
        nn = torch.nn
        super().__init__(
            nn.Linear(n_in, 16),
            nn.BatchNorm1d(16),
            nn.ReLU(),
            nn.Dropout(0.2),
            nn.Linear(16, n_out),
        )


@pytest.mark.slow
def test_modules_that_behave_in_another_way_in_training(power_cut, tmp_path):
    options = {"network": (Moody, Moody), "early_stopping": True, "batch_size": 30}
    state = torch.get_rng_state()
    fitted = vae(**options).fit(X)
    assert torch.equal(state, torch.get_rng_state())
    Z = fitted.transform(X)
    assert np.array_equal(Z[200:], fitted.transform(X[200:]))
    scores = partial(fitted.score_samples, n_importance=3)
    assert np.array_equal(scores(X)[200:], scores(X[200:]))
    assert fitted.parameters_["encoder.1.num_batches_tracked"] % 9 == 0  # those of whole epochs
    torch.manual_seed(1)
    assert same_weights(fitted, vae(**options).fit(X))

    with power_cut(2):
        vae(**options, checkpoint=tmp_path).fit(X)
    assert same_weights(fitted, vae(**options, checkpoint=tmp_path).fit(X))


@pytest.mark.filterwarnings("ignore:Posterior collapse")
@pytest.mark.parametrize("options", [{}, {"early_stopping": True}, {"conditional": "decoder"}])
def test_no_row_is_alone_where_modules_normalise_over_a_batch(options):
    options = {"network": (Moody, Moody), "batch_size": 16, "max_iter": 2} | options
    n = 97 + 10 * ("early_stopping" in options)  # of which 10 are held out
    fitted = vae(**options).fit(X[:n], Y[:n])
    assert fitted.parameters_["encoder.1.num_batches_tracked"] % 7 == 0
    blocks = Blocks(X[:50], X[50:n])
    assert vae(**options).fit(blocks, Y[:n]).n_iter_ == 2


def test_one_row_alone_is_refused_where_modules_normalise_over_a_batch():
    options = {"network": (Moody, Moody), "max_iter": 1}
    fitted = vae(**options).fit(X[:40])
    before = fitted.parameters_
    with pytest.raises(ValueError, match="as BatchNorm does.*of 1 alone.*more rows"):
        fitted.partial_fit(X[:1])
    assert fitted.parameters_ is before
    for n, size in ((40, 1), (41, 2)):
        with pytest.raises(ValueError, match=f"batch_size={size} leaves one of {n} alone"):
            vae(batch_size=size, **options).fit(X[:n])


class RowNoise(torch.nn.Module):
    """Normal features with noise of each row's own; the floor bounds the density."""

    outputs_per_feature = 2

    def __init__(self, n_features):
        super().__init__()

    def _normal(self, output):
        mean, raw_scale = output.unflatten(-1, (-1, 2)).unbind(-1)
        return torch.distributions.Normal(mean, 0.05 + torch.nn.functional.softplus(raw_scale))

    def log_prob(self, x, output):
        return self._normal(output).log_prob(x).sum(-1)

    def mean(self, output):
        return self._normal(output).mean

    def sample(self, output, generator):
        normal = self._normal(output)
        noise = torch.empty_like(normal.mean).normal_(generator=generator)
        return normal.mean + normal.stddev * noise


@pytest.mark.filterwarnings("ignore:Posterior collapse")
@pytest.mark.parametrize(
    "network",
    ["mlp", pytest.param("conv", marks=pytest.mark.slow), (torch.nn.Linear, torch.nn.Linear)],
)
def test_a_likelihood_of_the_user(network):
    fitted = vae(likelihood=RowNoise, network=network, max_iter=2).fit(X[:100])
    assert fitted.reconstruct(X[:5]).shape == fitted.sample(5, draw=True).shape == (5, 64)
    again = pickle.loads(pickle.dumps(fitted))
    scores = (model.score_samples(X[:5], n_importance=3) for model in (again, fitted))
    assert np.array_equal(*scores)
    assert again.set_params(warm_start=True).fit(X[:100]).n_iter_ == 4


@pytest.mark.slow
def test_a_likelihood_of_the_user_learns_what_the_others_cannot():
    """Rows are all noise, of two sizes."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(400, 6)) * rng.choice([0.2, 2.0], (400, 1))
    options = {"n_components": 2, "max_iter": 20, "learning_rate_init": 1e-2}
    own, scalar = (vae(likelihood=kind, **options).fit(rows) for kind in (RowNoise, "gaussian"))
    assert own.score(rows) > scalar.score(rows) + 1


def test_networks_and_labels_that_do_not_fit_are_refused():
    def wide(n_inputs, n_outputs):
        return torch.nn.Linear(n_inputs, n_outputs + 1)

    with pytest.raises(ValueError, match=r"encoder of network= .* must give \(2, 8\)"):
        vae(network=(wide, torch.nn.Linear)).fit(X)
    with pytest.raises(ValueError, match=r"decoder of network= maps rows of 14 numbers"):
        vae(network=(torch.nn.Linear, wide), conditional="decoder").fit(X, Y)
    estimator = vae(conditional="prior").partial_fit(X, np.minimum(Y, 5))
    with pytest.raises(ValueError, match=r"not seen in fit: \[6 7 8 9\]"):
        estimator.partial_fit(X, Y)
    with pytest.raises(ValueError, match="needs counts"):
        vae(likelihood="poisson").fit(np.round(16 * X)).score(np.round(-16 * X))


def test_few_counts_are_enough_to_learn_their_overdispersion():
    rng, mean, excess = np.random.default_rng(0), np.array([2.0, 8.0, 1.0]), np.array([4.0, 1.0, 2])
    X, new = rng.poisson(mean * rng.gamma(1 / excess, excess, (2, 300, 3))).astype(float)
    vae = VAETransformer(
        1, likelihood="negative_binomial", hidden_layer_sizes=(4,), random_state=0
    ).fit(X)
    truth = nbinom.logpmf(new, 1 / excess, 1 / (1 + excess * mean)).sum(axis=1).mean()

    found = 1e-3 + np.logaddexp(0, vae.parameters_["likelihood.raw_dispersion"])

    assert (found > 0.35 * excess).all()  # z has the rest
    assert vae.score(new) == pytest.approx(truth, abs=0.6)
