"""Figures of what settings do: a curve each around the baseline, and shares of the spread over the whole space."""

import math
from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure

from fashion_compare.comparison.hyperparameters import value_order
from fashion_compare.findings.wording import parameter_name, score_interval, setting
from fashion_compare.report.figures.style import MODEL_COLOURS, Rows, new_figure, percent_ends, rendered

_COLUMNS = 3
# From so many values on, a parameter has a curve.
CURVE = 4


def has_curves(results: Mapping[str, Any]) -> bool:
    """Return whether any parameter was tried at enough values for a curve."""
    return any(len(entry["points"]) >= CURVE for entries in results["sensitivity"].values() for entry in entries)


@rendered
def curves(results: Mapping[str, Any]) -> tuple[str, Figure, Rows, str]:
    """Validation accuracy over each parameter's values, both models in one panel, the widest span first."""
    entries = [(model, entry) for model, held in results["sensitivity"].items() for entry in held]
    spans: dict[str, float] = {}
    for _, entry in entries:
        spans[entry["parameter"]] = max(spans.get(entry["parameter"], 0.0), entry["span"])
    names = sorted(spans, key=lambda name: -spans[name])
    rows = [
        {
            "model": model,
            "parameter": entry["parameter"],
            "value": point["value"],
            "mean": point["validation_accuracy"]["mean"],
            "low": point["validation_accuracy"]["interval"][0],
            "high": point["validation_accuracy"]["interval"][1],
            "baseline": point["change"] is None,
            "usable": point["value"] in entry["usable"],
        }
        for name in names
        for model, entry in entries
        if entry["parameter"] == name
        for point in entry["points"]
        if not point["together"]
    ]
    figure = new_figure(7.2, 2.1 * math.ceil(len(names) / _COLUMNS))
    for k, name in enumerate(names):
        axes = figure.add_subplot(math.ceil(len(names) / _COLUMNS), _COLUMNS, k + 1)
        own = [row for row in rows if row["parameter"] == name]
        # Even steps: grids are chosen so that these show them best.
        values = sorted({row["value"] for row in own}, key=value_order)
        for model in results["sensitivity"]:
            of_model = [row for row in own if row["model"] == model]
            colour = MODEL_COLOURS[model]
            x = [values.index(row["value"]) for row in of_model]
            axes.plot(x, [100 * row["mean"] for row in of_model], color=colour, linewidth=1.2)
            for at, row in zip(x, of_model, strict=True):
                axes.plot([at, at], percent_ends(row, score_interval), color=colour, linewidth=1.2)
                marker = "D" if row["baseline"] else "o"
                face = colour if row["usable"] else "white"
                axes.plot(at, 100 * row["mean"], marker, color=colour, markersize=4, markerfacecolor=face)
        axes.set_xticks(range(len(values)), [setting(value) for value in values], fontsize=6.5, rotation=30)
        axes.set_title(parameter_name(name), fontsize=8.5)
        axes.tick_params(axis="y", labelsize=7)
    figure.supylabel("validation accuracy (%)", fontsize=8)
    caption = (
        "Validation accuracy over the values of each setting, all others as in the baseline: means with 95% intervals, "
        f"{' and '.join(results['sensitivity'])} in their colours, the baseline a diamond; hollow where a value is "
        "shown to be worse than the best (paired, 95%). Each panel has its own scale."
    )
    return "sensitivity-curves", figure, rows, caption


@rendered
def indices(results: Mapping[str, Any]) -> tuple[str, Figure, Rows, str]:
    """First-order and total Sobol indices of each parameter, a panel for each model."""
    held = results["global_sensitivity"]
    rows = [
        {
            "model": model,
            "parameter": entry["parameter"],
            "first": entry["first"]["mean"],
            "first_low": entry["first"]["interval"][0],
            "first_high": entry["first"]["interval"][1],
            "total": entry["total"]["mean"],
        }
        for model, found in held.items()
        for entry in sorted(found["indices"], key=lambda entry: -entry["total"]["mean"])
    ]
    tallest = max(sum(row["model"] == model for row in rows) for model in held)
    figure = new_figure(7.2, 0.34 * tallest + 1.1)
    for column, (model, found) in enumerate(held.items()):
        axes = figure.add_subplot(1, len(held), column + 1)
        own = [row for row in rows if row["model"] == model]
        colour = MODEL_COLOURS[model]
        for y, row in enumerate(own):
            axes.barh(y, row["first"], height=0.55, color=colour, alpha=0.45)
            axes.plot([row["first_low"], row["first_high"]], [y, y], color=colour, linewidth=1.6)
            axes.plot(row["total"], y, "D", color=colour, markersize=5, markerfacecolor="white")
        axes.set_yticks(range(len(own)), [parameter_name(row["parameter"]) for row in own], fontsize=8)
        axes.invert_yaxis()
        axes.set_xlim(left=min(0.0, *(row["first_low"] for row in own)))
        axes.set_title(f"{model}, surrogate's R² {found['r2']:.2f}")
        axes.set_xlabel("share of the variance")
    caption = (
        "Where the spread of validation accuracy over the whole space comes from: bars are each setting alone "
        "(first-order Sobol index; 95% bootstrap interval over the runs, the surrogate's length scales held), diamonds "
        "with everything it takes part in (total index). Shares are of what the surrogate knows; R², cross-validated, "
        "says how much of the spread that is."
    )
    return "sensitivity-indices", figure, rows, caption
