"""Runs of the ablations: permuted pixels, fewer training images, folds."""

import math
from pathlib import Path
from typing import Any

from fashion_compare.classifier.configuration import Configuration
from fashion_compare.data.sources import Source
from fashion_compare.runs.run import ALL_IMAGES, Run
from fashion_compare.study.settings import changed
from fashion_compare.study.spec import BASELINE, Study

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
