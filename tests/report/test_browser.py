"""The real page in a real browser: Debian's Chromium, driven headless."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
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


@pytest.mark.parametrize(("theme", "paper"), [("light", (253, 253, 251)), ("dark", (22, 24, 28))])
def test_weights_are_drawn_as_opaque_as_they_are_large(
    browser: Any, root: Path, theme: str, paper: tuple[int, int, int]
) -> None:
    """Each of a kernel's 25 weights has a colour between the page's background, for zero, and that of the largest."""
    context = browser.new_context(viewport={"width": 1400, "height": 900}, color_scheme=theme, offline=True)
    page = context.new_page()
    page.goto((root / "report.html").as_uri())
    figure = page.locator("figure:has(svg[aria-label*='first kernels of the cnn'])")
    places = figure.locator("image")
    with np.load(root / "explanations" / "averages.npz") as kept:
        kernels = kept["first/cnn"]
    assert len(kernels) == places.count() == 6
    for i, kernel in enumerate(kernels):
        drawn = np.asarray(PIL.Image.open(io.BytesIO(places.nth(i).screenshot())).convert("RGB")).astype(float)
        height, width = drawn.shape[:2]
        for (row, column), weight in np.ndenumerate(kernel / np.abs(kernel).max()):
            colour = np.array((214, 56, 20) if weight > 0 else (31, 111, 180))
            expected = abs(weight) * colour + (1 - abs(weight)) * np.array(paper)
            found = drawn[int((row + 0.5) * height / 5), int((column + 0.5) * width / 5)]
            np.testing.assert_allclose(found, expected, rtol=0, atol=4)
    context.close()
