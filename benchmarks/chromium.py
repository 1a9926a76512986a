"""A headless browser for measurements and pictures of pages; needs the extra ``browser``."""

import shutil
from contextlib import contextmanager

from playwright.sync_api import sync_playwright

__all__ = ["chromium"]


@contextmanager
def chromium():
    """The system's Chromium, or Playwright's own."""
    with sync_playwright() as running:
        path = shutil.which("chromium") or running.chromium.executable_path
        browser = running.chromium.launch(executable_path=path, chromium_sandbox=False)
        yield browser
        browser.close()
