"""Settings and data that all tests share."""

import gc
import os
import shutil
import signal
import sys
from contextlib import contextmanager
from functools import cache

# Lets scikit-learn's array API check run instead of skip; scipy reads it on import.
os.environ.setdefault("SCIPY_ARRAY_API", "1")
if n_workers := int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", 0)):
    # Threads of several processes on one core wait for each other; libraries read it on import.
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, os.cpu_count() // n_workers)))

import numpy as np
import pytest
from elsewhere import fork_server
from sklearn.datasets import load_digits

LONG = {"checks", "site", "browser", "examples", "slow", "mnist", "gpu"}
# What skvae works without, in part.
OPTIONAL = {
    *("torch", "pandas", "polars", "pyarrow", "PIL", "h5py", "zarr", "hypothesis", "html5lib"),
    *("matplotlib", "skops", "dask", "distributed", "tensorboard", "skimage"),
}
NEEDS = {"site": "site", "browser": "browser", "cluster": "slow"}  # of fixtures


@pytest.hookimpl(tryfirst=True)  # before pytest selects by marker
def pytest_collection_modifyitems(items):
    for item in items:
        for fixture in NEEDS.keys() & getattr(item, "fixturenames", ()):
            item.add_marker(NEEDS[fixture])
        if isinstance(item, pytest.DoctestItem):
            item.add_marker("examples")
        if not LONG & names_of_markers(item):
            item.add_marker("fast")
        if item.get_closest_marker("gpu") and not finds_gpu():
            item.add_marker(pytest.mark.skip(reason="torch finds no CUDA GPU"))
    # What takes longest comes first: the workers of a parallel run then end at the same time.
    items.sort(key=lambda item: not takes_long(item))


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """Without the garbage collector: imports and syntax trees make millions of lasting objects."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector):
    """Skip a file that imports a package which is not installed."""
    report = yield
    if report.failed and (missing := missing_package(report.call.excinfo.value)):
        report.outcome = "skipped"
        report.longrepr = (str(collector.path), 0, f"Skipped: needs {missing}")
    return report


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call():
    """Skip a test of what needs a package which is not installed."""
    return (yield from skipping_what_needs_a_package())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup():
    """Skip a test whose fixtures need a package which is not installed."""
    return (yield from skipping_what_needs_a_package())


def skipping_what_needs_a_package():
    try:
        return (yield)
    except Exception as error:
        if missing := missing_package(error):
            pytest.skip(f"needs {missing}")
        raise


def missing_package(error):
    """The package, not ours, whose absence an error comes from."""
    while error is not None:
        name = (getattr(error, "name", None) or "").partition(".")[0]
        if isinstance(error, ModuleNotFoundError) and name in OPTIONAL:
            return name
        error = error.__cause__ or error.__context__
    return None


def takes_long(item):
    return {"site", "examples"} & names_of_markers(item) or item.name.startswith("test_linters")


def names_of_markers(item):
    return {marker.name for marker in item.iter_markers()}


@cache
def finds_gpu():
    import torch

    return torch.cuda.is_available()


class NoInterpreter:
    """Refuses to start another Python while a fast test runs: it would import skvae anew."""

    running = None

    def __call__(self, event, arguments):
        if event == "subprocess.Popen" and self.running and arguments[0] == sys.executable:
            raise AssertionError(f"{self.running} starts a process: mark it slow.")


no_interpreter = NoInterpreter()
sys.addaudithook(no_interpreter)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    no_interpreter.running = item.nodeid if item.get_closest_marker("fast") else None
    try:
        return (yield)
    finally:
        no_interpreter.running = None


@pytest.fixture(scope="session")
def digits():
    """Pixels in [0, 1] and labels of scikit-learn's 8 x 8 digits."""
    X, y = load_digits(return_X_y=True)
    X = (X / 16).astype(np.float32)
    X.flags.writeable = False
    return X, y


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def small_by_default(monkeypatch):
    """Networks of 32 hidden units, few epochs and passes of EM, where code names no others."""
    from skvae import DiagonalGaussianMixture, VAETransformer

    for estimator, smaller in (
        (VAETransformer, {"hidden_layer_sizes": (32,), "max_iter": 4}),
        (DiagonalGaussianMixture, {"max_iter": 8}),
    ):
        for name, value in smaller.items():
            monkeypatch.setitem(estimator.__init__.__kwdefaults__, name, value)


@pytest.fixture
def in_process(monkeypatch):
    """Cells of a comparison run here, one after the other: fast, and a test can look inside."""
    from skvae.comparison import compare

    monkeypatch.setattr(compare, "run_in_processes", run_here)


def run_here(cells, n_jobs):
    from skvae.comparison.runs import run_cell

    for cell in cells:
        try:
            run_cell(cell)
        except Exception as error:
            yield cell, error
        else:
            yield cell, None


class Docstrings:
    """Comparisons in docstrings, which fixtures of this file do not reach, start no process."""

    @staticmethod
    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(item):
        if not isinstance(item, pytest.DoctestItem) or "compare_f" not in item.dtest.docstring:
            return (yield)
        from skvae.comparison import compare

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(compare, "run_in_processes", run_here)
            return (yield)


def pytest_configure(config):
    config.pluginmanager.register(Docstrings())


@pytest.fixture(scope="module")
def cluster():
    """A client of dask with two worker processes of one thread each."""
    dask = pytest.importorskip("dask", reason="needs the extra 'dask'")
    distributed = pytest.importorskip("distributed", reason="needs the extra 'dask'")
    settings = {
        "distributed.scheduler.worker-ttl": None,  # a busy machine may not answer in time
        "distributed.comm.timeouts.connect": "120s",
        "distributed.comm.timeouts.tcp": "120s",
        "distributed.scheduler.allowed-failures": 10,
        "distributed.worker.memory.terminate": False,
        "distributed.worker.multiprocessing-method": fork_server().get_start_method(),
    }
    with (
        dask.config.set(settings),
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
        ) as local,
        distributed.Client(local, timeout="120s") as client,
    ):
        yield client


@pytest.fixture(scope="module")  # Playwright's event loop runs as long as this does
def browser():
    """Headless Chromium, Playwright's own or the system's."""
    playwright = pytest.importorskip("playwright.sync_api", reason="needs the extra 'browser'")
    with playwright.sync_playwright() as running:
        own = running.chromium.executable_path
        places = [own, *filter(None, map(shutil.which, ["chromium", "google-chrome"]))]
        chromium = next(filter(os.path.exists, places), None)
        if chromium is None:
            pytest.skip("needs Chromium: playwright install chromium")
        started = running.chromium.launch(
            executable_path=chromium,
            # Chromium's sandbox does not start for root.
            chromium_sandbox=os.name == "posix" and os.geteuid() != 0,
        )
        yield started
        started.close()


@pytest.fixture
def full_disk():
    """A context in which files of more than 100 bytes meet a limit, as they would a full disk."""
    resource = pytest.importorskip("resource", reason="limits of POSIX")

    @contextmanager
    def limited():
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # then writing raises
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
            signal.signal(signal.SIGXFSZ, before)

    return limited
