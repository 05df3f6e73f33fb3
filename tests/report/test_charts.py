"""Curves, ROC and confusions answer to pointer and keys with the runs' own numbers; the page is open to everybody."""

import base64
import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

from fashion_compare.analysis.explanations import CELL_IMAGES
from fashion_compare.classifier.functional import softmax
from fashion_compare.evaluation.predictions import load_predictions
from fashion_compare.runs.run import run_path
from fashion_compare.store import RunDirectory

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def tests(root: Path) -> dict[str, Any]:
    """Test labels, answers and probabilities of the networks that the page shows."""
    networks = json.loads((root / "results.json").read_text())["gallery"]["networks"]
    found = {}
    for model, held in networks.items():
        directory = RunDirectory(run_path(root, model, held["configuration"], held["seed"]))
        found[model] = load_predictions(directory.predictions)["test"]
    return found


@pytest.mark.parametrize("model", ["ffnn", "cnn"])
def test_a_cell_opens_the_images_behind_it(page: Any, tests: dict[str, Any], model: str) -> None:
    """The surest of that class and answer, each with what both models say; the first cells, right and wrong."""
    if not page.locator(f'td[data-cell^="{model},"]').first.is_visible():
        page.locator("details.matrix summary").filter(has_text=model).click()
    names = json.loads(page.locator("#explore-data").text_content())["classes"]
    answers = tests[model].logits.argmax(axis=1)
    surest = softmax(tests[model].logits).max(axis=1)
    cells = page.locator(f'td[data-cell^="{model},"]')
    opened = 0
    for i in range(min(cells.count(), 12)):
        _, label, answer = (
            int(part) if part.isdigit() else part for part in cells.nth(i).get_attribute("data-cell").split(",")
        )
        cells.nth(i).locator("button").click()
        behind = np.flatnonzero((tests[model].labels == label) & (answers == answer))
        expected = behind[np.argsort(-surest[behind], kind="stable")][:CELL_IMAGES]
        said = page.locator("#behind figcaption").all_inner_texts()
        numbers = [int(re.match(r"test image (\d+)", text)[1]) for text in said]
        assert len(numbers) == len(expected)
        # Equally sure ones may come in any order, and at the end any of them.
        assert surest[numbers] == pytest.approx(surest[expected], abs=1e-4)
        for text, number in zip(said, numbers, strict=True):
            for other, held in tests.items():
                logits = held.logits[number]
                probability = softmax(logits[None])[0].max()
                (said_of_it,) = re.findall(rf"{other} {re.escape(names[logits.argmax()])} (\d+)%", text)
                assert abs(int(said_of_it) - 100 * probability) <= 0.51
        opened += len(numbers)
    assert opened > 10


def test_what_a_cell_shows_is_the_image(page: Any, root: Path) -> None:
    """The sheet holds each image, dark on white, at its place."""
    held = json.loads(page.locator("#explore-data").text_content())["confusions"]
    sheet = np.asarray(PIL.Image.open(io.BytesIO(base64.b64decode(held["sheet"].partition(",")[2]))))
    with np.load(root / "explanations" / "confused.npz") as kept:
        assert kept["index"].tolist() == held["index"]
        for k in range(0, len(held["index"]), 7):
            row, column = divmod(k, held["columns"])
            place = sheet[28 * row : 28 * row + 28, 28 * column : 28 * column + 28]
            np.testing.assert_array_equal(place, 255 - kept["images"][k])


def test_curves_say_the_epochs_values(page: Any, root: Path) -> None:
    """Keys and pointer choose an epoch; a configuration switched on is said too, and drawn."""
    svg = page.locator("#explore-curves > svg")
    lines = svg.locator("polyline")
    assert lines.count() == 4
    page.locator("#curve-runs label").filter(has_text="ffnn l1").click()
    assert lines.count() == 6
    page.locator("#curve-metric").select_option("accuracy")
    svg.focus()
    svg.press("ArrowRight")
    said = page.locator("#curve-values").inner_text()
    assert said.startswith("Epoch 1 ")
    for model, name in (("ffnn", "baseline"), ("ffnn", "l1"), ("cnn", "baseline")):
        runs = [RunDirectory(run_path(root, model, name, seed)).read_metrics() for seed in (0, 1)]
        validation, train = (
            np.mean([float(f"{run[1][f'{part}_accuracy']:.4g}") for run in runs]) for part in ("validation", "train")
        )
        assert f"{model} {name}: validation {100 * validation:.2f}%, training {100 * train:.2f}%" in said
    page.locator("#curve-single").click()
    assert lines.count() == 18
    svg.hover(position={"x": 100, "y": 100})
    assert page.locator("#curve-values").inner_text().startswith("Epoch 0 ")


def test_a_threshold_says_what_it_does(page: Any, tests: dict[str, Any]) -> None:
    """Whatever the class and the place: at the threshold said, so many of the class and of the rest are called so."""
    names = json.loads(page.locator("#explore-data").text_content())["classes"]
    pattern = r"(\w+): called (.+?) from a probability of ([\d.e-]+) on, ([\d.]+)% of them are found, and ([\d.]+)% of"
    for label, across in ((0, 0.4), (6, 0.7), (9, 0.95)):
        page.locator("#roc-class").select_option(str(label))
        box = page.locator("#explore-roc > svg").bounding_box()
        page.locator("#explore-roc > svg").hover(position={"x": across * box["width"], "y": 50})
        found = re.findall(pattern, page.locator("#roc-values").inner_text())
        assert [model for model, *_ in found] == ["ffnn", "cnn"]
        for model, name, threshold, true, false in found:
            assert name == names[label]
            own = tests[model].labels == label
            probability = softmax(tests[model].logits)[:, label]
            # Printed to three digits.
            low, high = (probability >= float(threshold) * (1 + change) for change in (0.01, -0.01))
            for part, said in ((own, true), (~own, false)):
                assert 100 * low[part].mean() - 0.01 <= float(said) <= 100 * high[part].mean() + 0.01


def test_tables_can_be_narrowed(page: Any) -> None:
    """Rows with all words typed stay, with their number; emptied, all come back. Short tables have no field."""
    sortable = page.locator("table.sortable")
    long = [table for table in sortable.all() if table.locator("tbody tr").count() > 10]
    assert page.locator("label.filter").count() == len(long)
    # A page of so few runs may have none that is long.
    page.evaluate(
        """() => {
            const table = document.querySelector("table.sortable");
            const rows = [...table.tBodies[0].rows];
            while (table.tBodies[0].rows.length <= 10) {
                table.tBodies[0].append(...rows.map((row) => row.cloneNode(true)));
            }
            document.querySelectorAll("label.filter").forEach((label) => label.remove());
            addFilter(table);
        }"""
    )
    rows = sortable.first.locator("tbody tr")
    field, count = page.locator("label.filter input"), rows.count()
    first = rows.nth(0).locator("th, td").first.inner_text()
    field.fill(first.upper())
    shown = [row for row in rows.all() if row.is_visible()]
    assert 0 < len(shown) < count
    assert all(first in row.inner_text() for row in shown)
    assert f"{len(shown)} of {count}" in page.locator("label.filter").inner_text()
    field.fill(f"{first} nowhere")
    assert not any(row.is_visible() for row in rows.all())
    field.fill("")
    assert all(row.is_visible() for row in rows.all())


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_serious(browser: Any, root: Path, theme: str) -> None:
    """No serious or critical violation, with everything opened that can be."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs the extra 'browser'")
    context = browser.new_context(viewport={"width": 1300, "height": 900}, color_scheme=theme, offline=True)
    page = context.new_page()
    page.goto((root / "report.html").as_uri())
    page.evaluate("document.querySelectorAll('details').forEach((part) => { part.open = true; })")
    page.locator("td[data-cell] button").nth(1).click()
    found = axe.Axe().run(page).response
    serious = [held for held in found["violations"] if held["impact"] in ("serious", "critical")]
    assert [(held["id"], held["nodes"][0]["target"], held["nodes"][0]["failureSummary"]) for held in serious] == []
    assert len(found["passes"]) > 20
    context.close()
