"""Figures of how the two robustness differ: changed images, shifts, layers, permuted pixels, fewer training images."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fashion_compare.analysis.ablations import AblationResults
from fashion_compare.analysis.robustness import Robustness
from fashion_compare.comparison.paired import Comparison
from fashion_compare.findings.wording import Cut, difference_interval, score_interval
from fashion_compare.report.figures.style import (
    GRID,
    INK,
    MODEL_COLOURS,
    Rows,
    cell_colours,
    draw_interval,
    interval_row,
    new_figure,
    percent_ends,
    rendered,
)

_COLUMNS = 4


@rendered
def perturbations(robustness: Mapping[str, Robustness]) -> tuple[str, Figure, Rows, str]:
    """Accuracy on perturbed test images, a panel for each perturbation, both models in it."""
    rows = [
        interval_row(point.accuracy, model=model, perturbation=curve.perturbation, unit=curve.unit, amount=point.amount)
        for model, found in robustness.items()
        for curve in found.perturbations
        for point in curve.points
    ]
    names = list(dict.fromkeys(row["perturbation"] for row in rows))
    figure = new_figure(7.6, 4.2)
    shared: Axes | None = None
    for k, name in enumerate(names):
        axes = figure.add_subplot(2, _COLUMNS, k + 1, sharey=shared)
        shared = shared or axes
        own = [row for row in rows if row["perturbation"] == name]
        for model in robustness:
            _band(axes, [row for row in own if row["model"] == model], "amount", MODEL_COLOURS[model], model)
        if name == "contrast":
            axes.invert_xaxis()
        axes.set_title(name, fontsize=9)
        axes.set_xlabel(own[0]["unit"].replace(" (", "\n("), fontsize=7)
        axes.tick_params(labelsize=7)
        axes.tick_params(labelleft=k % _COLUMNS == 0)
    handles, labels = figure.axes[0].get_legend_handles_labels()
    place = figure.add_subplot(2, _COLUMNS, len(names) + 1)
    place.axis("off")
    place.legend(handles, labels, loc="center")
    figure.supylabel("accuracy on perturbed test images (%)", fontsize=8)
    images = next(iter(robustness.values())).images
    caption = (
        f"Accuracy of the trained baselines on {images:,} test images under increasing perturbation; mean over seeds "
        "and over directions, places or draws, with 95% bands. Evaluated without retraining or augmentation."
    )
    return "perturbations", figure, rows, caption


@rendered
def shifts(robustness: Mapping[str, Robustness]) -> tuple[str, Figure, Rows, str]:
    """Accuracy on shifted test images alone: small enough for the first screen."""
    figure = new_figure(4.4, 3.3)
    axes = figure.add_subplot()
    rows: Rows = []
    for model, found in robustness.items():
        curve = next(one for one in found.perturbations if one.perturbation == "shift")
        own = [interval_row(point.accuracy, model=model, pixels=point.amount) for point in curve.points]
        _band(axes, own, "pixels", MODEL_COLOURS[model], f"{model} baseline")
        rows += own
    axes.set_ylim(0, 100)
    axes.set_xlabel("shift of the test images (pixels)")
    axes.set_ylabel("test accuracy (%)")
    axes.legend(fontsize=7)
    caption = (
        "Robustness to translation: accuracy of the baselines on shifted test images, mean over seeds and eight "
        "directions, with 95% bands. Evaluated without retraining or augmentation."
    )
    return "shifts", figure, rows, caption


@rendered
def shift_maps(robustness: Mapping[str, Robustness]) -> tuple[str, Figure, Rows, str]:
    """Accuracy for each shift down and to the right, a map a model."""
    figure = new_figure(3.5 * len(robustness), 3.3)
    rows: Rows = []
    for k, (model, found) in enumerate(robustness.items()):
        accuracy = 100 * np.array(found.shift_map)
        reach = len(accuracy) // 2
        axes = figure.add_subplot(1, len(robustness), k + 1)
        axes.grid(visible=False)
        edges = np.arange(-reach, reach + 2) - 0.5
        axes.pcolormesh(
            edges, edges, accuracy, cmap=cell_colours(model), vmin=0, vmax=100, edgecolors=GRID, linewidth=0.3
        )
        for i, j in np.ndindex(accuracy.shape):
            axes.text(j - reach, i - reach, f"{accuracy[i, j]:.0f}", ha="center", va="center", fontsize=5.5,
                      color="white" if accuracy[i, j] > 78 else INK)  # fmt: skip
            rows.append({"model": model, "down": i - reach, "right": j - reach, "accuracy": accuracy[i, j] / 100})
        axes.set_aspect("equal")
        axes.invert_yaxis()
        axes.set_title(model)
        axes.set_xlabel("shifted to the right (pixels)")
        axes.set_ylabel("shifted down (pixels)")
    caption = "Accuracy (%) of the trained baselines on some shifted test images, by direction, mean over seeds."
    return "shift-maps", figure, rows, caption


@rendered
def linear_probes(robustness: Mapping[str, Robustness]) -> tuple[str, Figure, Rows, str]:
    """Test accuracy of a linear probe of each layer."""
    rows = [
        interval_row(probe.accuracy, model=model, layer=probe.layer)
        for model, found in robustness.items()
        for probe in found.linear_probes
    ]
    figure = new_figure(7.2, 2.8)
    for k, model in enumerate(robustness):
        axes = figure.add_subplot(1, len(robustness), k + 1, sharey=figure.axes[0] if k else None)
        own = [row for row in rows if row["model"] == model]
        x = range(len(own))
        axes.plot(x, [100 * row["mean"] for row in own], color=MODEL_COLOURS[model], linewidth=1.2)
        for at, row in zip(x, own, strict=True):
            axes.plot([at, at], percent_ends(row, score_interval), color=MODEL_COLOURS[model], linewidth=1.6)
            axes.plot(at, 100 * row["mean"], "o", color=MODEL_COLOURS[model], markersize=4)
        axes.set_xticks(x, [row["layer"] for row in own], rotation=30)
        axes.set_title(model)
    figure.supylabel("accuracy of a linear probe (%)", fontsize=8)
    caption = (
        "Linear probes by layer: test accuracy of a linear classifier fitted to the layer's output for a part of the "
        "training images, mean over seeds with 95% intervals. “pixels” is the image itself."
    )
    return "linear-probes", figure, rows, caption


@rendered
def permutation(changes: Mapping[str, Comparison]) -> tuple[str, Figure, Rows, str]:
    """The change of test accuracy by training and testing with all pixels in another order."""
    rows = [interval_row(change, model=model) for model, change in changes.items()]
    figure = new_figure(7.2, 0.7 + 0.4 * len(rows))
    axes = figure.add_subplot()
    for k, row in enumerate(rows):
        draw_interval(axes, row, -k, MODEL_COLOURS[row["model"]], difference_interval)
    axes.axvline(0, color=INK, linewidth=0.8)
    axes.set_yticks([-k for k in range(len(rows))], [row["model"] for row in rows])
    axes.set_ylim(-len(rows) + 0.5, 0.5)
    axes.set_xlabel("change of test accuracy (points) when all pixels are in another order")
    caption = (
        "One fixed random order of all pixels, the same for every image, in training and in testing: change of test "
        "accuracy from the baseline, paired by seed and image, with 95% intervals."
    )
    return "permutation", figure, rows, caption


@rendered
def training_sizes(ablations: AblationResults) -> tuple[str, Figure, Rows, str]:
    """Test accuracy by the number of training images, and the difference of the two models."""
    rows = [
        interval_row(point.accuracy, curve=model, images=point.images)
        for model, points in ablations.training_sizes.items()
        for point in points
    ]
    difference = [interval_row(row, curve="cnn - ffnn", images=row.images) for row in ablations.differences_by_size]
    figure = new_figure(7.2, 2.9)
    axes = figure.add_subplot(1, 2 if difference else 1, 1)
    for model in ablations.training_sizes:
        _band(axes, [row for row in rows if row["curve"] == model], "images", MODEL_COLOURS[model], model)
    axes.set_xscale("log")
    axes.set_xlabel("training images (log scale)")
    axes.set_ylabel("test accuracy (%)")
    axes.legend()
    if difference:
        axes = figure.add_subplot(1, 2, 2)
        _band(axes, difference, "images", INK, "difference", difference_interval)
        axes.axhline(0, color=INK, linewidth=0.8)
        axes.set_xscale("log")
        axes.set_xlabel("training images (log scale)")
        axes.set_ylabel("cnn − ffnn (percentage points)")
    caption = (
        f"Test accuracy of the baselines trained on fewer images, given {ablations.least_steps} steps or more, mean "
        "over seeds with 95% bands; a smaller set is part of the larger ones."
    )
    return "training-sizes", figure, rows + difference, caption


def _band(
    axes: Axes, rows: Sequence[Mapping[str, Any]], x: str, colour: str, label: str, cut: Cut = score_interval
) -> None:
    """Draw means in percent or points with their intervals as a band."""
    at = [row[x] for row in rows]
    ends = [percent_ends(row, cut) for row in rows]
    axes.fill_between(at, [low for low, _ in ends], [high for _, high in ends], color=colour, alpha=0.2, linewidth=0)
    axes.plot(at, [100 * row["mean"] for row in rows], "o-", color=colour, linewidth=1.3, markersize=3, label=label)
