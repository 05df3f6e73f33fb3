"""What a study's grids and designs found, read from the run directories."""

from pathlib import Path
from typing import Any

import numpy as np

from fashion_compare.analysis.read import read_runs
from fashion_compare.comparison.paired import ConfigurationScores
from fashion_compare.execution.designs import design_points, design_runs, grid_runs
from fashion_compare.execution.tuning import Trial, tuners
from fashion_compare.runs.record import best_line, read_finished
from fashion_compare.study.search_space import Range, hashable_value
from fashion_compare.study.spec import BASELINE, Study

# Runs of a design are done by their cost: an unfinished one is no sample of the space.
_SHARE_DONE = 0.9


def read_grid(
    study: Study, data: dict[str, Any], root: Path, model: str
) -> tuple[dict[str, ConfigurationScores], dict[str, dict[str, Any]]]:
    """Return a model's finished grid points by name, and what each changes of the baseline."""
    if study.sensitivity is None:
        return {}, {}
    scored, changes = {}, {}
    base = study.models[model][BASELINE]
    for point, runs in grid_runs(study, None, data, root).items():
        if point.model != model:
            continue
        held, entries = read_runs(model, point.name, runs)
        if entries:
            scored[point.name] = held
            values = (
                hashable_value(getattr(configuration, point.parameter)) for configuration in (base, point.configuration)
            )
            changes[point.name] = dict(zip(("from", "to"), values, strict=True)) | {
                "parameter": point.parameter,
                "together": {},
            }
    return scored, changes


def read_designs(study: Study, data: dict[str, Any], root: Path) -> dict[str, dict[str, Any]]:
    """Return each model's global sensitivity, once nine in ten runs of its design are finished."""
    found = {}
    for model, runs in design_runs(study, None, data, root).items():
        assert study.sensitivity is not None
        assert study.sensitivity.design is not None
        space = study.sensitivity.design.space[model]
        records = [read_finished(run) for run in runs]
        done = np.array([record is not None for record in records])
        if done.mean() < _SHARE_DONE:
            continue
        values = np.array(
            [
                best_line(run, record)["validation_accuracy"]
                for run, record in zip(runs, records, strict=True)
                if record is not None
            ]
        )
        if not np.ptp(values):
            # Nothing varies, so there is nothing to share out.
            continue
        # scikit-learn and SALib take a while to import, and most studies have no design.
        from fashion_compare.comparison.global_sensitivity import Axis, global_sensitivity

        axes = [Axis(name, 0 if isinstance(axis, Range) else len(axis)) for name, axis in space.items()]
        found[model] = {
            **global_sensitivity(axes, design_points(study, model)[done], values),
            "planned": len(runs),
            "training_images": study.sensitivity.design.training_images,
            "space": {name: axis.model_dump() if isinstance(axis, Range) else axis for name, axis in space.items()},
            "lowest": float(values.min()),
            "highest": float(values.max()),
        }
    return found


def read_tuning(study: Study, data: dict[str, Any], root: Path) -> dict[str, dict[str, Any]]:
    """Return what each model's tuning spent and found so far, for results.json."""
    found = {}
    for tuner in tuners(study, None, data, root):
        trials = tuner.trials()
        if not trials:
            continue
        assert study.tuning is not None
        described = [_describe(trial) for trial in trials]
        winner = tuner.winner()
        best: float | None = None
        for row in described:
            reached = row["validation_accuracy"]
            best = reached if best is None else best if reached is None else max(best, reached)
            row["best_so_far"] = best
        found[tuner.model] = {
            "planned": study.tuning.trials,
            "epochs": study.tuning.epochs,
            "winner": None if winner is None else winner.number,
            "settings": None if winner is None else tuner.settings(winner),
            "epochs_allowed": study.tuning.trials * study.tuning.epochs,
            "epochs_seen": sum(row["epochs"] for row in described),
            "seconds": sum(row["seconds"] for row in described),
            "trials": described,
        }
    return found


def _describe(trial: Trial) -> dict[str, Any]:
    # Of one that failed, what it had trained until then.
    history = trial.run.directory.read_metrics()
    state = "failed" if trial.failure else "open" if trial.record is None else "pruned" if trial.pruned else "complete"
    return {
        "number": trial.number,
        "settings": {name: hashable_value(value) for name, value in trial.settings.items()},
        "state": state,
        "failure": trial.failure,
        "validation_accuracy": trial.accuracy,
        "epochs": max(0, len(history) - 1),
        "seconds": sum(line["seconds"] for line in history),
    }
