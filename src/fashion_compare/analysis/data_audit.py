"""The study's audit of its data: copies, near neighbours, suspected label errors; made once, kept, described."""

from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fashion_compare.analysis.ablations import out_of_fold
from fashion_compare.analysis.artifact_cache import cache_arrays, load_cached
from fashion_compare.analysis.networks import finished
from fashion_compare.classifier.interface import Arrays
from fashion_compare.comparison.statistics import mean_interval
from fashion_compare.data.audit import Neighbours, class_counts, duplicates, near_neighbours, near_summary
from fashion_compare.data.dataset import Dataset
from fashion_compare.evaluation.label_errors import SuspectedErrors, estimated_error_share, suspected_label_errors
from fashion_compare.evaluation.predictions import Predictions, load_predictions
from fashion_compare.execution.ablation_runs import fold_runs
from fashion_compare.runs.checkpoints import run_as_done
from fashion_compare.runs.run import data_identity
from fashion_compare.study.spec import BASELINE, Study

# Images that results.json names: the most suspicious first, the nearest first.
_NAMED = 50


def make_audit(study: Study, dataset: Dataset, root: Path, say: Callable[[str], None]) -> None:
    """Look for copies and near neighbours, and for label errors where all folds are finished, unless that is done.

    A study on a part of the training images is a first look, and has none.
    """
    if study.training_images is not None:
        return
    data = data_identity(dataset)
    cache_arrays(_path(root, "data"), data, lambda: _look_at(dataset, say))
    held = out_of_fold(study, dataset.train_labels, data, root)
    if held is not None:
        models, shares = held

        def suspect() -> Arrays:
            found = vars(suspected_label_errors(dataset.train_labels, shares))
            share = estimated_error_share(dataset.train_labels, shares)
            return {**found, "models": np.array(models), "estimated_share": np.array(share)}

        cache_arrays(_path(root, "labels"), _folds(study, data, root), suspect)


def describe_audit(study: Study, data: dict[str, Any], root: Path) -> dict[str, Any] | None:
    """Return what results.json says about the data; None where nothing was looked for.

    Args:
        study: the resolved study.
        data: from `described_identity`.
        root: the study's directory.
    """
    arrays = load_cached(_path(root, "data"), data)
    if arrays is None:
        return None
    suspected = load_cached(_path(root, "labels"), _folds(study, data, root)) if study.experiments else None
    return {
        "class_counts": {part: arrays[f"counts/{part}"].tolist() for part in ("train", "validation", "test")},
        "copies": _count_copies(arrays),
        "repeated_test_images": _repeated_test_images(arrays),
        "neighbours": {part: _near(arrays, part) for part in ("test", "validation")},
        "label_errors": None if suspected is None else _describe_suspected(study, suspected, root),
    }


def _path(root: Path, name: str) -> Path:
    return root / "explanations" / f"audit-{name}.npz"


def _folds(study: Study, data: dict[str, Any], root: Path) -> dict[str, Any]:
    """Return what says which runs predicted the training images, JSON-ready."""
    runs = [run for model in study.models for run in fold_runs(study, model, None, data, root) if run.directory.is_done]
    return {"data": data, "runs": [run_as_done(run.directory) for run in runs]}


def _look_at(dataset: Dataset, say: Callable[[str], None]) -> Arrays:
    say("Looking for copies and near neighbours among the images …")
    copies = duplicates(dataset)
    found: Arrays = {f"counts/{part}": np.array(counts) for part, counts in class_counts(dataset).items()}
    found |= {
        "copies/parts": np.array([copy.parts for copy in copies], dtype="U10").reshape(-1, 2),
        "copies/indices": np.array([copy.indices for copy in copies], np.int64).reshape(-1, 2),
        "copies/labels": np.array([copy.labels for copy in copies], np.int64).reshape(-1, 2),
        "copies/mirrored": np.array([copy.mirrored for copy in copies], bool),
    }
    for part in ("test", "validation"):
        found |= {f"{part}/{name}": value for name, value in vars(near_neighbours(dataset, part=part)).items()}
    return found


def _count_copies(arrays: Arrays) -> list[dict[str, Any]]:
    """Return how many images repeat an earlier one, by the parts of both, plain and mirrored."""
    keys = [
        (*parts, mirrored)
        for parts, mirrored in zip(arrays["copies/parts"].tolist(), arrays["copies/mirrored"].tolist(), strict=True)
    ]
    differ = np.diff(arrays["copies/labels"], axis=1)[:, 0] != 0
    differing = Counter(key for key, other in zip(keys, differ, strict=True) if other)
    return [
        {"parts": [earlier, later], "mirrored": mirrored, "images": count,
         "labels_differ": differing[earlier, later, mirrored]}
        for (earlier, later, mirrored), count in sorted(Counter(keys).items())
    ]  # fmt: skip


def _repeated_test_images(arrays: Arrays) -> int:
    """Return how many test images equal or mirror an image of another part; one that does both counts once."""
    earlier, later = arrays["copies/parts"].T
    return len(np.unique(arrays["copies/indices"][(later == "test") & (earlier != "test"), 1]))


def _near(arrays: Arrays, part: str) -> dict[str, Any]:
    names = ("part", "index", "shift", "distance", "labels_agree")
    found = Neighbours(**{name: arrays[f"{part}/{name}"] for name in names})
    return near_summary(found) | {
        "nearest": [
            {
                "index": int(k),
                "neighbour": [str(found.part[k]), int(found.index[k])],
                "shift": found.shift[k].tolist(),
                "distance": float(found.distance[k]),
                "labels_agree": bool(found.labels_agree[k]),
            }
            for k in np.argsort(found.distance, kind="stable")[:_NAMED]
        ]
    }


def _describe_suspected(study: Study, arrays: Arrays, root: Path) -> dict[str, Any]:
    """Return what is suspected of training and of test images, and what it would do to accuracy."""
    assert study.experiments is not None
    names = ("index", "given", "suggested", "self_confidence", "margin")
    train = SuspectedErrors(**{name: arrays[name] for name in names})
    runs = {
        model: [load_predictions(held.directory(seed).predictions)["test"] for seed in held.seeds]
        for model in study.models
        if (held := finished(study, model, BASELINE, root)).seeds
    }
    return {
        "models": [str(model) for model in arrays["models"]],
        "folds": study.experiments.folds,
        "train": _summary(train, float(arrays["estimated_share"])),
        "test": _on_test(runs) if runs else None,
    }


def _on_test(runs: Mapping[str, list[Predictions]]) -> dict[str, Any]:
    """Suspect test images by the mean probabilities of all baselines, and give each model's accuracy without them."""
    every = [held for predictions in runs.values() for held in predictions]
    labels = every[0].labels
    shares = np.mean([held.probabilities for held in every], axis=0)
    suspected = suspected_label_errors(labels, shares)
    kept_images = np.delete(np.arange(len(labels)), suspected.index)

    def accuracy(predictions: list[Predictions], images: NDArray[np.int64]) -> dict[str, Any] | None:
        if len(images) < 2:
            # Networks that are surely wrong about everything suspect everything.
            return None
        return mean_interval([(held.predicted_labels == labels)[images] for held in predictions]).as_dict()

    return _summary(suspected, estimated_error_share(labels, shares)) | {
        "accuracy": {
            model: {"all": accuracy(held, np.arange(len(labels))), "without_suspected": accuracy(held, kept_images)}
            for model, held in runs.items()
        }
    }


def _summary(suspected: SuspectedErrors, share: float) -> dict[str, Any]:
    """Return how many images are suspected, of which pairs of classes, and the most suspicious ones."""
    pairs = Counter(zip(suspected.given.tolist(), suspected.suggested.tolist(), strict=True))
    return {
        "suspected": len(suspected.index),
        "estimated_share": share,
        "pairs": [{"given": i, "suggested": j, "images": count} for (i, j), count in pairs.most_common()],
        "most_suspicious": [
            {
                "index": int(suspected.index[k]),
                "given": int(suspected.given[k]),
                "suggested": int(suspected.suggested[k]),
                "margin": float(suspected.margin[k]),
            }
            for k in range(min(_NAMED, len(suspected.index)))
        ],
    }
