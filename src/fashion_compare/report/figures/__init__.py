"""Every figure of a study, as far as its results go."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from fashion_compare.analysis.explanations import read_averages
from fashion_compare.report.figures import (
    architecture,
    attribution,
    classes,
    hyperparameters,
    learning_curves,
    robustness,
    scores,
    tuning,
)
from fashion_compare.report.figures.style import RenderedFigure
from fashion_compare.report.inputs import Saved


def draw_all(results: Mapping[str, Any], runs: Saved, root: Path) -> dict[str, RenderedFigure]:
    """Draw every figure that the results allow.

    Args:
        results: the content of results.json.
        runs: what the runs' own files hold.
        root: the study's directory.

    Returns:
        Name → figure.
    """
    class_names = results["dataset"]["class_names"]
    drawings = [scores.overview(results), scores.complexity(results)]
    drawings += [
        architecture.architecture(model, held["complexity"]["layers"]) for model, held in results["models"].items()
    ]
    baselines = {model: {"baseline": held["baseline"]} for model, held in runs.histories.items() if "baseline" in held}
    if baselines:
        drawings.append(scores.cost(results))
        drawings.append(replace(learning_curves.learning_curves(baselines, "loss"), name="curves-baseline"))
    drawings += [learning_curves.learning_curves(runs.histories, metric) for metric in ("loss", "accuracy")]
    if results["comparisons"]:
        drawings.append(scores.differences(results, "accuracy", "accuracy"))
    if hyperparameters.has_curves(results):
        drawings.append(hyperparameters.curves(results))
    elif any(results["sensitivity"].values()):
        drawings.append(scores.sensitivity(results))
    if results["global_sensitivity"]:
        drawings.append(hyperparameters.indices(results))
    if tuning.has_trials(results):
        drawings.append(tuning.tuning_curves(results))
    chosen = {model: held["configuration"] for model, held in results["best"].items()}
    for model, name in chosen.items():
        held = results["models"][model]["configurations"][name]
        run = held["runs"][0]
        drawings.append(classes.confusion(model, name, held["mean"]["confusion"], class_names))
        areas = [entry["auc"] for entry in run["per_class"]]
        drawings.append(classes.roc(model, name, runs.roc[model], areas, class_names))
    by_class = {model: results["models"][model]["configurations"][name] for model, name in chosen.items()}
    drawings.append(classes.per_class(by_class, class_names))
    drawings += _draw_mechanisms(results, root)
    return {drawing.name: drawing for drawing in drawings}


def _draw_mechanisms(results: Mapping[str, Any], root: Path) -> list[RenderedFigure]:
    """Draw what experiments and explanations allow."""
    drawings = []
    if results["mechanisms"]:
        drawings += [
            draw(results["mechanisms"])
            for draw in (
                robustness.shifts,
                robustness.probes,
                robustness.shift_maps,
                robustness.layers,
            )
        ]
    if results["experiments"] and results["experiments"]["permutation"]["changes"]:
        drawings.append(robustness.permutation(results))
    if results["experiments"] and any(results["experiments"]["training_sizes"].values()):
        drawings.append(robustness.training_sizes(results))
    if results["calibration"]:
        drawings.append(attribution.reliability(results["calibration"]))
    if results["faithfulness"]:
        drawings += [attribution.faithfulness(*held) for held in results["faithfulness"].items()]
        drawings.append(attribution.randomisation(results["faithfulness"]))
    arrays = read_averages(results, root)
    if arrays:
        drawings.append(attribution.averages(arrays, results["dataset"]["class_names"]))
        drawings += [
            attribution.first_layer(model, arrays[f"first/{model}"]) for model in results["gallery"]["networks"]
        ]
    return drawings
