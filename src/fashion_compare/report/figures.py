"""The figures that show scores: numbers of results.json in, SVG and the data behind it out."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fashion_compare.evaluation.roc import RocCurve
from fashion_compare.report.style import CLASS_COLOURS, GRID, INK, MODEL_COLOURS, SETTINGS, new_figure, to_svg

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Drawn:
    """A figure: its file name's stem, its SVG, the data behind it, and what it shows in words."""

    name: str
    svg: str
    rows: Rows
    caption: str


def drawn(draw: Callable[..., tuple[str, Figure, Rows, str]]) -> Callable[..., Drawn]:
    """Run a drawing function in the project's style and turn its figure into SVG."""

    @wraps(draw)
    def styled(*arguments: Any) -> Drawn:
        with mpl.rc_context(SETTINGS):
            name, figure, rows, caption = draw(*arguments)
            return Drawn(name, to_svg(figure, caption), rows, caption)

    return styled


@drawn
def overview(results: Mapping[str, Any]) -> tuple[str, Figure, Rows, str]:
    """Test accuracy of every configuration of both models, seeds as points, means with intervals."""
    rows = []
    for model, held in results["models"].items():
        for name, configuration in held["configurations"].items():
            if configuration["runs"]:
                accuracy = configuration["interval"]["test"]["accuracy"]
                rows.append(
                    {
                        "model": model,
                        "configuration": name,
                        "mean": accuracy["mean"],
                        "low": accuracy["interval"][0],
                        "high": accuracy["interval"][1],
                        "seeds": " ".join(str(run["test"]["accuracy"]) for run in configuration["runs"]),
                    }
                )
    figure = new_figure(7.2, 0.32 * len(rows) + 0.9)
    axes = figure.add_subplot()
    for y, row in enumerate(rows):
        colour = MODEL_COLOURS[row["model"]]
        for accuracy in row["seeds"].split():
            axes.plot(100 * float(accuracy), y, "o", color=colour, alpha=0.35, markersize=4, markeredgewidth=0)
        _interval(axes, row, y, colour)
    axes.set_yticks(range(len(rows)), [f"{row['model']}  {row['configuration']}" for row in rows])
    axes.invert_yaxis()
    axes.set_xlabel("test accuracy (%)")
    caption = "Test accuracy of every configuration: each seed a pale point, the mean with its 95% interval."
    return "overview", figure, rows, caption


@drawn
def differences(results: Mapping[str, Any], metric: str, label: str) -> tuple[str, Figure, Rows, str]:
    """Each variation's paired difference from its baseline on the test set."""
    chosen = [row for row in results["comparisons"] if row["metric"] == metric]
    rows = [
        {
            "model": row["a"]["model"],
            "configuration": row["a"]["configuration"],
            "mean": row["mean"],
            "low": row["interval"][0],
            "high": row["interval"][1],
            "verdict": row["verdict"],
        }
        for row in chosen
    ]
    figure = new_figure(7.2, 0.32 * len(rows) + 0.9)
    axes = figure.add_subplot()
    axes.axvline(0, color=INK, linewidth=1)
    for y, (row, source) in enumerate(zip(rows, chosen, strict=True)):
        colour = MODEL_COLOURS[row["model"]]
        axes.plot([100 * d for d in source["differences"]], [y] * len(source["differences"]), "o", color=colour,
                  alpha=0.35, markersize=4, markeredgewidth=0)  # fmt: skip
        _interval(axes, row, y, colour, filled=row["verdict"] in ("better", "worse"))
    axes.set_yticks(range(len(rows)), [f"{row['model']}  {row['configuration']}" for row in rows])
    axes.invert_yaxis()
    axes.set_xlabel(f"difference of test {label} from the model's baseline (percentage points)")
    caption = (
        f"Paired difference of test {label} from the baseline: each seed a pale point, the mean with its 95% interval; "
        "filled where the verdict is better or worse."
    )
    return f"differences-{metric}", figure, rows, caption


@drawn
def learning_curves(
    histories: Mapping[str, Mapping[str, Sequence[Sequence[Mapping[str, Any]]]]], metric: str
) -> tuple[str, Figure, Rows, str]:
    """Training and validation curves, three panels a row, each model's on rows of its own if it has several."""
    panels = _places(histories)
    height, columns = (1 + max(place[axis] for *_, place in panels) for axis in (0, 1))
    figure = new_figure(7.2, (1.75 if height > 1 else 2.6) * height)
    grid = figure.add_gridspec(height, columns)
    rows: Rows = []
    shared: dict[str, Axes] = {}
    lowest: dict[str, float] = {}
    for model, name, place in panels:
        axes = figure.add_subplot(grid[place], sharey=shared.get(model))
        shared.setdefault(model, axes)
        for part, style in (("train", "--"), ("validation", "-")):
            values = np.array([[line[f"{part}_{metric}"] for line in h] for h in _equal_length(histories[model][name])])
            epochs = np.arange(values.shape[1])
            scale = 100 if metric == "accuracy" else 1
            colour = MODEL_COLOURS[model]
            axes.fill_between(
                epochs, scale * values.min(0), scale * values.max(0), color=colour, alpha=0.15, linewidth=0
            )
            axes.plot(epochs, scale * values.mean(0), style, color=colour, linewidth=1.3, label=part)
            if metric == "accuracy" and len(epochs) > 1:
                # The guess before training would press everything else against the top.
                lowest[model] = min(lowest.get(model, 100.0), scale * values[:, 1:].min())
            rows += [
                {"model": model, "configuration": name, "part": part, "epoch": int(e), metric: float(v)}
                for e, v in zip(epochs, values.mean(0), strict=True)
            ]
        axes.set_title(f"{model} {name}", fontsize=8)
        if metric == "loss":
            axes.set_yscale("log")
            axes.yaxis.set_major_locator(mpl.ticker.LogLocator(subs=(1, 2, 5)))
            axes.yaxis.set_major_formatter(mpl.ticker.FormatStrFormatter("%g"))
            axes.yaxis.set_minor_formatter(mpl.ticker.NullFormatter())
        if place[1] == 0:
            axes.set_ylabel("loss (log scale)" if metric == "loss" else "accuracy (%)")
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(mpl.ticker.MaxNLocator(integer=True, nbins=6))
    for model, value in lowest.items():
        shared[model].set_ylim(max(0.0, value - 2), 100.5)
    figure.axes[0].legend(fontsize=7)
    caption = (
        f"{metric.capitalize()} by epoch, from before training (0) on: dashed on a fixed part of the training images, "
        "solid on validation; the mean over seeds, shaded from the lowest to the highest seed."
    )
    return f"curves-{metric}", figure, rows, caption


@drawn
def sensitivity(results: Mapping[str, Any]) -> tuple[str, Figure, Rows, str]:
    """What each value tried of each parameter did to validation accuracy."""
    rows = [
        {
            "model": model,
            "parameter": entry["parameter"],
            "value": point["value"],
            "mean": point["change"]["mean"],
            "low": point["change"]["interval"][0],
            "high": point["change"]["interval"][1],
        }
        for model, entries in results["sensitivity"].items()
        for entry in entries
        for point in entry["points"]
        if point["change"] is not None
    ]
    models = list(results["sensitivity"])
    tallest = max((sum(row["model"] == model for row in rows) for model in models), default=0)
    figure = new_figure(7.2, 0.34 * tallest + 1.0)
    for column, model in enumerate(models):
        axes = figure.add_subplot(1, len(models), column + 1)
        axes.axvline(0, color=INK, linewidth=1)
        own = [row for row in rows if row["model"] == model]
        for y, row in enumerate(own):
            _interval(axes, row, y, MODEL_COLOURS[model])
        axes.set_yticks(range(len(own)), [f"{row['parameter']} = {row['value']}" for row in own], fontsize=8)
        axes.invert_yaxis()
        axes.set_title(model)
        axes.set_xlabel("change of validation accuracy (points)")
    caption = (
        "What each hyperparameter did: change of validation accuracy against the baseline with its 95% interval, "
        "the parameter with the widest span first."
    )
    return "sensitivity", figure, rows, caption


@drawn
def confusion(
    model: str, configuration: str, counts: Sequence[Sequence[float]], class_names: Sequence[str]
) -> tuple[str, Figure, Rows, str]:
    """A model's confusion matrix on the test set, mean over seeds."""
    matrix = np.asarray(counts)
    shares = 100 * matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    figure = new_figure(4.6, 4.4)
    axes = figure.add_subplot()
    axes.grid(visible=False)
    ramp = mpl.colors.LinearSegmentedColormap.from_list(model, ["#ffffff00", MODEL_COLOURS[model]])
    # Square root: a confusion of 2% must be seen beside a diagonal of 90%.
    axes.pcolormesh(np.sqrt(shares), cmap=ramp, vmin=0, vmax=10, edgecolors=GRID, linewidth=0.4)
    for i, j in np.ndindex(shares.shape):
        if shares[i, j] >= 0.05:
            axes.text(j + 0.5, i + 0.5, f"{shares[i, j]:.1f}" if shares[i, j] < 9.95 else f"{shares[i, j]:.0f}",
                      ha="center", va="center", fontsize=7, color="white" if shares[i, j] > 50 else INK)  # fmt: skip
    ticks = np.arange(len(class_names)) + 0.5
    axes.set_xticks(ticks, class_names, rotation=45, ha="right", fontsize=8)
    axes.set_yticks(ticks, class_names, fontsize=8)
    axes.invert_yaxis()
    axes.set_xlabel("answer")
    axes.set_ylabel("class")
    axes.set_title(f"{model} {configuration}")
    rows = [
        {"class": class_names[i], "answer": class_names[j], "images": float(matrix[i, j])}
        for i, j in np.ndindex(matrix.shape)
    ]
    caption = (
        f"Confusion of the {model} ({configuration}) on the test set: percent of each class's images (row) "
        "by answer, mean over seeds."
    )
    return f"confusion-{model}", figure, rows, caption


@drawn
def per_class(
    held: Mapping[str, Sequence[Mapping[str, float]]], class_names: Sequence[str]
) -> tuple[str, Figure, Rows, str]:
    """F1 of each class, both models."""
    figure = new_figure(7.2, 2.9)
    axes = figure.add_subplot()
    rows: Rows = []
    for offset, (model, classes) in zip((-0.12, 0.12), held.items(), strict=False):
        values = [100 * entry["f1"] for entry in classes]
        axes.plot(
            np.arange(len(values)) + offset,
            values,
            "o",
            color=MODEL_COLOURS[model],
            markersize=6,
            label=model,
        )
        rows += [{"model": model, "class": c, **e} for c, e in zip(class_names, classes, strict=True)]
    axes.set_xticks(range(len(class_names)), class_names, rotation=25, ha="right")
    axes.set_ylabel("F1 on the test set (%)")
    axes.legend(ncols=2)
    return "per-class", figure, rows, "F1 of each class on the test set, mean over seeds."


@drawn
def roc(
    model: str,
    configuration: str,
    curves: Sequence[RocCurve | None],
    areas: Sequence[float | None],
    class_names: Sequence[str],
) -> tuple[str, Figure, Rows, str]:
    """One-vs-rest ROC curves of one run."""
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
    axes.set_title(f"{model} {configuration}")
    axes.legend(fontsize=6.5, title="class  AUC", title_fontsize=7, loc="lower right")
    caption = (
        f"ROC of the {model} ({configuration}) on the test set, each class against the rest, first seed; the log "
        "scale shows "
        "the corner where the curves differ; dotted: guessing. The area is that of the usual, linear scale."
    )
    return f"roc-{model}", figure, rows, caption


@drawn
def complexity(results: Mapping[str, Any]) -> tuple[str, Figure, Rows, str]:
    """Parameters and multiply-accumulates of each layer, both models."""
    rows = [
        {
            "model": model,
            **{key: layer[key] for key in ("name", "kind", "parameters", "multiply_accumulates")},
        }
        for model, held in results["models"].items()
        for layer in held["complexity"]["layers"]
        if layer["parameters"]
    ]
    figure = new_figure(7.2, 0.3 * len(rows) + 0.8)
    for column, (key, label) in enumerate(
        (("parameters", "parameters"), ("multiply_accumulates", "multiply-accumulates an image"))
    ):
        axes = figure.add_subplot(1, 2, column + 1)
        values = [row[key] for row in rows]
        axes.barh(range(len(rows)), values, color=[MODEL_COLOURS[row["model"]] for row in rows], height=0.65)
        for y, value in enumerate(values):
            axes.text(value, y, f" {value:,}", va="center", fontsize=7)
        axes.set_yticks(
            range(len(rows)),
            [f"{row['model']} {row['name']}" for row in rows] if column == 0 else [""] * len(rows),
        )
        axes.invert_yaxis()
        axes.set_xlabel(label)
        axes.margins(x=0.22)
        axes.xaxis.set_major_locator(mpl.ticker.MaxNLocator(4))
        axes.xaxis.set_major_formatter(mpl.ticker.EngFormatter(sep=""))
    return (
        "complexity",
        figure,
        rows,
        "Where each model keeps its parameters and where it computes, layer by layer.",
    )


def _places(histories: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, str, tuple[int, int]]]:
    """Return (model, configuration, (row, column)) of each panel."""
    if all(len(held) == 1 for held in histories.values()):
        return [(model, name, (0, i)) for i, (model, held) in enumerate(histories.items()) for name in held]
    panels, top = [], 0
    for model, held in histories.items():
        panels += [(model, name, (top + i // 3, i % 3)) for i, name in enumerate(held)]
        top += -(-len(held) // 3)
    return panels


def _interval(axes: Axes, row: Mapping[str, Any], y: float, colour: str, *, filled: bool = True) -> None:
    """Draw a mean with its interval, in percent."""
    axes.plot([100 * row["low"], 100 * row["high"]], [y, y], color=colour, linewidth=1.6)
    axes.plot(100 * row["mean"], y, "D", color=colour, markersize=5, markerfacecolor=colour if filled else "white")


def _equal_length(histories: Sequence[Sequence[Any]]) -> list[Sequence[Any]]:
    shortest = min(len(history) for history in histories)
    return [history[:shortest] for history in histories]
