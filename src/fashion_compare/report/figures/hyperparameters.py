"""Figures of sensitivity: a curve each around the baseline, and Sobol indices over the whole space."""

import math
from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from fashion_compare.analysis.hyperparameters import GlobalSensitivity
from fashion_compare.comparison.hyperparameters import ParameterSensitivity, value_order
from fashion_compare.findings.wording import parameter_name, score_interval, setting
from fashion_compare.report.figures.style import MODEL_COLOURS, Rows, interval_row, new_figure, percent_ends, rendered

_COLUMNS = 3
# From so many values on, a parameter has a curve.
CURVE = 4


def has_curves(sensitivities: Mapping[str, Sequence[ParameterSensitivity]]) -> bool:
    """Return whether any parameter was tested at enough values for a curve."""
    return any(len(entry.points) >= CURVE for entries in sensitivities.values() for entry in entries)


@rendered
def curves(sensitivities: Mapping[str, Sequence[ParameterSensitivity]]) -> tuple[str, Figure, Rows, str]:
    """Validation accuracy over each parameter's values, both models in one panel, the widest span first."""
    entries = [(model, entry) for model, tested in sensitivities.items() for entry in tested]
    ranges: dict[str, float] = {}
    for _, entry in entries:
        ranges[entry.parameter] = max(ranges.get(entry.parameter, 0.0), entry.range)
    names = sorted(ranges, key=lambda name: -ranges[name])
    rows: Rows = [
        interval_row(
            point.validation_accuracy,
            model=model,
            parameter=entry.parameter,
            value=point.value,
            baseline=point.change is None,
            not_worse_than_best=point.value in entry.not_worse_than_best,
        )
        for name in names
        for model, entry in entries
        if entry.parameter == name
        for point in entry.points
        if not point.changed_together
    ]
    figure = new_figure(7.2, 2.1 * math.ceil(len(names) / _COLUMNS))
    for k, name in enumerate(names):
        axes = figure.add_subplot(math.ceil(len(names) / _COLUMNS), _COLUMNS, k + 1)
        own = [row for row in rows if row["parameter"] == name]
        # Even steps: grids are chosen so that these show them best.
        values = sorted({row["value"] for row in own}, key=value_order)
        for model in sensitivities:
            of_model = [row for row in own if row["model"] == model]
            colour = MODEL_COLOURS[model]
            x = [values.index(row["value"]) for row in of_model]
            axes.plot(x, [100 * row["mean"] for row in of_model], color=colour, linewidth=1.2)
            for at, row in zip(x, of_model, strict=True):
                axes.plot([at, at], percent_ends(row, score_interval), color=colour, linewidth=1.2)
                marker = "D" if row["baseline"] else "o"
                face = colour if row["not_worse_than_best"] else "white"
                axes.plot(at, 100 * row["mean"], marker, color=colour, markersize=4, markerfacecolor=face)
        axes.set_xticks(range(len(values)), [setting(value) for value in values], fontsize=6.5, rotation=30)
        axes.set_title(parameter_name(name), fontsize=8.5)
        axes.tick_params(axis="y", labelsize=7)
    figure.supylabel("validation accuracy (%)", fontsize=8)
    caption = (
        "Validation accuracy over the values of each setting, all others as in the baseline: means with 95% intervals, "
        f"{' and '.join(sensitivities)} in their colours, the baseline a diamond; hollow where a value is "
        "significantly worse than the best (paired, 95%). Each panel has its own scale."
    )
    return "sensitivity-curves", figure, rows, caption


@rendered
def indices(decomposed: Mapping[str, GlobalSensitivity]) -> tuple[str, Figure, Rows, str]:
    """First-order and total Sobol indices of each parameter, a panel for each model."""
    rows: Rows = [
        {
            "model": model,
            "parameter": entry.parameter,
            "first": entry.first.mean,
            "first_low": entry.first.interval[0],
            "first_high": entry.first.interval[1],
            "total": entry.total.mean,
        }
        for model, found in decomposed.items()
        for entry in sorted(found.indices, key=lambda entry: -entry.total.mean)
    ]
    tallest = max(sum(row["model"] == model for row in rows) for model in decomposed)
    figure = new_figure(7.2, 0.34 * tallest + 1.1)
    for column, (model, found) in enumerate(decomposed.items()):
        axes = figure.add_subplot(1, len(decomposed), column + 1)
        own = [row for row in rows if row["model"] == model]
        colour = MODEL_COLOURS[model]
        for y, row in enumerate(own):
            axes.barh(y, row["first"], height=0.55, color=colour, alpha=0.45)
            axes.plot([row["first_low"], row["first_high"]], [y, y], color=colour, linewidth=1.6)
            axes.plot(row["total"], y, "D", color=colour, markersize=5, markerfacecolor="white")
        axes.set_yticks(range(len(own)), [parameter_name(row["parameter"]) for row in own], fontsize=8)
        axes.invert_yaxis()
        axes.set_xlim(left=min(0.0, *(row["first_low"] for row in own)))
        axes.set_title(f"{model}, surrogate's R² {found.r2:.2f}")
        axes.set_xlabel("share of the variance")
    caption = (
        "Variance of validation accuracy over the whole space, by setting: bars are first-order Sobol indices (95% "
        "bootstrap interval over the runs, the surrogate's length scales fixed), diamonds total indices. Shares are of "
        "the surrogate's variance; R² is cross-validated."
    )
    return "sensitivity-indices", figure, rows, caption
