"""Settings and data that all tests share."""

import os
import shutil
import signal
from contextlib import contextmanager

# Lets scikit-learn's array API check run instead of skip; scipy reads it on import.
os.environ.setdefault("SCIPY_ARRAY_API", "1")

import numpy as np
import pytest
from sklearn.datasets import load_digits


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
