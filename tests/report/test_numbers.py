"""Every number that the page prints is in results.json, to the digits printed."""

import bisect
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

# Words of our own: a year is no result.
_NOT_RESULTS = ("2017",)
_LEFT_OUT = {"svg", "script", "style", "code", "pre", "select", "button", "nav"}
_WITHOUT_END = {"meta", "link", "img", "br", "input", "hr"}


class Numbers(HTMLParser):
    """Collects the numbers in a page's text, and those that tables are sorted by."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[tuple[str, bool]] = []
        self.printed: list[tuple[str, str]] = []
        self.sorted_by: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _WITHOUT_END:
            # What is written by hand says of which study its numbers are.
            self.open.append((tag, tag in _LEFT_OUT or dict(attrs).get("class") == "by-hand"))
        if value := dict(attrs).get("data-value"):
            self.sorted_by.append(value)

    def handle_endtag(self, tag: str) -> None:
        while self.open and self.open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        if not any(left_out for _, left_out in self.open):
            for match in re.finditer(r"(?<![\w.])\d[\d,]*(?:\.\d+)?", data):
                around = data[max(0, match.start() - 30) : match.end() + 20]
                self.printed.append((match.group().replace(",", ""), around))


def numbers_in(held: Any) -> set[float]:
    """Return all numbers of JSON, those within its texts and keys included."""
    if isinstance(held, bool) or held is None:
        return set()
    if isinstance(held, int | float):
        return {float(held)}
    if isinstance(held, str):
        return {float(text) for text in re.findall(r"\d+(?:\.\d+)?(?:e-?\d+)?", held)}
    if isinstance(held, dict):
        return numbers_in(list(held)) | numbers_in(list(held.values()))
    return set().union(*(numbers_in(entry) for entry in held))


def strangers(page: str, results: Any) -> list[str]:
    """Return what the page prints and the results do not hold, as it is or in percent."""
    known = numbers_in(results)
    ascending = sorted({abs(value) for value in known})
    numbers = Numbers()
    numbers.feed(page)
    found = [value for value in numbers.sorted_by if _is_number(value) and float(value) not in known]
    for text, around in numbers.printed:
        half = 0.5000001 * 10.0 ** -len(text.partition(".")[2])
        scaled = [((float(text) - half) / scale, (float(text) + half) / scale) for scale in (1, 100)]
        places = [(bisect.bisect_left(ascending, low), high) for low, high in scaled]
        if text not in _NOT_RESULTS and not any(i < len(ascending) and ascending[i] <= high for i, high in places):
            found.append(f"{text} in “{around}”")
    return found


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def test_every_number_is_in_the_results(root: Path) -> None:
    """Of hundreds, in tables, cards and sentences; those that tables are sorted by are there to the last bit."""
    page = (root / "report.html").read_text()
    results = json.loads((root / "results.json").read_text())
    numbers = Numbers()
    numbers.feed(page)
    assert len(numbers.printed) > 1000
    assert len(numbers.sorted_by) > 100
    assert strangers(page, results) == []


def test_a_wrong_number_would_be_found() -> None:
    """One digit off, in a text or below it."""
    results = {"accuracy": 0.91234, "images": 10_000}
    assert strangers("<p>91.23% of 10,000</p><td data-value='0.91234'>91.2</td>", results) == []
    assert strangers("<p>91.24%</p>", results) == ["91.24 in “91.24%”"]
    assert strangers("<td data-value='0.9123'></td>", results) == ["0.9123"]
    assert strangers("<p>10,001 images</p>", results) == ["10001 in “10,001 images”"]
