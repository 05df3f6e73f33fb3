"""A configuration in the results: its settings, its runs, their means and intervals."""

from pathlib import Path
from typing import Any

import numpy as np

from fashion_compare.classifier import layers_of
from fashion_compare.comparison.learning_curves import fitting
from fashion_compare.comparison.paired import ConfigurationScores
from fashion_compare.evaluation.metrics import COMPARED, METRIC
from fashion_compare.evaluation.predictions import SPLITS
from fashion_compare.runs.run import run_path
from fashion_compare.store import RunDirectory
from fashion_compare.study.search_space import hashable_value
from fashion_compare.study.spec import BASELINE, Study, is_tuned


def _summarise(
    study: Study,
    root: Path,
    name: str,
    change: dict[str, Any] | None,
    held: ConfigurationScores,
    entries: list[dict[str, Any]],
) -> dict[str, Any]:
    """Return a configuration's entry: what it is, its runs, their mean, and intervals of what has them."""
    model = held.model
    configuration = study.models[model][name]
    summary: dict[str, Any] = {
        "config": configuration.model_dump(mode="json"),
        "change": change,
        "complexity": _complexity(configuration),
        "runs": entries,
    }
    if not entries:
        return summary
    summary["mean"] = {
        part: {metric: _mean([entry[part][metric] for entry in entries]) for metric in METRIC} for part in SPLITS
    }
    summary["mean"]["confusion"] = np.mean([entry["confusion"] for entry in entries], axis=0).tolist()
    summary["mean"]["per_class"] = [
        {
            metric: _mean([entry["per_class"][c][metric] for entry in entries])
            for metric in ("precision", "recall", "f1", "auc")
        }
        for c in range(len(entries[0]["per_class"]))
    ]
    summary["mean"]["seconds"] = _mean([entry["seconds"] for entry in entries])
    summary["mean"]["best_epoch"] = _mean([entry["best_epoch"] for entry in entries])
    summary["interval"] = {}
    for part in ("validation", "test"):
        summary["interval"][part] = {}
        for metric in COMPARED:
            summary["interval"][part][metric] = held.interval(part, metric).as_dict()
    summary["fitting"] = fitting(
        [RunDirectory(run_path(root, model, name, entry["seed"])).read_metrics() for entry in entries]
    )
    return summary


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if len(known) == len(values) else None


def _complexity(configuration: Any) -> dict[str, Any]:
    """Return the layers of a model and their sums."""
    layers = [layer.as_dict() for layer in layers_of(configuration)]
    parameters = sum(layer["parameters"] for layer in layers)
    forward = sum(layer["multiply_accumulates"] for layer in layers)
    return {
        "layers": layers,
        "parameters": parameters,
        "multiply_accumulates": forward,
        # Backward asks each layer for two gradients as costly as its forward pass, the first for one: nobody needs
        # the images'.
        "training_multiply_accumulates": 3 * forward - layers[0]["multiply_accumulates"],
        "weights_bytes": 4 * parameters,
    }


def _changes(study: Study, model: str) -> dict[str, dict[str, Any]]:
    """Return variation → the parameter that it is about, its values in baseline and variation, and what moves along."""
    settings = {
        name: {field: hashable_value(getattr(configuration, field)) for field in type(configuration).model_fields}
        for name, configuration in study.models[model].items()
    }
    base = settings[BASELINE]
    changes = {}
    for name, field in study.varied[model].items():
        differs = {other: value for other, value in settings[name].items() if value != base[other]}
        if is_tuned(name):
            # It is about no one setting.
            changes[name] = {"parameter": "tuning", "from": None, "to": None, "together": differs}
        else:
            together = {other: value for other, value in differs.items() if other != field}
            changes[name] = {
                "parameter": field,
                "from": base[field],
                "to": settings[name][field],
                "together": together,
            }
    return changes
