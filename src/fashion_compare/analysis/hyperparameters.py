"""What a study's grids and designs found, read from the run directories."""

from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from fashion_compare.analysis.read import read_runs
from fashion_compare.comparison.hyperparameters import Change
from fashion_compare.comparison.paired import Comparison, ConfigurationScores
from fashion_compare.comparison.variance_decomposition import VarianceDecomposition
from fashion_compare.execution.designs import design_points, design_runs, grid_runs
from fashion_compare.execution.tuning import Trial, tuners
from fashion_compare.json_record import JsonRecord
from fashion_compare.runs.record import best_line, read_finished
from fashion_compare.study.context import StudyContext
from fashion_compare.study.search_space import Range, hashable_value
from fashion_compare.study.spec import BASELINE

# Runs of a design are done by their cost: an unfinished one is no sample of the space.
_SHARE_DONE = 0.9


class GlobalSensitivity(VarianceDecomposition):
    """Which parameters the variance of validation accuracy over a whole space comes from."""

    planned: int
    training_images: int | None
    space: dict[str, Any]
    lowest: float
    highest: float


class TuningTrial(JsonRecord):
    """One proposal and what came of it."""

    number: int
    settings: dict[str, Any]
    state: Literal["complete", "pruned", "failed", "open"]
    failure: str | None
    validation_accuracy: Annotated[float | None, Field(description="with the tuning's seed, at the best epoch")]
    epochs: int
    seconds: float
    best_so_far: Annotated[float | None, Field(description="validation accuracy; None before a trial has one")]


class TuningResults(JsonRecord):
    """A search for a model's best configuration, and its cost."""

    planned: int
    epochs: Annotated[int, Field(description="most that a trial may train")]
    winner: Annotated[int | None, Field(description="the best trial's number; None where no trial has ended whole")]
    settings: Annotated[dict[str, Any] | None, Field(description="the winner's, where it differs from the baseline")]
    epochs_allowed: int
    epochs_trained: int
    seconds: float
    trials: list[TuningTrial]
    gain: Annotated[
        Comparison | None, Field(description="the winner against the best configuration made by hand, on the test set")
    ] = None


def read_grid(context: StudyContext, model: str) -> tuple[dict[str, ConfigurationScores], dict[str, Change]]:
    """Return a model's finished grid points by name, and what each changes of the baseline."""
    if context.study.sensitivity is None:
        return {}, {}
    scored, changes = {}, {}
    base = context.study.models[model][BASELINE]
    for point, runs in grid_runs(context).items():
        if point.model != model:
            continue
        scores, finished = read_runs(model, point.name, runs)
        if finished:
            scored[point.name] = scores
            changes[point.name] = Change(
                parameter=point.parameter,
                baseline_value=hashable_value(getattr(base, point.parameter)),
                value=hashable_value(getattr(point.configuration, point.parameter)),
                changed_together={},
            )
    return scored, changes


def read_designs(context: StudyContext) -> dict[str, GlobalSensitivity]:
    """Return each model's global sensitivity, once nine in ten runs of its design are finished."""
    found = {}
    for model, runs in design_runs(context).items():
        assert context.study.sensitivity is not None
        design = context.study.sensitivity.design
        assert design is not None
        space = design.space[model]
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
            # Nothing varies, so there is no variance to decompose.
            continue
        # scikit-learn and SALib take a while to import, and most studies have no design.
        from fashion_compare.comparison.global_sensitivity import Axis, global_sensitivity

        axes = [Axis(name, 0 if isinstance(axis, Range) else len(axis)) for name, axis in space.items()]
        found[model] = GlobalSensitivity(
            **dict(global_sensitivity(axes, design_points(context.study, model)[done], values)),
            planned=len(runs),
            training_images=design.training_images,
            space={name: axis.model_dump() if isinstance(axis, Range) else axis for name, axis in space.items()},
            lowest=float(values.min()),
            highest=float(values.max()),
        )
    return found


def read_tuning(context: StudyContext) -> dict[str, TuningResults]:
    """Return each model's tuning so far, without its gain."""
    found = {}
    for tuner in tuners(context):
        tuning = context.study.tuning
        trials: list[TuningTrial] = []
        for trial in tuner.trials():
            trials.append(_describe(trial, trials[-1].best_so_far if trials else None))
        if not trials:
            continue
        assert tuning is not None
        winner = tuner.winner()
        found[tuner.model] = TuningResults(
            planned=tuning.trials,
            epochs=tuning.epochs,
            winner=None if winner is None else winner.number,
            settings=None if winner is None else tuner.settings(winner),
            epochs_allowed=tuning.trials * tuning.epochs,
            epochs_trained=sum(trial.epochs for trial in trials),
            seconds=sum(trial.seconds for trial in trials),
            trials=trials,
        )
    return found


def _describe(trial: Trial, best: float | None) -> TuningTrial:
    # Of one that failed, what it had trained until then.
    history = trial.run.directory.read_metrics()
    reached = [accuracy for accuracy in (best, trial.accuracy) if accuracy is not None]
    return TuningTrial(
        number=trial.number,
        settings={name: hashable_value(value) for name, value in trial.settings.items()},
        state="failed"
        if trial.failure
        else "open"
        if trial.record is None
        else "pruned"
        if trial.pruned
        else "complete",
        failure=trial.failure,
        validation_accuracy=trial.accuracy,
        epochs=max(0, len(history) - 1),
        seconds=sum(line["seconds"] for line in history),
        best_so_far=max(reached, default=None),
    )
