"""Everything a study found, collected from its run directories into results.json and results.csv."""

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fashion_compare.analysis.ablations import read_experiments
from fashion_compare.analysis.data_audit import describe_audit
from fashion_compare.analysis.explanations import describe_explanations
from fashion_compare.analysis.hyperparameters import read_designs, read_grid, read_tuning
from fashion_compare.analysis.read import read_runs
from fashion_compare.comparison.calibration import calibration
from fashion_compare.comparison.head_to_head import head_to_head
from fashion_compare.comparison.hyperparameters import sensitivity
from fashion_compare.comparison.model_selection import best_configuration
from fashion_compare.comparison.paired import ConfigurationScores, compare_all_metrics, compare_family
from fashion_compare.comparison.per_class import class_differences, confusion_changes
from fashion_compare.data.dataset import Dataset
from fashion_compare.errors import UserError
from fashion_compare.evaluation.predictions import Predictions, load_predictions
from fashion_compare.execution.plan import plan
from fashion_compare.findings.training import findings
from fashion_compare.results.configurations import _changes, _complexity, _summarise
from fashion_compare.results.schema import SCHEMA_VERSION
from fashion_compare.runs.environment import environment
from fashion_compare.runs.run import described_identity, run_label, run_path
from fashion_compare.store import RunDirectory
from fashion_compare.study.spec import BASELINE, Study, is_tuned


def describe_dataset(dataset: Dataset, study: Study) -> dict[str, Any]:
    """Return what results.json says about the data."""
    return {
        "name": dataset.name,
        "source": dataset.source,
        "is_synthetic": dataset.is_synthetic,
        "class_names": list(dataset.class_names),
        "sha256": dict(sorted(dataset.sha256.items())),
        "split_sha256": dataset.split_sha256,
        "counts": {
            "train": study.training_images or len(dataset.train_labels),
            "validation": len(dataset.validation_labels),
            "test": len(dataset.test_labels),
        },
    }


def collect(
    study: Study, dataset: Mapping[str, Any], root: Path, failures: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Read every finished run of the study and return the content of results.json.

    Args:
        study: the resolved study.
        dataset: from `describe_dataset`.
        root: the study's directory.
        failures: label of a run → why it failed.

    Raises:
        UserError: no run is finished, or a file of one cannot be read.
    """
    data = described_identity(dataset)
    runs = defaultdict(list)
    for run in plan(study, None, data, root):
        runs[run.model, run.name].append(run)
    scored = {
        model: {name: read_runs(model, name, runs[model, name]) for name in configurations}
        for model, configurations in study.models.items()
    }
    finished = {
        model: {name: held for name, (held, _) in configurations.items() if held.seeds()}
        for model, configurations in scored.items()
    }
    if not any(finished.values()):
        raise UserError(f"no finished run in {root}; 'fashion-compare run' makes them")
    results: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "study": {
            "name": study.name,
            "description": study.description,
            "seeds": list(study.seeds),
            "training_images": study.training_images,
        },
        "dataset": dict(dataset),
        "environment": environment(),
        "models": {},
        "comparisons": [],
        "classes": [],
        "best": {},
        "sensitivity": {},
        "head_to_head": {},
        "failures": [_failure(label, reason) for label, reason in (failures or {}).items()],
        "missing": _missing(study, scored, failures or {}),
    }
    tuned = read_tuning(study, data, root)
    changes_of = {model: _changes(study, model) for model in study.models}
    for model, configurations in study.models.items():
        results["models"][model] = {
            "complexity": _complexity(configurations[BASELINE]),
            "configurations": {
                name: _summarise(study, root, name, changes_of[model].get(name), *scored[model][name])
                for name in configurations
            },
        }
        if finished[model]:
            trials = len(tuned[model]["trials"]) if any(map(is_tuned, finished[model])) else 0
            results["best"][model] = best_configuration(finished[model], BASELINE, trials=trials)
        base = finished[model].get(BASELINE)
        if base is None:
            continue
        variations = {name: held for name, held in finished[model].items() if name != BASELINE}
        results["comparisons"] += [
            {"model": model, "variation": row["a"]["configuration"], "baseline": BASELINE, **row}
            for row in compare_all_metrics([(held, base) for held in variations.values()], "test")
        ]
        results["classes"] += [
            {
                "model": model,
                "variation": name,
                "baseline": BASELINE,
                "differences": class_differences(held, base),
                "confusions": confusion_changes(held, base),
            }
            for name, held in variations.items()
            if set(held.seeds()) & set(base.seeds())
        ]
        grid, changes = read_grid(study, data, root, model)
        # What tuning found changes many settings at once, and says nothing about any one of them.
        alone = {name: held for name, held in variations.items() if not is_tuned(name)}
        results["sensitivity"][model] = sensitivity(alone | grid, changes_of[model] | changes, base)
    results["global_sensitivity"] = read_designs(study, data, root)
    results["tuning"] = {
        model: held | {"gain": _gain(finished.get(model, {}), results["best"].get(model), results["comparisons"])}
        for model, held in tuned.items()
    }
    results["cnn_over_ffnn"] = _ratios(results["models"])
    results["head_to_head"] = _head_to_head(finished, results["best"], root)
    baselines = {model: held[BASELINE] for model, held in finished.items() if BASELINE in held}
    results["experiments"] = read_experiments(study, baselines, data, root, trained_on=dataset["counts"]["train"])
    results["calibration"] = {
        model: _calibration(finished[model], best["configuration"], root) for model, best in results["best"].items()
    }
    return with_explanations(results, study, root)


def with_explanations(results: dict[str, Any], study: Study, root: Path) -> dict[str, Any]:
    """Return the results with what the explanations in the study's directory say, and with findings from it all."""
    audit = describe_audit(study, described_identity(results["dataset"]), root)
    results = results | describe_explanations(study, results["best"], root) | {"audit": audit}
    return results | {"findings": findings(results)}


def _gain(
    finished: Mapping[str, ConfigurationScores], best: Mapping[str, Any] | None, comparisons: list[dict[str, Any]]
) -> dict[str, Any] | None:
    """Compare on the test set what tuning found with the best configuration made by hand.

    Where that is the baseline, the comparison of the variations with it has the row already; another one is corrected
    for as many. Validation, which chose both, has no say.
    """
    found = next((name for name in finished if is_tuned(name)), None)
    by_hand = [row["configuration"] for row in best["ranking"] if not is_tuned(row["configuration"])] if best else []
    if found is None or not by_hand:
        return None
    for row in comparisons:
        sides = finished[found].model, found, by_hand[0], "accuracy"
        if (row["model"], row["variation"], row["baseline"], row["metric"]) == sides:
            return {key: value for key, value in row.items() if key not in ("model", "variation", "baseline")}
    pair = finished[found], finished[by_hand[0]]
    return next(iter(compare_family([pair], "test", "accuracy", family=len(finished) - 1)), None)


def _calibration(finished: Mapping[str, ConfigurationScores], name: str, root: Path) -> dict[str, Any]:
    held = finished[name]
    runs = {
        seed: load_predictions(RunDirectory(run_path(root, held.model, name, seed)).predictions)
        for seed in held.seeds()
    }
    return {"configuration": name, **calibration(runs)}


def _test_predictions(held: ConfigurationScores, seed: int, root: Path) -> Predictions:
    return load_predictions(RunDirectory(run_path(root, held.model, held.name, seed)).predictions)["test"]


def _ratios(models: Mapping[str, Any]) -> dict[str, float] | None:
    """Return how many times the ffnn's each cost of the cnn is, by their baselines; None with one model."""
    if not {"ffnn", "cnn"} <= models.keys():
        return None
    costs = ("parameters", "multiply_accumulates", "training_multiply_accumulates")
    return {cost: models["cnn"]["complexity"][cost] / models["ffnn"]["complexity"][cost] for cost in costs}


def _head_to_head(
    finished: Mapping[str, Mapping[str, ConfigurationScores]], best: Mapping[str, Any], root: Path
) -> dict[str, Any]:
    """Compare the two models: baseline with baseline, best with best (one comparison where those are the same)."""
    if not {"ffnn", "cnn"} <= best.keys():
        return {}
    pairings = {"baseline": (BASELINE, BASELINE)}
    chosen = (best["cnn"]["configuration"], best["ffnn"]["configuration"])
    if chosen != pairings["baseline"]:
        pairings["best"] = chosen
    compared = {}
    for pairing, (cnn, ffnn) in pairings.items():
        a, b = finished["cnn"].get(cnn), finished["ffnn"].get(ffnn)
        if a and b and (common := sorted(set(a.seeds()) & set(b.seeds()))):
            predictions = {
                seed: (_test_predictions(a, seed, root), _test_predictions(b, seed, root)) for seed in common
            }
            compared[pairing] = head_to_head(a, b, predictions)
    return compared


def _missing(
    study: Study, scored: Mapping[str, Mapping[str, tuple[ConfigurationScores, Any]]], failures: Mapping[str, str]
) -> list[str]:
    """Return the labels of the runs that were planned and have neither ended nor failed."""
    return [
        label
        for model, configurations in scored.items()
        for name, (held, _) in configurations.items()
        for seed in study.seeds
        if seed not in held.seeds() and (label := run_label(model, name, seed)) not in failures
    ]


def _failure(label: str, reason: str) -> dict[str, Any]:
    model, name, seed = label.split("/")
    return {
        "run": label,
        "model": model,
        "configuration": name,
        "seed": int(seed.removeprefix("seed-")),
        "reason": reason,
    }
