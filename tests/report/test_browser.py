"""The real page in a real browser: Debian's Chromium, driven headless."""

from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 1400])
def test_the_page_opens_from_disk_without_request_or_error(browser: Any, root: Path, theme: str, width: int) -> None:
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


def test_tables_sort_and_the_theme_switches(browser: Any, root: Path) -> None:
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
