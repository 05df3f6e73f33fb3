"""Figures that compare configurations: accuracy, cost, differences, sensitivity, complexity."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from fashion_compare.comparison.hyperparameters import ParameterSensitivity
from fashion_compare.comparison.paired import Comparison
from fashion_compare.findings.wording import along, difference_interval, score_interval, setting
from fashion_compare.report.figures.style import (
    INK,
    MODEL_COLOURS,
    Rows,
    draw_interval,
    interval_row,
    log_ticks,
    new_figure,
    percent_ends,
    rendered,
)
from fashion_compare.report.quantities import trained_on
from fashion_compare.results.schema import Complexity, FinishedConfiguration, Results


@rendered
def overview(results: Results) -> tuple[str, Figure, Rows, str]:
    """Test accuracy of every configuration of both models, seeds as points, means with intervals."""
    rows = [
        _test_accuracy(one) | {"seeds": " ".join(str(run.test["accuracy"]) for run in one.runs)}
        for one in results.finished()
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
def cost(results: Results) -> tuple[str, Figure, Rows, str]:
    """Test accuracy of every configuration over the seconds that one training took."""
    rows = [_test_accuracy(one) | {"seconds": one.mean.seconds} for one in results.finished()]
    figure = new_figure(4.4, 3.3)
    axes = figure.add_subplot()
    best = {(model, chosen.configuration) for model, chosen in results.best.items()}
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
    where = trained_on(run for one in results.finished() for run in one.runs)
    axes.set_xlabel(f"training, {where} (seconds{', log scale' if logarithmic else ''})")
    axes.set_ylabel("test accuracy (%)")
    if best:
        axes.legend(fontsize=7)
    caption = (
        "Accuracy vs. training time: test accuracy of every configuration with its 95% interval over the time of one "
        "training; diamonds are the best by validation."
    )
    return "cost", figure, rows, caption


@rendered
def differences(comparisons: Sequence[Comparison]) -> tuple[str, Figure, Rows, str]:
    """Each variation's paired difference from its baseline in test accuracy."""
    chosen = [row for row in comparisons if row.metric == "accuracy"]
    rows = [
        interval_row(row, model=row.a.model, configuration=row.a.configuration) | {"verdict": row.verdict}
        for row in chosen
    ]
    figure = new_figure(7.2, 0.32 * len(rows) + 0.9)
    axes = figure.add_subplot()
    axes.axvline(0, color=INK, linewidth=1)
    for y, (row, comparison) in enumerate(zip(rows, chosen, strict=True)):
        colour, seeds = MODEL_COLOURS[row["model"]], [100 * d for d in comparison.differences]
        axes.plot(seeds, [y + 0.25] * len(seeds), "o", color=colour, alpha=0.6, markersize=3.5, markeredgewidth=0)
        decided = row["verdict"] in ("better", "worse")
        draw_interval(axes, row, y, colour, difference_interval, filled=decided)
    axes.set_yticks(range(len(rows)), [f"{row['model']}  {row['configuration']}" for row in rows])
    axes.invert_yaxis()
    axes.set_xlabel("difference of test accuracy from the model's baseline (percentage points)")
    caption = (
        "Paired difference of test accuracy from the baseline: each seed a small point, the mean with its 95% "
        "interval; filled where the verdict is better or worse. Intervals are of single comparisons, verdicts are "
        "corrected for all of the model's (Holm): an interval without zero alone is inconclusive."
    )
    return "differences-accuracy", figure, rows, caption


@rendered
def sensitivity(sensitivities: Mapping[str, Sequence[ParameterSensitivity]]) -> tuple[str, Figure, Rows, str]:
    """The change of validation accuracy by each tested value of each parameter."""
    rows = [
        interval_row(
            point.change,
            model=model,
            parameter=entry.parameter,
            # A label has room for one setting that changed together.
            value=setting(point.value)
            + (along(point.changed_together) if len(point.changed_together) < 2 else " and others"),
        )
        for model, entries in sensitivities.items()
        for entry in entries
        for point in entry.points
        if point.change is not None
    ]
    models = list(sensitivities)
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
        "Change of validation accuracy from the baseline by each tested value, with its 95% interval; the parameter "
        "with the widest range first."
    )
    return "sensitivity", figure, rows, caption


@rendered
def complexity(complexities: Mapping[str, Complexity]) -> tuple[str, Figure, Rows, str]:
    """Parameters and multiply-accumulates of each layer, by model."""
    rows: Rows = [
        {
            "model": model,
            "name": layer.name,
            "kind": layer.kind,
            "parameters": layer.parameters,
            "multiply_accumulates": layer.multiply_accumulates,
        }
        for model, complexity in complexities.items()
        for layer in complexity.layers
        if layer.parameters
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
        "Parameters and multiply-accumulates of each layer of the baselines.",
    )


def _test_accuracy(configuration: FinishedConfiguration) -> dict[str, Any]:
    estimate = configuration.interval["test"]["accuracy"]
    return interval_row(estimate, model=configuration.model, configuration=configuration.name)
