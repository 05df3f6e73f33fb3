"""The figure of the best validation accuracy over tuning trials."""

from collections.abc import Mapping

from matplotlib.figure import Figure

from fashion_compare.analysis.hyperparameters import TuningResults
from fashion_compare.report.figures.style import MODEL_COLOURS, Rows, new_figure, rendered


@rendered
def tuning_curves(tuning: Mapping[str, TuningResults]) -> tuple[str, Figure, Rows, str]:
    """Best validation accuracy over trials, a panel for each model."""
    rows: Rows = [
        {
            "model": model,
            "trial": trial.number + 1,
            "state": trial.state,
            "validation_accuracy": trial.validation_accuracy,
            "best_so_far": trial.best_so_far,
        }
        for model, search in tuning.items()
        for trial in search.trials
        if trial.validation_accuracy is not None
    ]
    figure = new_figure(7.2, 2.6)
    axes = None
    for column, model in enumerate(tuning):
        axes = figure.add_subplot(1, len(tuning), column + 1, sharey=axes)
        own, colour = [row for row in rows if row["model"] == model], MODEL_COLOURS[model]
        if not own:
            axes.text(0.5, 0.5, "no trial ended well", transform=axes.transAxes, ha="center", fontsize=8)
        axes.step([row["trial"] for row in own], [100 * row["best_so_far"] for row in own], where="post", color=colour)
        for state, face in (("complete", colour), ("pruned", "white")):
            of_state = [row for row in own if row["state"] == state]
            axes.plot([row["trial"] for row in of_state], [100 * row["validation_accuracy"] for row in of_state], "o",
                      color=colour, markerfacecolor=face, markersize=4)  # fmt: skip
        axes.set_title(model)
        axes.set_xlabel("trials")
    if axes is not None:
        # A trial that learned nothing would squeeze all others into a line.
        lowest = sorted(row["validation_accuracy"] for row in rows)[len(rows) // 5]
        axes.set_ylim(bottom=100 * lowest - 2)
    figure.supylabel("validation accuracy (%)", fontsize=9)
    caption = (
        "Tuning: each trial a point, hollow where it was pruned, and the best so far as a "
        "line. The lowest fifth may lie below the picture."
    )
    return "tuning", figure, rows, caption
