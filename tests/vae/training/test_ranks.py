"""One fit in several processes is that of one process."""

import pickle
import socket
import sys
from contextlib import nullcontext
from functools import partial
from importlib.util import find_spec
from types import SimpleNamespace

import numpy as np
import pytest
import ranks_program
import torch
import torch.distributed as dist
from elsewhere import forked, in_thread
from small import same_weights, vae

from skvae import data_parallel
from skvae.data.archive import read_checkpoint
from skvae.exceptions import PosteriorCollapseWarning
from skvae.vae.training.ranks import Ranks, ranks_in_use, ranks_of_fit

X = np.random.default_rng(0).random((40, 6), dtype=np.float32)
HAS_CALLBACKS = find_spec("sklearn.callback") is not None


def variables(rank, size):
    """The environment that torchrun gives a process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    own = {"RANK": rank, "WORLD_SIZE": size, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    if sys.platform == "linux":
        own["GLOO_SOCKET_IFNAME"] = "lo"
    return {name: str(value) for name, value in own.items()}


@pytest.fixture(scope="module")
def two_ranks(tmp_path_factory):
    """What two processes found before the second one died, and how they ended."""
    folder = tmp_path_factory.mktemp("ranks")
    code = f"from ranks_program import main; main({HAS_CALLBACKS})"
    shared = {"OMP_NUM_THREADS": "1"} | variables(0, 2)
    processes = [
        forked(code, folder, f"out-{rank}", f"err-{rank}", **shared | {"RANK": str(rank)})
        for rank in range(2)
    ]
    try:
        for process in processes:
            process.join(120)
    finally:
        for process in processes:
            process.kill()
    out, warned = (
        [(folder / f"{to}-{k}").read_text("utf-8") for k in range(2)] for to in ("out", "err")
    )
    found = [pickle.loads((folder / f"{rank}.pickle").read_bytes()) for rank in range(2)]
    codes = [process.exitcode for process in processes]
    return SimpleNamespace(found=found, out=out, warned=warned, codes=codes, folder=folder)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Posterior collapse")
@pytest.mark.parametrize("name", [*ranks_program.CASES, "continued"])
def test_two_ranks_have_the_losses_of_one_process(name, two_ranks):
    is_case = name in ranks_program.CASES
    alone = ranks_program.fitted(name) if is_case else ranks_program.partially_fitted()
    expected = alone.history_
    history = two_ranks.found[0]["histories"][name]

    assert history.keys() == expected.keys()
    for key, values in expected.items():
        np.testing.assert_allclose(history[key], values, rtol=1e-5, atol=1e-5, err_msg=key)


@pytest.mark.slow
def test_all_ranks_end_with_the_same_estimator_also_without_a_seed(two_ranks):
    first, second = (found["hashes"] for found in two_ranks.found)

    assert first == second
    assert len(set(first.values())) == len(first) > 9


@pytest.mark.slow
@pytest.mark.skipif(not HAS_CALLBACKS, reason="needs scikit-learn 1.9")
def test_a_callback_of_rank_0_ends_the_fit_everywhere(two_ranks):
    lengths = [len(found["histories"]["stopped"]["loss"]) for found in two_ranks.found]

    assert lengths == [2, 2]
    assert [found["calls"] for found in two_ranks.found] == [5, 0]


@pytest.mark.slow
@pytest.mark.skipif(not HAS_CALLBACKS, reason="needs scikit-learn 1.9")
@pytest.mark.parametrize(
    ("name", "errors"),
    [
        ("fails", ["KeyError: 'lost'"] * 2),
        (
            "unsendable",
            [
                "Unsendable: bad in here",
                "RuntimeError: Rank 0 has raised Unsendable: bad in here",
            ],
        ),
        ("interrupted", ["KeyboardInterrupt: "] * 2),
        ("fits", [None, None]),
    ],
)
def test_what_a_callback_of_rank_0_raises_ends_the_fit_everywhere(name, errors, two_ranks):
    assert [found[name] for found in two_ranks.found] == errors


@pytest.mark.slow
def test_only_rank_0_warns(two_ranks):
    name = PosteriorCollapseWarning.__name__
    assert [name in text for text in two_ranks.warned] == [True, False]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("width", "shape of X is [225, 64] on rank 0 and [225, 63] on rank 1"),
        ("rows", "shape of X is [225, 64] on rank 0 and [224, 64] on rank 1"),
        ("shards", "digest of the data is"),
        ("weights", "digest of the weights is"),
        ("parameters", "beta is 1.0 on rank 0 and 2.0 on rank 1"),
    ],
)
def test_ranks_that_differ_are_refused_on_every_rank(name, message, two_ranks):
    errors = [found[name] for found in two_ranks.found]

    assert errors[0] == errors[1]
    assert errors[0].startswith("ValueError: The ranks do not fit the same model")
    assert message in errors[0]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Posterior collapse")
def test_a_rank_that_dies_ends_the_others_and_one_process_can_go_on(two_ranks):
    (checkpoint,) = two_ranks.folder.glob("checkpoint-*.npz")
    (first_loss,) = read_checkpoint(checkpoint)[1]["history"]["loss"]
    went_on = ranks_program.vae(**ranks_program.DYING, checkpoint=two_ranks.folder)
    went_on.fit(ranks_program.X)
    straight = ranks_program.vae(**ranks_program.DYING).fit(ranks_program.X)

    assert "RuntimeError: Another rank has stopped" in two_ranks.out[0]
    assert "checkpoint=" in two_ranks.out[0]
    assert two_ranks.codes[0] == 0 and two_ranks.codes[1] < 0
    np.testing.assert_allclose(went_on.loss_curve_, straight.loss_curve_, rtol=1e-5)
    assert went_on.loss_curve_[0] == first_loss


def test_a_script_that_runs_by_itself_is_one_process(monkeypatch):
    monkeypatch.delenv("RANK", raising=False)
    with data_parallel() as rank:
        inside = vae().fit(X)
        assert not dist.is_initialized()

    assert rank == 0
    assert same_weights(inside, vae().fit(X))


@pytest.fixture
def one_rank(monkeypatch):
    """torchrun's variables, for a group of one."""
    for name, value in variables(0, 1).items():
        monkeypatch.setenv(name, value)


def test_the_group_lives_as_long_as_the_context(one_rank):
    alone = ranks_in_use()
    with pytest.raises(KeyError), data_parallel():
        assert dist.is_initialized() and ranks_in_use() is not alone
        raise KeyError

    assert ranks_in_use() is alone and not dist.is_initialized()


def test_a_group_for_other_reasons_is_left_alone(one_rank):
    alone = ranks_in_use()
    dist.init_process_group("gloo")
    try:
        assert ranks_in_use() is alone
        with data_parallel() as rank:
            assert rank == 0 and ranks_in_use() is not alone
        assert ranks_in_use() is alone
        dist.barrier()
    finally:
        dist.destroy_process_group()


def test_fits_in_other_threads_and_forks_are_not_shared(one_rank, monkeypatch):
    alone = ranks_in_use()
    with data_parallel():
        assert in_thread(ranks_in_use) is alone
        inside = ranks_in_use()
        monkeypatch.setattr("os.getpid", lambda: -1)
        assert not inside.is_here and ranks_in_use() is not inside


def test_a_fit_within_a_fit_is_the_processs_own(one_rank):
    with data_parallel():
        outside = ranks_in_use()
        with ranks_of_fit() as ranks:
            assert ranks is outside and ranks_in_use() is not outside
        assert ranks_in_use() is outside


@pytest.mark.parametrize("grouped", [False, True])
def test_what_the_first_process_gets_or_raises(grouped, one_rank):
    with data_parallel() if grouped else nullcontext():
        ranks = ranks_in_use()
        assert ranks.is_first and ranks.of_first(lambda: 3) == 3
        with pytest.raises(KeyError, match="lost"):
            ranks.of_first(partial({}.__getitem__, "lost"))


def test_modules_that_normalise_over_a_batch_are_not_shared():
    cpu = torch.device("cpu")
    Ranks(0, 2).check_shareable(1, cpu)
    Ranks(0, 1).check_shareable(2, cpu)
    with pytest.raises(ValueError, match="LayerNorm"):
        Ranks(0, 2).check_shareable(2, cpu)


def test_every_rank_on_a_gpu_has_its_own(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setenv("LOCAL_RANK", "1")
    Ranks(1, 2).check_shareable(1, torch.device("cpu"))
    Ranks(0, 1).check_shareable(1, torch.device("cuda"))
    with pytest.raises(ValueError, match="Rank 1 has no GPU of its own: this machine has 1"):
        Ranks(1, 2).check_shareable(1, torch.device("cuda"))


def test_more_ranks_than_gpus_may_use_the_processor(monkeypatch, one_rank):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setenv("LOCAL_RANK", "1")
    with data_parallel() as rank:
        assert rank == 0
