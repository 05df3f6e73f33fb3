"""Figures put what they show where it belongs."""

import warnings
from inspect import unwrap
from typing import Any

import pytest

from fashion_compare.report import curve_figures, score_figures, sensitivity_figures, tuning_figures
from fashion_compare.report.drawing import new_figure, to_svg


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


def timed(seconds: float) -> dict[str, Any]:
    scores = {"mean": 0.5, "interval": [0.4, 0.6]}
    return {
        "runs": [{"environment": {"device": "cpu"}, "test": {"accuracy": 0.5}}],
        "mean": {"seconds": seconds},
        "interval": {"test": {"accuracy": scores}},
    }


@pytest.mark.parametrize(("seconds", "scale"), [([2.0, 9.0], "log"), ([0.0, 9.0], "linear"), ([0.0, 0.0], "linear")])
def test_a_training_that_took_no_time_has_a_place_too(seconds: list[float], scale: str) -> None:
    """Zero seconds, after zero epochs, are not on a log scale: the axis is linear, says so, and nothing warns."""
    configurations = {f"c{i}": timed(value) for i, value in enumerate(seconds)}
    results = {"models": {"ffnn": {"configurations": configurations}}, "best": {}}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _, figure, _, _ = unwrap(score_figures.cost)(results)
        to_svg(figure, "cost")
    (axes,) = figure.axes
    assert axes.get_xscale() == scale
    assert ("log scale" in axes.get_xlabel()) == (scale == "log")
    assert [line.get_xdata()[0] for line in axes.get_lines()[1::2]] == seconds


def test_a_name_in_any_script_is_drawn_without_a_warning() -> None:
    """Matplotlib's font has no glyph for it; the SVG holds the text, for the reader's fonts."""
    figure = new_figure(2, 2)
    figure.suptitle("写真")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert "写真" in to_svg(figure, "title")


@pytest.mark.parametrize("losses", [[2.3, 0.0, 0.0], [2.3, 5e3, 8e5], [2.3, 1e-3, 1e-5]], ids=["0", "huge", "tiny"])
def test_loss_curves_have_a_scale_at_every_end(losses: list[float]) -> None:
    """Three ticks or more lie within the axis, whatever the losses, and every epoch's point; 0 stands at 0.0001."""
    lines = [{"train_loss": loss, "validation_loss": loss} for loss in losses]
    _, figure, rows, caption = unwrap(curve_figures.learning_curves)({"ffnn": {"baseline": [lines]}}, "loss")
    figure.canvas.draw()
    (axes,) = figure.axes
    low, high = axes.get_ylim()
    assert sum(low <= tick <= high for tick in axes.get_yticks()) >= 3
    for line in axes.get_lines():
        assert all(low <= y <= high for y in line.get_ydata())
        assert list(line.get_ydata()) == [loss or 1e-4 for loss in losses]
    assert [row["loss"] for row in rows] == losses * 2
    assert ("A loss of exactly 0 is drawn at 0.0001." in caption) == (0.0 in losses)


def test_a_model_without_a_finished_trial_has_a_panel_that_says_so() -> None:
    """Beside the other's trials, whose scale it does not touch; where neither has one there is nothing to draw."""
    failed = {"number": 0, "state": "failed", "validation_accuracy": None, "best_so_far": None}
    ended = {"number": 0, "state": "complete", "validation_accuracy": 0.8, "best_so_far": 0.8}
    results = {"tuning": {"ffnn": {"trials": [failed]}, "cnn": {"trials": [ended]}}}
    _, figure, rows, _ = unwrap(tuning_figures.tuning_curves)(results)
    said = [[text.get_text() for text in axes.texts] for axes in figure.axes]
    assert said == [["no trial ended well"], []]
    assert [row["model"] for row in rows] == ["cnn"]
    assert tuning_figures.has_trials(results)
    assert not tuning_figures.has_trials({"tuning": {"ffnn": {"trials": [failed]}}})
