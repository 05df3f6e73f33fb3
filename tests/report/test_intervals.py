"""Intervals by Student's t know of no bounds; what is printed and drawn of them ends where scores do."""

import io
import json
import re
import shutil
from collections.abc import Iterator
from html.parser import HTMLParser
from inspect import unwrap
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from fashion_compare.analysis.ablations import AblationResults
from fashion_compare.comparison.from_predictions import PredictionComparison
from fashion_compare.evaluation.metrics import METRIC
from fashion_compare.findings import with_findings
from fashion_compare.report import sentences
from fashion_compare.report.figures import attribution, hyperparameters, robustness, scores
from fashion_compare.report.markdown import write_markdown
from fashion_compare.report.page import write_report
from fashion_compare.report.study_diff import diff_studies
from fashion_compare.report.terminal import summary_table
from fashion_compare.report.terminal_compare import comparison
from fashion_compare.results.schema import Results
from tests.builders import build

# What two seeds easily give.
HALF = 1.92
SIGN = "[+−-]"


def widened(held: Any) -> Any:
    """Results in which every interval reaches far beyond what any score or difference can be."""
    if isinstance(held, list):
        return [widened(entry) for entry in held]
    if not isinstance(held, dict):
        return held
    mean = held.get("mean")
    wide = {key: widened(value) for key, value in held.items()}
    if isinstance(held.get("interval"), list):
        wide["interval"] = [mean - HALF, mean + HALF]
    return wide


@pytest.fixture(scope="module")
def wide(root: Path) -> Results:
    """The results of the tiny study, two seeds each, with such intervals."""
    found: dict[str, Any] = widened(json.loads((root / "results.json").read_text()))
    # Of a surrogate's shares; these are percentiles of what was really drawn.
    assert not found["global_sensitivity"]
    return with_findings(Results.model_validate(found))


class _Text(HTMLParser):
    """Collects what a page says, scripts and figures aside."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.parts: list[str] = []
        self._aside = 0
        self.feed(page)

    def handle_starttag(self, tag: str, _attrs: list[tuple[str, str | None]]) -> None:
        self._aside += tag in ("svg", "script", "style")

    def handle_endtag(self, tag: str) -> None:
        self._aside -= tag in ("svg", "script", "style")

    def handle_data(self, data: str) -> None:
        if not self._aside:
            self.parts.append(data)


def printed(text: str) -> Iterator[tuple[bool, int, float, float]]:
    """Each interval of a text: whether its ends have signs, their digits, and the ends."""
    for low, high in re.findall(rf"\[({SIGN}?\d+\.\d+)%?,\s({SIGN}?\d+\.\d+)%?\]", text):
        ends = [float(end.replace("−", "-")) for end in (low, high)]
        yield low[0] in "+−-", len(low.partition(".")[2]), ends[0], ends[1]


def check(text: str, least: int) -> None:
    """Percentages end at 0 and 100, differences at 100 points either way; a log loss at 0, its difference nowhere.

    In a text in which every interval is too wide, so many at least.
    """
    found = list(printed(text))
    assert len(found) >= least
    for signed, digits, low, high in found:
        if digits == 2:
            # Correlations and areas under curves go from -1 and 0 to 1.
            assert (low, high) in ([(-100.0, 100.0), (-1.0, 1.0)] if signed else [(0.0, 100.0), (0.0, 1.0)])
        elif signed:
            assert high - low == pytest.approx(2 * HALF, abs=2e-4)
        else:
            assert low == 0.0 or low + 2 * HALF == pytest.approx(high, abs=2e-4)


def test_the_page_prints_no_impossible_value(wide: Results, root: Path, tmp_path: Path) -> None:
    """In cards, tables and sentences; results.json has them as they were computed."""
    copied = tmp_path / "copy"
    shutil.copytree(root, copied)
    text = "".join(_Text(write_report(wide, copied).read_text(encoding="utf-8")).parts)
    check(text, 120)
    assert "0.00% – 100.00%" in text


def test_the_document_prints_no_impossible_value(wide: Results, root: Path, tmp_path: Path) -> None:
    """In its tables, lists and sentences."""
    check(write_markdown(wide, root, tmp_path / "results.md").read_text(encoding="utf-8"), 30)


def test_the_summary_prints_no_impossible_value(wide: Results, root: Path) -> None:
    """Both ends in place of a half that would lead beyond them, whole at 60 columns; else the half as ever."""
    text = terminal(summary_table(wide))
    assert text.count("[0.00, 100.00]") == 4
    assert "±" not in text.partition("test set")[0]
    assert "where it is cut off at 0 or 100" in text
    found = json.loads((root / "results.json").read_text())
    held = found["models"]["ffnn"]["configurations"]["baseline"]["interval"]["test"]["accuracy"]
    held["mean"], held["interval"] = 0.975, [0.95, 1.0000001]
    assert "97.50 [95.00, 100.00]" in terminal(summary_table(Results.model_validate(found)))
    held["interval"] = [0.951, 0.999]
    assert "97.50 ±2.40" in terminal(summary_table(Results.model_validate(found)))


def terminal(table: Any) -> str:
    out = io.StringIO()
    Console(file=out, width=60).print(table)
    return out.getvalue()


def test_two_studies_beside_each_other_print_no_impossible_value(wide: Results) -> None:
    """Scores and leads end at 0, 100 and 100 points; a difference of two changes at twice that, which these are not."""
    diff = diff_studies(wide, wide)
    check(" ".join(row.first + row.second for row in diff.scores), 8)
    (of_best, *perturbations) = diff.differences
    check(of_best.first + of_best.second, 2)
    for row in perturbations:
        for signed, _, low, high in printed(row.first):
            assert (signed, high - low) == (True, pytest.approx(200 * HALF, abs=0.02)) or abs(low) == abs(high) == 100


def test_comparing_predictions_prints_no_impossible_value() -> None:
    """The differences of every metric, and of F1 class by class."""
    row = {
        "metric": "accuracy", "mean": 0.1, "interval": [0.1 - HALF, 0.1 + HALF], "verdict": "not tested",
        "seeds": [0, 1], "smallest_sign_flip_p": 0.5, "p": None, "p_holm": None, "p_sign_flip": None,
    }  # fmt: skip
    rows = [row | {"metric": metric} for metric in sentences.METRIC_NAMES]
    class_row = {"metric": "f1", "mean": 0.1, "interval": [0.1 - HALF, 0.1 + HALF], "verdict": "not tested"}
    side = {
        "runs": [{"scores": dict.fromkeys(METRIC, 0.5), "per_class": [{"f1": 0.5}]}],
        "interval": {metric: {"mean": 0.5} for metric in sentences.METRIC_NAMES},
    }
    found = {
        "a": side, "b": side, "comparisons": rows, "classes": [class_row],
        "agreement": [dict.fromkeys(("both_right", "only_a_right", "only_b_right", "both_wrong", "mcnemar_p"), 1)],
        "ensemble": [*rows, row],
    }  # fmt: skip
    check("".join(map(terminal, comparison(build(PredictionComparison, **found), ["Bag"], 4))), 5)


def lines(figure: Any) -> list[tuple[np.ndarray, np.ndarray]]:
    """What is drawn in all panels: lines, and the outlines of bands."""
    found = [line.get_data() for axes in figure.axes for line in axes.get_lines()]
    bands = [path.vertices.T for axes in figure.axes for band in axes.collections for path in band.get_paths()]
    return [(np.asarray(x, float), np.asarray(y, float)) for x, y in [*found, *bands]]


@pytest.mark.parametrize(
    ("draw", "of", "across", "low", "high"),
    [
        (scores.overview, lambda wide: (wide,), True, 0, 100),
        (scores.cost, lambda wide: (wide,), False, 0, 100),
        (scores.differences, lambda wide: (wide.comparisons,), True, -100, 100),
        (scores.sensitivity, lambda wide: (wide.sensitivity,), True, -100, 100),
        (hyperparameters.curves, lambda wide: (wide.sensitivity,), False, 0, 100),
        (robustness.perturbations, lambda wide: (wide.robustness,), False, 0, 100),
        (robustness.shifts, lambda wide: (wide.robustness,), False, 0, 100),
        (robustness.linear_probes, lambda wide: (wide.robustness,), False, 0, 100),
        (attribution.randomization, lambda wide: (wide.faithfulness,), False, -1, 1),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_figures_draw_no_impossible_value(
    wide: Results, draw: Any, of: Any, across: bool, low: float, high: float
) -> None:
    """Intervals and bands reach to the bounds and no further; the data behind the figure have them as computed."""
    _, figure, rows, _ = unwrap(draw)(*of(wide))
    values = np.concatenate([x if across else y for x, y in lines(figure)])
    assert values.min() == pytest.approx(low)
    assert values.max() == pytest.approx(high)
    widths = {round(row["high"] - row["low"], 6) for row in rows}
    assert widths - {0.0} == {2 * HALF}


def test_figures_of_experiments_draw_no_impossible_value() -> None:
    """Permuted pixels, and fewer training images with the lead."""
    wide = {"mean": -0.2, "interval": [-0.2 - HALF, -0.2 + HALF]}
    score = {"mean": 0.7, "interval": [0.7 - HALF, 0.7 + HALF]}
    experiments = {
        "permutation": {"changes": {model: wide | {"metric": "accuracy"} for model in ("ffnn", "cnn")}},
        "training_sizes": {model: [{"images": n, "accuracy": score} for n in (100, 1000)] for model in ("ffnn", "cnn")},
        "differences_by_size": [{"images": n, **wide} for n in (100, 1000)],
        "least_steps": 300,
    }
    ablations = build(AblationResults, **experiments)
    _, figure, rows, _ = unwrap(robustness.permutation)(ablations.permutation.changes)
    across = np.concatenate([x for x, _ in lines(figure)])
    assert (across.min(), across.max()) == (-100, 100)
    _, figure, rows, _ = unwrap(robustness.training_sizes)(ablations)
    for axes, bounds in zip(figure.axes, ((0, 100), (-100, 100)), strict=True):
        (up,) = {tuple(np.unique(band.get_paths()[0].vertices[:, 1])[[0, -1]]) for band in axes.collections}
        assert up == bounds
    assert {round(row["high"] - row["low"], 6) for row in rows} == {2 * HALF}
