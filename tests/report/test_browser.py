"""The real page in a real browser: Debian's Chromium, driven headless."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.report.test_page import root  # noqa: F401 - the tiny study is a fixture here too

pytestmark = pytest.mark.slow
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    sync_api = pytest.importorskip("playwright.sync_api", reason="needs the extra 'browser' (playwright)")
    if CHROMIUM is None:
        pytest.skip("needs Debian's package 'chromium' on the PATH")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        yield browser
        browser.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 1400])
def test_the_page_opens_from_disk_without_request_or_error(browser: Any, root: Path, theme: str, width: int) -> None:  # noqa: F811
    """Opened from disk the page asks the network for nothing, logs no error and is no wider than the window."""
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=theme, offline=True)
    page = context.new_page()
    requests: list[str] = []
    errors: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.on("console", lambda message: errors.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    address = (root / "report.html").as_uri()
    page.goto(address)
    page.wait_for_timeout(200)
    assert [request for request in requests if not request.startswith("data:")] == [address]
    assert errors == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    context.close()


def test_tables_sort_and_the_theme_switches(browser: Any, root: Path) -> None:  # noqa: F811
    """A click on a head sorts by number, a second one turns the order; the button changes the theme."""
    context = browser.new_context(viewport={"width": 1400, "height": 900}, color_scheme="light")
    page = context.new_page()
    page.goto((root / "report.html").as_uri())
    table = page.locator("table.sortable").first
    head = table.locator("thead th").nth(3).locator("button")
    for wanted in (True, False):
        head.click()
        texts = table.locator("tbody tr td:nth-child(4)").all_inner_texts()
        values = [int(text.replace(",", "")) for text in texts]
        assert values == sorted(values, reverse=not wanted)
    before = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.locator("#theme").click()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != before
    context.close()
