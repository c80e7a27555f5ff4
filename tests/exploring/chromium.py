"""Chromium without a window, which talks to this machine alone."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

#: Nothing of the browser's own goes over the network either.
_FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-dev-shm-usage", "--window-size=1280,800",
)  # fmt: skip


def find_chromium() -> tuple[str, str] | None:
    """Find the browser and its driver."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    driver = shutil.which("chromedriver")
    return (browser, driver) if browser and driver else None


@contextmanager
def open_chromium(downloads: str | None = None) -> Iterator[Any]:
    """Open a browser that forgets everything, and tells of each request."""
    from selenium import webdriver

    found = find_chromium()
    assert found is not None
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        options = webdriver.ChromeOptions()
        options.binary_location = found[0]
        for flag in (*_FLAGS, f"--user-data-dir={folder}"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})  # fmt: skip
        if downloads:
            options.add_experimental_option("prefs", {"download.default_directory": downloads})  # fmt: skip
        browser = webdriver.Chrome(options, webdriver.ChromeService(found[1]))
        try:
            yield browser
        finally:
            browser.quit()
