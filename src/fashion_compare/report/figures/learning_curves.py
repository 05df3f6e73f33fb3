"""Learning curves: loss and accuracy by epoch, training and validation."""

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fashion_compare.report.figures.style import MODEL_COLOURS, Rows, log_ticks, new_figure, rendered
from fashion_compare.report.inputs import Histories
from fashion_compare.training import Epoch

# Where a loss of exactly 0 is drawn on a log axis, which has no 0.
_NO_LOSS = 1e-4


@rendered
def learning_curves(name: str, histories: Histories, metric: str) -> tuple[str, Figure, Rows, str]:
    """Training and validation curves, three panels a row, each model's on rows of its own if it has several."""
    panels = _places(histories)
    height, columns = (1 + max(place[axis] for *_, place in panels) for axis in (0, 1))
    figure = new_figure(7.2, (1.75 if height > 1 else 2.6) * height)
    grid = figure.add_gridspec(height, columns)
    rows: Rows = []
    shared: dict[str, Axes] = {}
    lowest: dict[str, float] = {}
    for model, configuration, place in panels:
        axes = figure.add_subplot(grid[place], sharey=shared.get(model))
        shared.setdefault(model, axes)
        for split, style in (("train", "--"), ("validation", "-")):
            values = np.array(
                [[line[f"{split}_{metric}"] for line in h] for h in _equal_length(histories[model][configuration])]
            )
            epochs = np.arange(values.shape[1])
            scale = 100 if metric == "accuracy" else 1
            colour = MODEL_COLOURS[model]
            shown = scale * (values if metric == "accuracy" else np.where(values > 0, values, _NO_LOSS))
            axes.fill_between(epochs, shown.min(0), shown.max(0), color=colour, alpha=0.15, linewidth=0)
            axes.plot(epochs, shown.mean(0), style, color=colour, linewidth=1.3, label=split)
            if metric == "accuracy" and len(epochs) > 1:
                # The guess before training would press everything else against the top.
                lowest[model] = min(lowest.get(model, 100.0), scale * values[:, 1:].min())
            rows += [
                {"model": model, "configuration": configuration, "split": split, "epoch": int(e), metric: float(v)}
                for e, v in zip(epochs, values.mean(0), strict=True)
            ]
        axes.set_title(f"{model} {configuration}", fontsize=8)
        if metric == "loss":
            axes.set_yscale("log")
        if place[1] == 0:
            axes.set_ylabel("loss (log scale)" if metric == "loss" else "accuracy (%)")
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(mpl.ticker.MaxNLocator(integer=True, nbins=6))
    for model, value in lowest.items():
        shared[model].set_ylim(max(0.0, value - 2), 100.5)
    if metric == "loss":
        # All panels of a model share an axis, whose range is known when all of them are drawn.
        for axes in figure.axes:
            log_ticks(axes.yaxis, (1, 2, 5))
    figure.axes[0].legend(fontsize=7)
    caption = (
        f"{metric.capitalize()} by epoch, from before training (0) on: dashed on a fixed part of the training images, "
        "solid on validation; the mean over seeds, shaded from the lowest to the highest seed."
    )
    if metric == "loss" and not all(row["loss"] for row in rows):
        caption += f" A loss of exactly 0 is drawn at {_NO_LOSS:g}."
    return name, figure, rows, caption


def _places(histories: Histories) -> list[tuple[str, str, tuple[int, int]]]:
    """Return (model, configuration, (row, column)) of each panel."""
    if all(len(runs) == 1 for runs in histories.values()):
        return [(model, name, (0, i)) for i, (model, runs) in enumerate(histories.items()) for name in runs]
    panels, top = [], 0
    for model, runs in histories.items():
        panels += [(model, name, (top + i // 3, i % 3)) for i, name in enumerate(runs)]
        top += -(-len(runs) // 3)
    return panels


def _equal_length(histories: Sequence[Sequence[Epoch]]) -> list[Sequence[Epoch]]:
    shortest = min(len(history) for history in histories)
    return [history[:shortest] for history in histories]
