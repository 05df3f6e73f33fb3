"""Figures that compare configurations: accuracy, differences, sensitivity, complexity."""

from collections.abc import Mapping
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from fashion_compare.findings.wording import along, difference_interval, score_interval, setting
from fashion_compare.report.figures.style import (
    INK,
    MODEL_COLOURS,
    Rows,
    draw_interval,
    log_ticks,
    new_figure,
    percent_ends,
    rendered,
)
from fashion_compare.report.sentences import trained_on


@rendered
def overview(results: Mapping[str, Any]) -> tuple[str, Figure, Rows, str]:
    """Test accuracy of every configuration of both models, seeds as points, means with intervals."""
    rows = [
        row | {"seeds": " ".join(str(run["test"]["accuracy"]) for run in held["runs"])}
        for row, held in _test_accuracy(results)
    ]
    figure = new_figure(7.2, 0.32 * len(rows) + 0.9)
    axes = figure.add_subplot()
    for y, row in enumerate(rows):
        colour = MODEL_COLOURS[row["model"]]
        for accuracy in row["seeds"].split():
            axes.plot(100 * float(accuracy), y + 0.25, "o", color=colour, alpha=0.6, markersize=3.5, markeredgewidth=0)
        draw_interval(axes, row, y, colour, score_interval)
    axes.set_yticks(range(len(rows)), [f"{row['model']}  {row['configuration']}" for row in rows])
    axes.invert_yaxis()
    axes.set_xlabel("test accuracy (%)")
    caption = "Test accuracy of every configuration: each seed a small point, the mean with its 95% interval."
    return "overview", figure, rows, caption


@rendered
def cost(results: Mapping[str, Any]) -> tuple[str, Figure, Rows, str]:
    """Test accuracy of every configuration over the seconds that one training took."""
    tested = _test_accuracy(results)
    rows = [row | {"seconds": held["mean"]["seconds"]} for row, held in tested]
    figure = new_figure(4.4, 3.3)
    axes = figure.add_subplot()
    best = {(model, held["configuration"]) for model, held in results["best"].items()}
    for row in rows:
        chosen = (row["model"], row["configuration"]) in best
        colour, weight = MODEL_COLOURS[row["model"]], 1.0 if chosen else 0.45
        ends = percent_ends(row, score_interval)
        axes.plot([row["seconds"]] * 2, ends, color=colour, alpha=weight, linewidth=1.4)
        marker = axes.plot(row["seconds"], 100 * row["mean"], "D" if chosen else "o", color=colour, alpha=weight)[0]
        marker.set_markersize(7 if chosen else 4.5)
        if chosen:
            marker.set_label(f"{row['model']} {row['configuration']}")
    # A training of no epochs takes no time, which has no place on a log scale.
    logarithmic = all(row["seconds"] > 0 for row in rows)
    if logarithmic:
        axes.set_xscale("log")
        log_ticks(axes.xaxis, (1, 2, 3, 5, 7))
    where = trained_on(run for _, held in tested for run in held["runs"])
    axes.set_xlabel(f"training, {where} (seconds{', log scale' if logarithmic else ''})")
    axes.set_ylabel("test accuracy (%)")
    if best:
        axes.legend(fontsize=7)
    caption = (
        "What accuracy costs: test accuracy of every configuration with its 95% interval over the time of one "
        "training; diamonds are the best by validation."
    )
    return "cost", figure, rows, caption


@rendered
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
        axes.plot([100 * d for d in source["differences"]], [y + 0.25] * len(source["differences"]), "o", color=colour,
                  alpha=0.6, markersize=3.5, markeredgewidth=0)  # fmt: skip
        decided = row["verdict"] in ("better", "worse")
        draw_interval(axes, row, y, colour, difference_interval, filled=decided)
    axes.set_yticks(range(len(rows)), [f"{row['model']}  {row['configuration']}" for row in rows])
    axes.invert_yaxis()
    axes.set_xlabel(f"difference of test {label} from the model's baseline (percentage points)")
    caption = (
        f"Paired difference of test {label} from the baseline: each seed a small point, the mean with its interval; "
        "filled where the verdict is better or worse. An interval speaks of one comparison, a verdict allows for "
        "all of the model's: an interval beside zero alone decides nothing."
    )
    return f"differences-{metric}", figure, rows, caption


@rendered
def sensitivity(results: Mapping[str, Any]) -> tuple[str, Figure, Rows, str]:
    """What each value tried of each parameter did to validation accuracy."""
    rows = [
        {
            "model": model,
            "parameter": entry["parameter"],
            # A label has room for one setting that moved along.
            "value": setting(point["value"])
            + (along(point["together"]) if len(point["together"]) < 2 else " and others"),
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
            draw_interval(axes, row, y, MODEL_COLOURS[model], difference_interval)
        axes.set_yticks(range(len(own)), [f"{row['parameter']} = {row['value']}" for row in own], fontsize=8)
        axes.invert_yaxis()
        axes.set_title(model)
        axes.set_xlabel("validation accuracy (points)")
    caption = (
        "What each hyperparameter did: change of validation accuracy against the baseline with its 95% interval, "
        "the parameter with the widest span first."
    )
    return "sensitivity", figure, rows, caption


@rendered
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


def _test_accuracy(results: Mapping[str, Any]) -> list[tuple[dict[str, Any], Mapping[str, Any]]]:
    """Return each finished configuration's test accuracy with its interval, and the configuration's results."""
    found = []
    for model, of_model in results["models"].items():
        for name, held in of_model["configurations"].items():
            if held["runs"]:
                accuracy = held["interval"]["test"]["accuracy"]
                low, high = accuracy["interval"]
                row = {"model": model, "configuration": name, "mean": accuracy["mean"], "low": low, "high": high}
                found.append((row, held))
    return found
