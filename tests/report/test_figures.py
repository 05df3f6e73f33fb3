"""Figures put what they show where it belongs, and draw it in the colour that belongs to it."""

import base64
import io
import re
import warnings
from inspect import unwrap
from typing import Any

import numpy as np
import PIL.Image
import pytest

from fashion_compare.analysis.hyperparameters import TuningResults
from fashion_compare.analysis.robustness import Robustness
from fashion_compare.analysis.single_image import ImageExplanation
from fashion_compare.comparison.hyperparameters import ParameterSensitivity
from fashion_compare.evaluation.metrics import METRIC
from fashion_compare.report.figures import (
    attribution,
    classes,
    hyperparameters,
    learning_curves,
    robustness,
    scores,
    tuning,
)
from fashion_compare.report.figures.single_image import explanation
from fashion_compare.report.figures.style import RenderedFigure, new_figure, to_svg
from fashion_compare.report.images import heat_uri
from fashion_compare.results.schema import Results
from tests.builders import build

NAMES = [f"class {c}" for c in range(10)]
# The page's background in both themes, and the colours of the largest value above and below zero.
PAPER = {"light": (253, 253, 251), "dark": (22, 24, 28)}
RED, BLUE = (214, 56, 20), (31, 111, 180)
# Of what is drawn: the largest value, a tenth of it, zero, and the same below zero.
LEVELS = np.array([[1.0, 0.1, 0.0], [-0.1, -1.0, 0.5]])


def point(value: int, mean: float) -> dict[str, Any]:
    accuracy = {"mean": mean, "interval": [mean - 0.01, mean + 0.01]}
    return {"value": value, "validation_accuracy": accuracy, "change": None, "changed_together": {}}


def test_values_of_both_models_share_one_sorted_axis() -> None:
    """Each model was tried at values that the other was not: the curves run from the smallest to the largest."""
    tried = {"ffnn": {5: 0.80, 10: 0.82, 15: 0.83, 30: 0.84}, "cnn": {5: 0.81, 10: 0.83, 20: 0.85}}
    sensitivity = {
        model: [
            build(
                ParameterSensitivity,
                parameter="epochs",
                range=0.04,
                points=[point(*item) for item in held.items()],
            )
        ]
        for model, held in tried.items()
    }
    _, figure, _, _ = unwrap(hyperparameters.curves)(sensitivity)
    (axes,) = figure.axes
    labels = [int(label.get_text()) for label in axes.get_xticklabels()]
    assert labels == [5, 10, 15, 20, 30]
    lines = [line for line in axes.get_lines() if len(line.get_xdata()) > 2]
    for line, held in zip(lines, tried.values(), strict=True):
        assert {labels[x]: round(y / 100, 2) for x, y in zip(*line.get_data(), strict=True)} == held


def timed(seconds: float) -> dict[str, Any]:
    scores = {"mean": 0.5, "interval": [0.4, 0.6]}
    of_splits = {split: dict.fromkeys(METRIC, 0.5) for split in ("train", "validation", "test")}
    return {
        "runs": [{"environment": {"device": "cpu"}, **of_splits}],
        "mean": {"seconds": seconds, **of_splits},
        "interval": {"test": {"accuracy": scores}},
        "curves": {},
    }


@pytest.mark.parametrize(("seconds", "scale"), [([2.0, 9.0], "log"), ([0.0, 9.0], "linear"), ([0.0, 0.0], "linear")])
def test_a_training_that_took_no_time_has_a_place_too(seconds: list[float], scale: str) -> None:
    """Zero seconds, after zero epochs, are not on a log scale: the axis is linear, says so, and nothing warns."""
    configurations = {f"c{i}": timed(value) for i, value in enumerate(seconds)}
    models = {"ffnn": {"configurations": configurations}}
    results = build(Results, dataset={"name": "fashion-mnist"}, models=models)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _, figure, _, _ = unwrap(scores.cost)(results)
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
    _, figure, rows, caption = unwrap(learning_curves.learning_curves)(
        "curves", {"ffnn": {"baseline": [lines]}}, "loss"
    )
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
    searches = {"ffnn": build(TuningResults, trials=[failed]), "cnn": build(TuningResults, trials=[ended])}
    _, figure, rows, _ = unwrap(tuning.tuning_curves)(searches)
    said = [[text.get_text() for text in axes.texts] for axes in figure.axes]
    assert said == [["no trial ended well"], []]
    assert [row["model"] for row in rows] == ["cnn"]


def shown(drawn: RenderedFigure, paper: tuple[int, int, int]) -> np.ndarray:
    """The last image of a figure as it looks on that background, (height, width, 3)."""
    text = re.findall(r'xlink:href="data:image/png;base64,([^"]+)"', drawn.svg)[-1]
    image = PIL.Image.open(io.BytesIO(base64.b64decode(text))).convert("RGBA")
    background = PIL.Image.new("RGBA", image.size, (*paper, 255))
    # Matplotlib writes the last row first and turns it over in the SVG.
    assert 'transform="scale(1 -1)' in drawn.svg
    return np.flipud(np.asarray(PIL.Image.alpha_composite(background, image)))[..., :3].astype(float)


def blended(share: float, colour: tuple[int, int, int], paper: tuple[int, int, int]) -> np.ndarray:
    """What a colour that is opaque to that share looks like on a background."""
    return share * np.array(colour) + (1 - share) * np.array(paper)


def averages_of(levels: np.ndarray) -> RenderedFigure:
    images = np.zeros((1, *levels.shape))
    return attribution.averages({"images": images, "maps/cnn/Grad-CAM": 0.3 * levels[None]}, ["Bag"])


def first_layer_of(levels: np.ndarray) -> RenderedFigure:
    return attribution.first_layer("cnn", 7.0 * levels[None])


def explanation_of(levels: np.ndarray) -> RenderedFigure:
    explained = build(ImageExplanation, probabilities=[1.0], model="cnn", configuration="b", run="seed-0")
    blank = np.zeros(levels.shape, np.uint8)
    return explanation("title", blank, explained, {"predicted": {"Grad-CAM": 0.002 * levels}}, ["Bag"])


@pytest.mark.parametrize("theme", PAPER)
@pytest.mark.parametrize("draw", [averages_of, first_layer_of, explanation_of])
def test_a_map_is_as_opaque_as_its_value_is_large(draw: Any, theme: str) -> None:
    """At a tenth of the peak a tenth of the peak's colour is drawn, above and below zero; at zero nothing is."""
    # The explanation of one image lies on the image itself, here a blank one.
    paper = (255, 255, 255) if draw is explanation_of else PAPER[theme]
    image = shown(draw(LEVELS), paper)
    rows, columns = LEVELS.shape
    height, width = image.shape[:2]
    for (i, j), level in np.ndenumerate(LEVELS):
        drawn = image[int((i + 0.5) * height / rows), int((j + 0.5) * width / columns)]
        # Eight bits of opacity, and a colour map of a few hundred steps.
        np.testing.assert_allclose(drawn, blended(abs(level), RED if level > 0 else BLUE, paper), rtol=0, atol=1.5)


def test_heat_over_an_image_is_as_opaque_as_it_is_large() -> None:
    """In the page's gallery: at most nine tenths, so that the image shows through, and at a tenth a tenth of that."""
    heat = np.array([[1.0, 0.1, 0.0, -0.1, -1.0]])
    image = PIL.Image.open(io.BytesIO(base64.b64decode(heat_uri(heat).partition(",")[2])))
    drawn = np.asarray(image.convert("RGBA"))[0]
    assert drawn[:, 3] == pytest.approx([0.9 * 255, 0.09 * 255, 0, 0.09 * 255, 0.9 * 255], abs=0.5)
    assert {tuple(pixel[:3]) for pixel in drawn[:2]} == {RED}
    assert {tuple(pixel[:3]) for pixel in drawn[3:]} == {BLUE}


def cells(drawn: RenderedFigure) -> set[tuple[str, float]]:
    """Fill and opacity of a matrix's cells; those at zero are not filled."""
    found = re.findall(r'<path d="[^"]*" clip-path="[^"]*" style="([^"]*)"', drawn.svg)
    styles = [dict(part.split(": ") for part in style.split("; ")) for style in found]
    return {
        (style["fill"], round(float(style.get("fill-opacity", 1)), 2)) for style in styles if style["fill"] != "none"
    }


@pytest.mark.parametrize(("model", "red", "green", "blue"), [("ffnn", 180, 80, 10), ("cnn", 31, 111, 180)])
def test_a_cell_is_as_opaque_as_its_value_is_large(model: str, red: int, green: int, blue: int) -> None:
    """Shares by their square root, accuracies as they are: one colour in both themes, no white mixed in."""
    confusion = np.zeros((10, 10))
    confusion[0, :3] = [81, 18, 1]
    confusion[1:, 0] = 100
    map_ = np.full((3, 3), 0.1)
    map_[0] = [1.0, 0.5, 0.0]
    of_splits = {split: dict.fromkeys(METRIC, 0.5) for split in ("train", "validation", "test")}
    entry = {"mean": {"confusion": confusion.tolist(), **of_splits}, "interval": {}, "curves": {}}
    models = {model: {"configurations": {"baseline": entry}}}
    configuration = build(Results, dataset={"name": "fashion-mnist"}, models=models).configuration(model)
    for drawn, expected in (
        (classes.confusion(configuration, NAMES), [0.1, 0.42, 0.9, 1.0]),
        (robustness.shift_maps({model: build(Robustness, shift_map=map_.tolist())}), [0.1, 0.5, 1.0]),
    ):
        found = cells(drawn)
        assert sorted({opacity for _, opacity in found}) == pytest.approx(expected, abs=0.01)
        for fill, _ in found:
            drawn_colour = [int(fill[i : i + 2], 16) for i in (1, 3, 5)]
            np.testing.assert_allclose(drawn_colour, [red, green, blue], rtol=0, atol=1)
