"""Sensitivity to each hyperparameter, one at a time: every variation's effect on validation, ordered by parameter."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import Field

from fashion_compare.comparison.paired import ConfigurationScores, common_seeds, difference
from fashion_compare.comparison.statistics import Estimate
from fashion_compare.json_record import JsonRecord


class Change(JsonRecord):
    """What a variation changes; a tuned configuration's parameter is `tuning`, and all its settings change together."""

    parameter: str
    baseline_value: Any
    value: Any
    changed_together: Annotated[dict[str, Any], Field(description="other settings that differ from the baseline's")]


class TestedValue(JsonRecord):
    """One value of a parameter, and its effect on validation accuracy."""

    configuration: str
    value: Any
    changed_together: Annotated[dict[str, Any], Field(description="other settings that differ from the baseline's")]
    validation_accuracy: Estimate
    change: Annotated[Estimate | None, Field(description="from the baseline, paired; None for the baseline itself")]


class ParameterSensitivity(JsonRecord):
    """The tested values of one parameter, and the range of mean validation accuracy over them."""

    parameter: str
    points: list[TestedValue]
    range: float
    not_worse_than_best: Annotated[
        list[Any],
        Field(
            description="values not significantly worse than the best: the paired interval of the difference reaches 0"
        ),
    ]


def sensitivity(
    configurations: Mapping[str, ConfigurationScores], changes: Mapping[str, Change], base: ConfigurationScores
) -> list[ParameterSensitivity]:
    """Return the sensitivity to each parameter that was varied, the most influential first.

    Influence is the range of mean validation accuracy over the tested values, the baseline's included: how much
    depends on this choice, within the values tried and no further.

    Args:
        configurations: finished variations of one model by name.
        changes: variation → what it changes.
        base: the model's baseline.
    """
    tested: dict[str, list[tuple[ConfigurationScores, Any, Mapping[str, Any]]]] = {}
    for name, change in changes.items():
        if name in configurations and common_seeds(configurations[name], base):
            values = tested.setdefault(change.parameter, [(base, change.baseline_value, {})])
            values.append((configurations[name], change.value, change.changed_together))
    entries = [_sensitivity(parameter, values, base) for parameter, values in tested.items()]
    return sorted(entries, key=lambda entry: -entry.range)


def _sensitivity(
    parameter: str, values: Sequence[tuple[ConfigurationScores, Any, Mapping[str, Any]]], base: ConfigurationScores
) -> ParameterSensitivity:
    """Compare all values of one parameter, over the seeds that all of them have: other seeds would decide by luck."""
    common = set.intersection(*(set(scores.seeds()) for scores, _, _ in values)) or set(base.seeds())
    restricted = [(scores.only(common) or scores, value, together) for scores, value, together in values]
    means = [scores.estimate("validation", "accuracy").mean for scores, _, _ in restricted]
    best = restricted[means.index(max(means))][0]
    baseline = restricted[0][0]
    points = [_tested(scores, baseline, value, together) for scores, value, together in restricted]
    not_worse = [
        value
        for scores, value, _ in restricted
        if scores is best
        or not common_seeds(scores, best)
        or difference(scores, best, "validation", "accuracy")[2].high >= 0
    ]
    return ParameterSensitivity(
        parameter=parameter,
        points=sorted(points, key=lambda point: value_order(point.value)),
        range=max(means) - min(means),
        not_worse_than_best=sorted(not_worse, key=value_order),
    )


def value_order(value: Any) -> tuple[list[float], str]:
    """Return what sorts a parameter's values: none first, numbers and sizes such as 256-128 by size, names by name."""
    parts = value.split("-") if isinstance(value, str) else [value]
    numeric = value is not None and (not isinstance(value, str) or all(part.isdecimal() for part in parts))
    return ([float(part) for part in parts] if numeric else []), str(value)


def _tested(
    scores: ConfigurationScores, base: ConfigurationScores, value: Any, together: Mapping[str, Any]
) -> TestedValue:
    return TestedValue(
        configuration=scores.name,
        value=value,
        changed_together=dict(together),
        validation_accuracy=scores.estimate("validation", "accuracy"),
        change=None if scores is base else difference(scores, base, "validation", "accuracy")[2],
    )
