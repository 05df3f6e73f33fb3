"""The study's experiments: baselines trained on the data seen otherwise, as runs like others."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fashion_compare.analysis.read import read_runs
from fashion_compare.classifier.interface import Labels
from fashion_compare.comparison.ablations import lead_by_size, learning_curve, permutation_effect
from fashion_compare.comparison.paired import ConfigurationScores
from fashion_compare.data.variants import folds_of
from fashion_compare.errors import UserError
from fashion_compare.evaluation.predictions import load_predictions
from fashion_compare.execution.ablation_runs import PERMUTED, fold_runs, permuted_runs, size_runs
from fashion_compare.study.spec import Study

Shares = NDArray[np.float64]


def read_experiments(
    study: Study, baselines: dict[str, ConfigurationScores], data: dict[str, Any], root: Path, *, trained_on: int
) -> dict[str, Any] | None:
    """Return what the finished experiments found, parts without a finished run empty; None when there are none.

    Args:
        study: the resolved study.
        baselines: model → its finished baseline runs.
        data: from `described_identity`.
        root: the study's directory.
        trained_on: how many images the baselines saw.
    """
    if study.experiments is None:
        return None
    permuted = {
        model: held
        for model in study.models
        if (held := read_runs(model, PERMUTED, permuted_runs(study, model, None, data, root))[0]).seeds()
    }
    seeds = set(study.seeds[: study.experiments.seeds])
    sizes: dict[str, dict[int, ConfigurationScores]] = {}
    for model in study.models:
        read = {
            images: read_runs(model, f"images={images}", runs)[0]
            for images, runs in size_runs(study, model, None, data, root).items()
        }
        sizes[model] = {images: held for images, held in read.items() if held.seeds()}
        whole = baselines[model].only(seeds) if model in baselines else None
        if sizes[model] and whole is not None:
            sizes[model][trained_on] = whole
    return {
        "least_steps": study.experiments.least_steps,
        "permutation": permutation_effect(permuted, baselines),
        "training_sizes": {model: learning_curve(held) for model, held in sizes.items()},
        "lead_of_the_cnn": lead_by_size(sizes["cnn"], sizes["ffnn"]) if {"cnn", "ffnn"} <= sizes.keys() else [],
    }


def out_of_fold(study: Study, labels: Labels, data: dict[str, Any], root: Path) -> tuple[list[str], Shares] | None:
    """Return what networks that did not see them make of the training images: mean probabilities over models.

    Args:
        study: the resolved study.
        labels: of the training images, in their order.
        data: from `described_identity`.
        root: the study's directory.

    Returns:
        The models, and probabilities (n, classes); None unless all folds of a model are finished.
    """
    found: dict[str, Shares] = {}
    for model in study.models:
        runs = fold_runs(study, model, None, data, root)
        if not runs or not all(run.directory.is_done for run in runs):
            continue
        fold = folds_of(labels, len(runs))
        for i, run in enumerate(runs):
            run.verify()
            predictions = load_predictions(run.directory.predictions)["test"]
            if not np.array_equal(predictions.labels, labels[fold == i]):
                raise UserError(f"{run.directory.path} predicts other images than its fold's; delete it to train again")
            shares = found.setdefault(model, np.zeros((len(labels), predictions.logits.shape[1])))
            shares[fold == i] = predictions.probabilities
    return (list(found), np.mean(list(found.values()), axis=0)) if found else None
