"""Small figures of the first screen: what accuracy costs, and what one pixel of shift does."""

from collections.abc import Mapping
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from fashion_compare.report.drawing import MODEL_COLOURS, Rows, drawn, new_figure

_SHOWN_PROBE = "shift"


@drawn
def cost(results: Mapping[str, Any]) -> tuple[str, Figure, Rows, str]:
    """Test accuracy of every configuration over the seconds that one training took."""
    rows = [
        {
            "model": model,
            "configuration": name,
            "seconds": held["mean"]["seconds"],
            "mean": held["interval"]["test"]["accuracy"]["mean"],
            "low": held["interval"]["test"]["accuracy"]["interval"][0],
            "high": held["interval"]["test"]["accuracy"]["interval"][1],
        }
        for model, of_model in results["models"].items()
        for name, held in of_model["configurations"].items()
        if held["runs"]
    ]
    figure = new_figure(4.4, 3.3)
    axes = figure.add_subplot()
    best = {(model, held["configuration"]) for model, held in results["best"].items()}
    for row in rows:
        chosen = (row["model"], row["configuration"]) in best
        colour, weight = MODEL_COLOURS[row["model"]], 1.0 if chosen else 0.45
        axes.plot(
            [row["seconds"]] * 2, [100 * row["low"], 100 * row["high"]], color=colour, alpha=weight, linewidth=1.4
        )
        marker = axes.plot(row["seconds"], 100 * row["mean"], "D" if chosen else "o", color=colour, alpha=weight)[0]
        marker.set_markersize(7 if chosen else 4.5)
        if chosen:
            marker.set_label(f"{row['model']} {row['configuration']}")
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(mpl.ticker.LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(mpl.ticker.FormatStrFormatter("%g"))
    axes.xaxis.set_minor_formatter(mpl.ticker.NullFormatter())
    axes.set_xlabel("training, one thread (seconds, log scale)")
    axes.set_ylabel("test accuracy (%)")
    if best:
        axes.legend(fontsize=7)
    caption = (
        "What accuracy costs: test accuracy of every configuration with its 95% interval over the time of one "
        "training; diamonds are the best by validation."
    )
    return "cost", figure, rows, caption


@drawn
def shifts(mechanisms: Mapping[str, Any]) -> tuple[str, Figure, Rows, str]:
    """Accuracy of the baselines on test images shifted further and further."""
    rows = [
        {
            "model": model,
            "pixels": point["amount"],
            "mean": point["accuracy"]["mean"],
            "low": point["accuracy"]["interval"][0],
            "high": point["accuracy"]["interval"][1],
        }
        for model, found in mechanisms.items()
        for curve in found["probes"]
        if curve["probe"] == _SHOWN_PROBE
        for point in curve["points"]
    ]
    figure = new_figure(4.4, 3.3)
    axes = figure.add_subplot()
    for model in mechanisms:
        own = [row for row in rows if row["model"] == model]
        pixels = [row["pixels"] for row in own]
        colour = MODEL_COLOURS[model]
        axes.fill_between(
            pixels, [100 * row["low"] for row in own], [100 * row["high"] for row in own], color=colour, alpha=0.2
        )
        axes.plot(
            pixels, [100 * row["mean"] for row in own], "o-", color=colour, markersize=4, label=f"{model} baseline"
        )
    axes.set_ylim(0, 100)
    axes.set_xlabel("shift of the test images (pixels)")
    axes.set_ylabel("test accuracy (%)")
    axes.legend(fontsize=7)
    caption = (
        "What the built-in assumption is worth: accuracy on shifted test images, mean over seeds and eight directions, "
        "with 95% bands. Nothing was trained for it."
    )
    return "shifts", figure, rows, caption
