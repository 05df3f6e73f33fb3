"""Figures of explanations: how good they are, what they show on average, what the first layers look for."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from numpy.typing import NDArray

from fashion_compare.analysis.faithfulness import Faithfulness
from fashion_compare.classifier.interface import Arrays
from fashion_compare.comparison.calibration import Calibration
from fashion_compare.explanation.attribution import METHODS
from fashion_compare.findings.wording import difference_interval
from fashion_compare.report.figures.style import CLASS_COLOURS, INK, MODEL_COLOURS, Rows, new_figure, rendered

# Below zero blue, above it red, nothing at zero, and from there on as opaque as the value is large: maps with a sign on
# any background. An odd number of steps, so that one of them is zero.
SIGNED = LinearSegmentedColormap.from_list(
    "signed", [(0, "#1f6fb4"), (0.5, "#1f6fb400"), (0.5, "#d6381400"), (1, "#d63814")], N=257
)

_METHOD_COLOURS = dict(zip(METHODS["cnn"], (CLASS_COLOURS[i] for i in (0, 4, 2, 6, 5)), strict=True))


@rendered
def faithfulness(model: str, tests: Faithfulness) -> tuple[str, Figure, Rows, str]:
    """Deletion and insertion curves of a model's methods and of the controls."""
    methods = [method.method for method in tests.methods]
    figure = new_figure(7.4, 3.1)
    rows: Rows = []
    for k, (kind, curves) in enumerate(tests.curves.items()):
        axes = figure.add_subplot(1, 2, k + 1)
        for i, (name, values) in enumerate(curves.items()):
            shares = np.linspace(0, 100, len(values))
            control = name not in methods
            (line,) = axes.plot(shares, 100 * np.array(values), label=name, color="#999999", linewidth=1.1)
            if control:
                line.set_linestyle((0, (1 + i % 4, 1.5)))
            else:
                line.set(color=_METHOD_COLOURS[name], linewidth=1.6)
            rows += [
                {"model": model, "curve": kind, "map": name, "pixels_percent": float(x), "probability": float(y)}
                for x, y in zip(shares, values, strict=True)
            ]
        axes.set_title(f"{kind}: {'lower' if kind == 'deletion' else 'higher'} is better", fontsize=9)
        axes.set_xlabel(f"pixels {'deleted' if kind == 'deletion' else 'inserted'}, hottest first (%)")
        axes.set_ylim(0, 100)
    figure.axes[0].set_ylabel("probability of the predicted class (%)")
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right center", fontsize=7)
    caption = (
        f"Deletion and insertion for the {model}, {tests.images} test images, mean over seeds: the colours are "
        "methods, the grey lines model-independent controls. A faithful map beats all of them."
    )
    return f"faithfulness-{model}", figure, rows, caption


@rendered
def randomization(by_model: Mapping[str, Faithfulness]) -> tuple[str, Figure, Rows, str]:
    """How alike maps stay when layers get random weights, from the last one on."""
    figure = new_figure(7.4, 2.9)
    rows: Rows = []
    for k, (model, tests) in enumerate(by_model.items()):
        axes = figure.add_subplot(1, len(by_model), k + 1, sharey=figure.axes[0] if k else None)
        for method in tests.methods:
            colour = _METHOD_COLOURS[method.method]
            names = ["none", *(step.layer for step in method.cascading_randomization)]
            means = [1.0, *(step.correlation.mean for step in method.cascading_randomization)]
            axes.plot(range(len(means)), means, "o-", color=colour, markersize=3, linewidth=1.3, label=method.method)
            rows.append(
                {"model": model, "method": method.method, "layer": "none", "mean": 1.0, "low": 1.0, "high": 1.0}
            )
            for at, step in enumerate(method.cascading_randomization, start=1):
                low, high = step.correlation.interval
                axes.plot([at, at], difference_interval((low, high)), color=colour, linewidth=1.3)
                rows.append(
                    {"model": model, "method": method.method, "layer": step.layer,
                     "mean": step.correlation.mean, "low": low, "high": high}
                )  # fmt: skip
            if method.seed_to_seed_correlation is not None:
                axes.axhline(method.seed_to_seed_correlation, color=colour, linewidth=0.8, linestyle=":")
        axes.axhline(0, color=INK, linewidth=0.6)
        axes.set_xticks(range(len(names)), names, rotation=30)
        axes.set_title(model)
    shown = {
        label: handle for axes in figure.axes for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    figure.legend(shown.values(), shown.keys(), loc="outside right center", fontsize=7)
    figure.supylabel("rank correlation of the maps", fontsize=8)
    figure.supxlabel("random weights from the last layer back to …", fontsize=8)
    caption = (
        "Model randomization test: rank correlation of the maps with those of the trained network while layers get "
        "random weights, with 95% intervals. Dotted: the correlation with the maps of another training."
    )
    return "randomization", figure, rows, caption


@rendered
def reliability(by_model: Mapping[str, Calibration]) -> tuple[str, Figure, Rows, str]:
    """Accuracy by confidence, as trained and after temperature scaling."""
    figure = new_figure(7.2, 3.4)
    rows: Rows = []
    for k, (model, calibration) in enumerate(by_model.items()):
        axes = figure.add_subplot(1, len(by_model), k + 1)
        axes.plot([0, 100], [0, 100], ":", color=INK, linewidth=0.8)
        for summary, label, marker, style in (
            (calibration.before, "as trained", "o", "-"),
            (calibration.after, "after temperature scaling", "s", "--"),
        ):
            bins = summary.bins
            axes.plot(
                [100 * b.confidence for b in bins], [100 * b.accuracy for b in bins], style, marker=marker,
                markersize=3.5, color=MODEL_COLOURS[model], linewidth=1.2,
                alpha=1 if summary is calibration.before else 0.55,
                label=f"{label}, ECE {100 * summary.ece:.1f}%",
            )  # fmt: skip
            rows += [{"model": model, "probabilities": label, **b.model_dump()} for b in bins]
        axes.set_title(f"{model} {calibration.configuration}")
        axes.set_xlabel("mean confidence (%)")
        axes.legend(fontsize=7)
    figure.axes[0].set_ylabel("accuracy (%)")
    caption = (
        "Reliability on the test set, all seeds' images in 15 bins of equal width: on the dotted line, predictions "
        "with 80% confidence are right 80% of the time. The temperature was fitted on validation."
    )
    return "reliability", figure, rows, caption


@rendered
def averages(arrays: Arrays, class_names: Sequence[str]) -> tuple[str, Figure, Rows, str]:
    """The mean test image of each class, and the mean maps."""
    maps = {name.removeprefix("maps/"): value for name, value in arrays.items() if name.startswith("maps/")}
    figure = new_figure(7.6, 0.85 * (len(maps) + 1) + 0.3)
    grid = figure.subplots(len(maps) + 1, len(class_names), squeeze=False)
    rows: Rows = []
    for c, name in enumerate(class_names):
        draw_picture(grid[0, c], arrays["images"][c], "Greys", 0, 255)
        grid[0, c].set_title(name, fontsize=6.5, fontweight="normal")
    grid[0, 0].set_ylabel("mean image", fontsize=6.5)
    for k, (name, value) in enumerate(maps.items(), start=1):
        # One scale a row: a class whose maps are faint looks faint.
        peak = float(np.abs(value).max()) or 1.0
        for c, class_name in enumerate(class_names):
            draw_picture(grid[k, c], value[c], SIGNED, -peak, peak)
            rows += _pixels(value[c], {"map": name, "class": class_name})
        grid[k, 0].set_ylabel(name.replace("/", "\n").replace("integrated ", "integrated\n"), fontsize=6.5)
    caption = (
        "Mean over test images of each class: the image, and each method's map for the right class. Red is "
        "positive attribution, blue, in integrated gradients, negative; each row has one scale."
    )
    return "averages", figure, rows, caption


@rendered
def first_layer(model: str, weights: NDArray[Any]) -> tuple[str, Figure, Rows, str]:
    """A network's first-layer weights as images."""
    columns = min(16, len(weights))
    lines = math.ceil(len(weights) / columns)
    figure = new_figure(7.4, 0.48 * lines + 0.1) if columns > 6 else new_figure(4.0, 0.9)
    rows: Rows = []
    for k in range(len(weights)):
        peak = float(np.abs(weights[k]).max()) or 1.0
        draw_picture(figure.add_subplot(lines, columns, k + 1), weights[k], SIGNED, -peak, peak)
        rows += _pixels(weights[k], {"model": model, "unit": k})
    units = {"ffnn": f"{len(weights)} first-layer units", "cnn": f"{len(weights)} first kernels"}[model]
    caption = (
        f"The {units} of the {model} with the largest weights (red above zero, blue below), each on its own scale: "
        + {"ffnn": "every one a template of the whole image.", "cnn": "used at every place of the image."}[model]
    )
    return f"first-layer-{model}", figure, rows, caption


def draw_picture(axes: Axes, values: NDArray[Any], colours: Any, low: float, high: float) -> None:
    """Draw values as pixels, without frame or ticks."""
    axes.imshow(values, cmap=colours, vmin=low, vmax=high, interpolation="nearest")
    axes.set_xticks([])
    axes.set_yticks([])
    axes.grid(visible=False)
    for side in axes.spines.values():
        side.set_visible(False)


def _pixels(values: NDArray[Any], more: dict[str, Any]) -> Rows:
    """Return a picture as data, a row of pixels a line."""
    return [
        {**more, "row": i, **{f"x{j}": float(f"{value:.4g}") for j, value in enumerate(line)}}
        for i, line in enumerate(values)
    ]
