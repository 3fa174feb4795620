"""Takes pictures of the page, for people to look at: ``python -m tests.edge.dashboard.shots FOLDER``."""

import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from sorter.edge.dashboard.dashboard import Dashboard
from sorter.edge.dashboard.options import DashboardOptions
from tests.edge.dashboard.browser import start_chromium
from tests.edge.dashboard.platform import Platform

SCREENS = (("desktop", 1280, 900), ("phone", 360, 740))


def open_page(browser: Browser, url: str, name: str, width: int, height: int, scheme: str) -> Page:
    page = browser.new_page(
        viewport={"width": width, "height": height},
        color_scheme=scheme,  # type: ignore[arg-type]
        is_mobile=name == "phone",
        device_scale_factor=2 if name == "phone" else 1,
    )
    page.goto(url)
    page.wait_for_selector(".object .thumb img:not([hidden])")
    page.wait_for_timeout(1200)
    return page


def shoot_correction_and_stop(page: Page, out: Path, name: str) -> None:
    page.click(".object button")
    page.wait_for_timeout(300)
    page.screenshot(path=out / f"{name}-correction.png")
    page.click("#correction-close")
    page.keyboard.press("Escape")
    page.wait_for_timeout(1500)
    page.screenshot(path=out / f"{name}-stopped.png")
    page.click("#resume")
    page.wait_for_timeout(300)
    page.screenshot(path=out / f"{name}-going-on.png")
    page.click("#going-on-yes")
    page.wait_for_timeout(500)


def main(out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, Platform(Path(folder), bins__limit=6) as platform:
        options = DashboardOptions("127.0.0.1:0", corrections=Path(folder) / "corrections", title="Waste line 2")
        runtime = platform.sorter.runtime
        dashboard = Dashboard(options, runtime.monitor, runtime.control, platform.sorter.pictures)
        with dashboard, sync_playwright() as playwright:
            browser = start_chromium(playwright)
            time.sleep(20)
            for name, width, height in SCREENS:
                for scheme in ("light", "dark"):
                    page = open_page(browser, dashboard.url, name, width, height, scheme)
                    page.screenshot(path=out / f"{name}-{scheme}.png")
                    page.screenshot(path=out / f"{name}-{scheme}-full.png", full_page=True)
                    if scheme == "dark":
                        shoot_correction_and_stop(page, out, f"{name}-{scheme}")
                    page.close()
            browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
