"""What figures and page read from the runs' own files, beside results.json."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fashion_compare.classifier.scores import softmax
from fashion_compare.evaluation.predictions import load_predictions
from fashion_compare.evaluation.roc import RocCurve, one_vs_rest_curves
from fashion_compare.store import RunDirectory
from fashion_compare.study.plan import run_path

# Model → configuration → the finished runs' metrics, an epoch a line.
Histories = dict[str, dict[str, list[list[dict[str, Any]]]]]


def histories(results: Mapping[str, Any], root: Path) -> Histories:
    """Return the learning curves of all finished runs."""
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


def roc_curves(results: Mapping[str, Any], root: Path) -> dict[str, list[RocCurve | None]]:
    """Return, for the first run of each model's best configuration, every class's curve on the test set."""
    found = {}
    for model, best in results["best"].items():
        name = best["configuration"]
        run = results["models"][model]["configurations"][name]["runs"][0]
        test = load_predictions(RunDirectory(run_path(root, model, name, run["seed"])).predictions)["test"]
        found[model] = one_vs_rest_curves(test.labels, softmax(test.logits))
    return found
