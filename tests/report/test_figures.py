"""Figures put what they show where it belongs."""

from inspect import unwrap
from typing import Any

from fashion_compare.report import sensitivity_figures


def point(value: int, mean: float) -> dict[str, Any]:
    accuracy = {"mean": mean, "interval": [mean - 0.01, mean + 0.01]}
    return {"value": value, "validation_accuracy": accuracy, "change": None, "together": {}}


def test_values_of_both_models_share_one_sorted_axis() -> None:
    """Each model was tried at values that the other was not: the curves run from the smallest to the largest."""
    tried = {"ffnn": {5: 0.80, 10: 0.82, 15: 0.83, 30: 0.84}, "cnn": {5: 0.81, 10: 0.83, 20: 0.85}}
    sensitivity = {
        model: [{"parameter": "epochs", "span": 0.04, "usable": [], "points": [point(*item) for item in held.items()]}]
        for model, held in tried.items()
    }
    _, figure, _, _ = unwrap(sensitivity_figures.curves)({"sensitivity": sensitivity})
    (axes,) = figure.axes
    labels = [int(label.get_text()) for label in axes.get_xticklabels()]
    assert labels == [5, 10, 15, 20, 30]
    lines = [line for line in axes.get_lines() if len(line.get_xdata()) > 2]
    for line, held in zip(lines, tried.values(), strict=True):
        assert {labels[x]: round(y / 100, 2) for x, y in zip(*line.get_data(), strict=True)} == held
