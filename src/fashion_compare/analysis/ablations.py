"""Ablations of the input: baselines trained on permuted pixels, fewer images, and folds of the training images."""

from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from fashion_compare.analysis.read import read_runs
from fashion_compare.classifier.interface import Labels
from fashion_compare.comparison.ablations import (
    Permutation,
    SizeDifference,
    SizePoint,
    differences_by_size,
    learning_curve,
    permutation_effect,
)
from fashion_compare.comparison.paired import ConfigurationScores
from fashion_compare.data.variants import folds_of
from fashion_compare.errors import UserError
from fashion_compare.execution.ablation_runs import PERMUTED, fold_runs, permuted_runs, size_runs
from fashion_compare.json_record import JsonRecord
from fashion_compare.runs.record import read_predictions
from fashion_compare.study.context import StudyContext

Probabilities = NDArray[np.float64]


class AblationResults(JsonRecord):
    """What training the baselines on other data changed."""

    least_steps: Annotated[int, Field(description="that smaller training sets are given, by more epochs")]
    permutation: Permutation
    training_sizes: Annotated[dict[str, list[SizePoint]], Field(description="by model")]
    differences_by_size: Annotated[list[SizeDifference], Field(description="test accuracy, cnn minus ffnn")]


def read_ablations(
    context: StudyContext, baselines: dict[str, ConfigurationScores], *, trained_on: int
) -> AblationResults | None:
    """Return the results of the finished ablations, parts without a finished run empty; None when there are none.

    Args:
        context: the study.
        baselines: model → its finished baseline runs.
        trained_on: how many images the baselines saw.
    """
    study = context.study
    if study.experiments is None:
        return None
    permuted = {
        model: scores
        for model in study.models
        if (scores := read_runs(model, PERMUTED, permuted_runs(context, model))[0]).seeds()
    }
    seeds = set(study.seeds[: study.experiments.seeds])
    sizes: dict[str, dict[int, ConfigurationScores]] = {}
    for model in study.models:
        read = {
            images: read_runs(model, f"images={images}", runs)[0] for images, runs in size_runs(context, model).items()
        }
        sizes[model] = {images: scores for images, scores in read.items() if scores.seeds()}
        whole = baselines[model].only(seeds) if model in baselines else None
        if sizes[model] and whole is not None:
            sizes[model][trained_on] = whole
    return AblationResults(
        least_steps=study.experiments.least_steps,
        permutation=permutation_effect(permuted, baselines),
        training_sizes={model: learning_curve(by_size) for model, by_size in sizes.items()},
        differences_by_size=differences_by_size(sizes["cnn"], sizes["ffnn"]) if {"cnn", "ffnn"} <= sizes.keys() else [],
    )


def out_of_fold(context: StudyContext, labels: Labels) -> tuple[list[str], Probabilities] | None:
    """Return out-of-fold probabilities of the training images, mean over models.

    Args:
        context: the study.
        labels: of the training images, in their order.

    Returns:
        The models, and probabilities (n, classes); None unless all folds of a model are finished.
    """
    found: dict[str, Probabilities] = {}
    for model in context.study.models:
        runs = fold_runs(context, model)
        if not runs or not all(run.directory.is_done for run in runs):
            continue
        fold = folds_of(labels, len(runs))
        for i, run in enumerate(runs):
            run.verify()
            predictions = read_predictions(run.directory)["test"]
            if not np.array_equal(predictions.labels, labels[fold == i]):
                raise UserError(f"{run.directory.path} predicts other images than its fold's; delete it to train again")
            probabilities = found.setdefault(model, np.zeros((len(labels), predictions.logits.shape[1])))
            probabilities[fold == i] = predictions.probabilities
    return (list(found), np.mean(list(found.values()), axis=0)) if found else None
