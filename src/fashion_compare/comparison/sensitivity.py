"""What each hyperparameter did: every variation's effect on validation, ordered by parameter."""

from collections.abc import Mapping
from typing import Any

from fashion_compare.comparison.pairs import Scored, difference


def sensitivity(
    configurations: Mapping[str, Scored], changes: Mapping[str, Mapping[str, Any]], base: Scored
) -> list[dict[str, Any]]:
    """Return one entry per parameter that was varied, the most influential first.

    Influence is the span of mean validation accuracy over the values tried, the baseline's included: how much
    depends on this choice, within the range tried and no further. `usable` are the values within one interval of the
    best.

    Args:
        configurations: finished variations of one model by name.
        changes: variation → `parameter`, its value `from` the baseline `to` the variation, and the other settings
            that move `together` with it.
        base: the model's baseline.
    """
    parameters: dict[str, dict[str, Any]] = {}
    for name, change in changes.items():
        if name not in configurations or not set(configurations[name].seeds()) & set(base.seeds()):
            continue
        parameter = change["parameter"]
        first = {"parameter": parameter, "points": [_point(base, base, change["from"], {})]}
        entry = parameters.setdefault(parameter, first)
        entry["points"].append(_point(configurations[name], base, change["to"], change["together"]))
    for entry in parameters.values():
        means = [point["validation_accuracy"]["mean"] for point in entry["points"]]
        entry["span"] = max(means) - min(means)
        best = max(entry["points"], key=lambda point: point["validation_accuracy"]["mean"])["validation_accuracy"]
        entry["points"].sort(key=lambda point: _order(point["value"]))
        # Values whose mean lies within the interval of the best: nothing says that they are worse.
        entry["usable"] = [
            point["value"] for point in entry["points"] if point["validation_accuracy"]["mean"] >= best["interval"][0]
        ]
    return sorted(parameters.values(), key=lambda entry: -entry["span"])


def _order(value: Any) -> tuple[list[float], str]:
    """Sort numbers, and layer sizes such as 256-128, by size, names by name, and what is not set first."""
    parts = value.split("-") if isinstance(value, str) else [value]
    numeric = value is not None and (not isinstance(value, str) or all(part.isdecimal() for part in parts))
    return ([float(part) for part in parts] if numeric else []), str(value)


def _point(scored: Scored, base: Scored, value: Any, together: Mapping[str, Any]) -> dict[str, Any]:
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
