"""Runs of the ablations: permuted pixels, fewer training images, folds."""

import math

from fashion_compare.classifier.configuration import Configuration
from fashion_compare.runs.run import ALL_IMAGES, Run
from fashion_compare.study.context import StudyContext
from fashion_compare.study.settings import changed
from fashion_compare.study.spec import BASELINE, Study

_DIRECTORY = "experiments"


# Variations cannot have names like this, and neither those of sizes and folds.
PERMUTED = "pixels=permuted"


def experiment_runs(context: StudyContext) -> list[Run]:
    """Return all runs that the study's experiments need besides the study's own."""
    return [
        run
        for model in context.study.models
        for runs in (
            permuted_runs(context, model),
            *size_runs(context, model).values(),
            fold_runs(context, model),
        )
        for run in runs
    ]


def permuted_runs(context: StudyContext, model: str) -> list[Run]:
    """Return a model's baseline runs on permuted pixels."""
    study = context.study
    if study.experiments is None or study.experiments.permutation == "none":
        return []
    base, place = study.models[model][BASELINE], context.root / _DIRECTORY
    return [
        Run(model, PERMUTED, base, seed, study.training_images, context.source, place, context.data, permuted=True)
        for seed in study.seeds[: study.experiments.seeds]
    ]


def size_runs(context: StudyContext, model: str) -> dict[int, list[Run]]:
    """Return a model's baseline runs on fewer training images, by their number; those of all are the study's own."""
    study = context.study
    if study.experiments is None:
        return {}
    place = context.root / _DIRECTORY
    return {
        images: [
            Run(
                model,
                f"images={images}",
                _long_enough(study, model, images),
                seed,
                images,
                context.source,
                place,
                context.data,
            )
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


def fold_runs(context: StudyContext, model: str) -> list[Run]:
    """Return a model's baseline runs, one for each fold of the training images that it holds out.

    None in a study on a part of the training images, whose data are not audited.
    """
    study = context.study
    if study.experiments is None or study.experiments.folds is None or study.training_images is not None:
        return []
    base, folds, place = study.models[model][BASELINE], study.experiments.folds, context.root / _DIRECTORY
    return [
        Run(
            model, f"fold={fold}-of-{folds}", base, study.seeds[0], study.training_images, context.source, place,
            context.data, fold=(fold, folds),
        )
        for fold in range(folds)
    ]  # fmt: skip
