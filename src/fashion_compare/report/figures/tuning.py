"""The figure of what tuning reached for what it spent."""

from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure

from fashion_compare.report.figures.style import MODEL_COLOURS, Rows, new_figure, rendered


def has_trials(results: Mapping[str, Any]) -> bool:
    """Return whether any trial ended with a validation accuracy."""
    return any(
        trial["validation_accuracy"] is not None for held in results["tuning"].values() for trial in held["trials"]
    )


@rendered
def tuning_curves(results: Mapping[str, Any]) -> tuple[str, Figure, Rows, str]:
    """Best validation accuracy over trials spent, a panel for each model."""
    rows = [
        {
            "model": model,
            "trial": trial["number"] + 1,
            "state": trial["state"],
            "validation_accuracy": trial["validation_accuracy"],
            "best_so_far": trial["best_so_far"],
        }
        for model, held in results["tuning"].items()
        for trial in held["trials"]
        if trial["validation_accuracy"] is not None
    ]
    figure = new_figure(7.2, 2.6)
    axes = None
    for column, model in enumerate(results["tuning"]):
        axes = figure.add_subplot(1, len(results["tuning"]), column + 1, sharey=axes)
        own, colour = [row for row in rows if row["model"] == model], MODEL_COLOURS[model]
        if not own:
            axes.text(0.5, 0.5, "no trial ended well", transform=axes.transAxes, ha="center", fontsize=8)
        axes.step([row["trial"] for row in own], [100 * row["best_so_far"] for row in own], where="post", color=colour)
        for state, face in (("complete", colour), ("pruned", "white")):
            held = [row for row in own if row["state"] == state]
            axes.plot([row["trial"] for row in held], [100 * row["validation_accuracy"] for row in held], "o",
                      color=colour, markerfacecolor=face, markersize=4)  # fmt: skip
        axes.set_title(model)
        axes.set_xlabel("trials spent")
    if axes is not None:
        # A trial that learned nothing would squeeze all others into a line.
        lowest = sorted(row["validation_accuracy"] for row in rows)[len(rows) // 5]
        axes.set_ylim(bottom=100 * lowest - 2)
    figure.supylabel("validation accuracy (%)", fontsize=9)
    caption = (
        "Tuning: each trial a point, hollow where it was stopped for being behind the others, and the best so far as a "
        "line. The lowest fifth may lie below the picture."
    )
    return "tuning", figure, rows, caption
