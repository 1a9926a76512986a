"""VAETransformer under scikit-learn's own callbacks, and without them."""

import subprocess
import sys
from functools import partial

import numpy as np
import pytest
import small
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from small import same_weights

X, Y = load_digits(return_X_y=True)
X = X[:200] / 16
Y = Y[:200]
vae = partial(small.vae, hidden_layer_sizes=(16,), max_iter=4)


class Recorder:
    """What scikit-learn's protocol of callbacks asks for."""

    def __init__(self, stop_after=None):
        self.calls, self.estimators, self.stop_after = [], [], stop_after

    def setup(self, estimator, context):
        self.calls.append("setup")

    def teardown(self, estimator, context):
        self.calls.append("teardown")

    def on_fit_task_begin(self, estimator, context):
        self.calls.append(f"begin {context.task_name}")

    def on_fit_task_end(self, estimator, context, *, X=None, fitted_estimator=None):
        self.calls.append(f"end {context.task_name}")
        self.estimators.append(fitted_estimator)
        return context.task_name == "epoch" and len(self.estimators) == self.stop_after


def told(n_epochs):
    return ["setup", "begin fit", *["begin epoch", "end epoch"] * n_epochs, "end fit", "teardown"]


@pytest.fixture(autouse=True)
def needs_callbacks(request):
    if "without" not in request.node.name:
        pytest.importorskip("sklearn.callback", reason="needs scikit-learn 1.9")


@pytest.mark.parametrize("options", [{}, {"conditional": "prior", "early_stopping": True}])
def test_the_tasks_of_a_fit_with_the_model_of_each_epoch(options):
    recorder = Recorder()
    fitted = vae(**options).set_callbacks(recorder).fit(X, Y)
    options = {**options, "learning_rate": "constant", "warm_up": 0.0}
    constant = Recorder()
    vae(**options).set_callbacks(constant).fit(X, Y)

    assert recorder.calls == told(4)
    assert same_weights(fitted, vae(**options).set_params(**fitted.get_params()).fit(X, Y))
    assert np.array_equal(recorder.estimators[-1].transform(X), fitted.transform(X))
    for n, model in enumerate(constant.estimators[:4], start=1):
        assert model.n_iter_ == len(model.loss_curve_) == n
        if not options.get("early_stopping"):
            assert same_weights(model, vae(**options, max_iter=n).fit(X, Y))
    assert not [name for name in vars(fitted) if "callback" in name and name != "_skl_callbacks"]


def test_a_callback_can_stop_the_fit(tmp_path):
    recorder = Recorder(stop_after=2)
    fitted = vae(checkpoint=tmp_path).set_callbacks(recorder).fit(X)

    assert recorder.calls == told(2)
    assert fitted.n_iter_ == 2
    assert vae(checkpoint=tmp_path).fit(X).n_iter_ == 2


def test_a_fit_that_fails_is_torn_down():
    recorder = Recorder()
    estimator = vae().set_callbacks(recorder)
    with pytest.raises(ValueError, match="infinity"):
        estimator.fit(np.where(X > 0.9, np.inf, X))

    assert recorder.calls == ["setup", "teardown"]
    assert set(vars(estimator)) == {*estimator.get_params(), "_skl_callbacks"}


class Careless(Recorder):
    """Leaves torch, and what is drawn at random, as nobody wants it."""

    def on_fit_task_begin(self, estimator, context):
        if context.task_name == "epoch":
            torch.set_grad_enabled(False)
            torch.set_default_dtype(torch.float64)
            torch.set_default_device("meta")
            torch.set_num_threads(2)
            torch.set_autocast_enabled("cpu", True)
            torch.manual_seed(0)
            np.random.seed(0)


@pytest.mark.parametrize("early_stopping", [False, True])
def test_what_a_callback_leaves_behind_changes_no_fit(early_stopping):
    plain = vae(early_stopping=early_stopping)
    told = vae(early_stopping=early_stopping).set_callbacks(Careless())
    n_threads = torch.get_num_threads()
    assert same_weights(told.fit(X), plain.fit(X))
    assert same_weights(told.partial_fit(X), plain.partial_fit(X))
    assert torch.is_grad_enabled()
    assert torch.get_default_dtype() == torch.float32
    assert torch.get_default_device().type == "cpu"
    assert torch.get_num_threads() == n_threads


def test_partial_fit_is_one_epoch():
    recorder = Recorder()
    vae().set_callbacks(recorder).partial_fit(X).partial_fit(X)

    one = [call.replace("fit", "partial_fit") for call in told(1)]
    assert recorder.calls == one + one


def test_a_fit_that_goes_on_tells_the_epochs_that_are_left(tmp_path):
    vae(checkpoint=tmp_path).set_callbacks(Recorder(stop_after=9)).fit(X)
    recorder = Recorder()
    vae(checkpoint=tmp_path).set_callbacks(recorder).fit(X)

    assert recorder.calls == told(0)


def test_clones_keep_callbacks_and_searches_pass_their_own_on():
    recorder = Recorder()
    clone(vae().set_callbacks(recorder)).fit(X)
    assert recorder.calls == told(4)

    search = GridSearchCV(
        make_pipeline(MinMaxScaler(clip=True), vae()), {"vaetransformer__beta": [1]}, cv=2
    )
    recorder = Recorder()
    recorder.max_propagation_depth = None
    search.set_callbacks(recorder).fit(X)
    assert recorder.calls.count("begin epoch") == recorder.calls.count("end epoch") == 3 * 4


def test_scikit_learns_own_callbacks():
    callback = pytest.importorskip("sklearn.callback")
    monitor = callback.ScoringMonitor(scoring={"score": lambda vae, X, y: vae.score(X, y)})
    fitted = vae(conditional="prior").set_callbacks(monitor).fit(X, Y)
    scores = {row["task_id_path"]: row["score"] for row in monitor.get_logs().data}

    assert len(scores) == 5
    assert fitted.score(X, Y) in scores.values()
    assert len(set(scores.values())) == 4  # the fit ends with the model of its last epoch

    pytest.importorskip("rich")
    vae().set_callbacks(callback.ProgressBar()).fit(X)


@pytest.mark.slow
def test_without_scikit_learns_callbacks():
    code = """
import sys
sys.modules["sklearn.callback"] = None
from skvae._callbacks import FitTasks
from skvae._sklearn import CallbackSupportMixin

class Estimator(CallbackSupportMixin):
    pass

estimator = Estimator().set_callbacks()
tasks = FitTasks(estimator, "fit", 3, None, None)
tasks.begin()
assert tasks.end_epoch(dict, False) is False
assert tasks.end_epoch(dict, True) is True
tasks.end(dict)
try:
    estimator.set_callbacks(object())
except ImportError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "scikit-learn 1.9" in done.stdout
