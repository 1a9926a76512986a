"""A fit that goes on from a checkpoint ends with the bits of an uninterrupted one."""

import signal
import time
from functools import partial

import numpy as np
import pytest
import small
import torch
from elsewhere import forked
from reiterable import Blocks
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score

from skvae import VAETransformer
from skvae.compute import torch_products
from skvae.compute.torch_products import libraries
from skvae.data.archive import read_checkpoint, write_checkpoint
from skvae.data.row_facts import facts_of
from skvae.data.rows import ArrayRows
from skvae.vae.epochs import Epoch, Start
from skvae.vae.examples import Examples, FitData
from skvae.vae.specification import Specification
from skvae.vae.training import fit
from skvae.vae.training.checkpoints import Checkpoint, CheckpointFile, data_of, description_of

X, Y = load_digits(return_X_y=True)
X = X[:200] / 16
Y = Y[:200]
vae = partial(small.vae, hidden_layer_sizes=(16,), max_iter=6)


def same(a, b):
    weights = all(np.array_equal(a.parameters_[k], b.parameters_[k]) for k in a.parameters_)
    histories = repr(a.history_) == repr(b.history_) and a.n_iter_ == b.n_iter_
    curves = [getattr(fitted, "kl_curves_", np.empty(0)) for fitted in (a, b)]
    return weights and histories and np.array_equal(*curves)


@pytest.mark.slow
def test_a_fit_that_goes_on_keeps_the_library_of_its_products(power_cut, tmp_path, monkeypatch):
    """Whatever another process would have measured."""
    if "onednn" not in libraries():
        pytest.skip("this torch has no oneDNN")
    monkeypatch.setenv("SKVAE_PRODUCTS", "onednn")
    options = {"hidden_layer_sizes": (40, 40), "checkpoint": tmp_path}
    straight = vae(**options | {"checkpoint": None}).fit(X)
    begun = vae(**options | {"checkpoint": None}).partial_fit(X)
    with power_cut(3):
        vae(**options).fit(X)
    monkeypatch.delenv("SKVAE_PRODUCTS")
    monkeypatch.setattr(torch_products, "_measured", lambda *_: torch_products.TORCH)
    resumed = vae(**options).fit(X)

    assert straight.products_ == resumed.products_ == begun.partial_fit(X).products_ == "onednn"
    assert same(resumed, straight)


def file_in(folder):
    """The only file in a folder."""
    (path,) = folder.iterdir()
    return path


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"conditional": "prior", "binarize": "dynamic"},
        {"n_importance": 3, "binarize": "dynamic"},
        {"optimizer": "rmsprop", "likelihood": "gaussian", "max_grad_norm": 50.0},
        {"early_stopping": True, "warm_up": 0.0, "steps_per_epoch": 4},
        {"early_stopping": True, "warm_up": 0.0, "n_iter_no_change": 4, "tol": 1e9},
        {"hidden_layer_sizes": (), "variational": False},
        {"optimizer": "rmsprop", "learning_rate": "constant", "warm_up": 0.0},
    ],
)
def test_the_same_bits(power_cut, tmp_path, options):
    straight = vae(**options).fit(X, Y)
    options["checkpoint"] = tmp_path / "new" / "folder"
    with power_cut(3):
        vae(**options).fit(X, Y)
    resumed = vae(**options).fit(X, Y)

    assert same(resumed, straight)
    assert getattr(resumed, "best_validation_score_", None) == getattr(
        straight, "best_validation_score_", None
    )
    assert np.array_equal(resumed.transform(X), straight.transform(X))


def test_the_seed_of_no_seed_is_kept(power_cut, tmp_path):
    options = {"random_state": None, "checkpoint": str(tmp_path)}
    with power_cut(2):
        vae(**options).fit(X)
    resumed = vae(**options).fit(X)

    assert same(resumed, vae(random_state=None, checkpoint=tmp_path).fit(X))
    assert len(resumed.loss_curve_) == 6
    assert read_checkpoint(file_in(tmp_path))[1]["seed"] == resumed.seed_


@pytest.mark.parametrize("options", [{}, {"early_stopping": True, "warm_up": 0.0, "tol": 1e9}])
def test_a_finished_fit_is_not_run_again(monkeypatch, tmp_path, options):
    options = {"checkpoint": tmp_path, "n_iter_no_change": 2, **options}
    first = vae(**options).fit(X)
    monkeypatch.setattr(fit, "training_rows", lambda X, *_: torch.empty(len(X), 0))
    again = vae(**options).fit(X)

    assert same(first, again)
    assert np.array_equal(first.kl_per_dimension_, again.kl_per_dimension_)


def written(folder, seconds_per_epoch, interval, **options):
    """Epochs after which a fit of seven has been written, its clock set by hand."""
    parameters = vae(max_iter=7, **options).get_params()
    facts = facts_of(X, moments=True)
    specification = Specification.of(parameters, facts, None)
    start, data = Start(0), FitData(Examples(ArrayRows(X)), facts)
    description = description_of(specification, data, start, seeded=True)
    file = CheckpointFile(folder, description, interval)
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))])
    now, numbers = [0.0], []
    writer = Checkpoint(file, specification, optimizer, None, "torch", clock=lambda: now[0])
    writer.fit_began(start)
    for number in range(1, 8):
        now[0] += seconds_per_epoch
        file.path.unlink(missing_ok=True)
        epoch = Epoch(number, {}, {"a": np.zeros(1)}, None, history={"loss": [0.0] * number})
        writer.epoch_ended(epoch)
        if file.path.exists():
            numbers.append(number)
    return numbers


@pytest.mark.parametrize(
    ("interval", "numbers"), [(0.0, [*range(1, 8)]), (20.0, [1, 3, 5, 7]), (1e9, [1, 7])]
)
def test_it_is_written_at_first_at_the_end_and_when_some_time_has_passed(
    tmp_path, interval, numbers
):
    assert written(tmp_path, 10.0, interval) == numbers


def test_a_fit_of_constant_rate_can_be_made_longer(tmp_path):
    options = {"learning_rate": "constant", "warm_up": 0.0}
    short = vae(**options, max_iter=3, checkpoint=tmp_path).fit(X)
    longer = vae(**options, max_iter=5, checkpoint=tmp_path).fit(X)
    assert len(list(tmp_path.iterdir())) == 1
    assert same(longer, vae(**options, max_iter=5).fit(X))
    assert same(short, vae(**options, max_iter=3, checkpoint=tmp_path).fit(X))


def test_a_continued_fit_goes_on_too(power_cut, tmp_path):
    def half():
        return vae(warm_start=True, max_iter=2).fit(X).set_params(max_iter=4)

    straight = half().fit(X)
    interrupted = half().set_params(checkpoint=tmp_path)
    with power_cut(3):
        interrupted.fit(X)

    assert same(half().set_params(checkpoint=tmp_path).fit(X), straight)
    assert straight.n_iter_ == 6


def test_a_fit_that_continues_other_weights_is_another(tmp_path):
    def continued(first):
        fitted = vae(warm_start=True, max_iter=2).fit(first)
        return fitted.set_params(checkpoint=tmp_path).fit(X)

    a, b = continued(X), continued(X[::-1])

    assert len(list(tmp_path.iterdir())) == 2
    assert not np.array_equal(a.transform(X), b.transform(X))


@pytest.mark.parametrize(
    "change",
    [
        {"hidden_layer_sizes": (17,)},
        {"max_iter": 7},
        {"beta": 0.5},
        {"random_state": 1},
        {"optimizer": "rmsprop"},
        {"batch_size": 5},
        {"early_stopping": True},
        {"likelihood": "bernoulli"},
        {"max_value": 2},
        {"warm_up": 0.1},
        {"prior": "mixture"},
    ],
)
def test_another_configuration_is_another_fit(tmp_path, change):
    first = vae(checkpoint=tmp_path, max_iter=2).fit(X)
    change = {"max_iter": 2} | change
    other = vae(checkpoint=tmp_path, **change).fit(X)

    assert len(list(tmp_path.iterdir())) == 2
    assert same(other, vae(**change).fit(X))
    assert same(first, vae(checkpoint=tmp_path, max_iter=2).fit(X))


@pytest.mark.slow
def test_other_data_are_another_fit(tmp_path):
    rows = np.tile(X, (10, 1))  # more than a look at some of them sees
    changed = rows.copy()
    changed[1234, 5] += 0.25
    for n, data in enumerate((rows, rows[:-1], rows[::-1], changed), start=1):
        fitted = vae(checkpoint=tmp_path, max_iter=1).fit(data)
        assert len(list(tmp_path.iterdir())) == n
        assert same(fitted, vae(max_iter=1).fit(data))


def test_a_file_of_another_fit_is_refused(tmp_path):
    vae(checkpoint=tmp_path).fit(X)
    path = file_in(tmp_path)
    vae(checkpoint=tmp_path / "other", optimizer="rmsprop", batch_size=5).fit(X)
    file_in(tmp_path / "other").replace(path)
    message = "checkpoint of another fit: .*batch_size was 5 and is 32; .*optimizer was .*own, or"
    with pytest.raises(ValueError, match=message):
        vae(checkpoint=tmp_path).fit(X)


@pytest.mark.parametrize(
    ("options", "inert"),
    [
        (
            {},
            {
                "tol": 1.0,
                "n_iter_no_change": 2,
                "validation_fraction": 0.3,
                "n_prior_components": 3,
                "image_shape": (8, 8),
                "likelihood": "gaussian",
                "batch_size": 32,
                "learning_rate_init": 1e-3,
            },
        ),
        ({"likelihood": "gaussian"}, {"max_value": 7.0}),
        ({"variational": False}, {"beta": 0.5, "warm_up": 0.1}),
        ({"beta": 0.0}, {"warm_up": 0.1}),
        ({"conditional": "prior", "prior": "mixture"}, {"n_prior_components": 3}),
        (
            {"network": (torch.nn.Linear, torch.nn.Linear)},
            {"hidden_layer_sizes": (3,), "activation": "tanh"},
        ),
    ],
)
@pytest.mark.filterwarnings("ignore:Posterior collapse")
def test_what_does_not_matter_may_change(tmp_path, options, inert):
    """The first fit is read again: the second call trains nothing and writes nothing."""
    inert = inert | {"verbose": 1, "n_jobs": 2, "output": "params"}
    if options.get("variational") is False:
        del inert["output"]
    first = vae(checkpoint=tmp_path, max_iter=2, **options).fit(X, Y)
    written = file_in(tmp_path).stat().st_mtime_ns
    again = vae(checkpoint=tmp_path, max_iter=2, **options | inert)

    assert same(first, again.fit(X.astype(np.float32).astype(float), Y))
    assert file_in(tmp_path).stat().st_mtime_ns == written
    assert same(first, vae(max_iter=2, **options | inert | {"n_jobs": 1}).fit(X, Y))


class Maker:
    """Makes modules, of its own kind."""

    def __init__(self, layer):
        self.layer = layer

    def __call__(self, n_in, n_out):
        return torch.nn.Sequential(torch.nn.Linear(n_in, n_out), self.layer())


@pytest.mark.filterwarnings("ignore:Posterior collapse")
def test_what_makes_modules_is_told_by_what_it_holds(tmp_path):
    for layer in (torch.nn.Tanh, torch.nn.Identity, torch.nn.Tanh):
        pair = Maker(layer), torch.nn.Linear
        fitted = vae(checkpoint=tmp_path, max_iter=1, network=pair).fit(X)
        assert same(fitted, vae(max_iter=1, network=pair).fit(X))

    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.slow
def test_every_fit_of_a_search_has_its_own_checkpoint(power_cut, tmp_path):
    estimator, folds = vae(max_iter=2), KFold(3)
    scores = cross_val_score(estimator, X, cv=folds)
    with_checkpoints = vae(max_iter=2, checkpoint=tmp_path)
    with power_cut(1):
        cross_val_score(with_checkpoints, X, cv=folds, error_score="raise")
    for _ in range(2):
        assert np.array_equal(cross_val_score(with_checkpoints, X, cv=folds), scores)
    assert len(list(tmp_path.iterdir())) == 3
    search = GridSearchCV(with_checkpoints, {"beta": [1.0, 0.5]}, cv=folds).fit(X)

    assert np.array_equal([search.cv_results_[f"split{k}_test_score"][0] for k in range(3)], scores)
    assert len(list(tmp_path.iterdir())) == 2 * 3 + 1


def test_the_end_of_a_fit_keeps_no_state_of_the_optimizer(tmp_path):
    vae(checkpoint=tmp_path).fit(X)

    assert read_checkpoint(file_in(tmp_path))[0].keys() == {"parameters", "curves"}


def test_blocks_have_checkpoints_too(power_cut, tmp_path):
    blocks = Blocks(X[:90], X[90:])
    with power_cut(3):
        vae(checkpoint=tmp_path).fit(blocks)

    assert same(vae(checkpoint=tmp_path).fit(blocks), vae().fit(blocks))


def mutations(rng, n):
    """Functions from bytes of a file to others."""
    for kind in rng.integers(4, size=n):
        place, length, value = rng.random(), int(rng.integers(1, 40)), int(rng.integers(256))

        def mutate(content, kind=kind, place=place, length=length, value=value):
            k = int(place * len(content))
            piece = bytes([value]) * length
            return [
                content[:k],
                content[:k] + bytes([content[k] ^ (1 + value % 255)]) + content[k + 1 :],
                content[:k] + piece + content[k + length :],
                content[:k] + content[k + length :],
            ][kind]

        yield mutate


def test_a_damaged_file_is_named_or_gives_the_same_bits(power_cut, tmp_path):
    with power_cut(3):
        vae(checkpoint=tmp_path, hidden_layer_sizes=()).fit(X[:40, :9])
    path = file_in(tmp_path)
    content, straight = path.read_bytes(), vae(hidden_layer_sizes=()).fit(X[:40, :9])
    n_damaged = 0
    for mutate in mutations(np.random.default_rng(0), 60):
        path.write_bytes(mutate(content))
        try:
            again = vae(checkpoint=tmp_path, hidden_layer_sizes=()).fit(X[:40, :9])
        except ValueError as error:
            assert str(path) in str(error) and "Move it away to start anew" in str(error)
            n_damaged += 1
        else:
            assert same(straight, again)

    assert n_damaged > 40


@pytest.mark.parametrize(
    "change",
    [
        lambda arrays, state: arrays["parameters"].pop("encoder.0.bias"),
        lambda arrays, state: arrays["parameters"].update({"encoder.0.bias": np.zeros(3)}),
        lambda arrays, state: arrays["best"].update({"decoder.0.bias": np.zeros((), "f4")}),
        lambda arrays, state: arrays["parameters"]["encoder.0.bias"].fill(np.nan),
        lambda arrays, state: arrays.pop("optimizer"),
        lambda arrays, state: arrays["optimizer"].update({"0.exp_avg": np.zeros(1, "f4")}),
        lambda arrays, state: arrays["optimizer"].update({"none": np.zeros(1, "f4")}),
        lambda arrays, state: arrays["curves"].update(kl=np.zeros((3, 99))),
        lambda arrays, state: state["history"].pop("loss"),
        lambda arrays, state: state["history"]["loss"].append("much"),
        lambda arrays, state: state["history"].update(loss=[1.0]),
        lambda arrays, state: state.update(history=[1]),
        lambda arrays, state: state.update(stopper=None),
        lambda arrays, state: state["stopper"].update(best_score="high"),
        lambda arrays, state: state.update(seed=-1),
        lambda arrays, state: state.update(finished="no"),
    ],
)
def test_contents_that_no_fit_writes_are_damage(power_cut, tmp_path, change):
    options = {"checkpoint": tmp_path, "early_stopping": True, "warm_up": 0.0}
    with power_cut(3):
        vae(**options).fit(X)
    path = file_in(tmp_path)
    arrays, state = read_checkpoint(path)
    change(arrays, state)
    write_checkpoint(path, arrays, state)
    with pytest.raises(ValueError, match=r"checkpoint-\w+.npz is damaged.*Move it away to start"):
        vae(**options).fit(X)


def test_labels_and_weights_are_data():
    def told(X, *of_rows):
        return data_of(Examples(ArrayRows(X), *of_rows))

    weights = np.arange(1.0, 1.0 + len(X))
    assert told(X) == told(X.copy()) != told(X, Y) != told(X, Y[::-1])
    assert told(X) != told(X, None, weights) == told(X, None, weights.copy())
    assert told(X, None, weights) != told(X, None, weights[::-1])


@pytest.mark.slow
def test_weighted_fits_go_on_with_the_same_bits(power_cut, tmp_path):
    weights = np.arange(len(X)) % 4
    options = {"early_stopping": True, "warm_up": 0.0, "conditional": "prior"}
    own = {"X_val": X[:30], "y_val": Y[:30], "sample_weight_val": weights[:30]}
    data = X, Y, weights
    with power_cut(3):
        vae(checkpoint=tmp_path, **options).fit(*data, **own)
    resumed = vae(checkpoint=tmp_path, **options).fit(*data, **own)
    assert same(resumed, vae(**options).fit(*data, **own))
    assert len(list(tmp_path.iterdir())) == 1
    for n, other in enumerate(
        [own | {"X_val": X[5:35]}, own | {"y_val": Y[1:31]}, own | {"sample_weight_val": None}, {}],
        start=2,
    ):
        vae(checkpoint=tmp_path, **options).fit(*data, **other)
        assert len(list(tmp_path.iterdir())) == n


KILLED = """
import numpy as np
import torch
from skvae import VAETransformer
from skvae.data.rows import ArrayRows
from skvae.data.row_facts import facts_of
from skvae.vae.epochs import Start
from skvae.vae.examples import Examples, FitData
from skvae.vae.specification import Specification
from skvae.vae.training.checkpoints import CheckpointFile, description_of
from skvae.vae.training.fit import train_vae

X = np.random.default_rng(0).random((1500, 20))
vae = VAETransformer(3, hidden_layer_sizes=(16,), max_iter=40, random_state=0)
facts = facts_of(X, moments=True)
data = FitData(Examples(ArrayRows(X)), facts)
specification = Specification.of(vae.get_params(), facts, None)
start = Start(int(np.random.RandomState(0).randint(2**31 - 1)))
description = description_of(specification, data, start, seeded=True)
file = CheckpointFile("state", description, interval=0.0)
torch.set_flush_denormal(True)
torch.set_num_threads(1)
fit = train_vae(specification, data, start, device=torch.device("cpu"), checkpoint=file)
np.savez("result.npz", **fit.parameters)
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_killed_in_the_middle(tmp_path):
    """Written after every epoch, so that it may be killed while it writes."""
    process = forked(KILLED, tmp_path)
    while not list(tmp_path.glob("state/*.npz")):
        assert process.is_alive()
        time.sleep(0.005)
    process.kill()
    process.join()
    epochs_done = len(read_checkpoint(*tmp_path.glob("state/*.npz"))[1]["history"]["loss"])
    assert 0 < epochs_done < 40
    process = forked(KILLED, tmp_path)
    process.join()
    assert process.exitcode == 0
    straight = VAETransformer(3, hidden_layer_sizes=(16,), max_iter=40, random_state=0)
    rows = np.random.default_rng(0).random((1500, 20))
    found = clone(straight).set_params(checkpoint=tmp_path / "state").fit(rows)
    assert same(straight.fit(rows), found)

    assert len(list(tmp_path.glob("state/*.npz"))) == 1
    with np.load(tmp_path / "result.npz") as result:
        assert all(np.array_equal(result[k], a) for k, a in straight.parameters_.items())
