"""Every figure of a study, as far as its results go."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from fashion_compare.report import (
    architecture_figures,
    class_figures,
    curve_figures,
    explanation_figures,
    mechanism_figures,
    score_figures,
    sensitivity_figures,
    tuning_figures,
)
from fashion_compare.report.drawing import Drawn
from fashion_compare.report.saved import Saved
from fashion_compare.study.explain import read_averages


def draw_all(results: Mapping[str, Any], runs: Saved, root: Path) -> dict[str, Drawn]:
    """Draw every figure that the results allow.

    Args:
        results: the content of results.json.
        runs: what the runs' own files hold.
        root: the study's directory.

    Returns:
        Name → figure.
    """
    class_names = results["dataset"]["class_names"]
    drawings = [score_figures.overview(results), score_figures.complexity(results)]
    drawings += [
        architecture_figures.architecture(model, held["complexity"]["layers"])
        for model, held in results["models"].items()
    ]
    baselines = {model: {"baseline": held["baseline"]} for model, held in runs.histories.items() if "baseline" in held}
    if baselines:
        drawings.append(score_figures.cost(results))
        drawings.append(replace(curve_figures.learning_curves(baselines, "loss"), name="curves-baseline"))
    drawings += [curve_figures.learning_curves(runs.histories, metric) for metric in ("loss", "accuracy")]
    if results["comparisons"]:
        drawings.append(score_figures.differences(results, "accuracy", "accuracy"))
    if sensitivity_figures.has_curves(results):
        drawings.append(sensitivity_figures.curves(results))
    elif any(results["sensitivity"].values()):
        drawings.append(score_figures.sensitivity(results))
    if results["global_sensitivity"]:
        drawings.append(sensitivity_figures.indices(results))
    if tuning_figures.has_trials(results):
        drawings.append(tuning_figures.tuning_curves(results))
    chosen = {model: held["configuration"] for model, held in results["best"].items()}
    for model, name in chosen.items():
        held = results["models"][model]["configurations"][name]
        run = held["runs"][0]
        drawings.append(class_figures.confusion(model, name, held["mean"]["confusion"], class_names))
        areas = [entry["auc"] for entry in run["per_class"]]
        drawings.append(class_figures.roc(model, name, runs.roc[model], areas, class_names))
    by_class = {model: results["models"][model]["configurations"][name] for model, name in chosen.items()}
    drawings.append(class_figures.per_class(by_class, class_names))
    drawings += _draw_mechanisms(results, root)
    return {drawing.name: drawing for drawing in drawings}


def _draw_mechanisms(results: Mapping[str, Any], root: Path) -> list[Drawn]:
    """Draw what experiments and explanations allow."""
    drawings = []
    if results["mechanisms"]:
        drawings += [
            draw(results["mechanisms"])
            for draw in (
                mechanism_figures.shifts,
                mechanism_figures.probes,
                mechanism_figures.shift_maps,
                mechanism_figures.layers,
            )
        ]
    if results["experiments"] and results["experiments"]["permutation"]["changes"]:
        drawings.append(mechanism_figures.permutation(results))
    if results["experiments"] and any(results["experiments"]["training_sizes"].values()):
        drawings.append(mechanism_figures.training_sizes(results))
    if results["calibration"]:
        drawings.append(explanation_figures.reliability(results["calibration"]))
    if results["faithfulness"]:
        drawings += [explanation_figures.faithfulness(*held) for held in results["faithfulness"].items()]
        drawings.append(explanation_figures.randomisation(results["faithfulness"]))
    arrays = read_averages(results, root)
    if arrays:
        drawings.append(explanation_figures.averages(arrays, results["dataset"]["class_names"]))
        drawings += [
            explanation_figures.first_layer(model, arrays[f"first/{model}"]) for model in results["gallery"]["networks"]
        ]
    return drawings
