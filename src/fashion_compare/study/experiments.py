"""The study's experiments: baselines trained on the data seen otherwise, as runs like others."""

import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fashion_compare.classifier.configuration import Configuration
from fashion_compare.classifier.interface import Labels
from fashion_compare.comparison.experiments import lead_by_size, learning_curve, permutation_effect
from fashion_compare.comparison.pairs import Scored
from fashion_compare.data.sources import Source
from fashion_compare.data.views import folds_of
from fashion_compare.errors import UserError
from fashion_compare.evaluation.predictions import load_predictions
from fashion_compare.study.plan import ALL_IMAGES, Run
from fashion_compare.study.reading import read_runs
from fashion_compare.study.settings import changed
from fashion_compare.study.spec import BASELINE, Study

Shares = NDArray[np.float64]

_DIRECTORY = "experiments"
# Variations cannot have names like this, and neither those of sizes and folds.
PERMUTED = "pixels=permuted"


def experiment_runs(study: Study, source: Source | None, data: dict[str, Any], root: Path) -> list[Run]:
    """Return all runs that the study's experiments need besides the study's own."""
    return [
        run
        for model in study.models
        for runs in (
            permuted_runs(study, model, source, data, root),
            *size_runs(study, model, source, data, root).values(),
            fold_runs(study, model, source, data, root),
        )
        for run in runs
    ]


def permuted_runs(study: Study, model: str, source: Source | None, data: dict[str, Any], root: Path) -> list[Run]:
    """Return a model's baseline runs on permuted pixels."""
    if study.experiments is None or study.experiments.permutation == "none":
        return []
    base, place = study.models[model][BASELINE], root / _DIRECTORY
    return [
        Run(model, PERMUTED, base, seed, study.training_images, source, place, data, permuted=True)
        for seed in study.seeds[: study.experiments.seeds]
    ]


def size_runs(
    study: Study, model: str, source: Source | None, data: dict[str, Any], root: Path
) -> dict[int, list[Run]]:
    """Return a model's baseline runs on fewer training images, by their number; those of all are the study's own."""
    if study.experiments is None:
        return {}
    place = root / _DIRECTORY
    return {
        images: [
            Run(model, f"images={images}", _long_enough(study, model, images), seed, images, source, place, data)
            for seed in study.seeds[: study.experiments.seeds]
        ]
        for images in sorted(study.experiments.training_sizes)
        if images < (study.training_images or ALL_IMAGES)
    }


def _long_enough(study: Study, model: str, images: int) -> Configuration:
    """Return the baseline with as many epochs as it takes to make a fair number of steps."""
    assert study.experiments is not None
    base = study.models[model][BASELINE]
    steps_per_epoch = math.ceil(images / base.batch_size)
    epochs = max(base.epochs, math.ceil(study.experiments.least_steps / steps_per_epoch))
    return changed(base, {"epochs": epochs}, f"experiments.training_sizes: {images}")


def fold_runs(study: Study, model: str, source: Source | None, data: dict[str, Any], root: Path) -> list[Run]:
    """Return a model's baseline runs, one for each fold of the training images that it holds out.

    None in a study on a part of the training images, whose data are not audited.
    """
    if study.experiments is None or study.experiments.folds is None or study.training_images is not None:
        return []
    base, folds, place = study.models[model][BASELINE], study.experiments.folds, root / _DIRECTORY
    return [
        Run(
            model, f"fold={fold}-of-{folds}", base, study.seeds[0], study.training_images, source, place, data,
            fold=(fold, folds),
        )
        for fold in range(folds)
    ]  # fmt: skip


def read_experiments(
    study: Study, baselines: dict[str, Scored], data: dict[str, Any], root: Path, *, trained_on: int
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
    sizes: dict[str, dict[int, Scored]] = {}
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
            run.directory.verify(run.identity)
            predictions = load_predictions(run.directory.predictions)["test"]
            if not np.array_equal(predictions.labels, labels[fold == i]):
                raise UserError(f"{run.directory.path} predicts other images than its fold's; delete it to train again")
            shares = found.setdefault(model, np.zeros((len(labels), predictions.logits.shape[1])))
            shares[fold == i] = predictions.shares()
    return (list(found), np.mean(list(found.values()), axis=0)) if found else None
