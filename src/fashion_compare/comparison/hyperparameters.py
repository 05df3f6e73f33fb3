"""What each hyperparameter did: every variation's effect on validation, ordered by parameter."""

from collections.abc import Mapping, Sequence
from typing import Any

from fashion_compare.comparison.paired import ConfigurationScores, difference


def sensitivity(
    configurations: Mapping[str, ConfigurationScores],
    changes: Mapping[str, Mapping[str, Any]],
    base: ConfigurationScores,
) -> list[dict[str, Any]]:
    """Return one entry per parameter that was varied, the most influential first.

    Influence is the span of mean validation accuracy over the values tried, the baseline's included: how much
    depends on this choice, within the range tried and no further. `usable` are the values that are
    not shown to be worse than the best: those whose paired difference from it has an interval that reaches zero.

    Args:
        configurations: finished variations of one model by name.
        changes: variation → `parameter`, its value `from` the baseline `to` the variation, and the other settings
            that move `together` with it.
        base: the model's baseline.
    """
    tried: dict[str, list[tuple[ConfigurationScores, Any, Mapping[str, Any]]]] = {}
    for name, change in changes.items():
        if name in configurations and set(configurations[name].seeds()) & set(base.seeds()):
            values = tried.setdefault(change["parameter"], [(base, change["from"], {})])
            values.append((configurations[name], change["to"], change["together"]))
    entries = [_entry(parameter, values, base) for parameter, values in tried.items()]
    return sorted(entries, key=lambda entry: -entry["span"])


def _entry(
    parameter: str, values: Sequence[tuple[ConfigurationScores, Any, Mapping[str, Any]]], base: ConfigurationScores
) -> dict[str, Any]:
    """Compare all values of one parameter, over the seeds that all of them have: other seeds would decide by luck."""
    common = set.intersection(*(set(scored.seeds()) for scored, _, _ in values)) or set(base.seeds())
    held = [(scored.only(common) or scored, value, together) for scored, value, together in values]
    means = [scored.interval("validation", "accuracy").mean for scored, _, _ in held]
    best = held[means.index(max(means))][0]
    baseline = held[0][0]
    points = [_point(scored, baseline, value, together) for scored, value, together in held]
    # Not shown to be worse: paired with the best, the interval of the difference reaches zero.
    usable = [
        value
        for scored, value, _ in held
        if scored is best
        or not set(scored.seeds()) & set(best.seeds())
        or difference(scored, best, "validation", "accuracy")[2].high >= 0
    ]
    return {
        "parameter": parameter,
        "points": sorted(points, key=lambda point: value_order(point["value"])),
        "span": max(means) - min(means),
        "usable": sorted(usable, key=value_order),
    }


def value_order(value: Any) -> tuple[list[float], str]:
    """Return what sorts a parameter's values: none first, numbers and sizes such as 256-128 by size, names by name."""
    parts = value.split("-") if isinstance(value, str) else [value]
    numeric = value is not None and (not isinstance(value, str) or all(part.isdecimal() for part in parts))
    return ([float(part) for part in parts] if numeric else []), str(value)


def _point(
    scored: ConfigurationScores, base: ConfigurationScores, value: Any, together: Mapping[str, Any]
) -> dict[str, Any]:
    accuracy = scored.interval("validation", "accuracy")
    change = None
    if scored is not base:
        _, _, interval = difference(scored, base, "validation", "accuracy")
        change = {"mean": interval.mean, "interval": [interval.low, interval.high]}
    return {
        "configuration": scored.name,
        "value": value,
        "together": dict(together),
        "validation_accuracy": {"mean": accuracy.mean, "interval": [accuracy.low, accuracy.high]},
        "change": change,
    }
