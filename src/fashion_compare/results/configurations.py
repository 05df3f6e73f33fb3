"""A configuration in the results: its settings, its runs, their means and intervals."""

from typing import Literal

import numpy as np

from fashion_compare.analysis.read import ScoredRun
from fashion_compare.classifier import layers_of
from fashion_compare.classifier.configuration import Configuration
from fashion_compare.comparison.hyperparameters import Change
from fashion_compare.comparison.learning_curves import diagnose
from fashion_compare.comparison.paired import ConfigurationScores
from fashion_compare.evaluation.metrics import COMPARED, METRIC
from fashion_compare.evaluation.predictions import Split
from fashion_compare.evaluation.scores import ClassScores
from fashion_compare.results.schema import Complexity, ConfigurationResults, MeanScores
from fashion_compare.runs.run import run_directory
from fashion_compare.study.context import StudyContext
from fashion_compare.study.search_space import hashable_value
from fashion_compare.study.spec import BASELINE, Study, is_tuned

_COMPARED_SPLITS: tuple[Literal["validation", "test"], ...] = ("validation", "test")


def summarise(
    context: StudyContext, name: str, change: Change | None, scores: ConfigurationScores, runs: list[ScoredRun]
) -> ConfigurationResults:
    """Return a configuration's results: what it is, its runs, their means, and intervals of what has them."""
    configuration = context.study.models[scores.model][name]
    described = ConfigurationResults(
        settings=configuration.model_dump(mode="json"),
        change=change,
        complexity=complexity_of(configuration),
        runs=runs,
    )
    if not runs:
        return described
    directories = [run_directory(context.root, scores.model, name, run.seed) for run in runs]
    return described.model_copy(
        update={
            "mean": _means(runs),
            "interval": {
                split: {metric: scores.estimate(split, metric) for metric in COMPARED} for split in _COMPARED_SPLITS
            },
            "curves": diagnose([directory.read_metrics() for directory in directories]),
        }
    )


def _means(runs: list[ScoredRun]) -> MeanScores:
    def of_split(split: Split) -> dict[str, float | None]:
        return {metric: _mean([getattr(run, split)[metric] for run in runs]) for metric in METRIC}

    return MeanScores(
        train=of_split("train"),
        validation=of_split("validation"),
        test=of_split("test"),
        per_class=[
            ClassScores(
                precision=float(np.mean([one.precision for one in of_class])),
                recall=float(np.mean([one.recall for one in of_class])),
                f1=float(np.mean([one.f1 for one in of_class])),
                auc=_mean([one.auc for one in of_class]),
            )
            for of_class in zip(*(run.per_class for run in runs), strict=True)
        ],
        confusion=np.mean([run.confusion for run in runs], axis=0).tolist(),
        seconds=float(np.mean([run.seconds for run in runs])),
        best_epoch=float(np.mean([run.best_epoch for run in runs])),
    )


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if len(known) == len(values) else None


def complexity_of(configuration: Configuration) -> Complexity:
    """Return the layers of a model and their sums."""
    layers = layers_of(configuration)
    parameters = sum(layer.parameters for layer in layers)
    forward = sum(layer.multiply_accumulates for layer in layers)
    return Complexity(
        layers=layers,
        parameters=parameters,
        multiply_accumulates=forward,
        # Backward asks each layer for two gradients as costly as its forward pass, the first for one: nobody needs
        # the images'.
        training_multiply_accumulates=3 * forward - layers[0].multiply_accumulates,
        weights_bytes=4 * parameters,
    )


def changes_of(study: Study, model: str) -> dict[str, Change]:
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
            changes[name] = Change(parameter="tuning", baseline_value=None, value=None, changed_together=differs)
        else:
            changes[name] = Change(
                parameter=field,
                baseline_value=base[field],
                value=settings[name][field],
                changed_together={other: value for other, value in differs.items() if other != field},
            )
    return changes
