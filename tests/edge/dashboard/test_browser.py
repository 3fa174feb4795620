"""The page in a real Chromium: what an operator sees and presses."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.edge.dashboard.conftest import Serve, Served

try:
    from playwright.sync_api import Browser, Page, expect, sync_playwright

    from tests.edge.dashboard.browser import find_chromium, start_chromium
except ImportError:
    pytest.skip("Playwright is not installed", allow_module_level=True)

if find_chromium() is None:
    pytest.skip("there is no Chromium on this machine", allow_module_level=True)

from sorter.edge.dashboard.dashboard import Dashboard
from sorter.edge.dashboard.options import DashboardOptions
from sorter.edge.loop import Phase
from sorter.edge.monitor import View
from sorter.edge.triggers.trigger import Observation
from tests.edge.dashboard.platform import Platform

# Playwright's own 5 s are little for a browser on a busy computer.
expect.set_options(timeout=60_000)

PHONE = {"width": 360, "height": 740}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = start_chromium(playwright)
        yield chromium
        chromium.close()


class Visit:
    """One page, and everything that it must not do."""

    def __init__(self, page: Page, origin: str) -> None:
        self.page, self.origin = page, origin
        self.complaints: list[str] = []
        self.requests: list[str] = []
        page.on(
            "console", lambda said: self.complaints.append(said.text) if said.type in ("error", "warning") else None
        )
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self.requests.append(request.url))

    def check(self) -> None:
        assert self.complaints == []
        assert {url for url in self.requests if not url.startswith((self.origin, f"blob:{self.origin}"))} == set()


Open = Callable[..., Visit]


@pytest.fixture
def visit(browser: Browser) -> Iterator[Open]:
    """Gives a function that opens a page; no page may complain or ask another host, unless the test expects it."""
    visits: list[tuple[Visit, bool]] = []

    def open_page(url: str, quiet: bool = True, **context: Any) -> Visit:
        made = Visit(browser.new_page(**context), url.partition("#")[0].rstrip("/"))
        visits.append((made, quiet))
        made.page.set_default_timeout(60_000)
        made.page.goto(url)
        return made

    yield open_page
    for made, quiet in visits:
        if quiet:
            made.check()
        made.page.context.close()


def wait_for(condition: Callable[[], object], page: Page) -> None:
    for _ in range(1200):
        if condition():
            return
        page.wait_for_timeout(50)
    raise AssertionError("it did not happen within 60 s")


def test_a_sorter_at_work(tmp_path: Path, visit: Open) -> None:
    """The whole way: platform, network, arm, page, and a correction that can be trained on."""
    with Platform(tmp_path) as platform:
        runtime = platform.sorter.runtime
        options = DashboardOptions("127.0.0.1:0", corrections=tmp_path / "corrections", title="Fruit line")
        with Dashboard(options, runtime.monitor, runtime.control, platform.sorter.pictures) as dashboard:
            page = visit(dashboard.url).page
            expect(page.locator("#connection")).to_have_text("Connected")
            expect(page.locator("#title")).to_have_text("Fruit line")
            expect(page.locator("#live")).to_be_visible()
            first = page.get_attribute("#live", "src")
            wait_for(lambda: page.get_attribute("#live", "src") != first, page)
            page.wait_for_selector(".object .thumb img:not([hidden])")
            page.wait_for_selector("#latency polyline")

            page.click("#pause")
            expect(page.locator("#advice-title")).to_have_text("Paused")
            page.click("#resume")
            expect(page.locator("#pause")).to_be_visible()
            page.keyboard.press("Escape")
            expect(page.locator("#stopping-title")).to_contain_text("Stopped at")
            expect(page.locator("#advice-title")).to_have_text("Stopped")
            assert runtime.monitor.status.phase is Phase.FAULT

            page.locator(".object button").first.click()
            page.fill("#correction-new", "dragon fruit")
            page.click("#correction-form button")
            expect(page.locator(".object .corrected").first).to_have_text("Corrected: dragon fruit")
            stored = list((tmp_path / "corrections" / "dragon fruit").glob("*.jpg"))
            assert len(stored) == 1 and stored[0].read_bytes().startswith(b"\xff\xd8")
            record = json.loads((tmp_path / "corrections" / "corrections.jsonl").read_text("utf-8"))
            assert record["corrected"] == "dragon fruit" and len(record["probabilities"]) == 6

            page.click("#resume")
            page.click("#going-on-yes")
            expect(page.locator("#stopping")).to_be_hidden()
            wait_for(lambda: runtime.monitor.status.phase is not Phase.FAULT, page)


def test_every_button_reaches_the_sorter(served: Served, visit: Open) -> None:
    served.monitor.update(contents={1: 12}, full=frozenset({1}))
    page = visit(served.dashboard.url).page
    expect(page.locator("#advice-title")).to_have_text("Bin 1 is full")
    page.click("#pause")
    page.click("#learn-empty")
    page.click("#announce")
    page.get_by_role("button", name="Bin 1 was emptied").click()
    wait_for(lambda: len(served.control.asked) == 4, page)
    assert sorted(served.control.asked) == ["announce", "empty_bin 1", "learn_empty", "pause"]


def test_the_stop_by_key_touch_and_keyboard_also_from_a_dialog(served: Served, visit: Open) -> None:
    served.sort_object(1)
    page = visit(served.dashboard.url, viewport=PHONE, has_touch=True, is_mobile=True).page
    stops: Callable[[], int] = lambda: served.control.asked.count("stop by the operator's page")  # noqa: E731
    page.locator(".object button").first.click()
    page.locator("#correction .stop").tap()
    wait_for(lambda: stops() == 1, page)
    expect(page.locator("#correction")).to_be_hidden()
    expect(page.locator("#stopping-title")).to_be_in_viewport()
    page.locator("#stop").tap()
    page.locator("#stop").focus()
    page.keyboard.press("Enter")
    page.locator("#correction-new").evaluate("() => document.getElementById('correction').showModal()")
    page.keyboard.press("Escape")
    wait_for(lambda: stops() == 4, page)
    page.wait_for_timeout(200)
    assert stops() == 4


def test_the_stop_does_not_queue_behind_anything_in_the_browser(served: Served, visit: Open) -> None:
    """Pictures and an order that never arrive: the browser's six connections must not be used up."""
    for number in range(1, 9):
        served.sort_object(number)
    served.control.pause_may_return.clear()
    page = visit("about:blank", quiet=False).page
    page.route("**/picture.jpg", lambda route: None)
    page.route("**/live.jpg*", lambda route: None)
    page.goto(served.dashboard.url)
    page.wait_for_selector(".object")
    page.click("#pause")
    page.keyboard.press("Escape")
    wait_for(lambda: "stop by the operator's page" in served.control.asked, page)
    assert served.control.asked.count("stop by the operator's page") == 1


def test_what_is_seen_is_named_over_the_picture(served: Served, visit: Open) -> None:
    served.show_frame(1)
    view = served.monitor.view
    assert view is not None
    served.monitor.show(View(view.frame, Observation(True, False, 1), "lemon", 0.873))
    page = visit(served.dashboard.url).page
    expect(page.locator("#verdict-label")).to_have_text("lemon")
    expect(page.locator("#verdict-number")).to_have_text("87\u00a0%")
    expect(page.locator("#trigger")).to_have_text("Object lies still")


def test_a_lost_connection_is_told_and_a_stop_goes_on_trying(serve: Serve, visit: Open) -> None:
    served = serve()
    page = visit(served.dashboard.url, quiet=False).page
    expect(page.locator("#connection")).to_have_text("Connected")
    served.dashboard.__exit__(None, None, None)
    expect(page.locator("#lost")).to_contain_text("No connection to the sorter. What you see is old")
    page.keyboard.press("Escape")
    expect(page.locator("#stopping-title")).to_have_text("THE STOP HAS NOT ARRIVED.")
    expect(page.locator("#stopping-text")).to_contain_text("switch at the arm")
    again = serve(f"127.0.0.1:{served.port}")
    wait_for(lambda: again.control.asked == ["stop by the operator's page"], page)
    expect(page.locator("#lost")).to_be_hidden()


def test_the_token_is_asked_for_once_and_leaves_the_address(serve: Serve, visit: Open) -> None:
    served = serve(token="a token of the tests")
    opened = visit(served.dashboard.url)
    page = opened.page
    expect(page.locator("#connection")).to_have_text("Connected")
    assert "token" not in page.url and page.evaluate("document.cookie") == ""
    page.reload()
    expect(page.locator("#connection")).to_have_text("Connected")
    assert not [url for url in opened.requests if "token" in url]
    stranger = visit(served.dashboard.url.partition("#")[0], quiet=False).page
    stranger.fill("#token", "a wrong one, this")
    stranger.click("#login-form button")
    expect(stranger.locator("#login-error")).to_contain_text("That is not the token.")
    stranger.fill("#token", "a token of the tests")
    stranger.keyboard.press("Enter")
    expect(stranger.locator("#connection")).to_have_text("Connected")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_all_of_it_without_scrolling_sideways(served: Served, visit: Open, scheme: str) -> None:
    served.monitor.update(contents={1: 12345}, full=frozenset({1}), warnings=("The board is hot (81 °C).",))
    served.sort_object(1, label="a-label-of-sixty-letters-without-any-blank-where-it-could-break")
    page = visit(served.dashboard.url, viewport=PHONE, is_mobile=True, color_scheme=scheme).page
    page.wait_for_selector(".object .thumb img:not([hidden])")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    expect(page.locator("#stop")).to_be_in_viewport()
    page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
    expect(page.locator("#stop")).to_be_in_viewport()
    box = page.locator("#stop").bounding_box()
    assert box is not None and box["height"] >= 64 and box["width"] >= 300


def test_hostile_texts_stay_texts(served: Served, visit: Open) -> None:
    script = "<img src=x onerror=document.title='owned'><script>document.title='owned'</script>"
    served.monitor.update(phase=Phase.PAUSED, reason=script, warnings=(script,), bins={script: 1})
    served.sort_object(1, label=script, rejected=script)
    opened = visit(served.dashboard.url)
    expect(opened.page.locator(".object .label")).to_have_text(script)
    expect(opened.page.locator("#warnings")).to_have_text(script)
    assert "owned" not in opened.page.title()
    assert opened.page.locator("main script, main [onerror]").count() == 0


def test_a_hidden_page_asks_for_nothing(served: Served, visit: Open) -> None:
    opened = visit(served.dashboard.url)
    expect(opened.page.locator("#connection")).to_have_text("Connected")
    opened.page.evaluate("Object.defineProperty(document, 'hidden', {get: () => true, configurable: true})")
    opened.page.wait_for_timeout(1300)
    before = len(opened.requests)
    opened.page.wait_for_timeout(800)
    assert len(opened.requests) == before


def test_names_and_roles_for_screen_readers(served: Served, visit: Open) -> None:
    served.sort_object(1)
    page = visit(served.dashboard.url).page
    expect(page.get_by_role("button", name="Stop the arm now")).to_have_count(1)
    expect(page.get_by_role("button", name="Object 1, apple: wrong?")).to_be_visible()
    expect(page.get_by_role("img", name="Object 1")).to_be_visible()
    for heading in ("Live picture", "Bins", "Latest objects", "Latency", "Objects a minute", "Health"):
        expect(page.get_by_role("heading", name=heading, exact=True)).to_be_visible()
    named = "e => e.labels?.length || e.ariaLabel || e.textContent.trim()"
    unnamed = page.evaluate(f"[...document.querySelectorAll('button, input')].filter(e => !({named})(e)).length")
    assert unnamed == 0
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "stop"
