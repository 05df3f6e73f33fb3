"""Figures class by class: confusion, F1, ROC."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from fashion_compare.evaluation.roc import RocCurve
from fashion_compare.report.figures.style import (
    CLASS_COLOURS,
    GRID,
    INK,
    MODEL_COLOURS,
    Rows,
    cell_colours,
    new_figure,
    rendered,
)
from fashion_compare.results.schema import FinishedConfiguration


@rendered
def confusion(configuration: FinishedConfiguration, class_names: Sequence[str]) -> tuple[str, Figure, Rows, str]:
    """A model's confusion matrix on the test set, mean over seeds."""
    model, name = configuration.model, configuration.name
    matrix = np.asarray(configuration.mean.confusion)
    shares = 100 * matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    figure = new_figure(4.6, 4.4)
    axes = figure.add_subplot()
    axes.grid(visible=False)
    # Square root: a confusion of 2% must be seen beside a diagonal of 90%.
    axes.pcolormesh(np.sqrt(shares), cmap=cell_colours(model), vmin=0, vmax=10, edgecolors=GRID, linewidth=0.4)
    for i, j in np.ndindex(shares.shape):
        if shares[i, j] >= 0.05:
            axes.text(j + 0.5, i + 0.5, f"{shares[i, j]:.1f}" if shares[i, j] < 9.95 else f"{shares[i, j]:.0f}",
                      ha="center", va="center", fontsize=7, color="white" if shares[i, j] > 50 else INK)  # fmt: skip
    ticks = np.arange(len(class_names)) + 0.5
    axes.set_xticks(ticks, class_names, rotation=45, ha="right", fontsize=8)
    axes.set_yticks(ticks, class_names, fontsize=8)
    axes.invert_yaxis()
    axes.set_xlabel("predicted class")
    axes.set_ylabel("true class")
    axes.set_title(f"{model} {name}")
    rows = [
        {"class": class_names[i], "predicted": class_names[j], "images": float(matrix[i, j])}
        for i, j in np.ndindex(matrix.shape)
    ]
    caption = (
        f"Confusion of the {model} ({name}) on the test set: percent of each class's images (row) "
        "by predicted class, mean over seeds."
    )
    return f"confusion-{model}", figure, rows, caption


@rendered
def per_class(chosen: Sequence[FinishedConfiguration], class_names: Sequence[str]) -> tuple[str, Figure, Rows, str]:
    """F1 of each class for one configuration of each model, seeds as small points."""
    figure = new_figure(7.2, 2.9)
    axes = figure.add_subplot()
    rows: Rows = []
    for offset, configuration in zip((-0.12, 0.12), chosen, strict=False):
        model, classes = configuration.model, configuration.mean.per_class
        colour = MODEL_COLOURS[model]
        at = np.arange(len(classes)) + offset
        seeds = [[run.per_class[c].f1 for run in configuration.runs] for c in range(len(classes))]
        for x, of_class in zip(at, seeds, strict=True):
            points = [100 * f1 for f1 in of_class]
            axes.plot([x + 0.13 * np.sign(offset)] * len(points), points, "o", color=colour, alpha=0.5, markersize=2.5)
        axes.plot(at, [100 * entry.f1 for entry in classes], "o", color=colour, markersize=6, label=model)
        rows += [
            {
                "model": model,
                "class": name,
                **entry.model_dump(),
                "f1_by_seed": " ".join(f"{f1:.4f}" for f1 in of_class),
            }
            for name, entry, of_class in zip(class_names, classes, seeds, strict=True)
        ]
    axes.set_xticks(range(len(class_names)), class_names, rotation=25, ha="right")
    axes.set_ylabel("F1 on the test set (%)")
    axes.legend(ncols=2)
    caption = "F1 of each class on the test set: mean over seeds, and each seed as a small point."
    return "per-class", figure, rows, caption


@rendered
def roc(
    configuration: FinishedConfiguration, curves: Sequence[RocCurve | None], class_names: Sequence[str]
) -> tuple[str, Figure, Rows, str]:
    """One-vs-rest ROC curves of a configuration's first run."""
    model, name = configuration.model, configuration.name
    areas = [entry.auc for entry in configuration.runs[0].per_class]
    figure = new_figure(4.6, 4.0)
    axes = figure.add_subplot()
    rows: Rows = []
    grid = np.concatenate([[0], np.geomspace(1e-4, 1, 120)])
    for c, curve in enumerate(curves):
        if curve is None:
            continue
        rate = np.interp(grid, curve.false_positive_rate, curve.true_positive_rate)
        axes.plot(grid, rate, color=CLASS_COLOURS[c % 10], linewidth=1.3, label=f"{class_names[c]}  {areas[c]:.4f}")
        rows += [
            {"class": class_names[c], "false_positive_rate": float(f), "true_positive_rate": float(t)}
            for f, t in zip(grid, rate, strict=True)
        ]
    axes.plot(grid[1:], grid[1:], ":", color=INK, linewidth=0.8)
    axes.set_xscale("log")
    axes.set_xlim(1e-4, 1)
    axes.set_xlabel("false positive rate (log scale)")
    axes.set_ylabel("true positive rate")
    axes.set_title(f"{model} {name}")
    axes.legend(fontsize=6.5, title="class  AUC", title_fontsize=7, loc="lower right")
    caption = (
        f"ROC of the {model} ({name}) on the test set, each class against the rest, first seed; the log "
        "scale shows "
        "the corner where the curves differ; dotted: chance. The area is that of the usual, linear scale."
    )
    return f"roc-{model}", figure, rows, caption
