"""The browser that the page's tests use: the system's Chromium, driven by Playwright."""

import shutil

from playwright.sync_api import Browser, Playwright


def find_chromium() -> str | None:
    """Where the system's Chromium is; None where there is none."""
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def start_chromium(playwright: Playwright) -> Browser:
    """Starts it without a window. Its own sandbox needs rights that a container seldom has."""
    return playwright.chromium.launch(executable_path=find_chromium(), args=["--no-sandbox", "--disable-gpu"])
