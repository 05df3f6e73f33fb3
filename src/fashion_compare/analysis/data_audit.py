"""Data quality checks: class balance, duplicates, near neighbours, suspected label errors; cached and described."""

from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from fashion_compare.analysis.ablations import out_of_fold
from fashion_compare.analysis.artifact_cache import cache_arrays, load_cached
from fashion_compare.analysis.networks import finished
from fashion_compare.classifier.interface import Arrays
from fashion_compare.comparison.statistics import Estimate, mean_interval
from fashion_compare.data.audit import NearSummary, Neighbours, class_counts, duplicates, near_neighbours, near_summary
from fashion_compare.data.dataset import Dataset
from fashion_compare.evaluation.label_errors import SuspectedErrors, estimated_error_share, suspected_label_errors
from fashion_compare.evaluation.predictions import SPLITS, Predictions, Split
from fashion_compare.execution.ablation_runs import fold_runs
from fashion_compare.json_record import JsonRecord
from fashion_compare.runs.checkpoints import run_as_done
from fashion_compare.runs.record import read_predictions
from fashion_compare.study.context import StudyContext
from fashion_compare.study.spec import BASELINE

# Images that results.json names: the most suspicious first, the nearest first.
_NAMED = 50


class DuplicateCount(JsonRecord):
    """How many images repeat an earlier one, by the splits of both."""

    splits: Annotated[tuple[str, str], Field(description="of the earlier image and of the one that repeats it")]
    mirrored: bool
    images: int
    labels_differ: int


class NearPair(JsonRecord):
    """An image and its nearest neighbour."""

    index: int
    neighbour: tuple[str, int]
    shift: Annotated[tuple[int, int], Field(description="pixels down and to the right that the neighbour has to move")]
    distance: float
    labels_agree: bool


class NearNeighbours(NearSummary):
    """The same with the nearest pairs by name."""

    nearest: list[NearPair]


class SuspectedPair(JsonRecord):
    """Images of one class that probably belong to another."""

    given: int
    suggested: int
    images: int


class SuspectedImage(JsonRecord):
    """One image whose label is probably wrong."""

    index: int
    given: int
    suggested: int
    margin: Annotated[float, Field(description="probability of the given label minus the highest other one")]


class SuspectedLabels(JsonRecord):
    """Images whose label is probably wrong, by confident learning."""

    suspected: int
    estimated_share: Annotated[float, Field(description="of wrong labels, from the calibrated joint")]
    pairs: list[SuspectedPair]
    most_suspicious: list[SuspectedImage]


class AccuracyWithout(JsonRecord):
    """Test accuracy of a baseline on all images, and without the suspected ones: a secondary figure."""

    all: Estimate
    without_suspected: Annotated[Estimate | None, Field(description="None where fewer than two images are left")]


class SuspectedTestLabels(SuspectedLabels):
    """Suspected test images, by the mean probabilities of all baselines."""

    accuracy: Annotated[dict[str, AccuracyWithout], Field(description="by model")]


class LabelErrors(JsonRecord):
    """Suspected label errors of training images, by networks that did not see them, and of test images."""

    models: list[str]
    folds: int
    train: SuspectedLabels
    test: SuspectedTestLabels | None


class DataQuality(JsonRecord):
    """Class balance, duplicates, near neighbours and suspected label errors."""

    class_counts: dict[Split, list[int]]
    duplicates: list[DuplicateCount]
    duplicated_test_images: Annotated[int, Field(description="that equal or mirror a training or validation image")]
    neighbours: Annotated[
        dict[Literal["test", "validation"], NearNeighbours],
        Field(description="test images' among all others; validation images' among training images"),
    ]
    label_errors: LabelErrors | None


def make_audit(context: StudyContext, dataset: Dataset, say: Callable[[str], None]) -> None:
    """Find duplicates and near neighbours, and label errors where all folds are finished, unless that is cached.

    A study on a part of the training images is a first look, and has none.
    """
    if context.study.training_images is not None:
        return
    cache_arrays(_path(context.root, "data"), context.data, lambda: _measure(dataset, say))
    predicted = out_of_fold(context, dataset.train_labels)
    if predicted is not None:
        models, probabilities = predicted

        def suspect() -> Arrays:
            found = vars(suspected_label_errors(dataset.train_labels, probabilities))
            share = estimated_error_share(dataset.train_labels, probabilities)
            return {**found, "models": np.array(models), "estimated_share": np.array(share)}

        cache_arrays(_path(context.root, "labels"), _folds(context), suspect)


def describe_audit(context: StudyContext) -> DataQuality | None:
    """Return the section of the results; None where nothing is cached of the study's data."""
    arrays = load_cached(_path(context.root, "data"), context.data)
    if arrays is None:
        return None
    suspected = load_cached(_path(context.root, "labels"), _folds(context)) if context.study.experiments else None
    return DataQuality(
        class_counts={split: arrays[f"counts/{split}"].tolist() for split in SPLITS},
        duplicates=_count_duplicates(arrays),
        duplicated_test_images=_duplicated_test_images(arrays),
        neighbours={"test": _near(arrays, "test"), "validation": _near(arrays, "validation")},
        label_errors=None if suspected is None else _describe_suspected(context, suspected),
    )


def _path(root: Path, name: str) -> Path:
    return root / "explanations" / f"audit-{name}.npz"


def _folds(context: StudyContext) -> dict[str, Any]:
    """Return what says which runs predicted the training images, JSON-ready."""
    runs = [run for model in context.study.models for run in fold_runs(context, model) if run.directory.is_done]
    return {"data": context.data, "runs": [run_as_done(run.directory) for run in runs]}


def _measure(dataset: Dataset, say: Callable[[str], None]) -> Arrays:
    say("Checking the images for duplicates and near neighbours …")
    pairs = duplicates(dataset)
    found: Arrays = {f"counts/{split}": np.array(counts) for split, counts in class_counts(dataset).items()}
    found |= {
        "copies/parts": np.array([pair.parts for pair in pairs], dtype="U10").reshape(-1, 2),
        "copies/indices": np.array([pair.indices for pair in pairs], np.int64).reshape(-1, 2),
        "copies/labels": np.array([pair.labels for pair in pairs], np.int64).reshape(-1, 2),
        "copies/mirrored": np.array([pair.mirrored for pair in pairs], bool),
    }
    found |= {f"test/{name}": value for name, value in vars(near_neighbours(dataset)).items()}
    of_validation = near_neighbours(dataset, part="validation")
    return found | {f"validation/{name}": value for name, value in vars(of_validation).items()}


def _count_duplicates(arrays: Arrays) -> list[DuplicateCount]:
    keys = [
        (*splits, mirrored)
        for splits, mirrored in zip(arrays["copies/parts"].tolist(), arrays["copies/mirrored"].tolist(), strict=True)
    ]
    differ = np.diff(arrays["copies/labels"], axis=1)[:, 0] != 0
    differing = Counter(key for key, other in zip(keys, differ, strict=True) if other)
    return [
        DuplicateCount(
            splits=(earlier, later),
            mirrored=mirrored,
            images=count,
            labels_differ=differing[earlier, later, mirrored],
        )
        for (earlier, later, mirrored), count in sorted(Counter(keys).items())
    ]


def _duplicated_test_images(arrays: Arrays) -> int:
    """Return how many test images equal or mirror an image of another split; one that does both counts once."""
    earlier, later = arrays["copies/parts"].T
    return len(np.unique(arrays["copies/indices"][(later == "test") & (earlier != "test"), 1]))


def _near(arrays: Arrays, split: Split) -> NearNeighbours:
    names = ("part", "index", "shift", "distance", "labels_agree")
    found = Neighbours(**{name: arrays[f"{split}/{name}"] for name in names})
    nearest = [
        NearPair(
            index=int(k),
            neighbour=(str(found.part[k]), int(found.index[k])),
            shift=(int(found.shift[k][0]), int(found.shift[k][1])),
            distance=float(found.distance[k]),
            labels_agree=bool(found.labels_agree[k]),
        )
        for k in np.argsort(found.distance, kind="stable")[:_NAMED]
    ]
    return NearNeighbours(**dict(near_summary(found)), nearest=nearest)


def _describe_suspected(context: StudyContext, arrays: Arrays) -> LabelErrors:
    """Return what is suspected of training and of test images, and what it would do to accuracy."""
    study = context.study
    assert study.experiments is not None
    assert study.experiments.folds is not None
    names = ("index", "given", "suggested", "self_confidence", "margin")
    train = SuspectedErrors(**{name: arrays[name] for name in names})
    runs = {
        model: [read_predictions(networks.directory(seed))["test"] for seed in networks.seeds]
        for model in study.models
        if (networks := finished(context, model, BASELINE)).seeds
    }
    return LabelErrors(
        models=[str(model) for model in arrays["models"]],
        folds=study.experiments.folds,
        train=_summary(train, float(arrays["estimated_share"])),
        test=_on_test(runs) if runs else None,
    )


def _on_test(runs: Mapping[str, list[Predictions]]) -> SuspectedTestLabels:
    """Suspect test images by the mean probabilities of all baselines, and give each model's accuracy without them."""
    every = [run for predictions in runs.values() for run in predictions]
    labels = every[0].labels
    probabilities = np.mean([run.probabilities for run in every], axis=0)
    suspected = suspected_label_errors(labels, probabilities)
    remaining = np.delete(np.arange(len(labels)), suspected.index)

    def accuracy(predictions: list[Predictions], images: NDArray[np.int64]) -> Estimate:
        return mean_interval([(run.predicted_labels == labels)[images] for run in predictions])

    return SuspectedTestLabels(
        **dict(_summary(suspected, estimated_error_share(labels, probabilities))),
        accuracy={
            model: AccuracyWithout(
                all=accuracy(predictions, np.arange(len(labels))),
                # Networks that are surely wrong about everything suspect everything.
                without_suspected=accuracy(predictions, remaining) if len(remaining) > 1 else None,
            )
            for model, predictions in runs.items()
        },
    )


def _summary(suspected: SuspectedErrors, share: float) -> SuspectedLabels:
    """Return how many images are suspected, of which pairs of classes, and the most suspicious ones."""
    pairs = Counter(zip(suspected.given.tolist(), suspected.suggested.tolist(), strict=True))
    return SuspectedLabels(
        suspected=len(suspected.index),
        estimated_share=share,
        pairs=[SuspectedPair(given=i, suggested=j, images=count) for (i, j), count in pairs.most_common()],
        most_suspicious=[
            SuspectedImage(
                index=int(suspected.index[k]),
                given=int(suspected.given[k]),
                suggested=int(suspected.suggested[k]),
                margin=float(suspected.margin[k]),
            )
            for k in range(min(_NAMED, len(suspected.index)))
        ],
    )
