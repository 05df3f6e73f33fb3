"""The real page in a real browser: Debian's Chromium, driven headless."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

from tests.report.conftest import COLLECT_VIOLATIONS, opened

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 1400])
def test_the_page_opens_from_disk_without_request_or_error(browser: Any, root: Path, theme: str, width: int) -> None:
    """Opened from disk the page asks the network for nothing, logs no error and is no wider than the window."""
    requests: list[str] = []
    address = (root / "report.html").as_uri()
    options = {"viewport": {"width": width, "height": 900}, "color_scheme": theme}
    with opened(browser, "about:blank", **options) as page:
        page.on("request", lambda request: requests.append(request.url))
        page.goto(address)
        page.wait_for_timeout(200)
        assert [request for request in requests if not request.startswith("data:")] == [address]
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_tables_sort_and_the_theme_switches(browser: Any, root: Path) -> None:
    """A click on a head sorts by number, a second one turns the order; the button changes the theme."""
    options = {"viewport": {"width": 1400, "height": 900}, "color_scheme": "light"}
    with opened(browser, (root / "report.html").as_uri(), **options) as page:
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


def test_the_gallery_shows_another_method_and_less_heat(page: Any) -> None:
    """The choice of a method changes which maps are shown, the slider how much of them; contents lead to a section."""
    maps = page.locator('.answer[data-model="cnn"]')
    assert {m.get_attribute("data-method") for m in maps.all() if m.is_visible()} == {"Grad-CAM"}
    page.locator('select[data-maps-of="cnn"]').select_option("integrated gradients")
    assert {m.get_attribute("data-method") for m in maps.all() if m.is_visible()} == {"integrated gradients"}
    page.locator("#heat").fill("40")
    assert page.evaluate("getComputedStyle(document.querySelector('.map img + img')).opacity") == "0.4"
    page.locator("nav a[href='#fitting']").click()
    page.locator("nav a[href='#fitting'][aria-current='true']").wait_for()


def test_the_page_is_printed_with_its_scripts_and_styles(page: Any) -> None:
    """What is folded away is opened by the page's script, what only a screen can show is hidden by its style sheet."""
    page.locator("details").evaluate_all("all => all.forEach((part) => { part.open = false; })")
    assert page.pdf().startswith(b"%PDF-")
    assert page.locator("details").evaluate_all("all => all.length > 0 && all.every((part) => part.open)")
    page.emulate_media(media="print")
    assert not page.locator("nav").is_visible()


PLANTED = {
    "script-src-elem": "e = make('script'); e.textContent = 'window.planted = 1'; document.body.append(e)",
    "script-src-elem https://example.org/x.js": "make('script').src = 'https://example.org/x.js'",
    "script-src-attr": "e = make('p'); e.setAttribute('onclick', 'window.planted = 1'); e.click()",
    "style-src-elem": "make('style').textContent = 'p { color: red }'",
    "style-src-attr": "make('p').setAttribute('style', 'color: red')",
    "img-src https://example.org/x.png": "make('img').src = 'https://example.org/x.png'",
    "connect-src https://example.org/": "fetch('https://example.org/').catch(() => 0)",
    "frame-src https://example.org": "make('iframe').src = 'https://example.org/'",
    "font-src https://example.org/x": "new FontFace('x', 'url(https://example.org/x)').load().catch(() => 0)",
    "form-action https://example.org/": "e = make('form'); e.action = 'https://example.org/'; e.submit()",
    "base-uri https://example.org": "make('base').href = 'https://example.org/'",
}


@pytest.mark.parametrize("refused", PLANTED)
def test_nothing_that_is_planted_in_the_page_takes_effect(browser: Any, root: Path, refused: str) -> None:
    """A script, a style, a request of any kind, that found their way into the page, are refused by its own policy."""
    context = browser.new_context()
    context.add_init_script(COLLECT_VIOLATIONS)
    page = context.new_page()
    page.goto((root / "report.html").as_uri())
    failed: list[str] = []
    page.on("requestfailed", lambda request: failed.append(request.failure))
    make = "(name) => document.body.appendChild(document.createElement(name))"
    page.evaluate(f"() => {{ let e; const make = {make}; {PLANTED[refused]}; }}")
    while not (violations := page.evaluate("violations")):
        page.wait_for_timeout(20)
    assert violations[0].startswith(refused)
    assert page.evaluate("window.planted") is None
    assert set(failed) <= {"csp"}
    context.close()


@pytest.mark.parametrize(("theme", "paper"), [("light", (253, 253, 251)), ("dark", (22, 24, 28))])
def test_weights_are_drawn_as_opaque_as_they_are_large(
    browser: Any, root: Path, theme: str, paper: tuple[int, int, int]
) -> None:
    """Each of a kernel's 25 weights has a colour between the page's background, for zero, and that of the largest."""
    with np.load(root / "explanations" / "averages.npz") as kept:
        kernels = kept["first/cnn"]
    with opened(browser, (root / "report.html").as_uri(), color_scheme=theme) as page:
        places = page.locator("figure:has(svg[aria-label*='first kernels of the cnn']) image")
        assert len(kernels) == places.count() == 6
        screenshots = [places.nth(i).screenshot() for i in range(6)]
    for kernel, screenshot in zip(kernels, screenshots, strict=True):
        drawn = np.asarray(PIL.Image.open(io.BytesIO(screenshot)).convert("RGB")).astype(float)
        height, width = drawn.shape[:2]
        for (row, column), weight in np.ndenumerate(kernel / np.abs(kernel).max()):
            colour = np.array((214, 56, 20) if weight > 0 else (31, 111, 180))
            expected = abs(weight) * colour + (1 - abs(weight)) * np.array(paper)
            found = drawn[int((row + 0.5) * height / 5), int((column + 0.5) * width / 5)]
            np.testing.assert_allclose(found, expected, rtol=0, atol=4)
