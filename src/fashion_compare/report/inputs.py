"""What figures and page read from the runs' own files, beside results.json."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fashion_compare.classifier.functional import softmax
from fashion_compare.evaluation.predictions import load_predictions
from fashion_compare.evaluation.roc import RocCurve, one_vs_rest_curves
from fashion_compare.runs.run import run_path
from fashion_compare.store import RunDirectory

# Model → configuration → the finished runs' metrics, an epoch a line.
Histories = dict[str, dict[str, list[list[dict[str, Any]]]]]


@dataclass(frozen=True)
class Saved:
    """Learning curves of all finished runs; ROC curves, a class each, of the first run of each best configuration."""

    histories: Histories
    roc: dict[str, list[RocCurve | None]]


def read_saved(results: Mapping[str, Any], root: Path) -> Saved:
    """Read all of it from the study's directory."""
    return Saved(_histories(results, root), _roc_curves(results, root))


def _histories(results: Mapping[str, Any], root: Path) -> Histories:
    return {
        model: {
            name: [
                RunDirectory(run_path(root, model, name, run["seed"])).read_metrics() for run in configuration["runs"]
            ]
            for name, configuration in held["configurations"].items()
            if configuration["runs"]
        }
        for model, held in results["models"].items()
    }


def _roc_curves(results: Mapping[str, Any], root: Path) -> dict[str, list[RocCurve | None]]:
    found = {}
    for model, best in results["best"].items():
        name = best["configuration"]
        run = results["models"][model]["configurations"][name]["runs"][0]
        test = load_predictions(RunDirectory(run_path(root, model, name, run["seed"])).predictions)["test"]
        found[model] = one_vs_rest_curves(test.labels, softmax(test.logits))
    return found
