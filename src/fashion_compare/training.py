"""ONE training loop for both models: same batch order, same measurements, same choice of the best epoch."""

import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fashion_compare.classifier import Classifier, Configuration, build
from fashion_compare.classifier.functional import accuracy, cross_entropy
from fashion_compare.classifier.interface import Arrays, Labels, NonFiniteLossError
from fashion_compare.data.dataset import Dataset, evaluation_part, pixel_statistics
from fashion_compare.errors import UserError
from fashion_compare.schedules import learning_rates
from fashion_compare.store import RunDirectory, load_arrays, make_directory, save_arrays, write_atomically

Epoch = dict[str, Any]
Parts = dict[str, tuple[Any, Labels]]


class DivergedError(UserError):
    """A run whose loss became infinite or not a number."""


@dataclass
class Progress:
    """How far a run is: everything besides the classifier that the next epoch depends on."""

    history: list[Epoch] = field(default_factory=list)
    best: Arrays = field(default_factory=dict)


def best_epoch(history: list[Epoch]) -> int:
    """Return the epoch with the best validation accuracy; ties: lower validation loss, then earlier."""
    best = min(history, key=lambda line: (-line["validation_accuracy"], line["validation_loss"], line["epoch"]))
    return int(best["epoch"])


def batch_order(seed: int, epoch: int, images: int) -> NDArray[np.int64]:
    """Return the order of the training images in an epoch: a function of seed and epoch alone."""
    return np.random.default_rng([seed, epoch]).permutation(images)


def train(
    configuration: Configuration,
    seed: int,
    dataset: Dataset,
    directory: RunDirectory,
    on_epoch: Callable[[Epoch], None] = lambda _: None,
    on_note: Callable[[str], None] = lambda _: None,
    *,
    pruning_thresholds: Mapping[int, float] = MappingProxyType({}),
    device: str = "cpu",
) -> Classifier:
    """Train one run to its end, from its checkpoint if it has one, and write its weights and predictions.

    Args:
        configuration: what to train, and how.
        seed: of initial weights, batch order and dropout.
        dataset: with the training part that this run sees.
        directory: claimed for this run; metrics, checkpoint, weights and predictions go there.
        on_epoch: called with each epoch's line of metrics.
        on_note: called with what people should know, such as a damaged checkpoint that was done without.
        pruning_thresholds: epoch → validation accuracy; a run that has not reached it by then ends there, as one
            out of patience does.
        device: ``cpu`` or ``cuda``, where the cnn computes.

    Returns:
        The classifier with the weights of the best epoch.

    Raises:
        DivergedError: the loss became non-finite; the last checkpoint stays.
        UserError: the training images have no contrast.
    """
    mean, std = pixel_statistics(dataset.train_images)
    if std == 0:
        raise UserError(f"{directory.path}: every pixel of the training images is {mean:g}: there is nothing to learn")
    classifier = build(configuration, seed=seed, mean=mean, std=std, device=device)
    images = classifier.preprocess(dataset.train_images)
    part = evaluation_part(len(dataset.train_labels))
    measured: Parts = {
        "train": (classifier.preprocess(dataset.train_images[part]), dataset.train_labels[part]),
        "validation": (classifier.preprocess(dataset.validation_images), dataset.validation_labels),
    }

    steps_per_epoch = math.ceil(len(dataset.train_labels) / configuration.batch_size)
    progress = _resume(classifier, directory, on_note, device)
    for epoch in range(len(progress.history), configuration.epochs + 1):
        if _out_of_patience(progress.history, configuration.patience) or is_pruned(
            progress.history, pruning_thresholds
        ):
            break
        line: Epoch = {"epoch": epoch, "objective": None, "seconds": 0.0}
        if epoch > 0:
            order = batch_order(seed, epoch, len(dataset.train_labels))
            rates = learning_rates(
                configuration.schedule,
                configuration.learning_rate,
                first=(epoch - 1) * steps_per_epoch,
                last=epoch * steps_per_epoch,
                steps=configuration.epochs * steps_per_epoch,
            )
            started = time.perf_counter()
            try:
                line["objective"] = classifier.train_epoch(images, dataset.train_labels, order, rates)
            except NonFiniteLossError as error:
                raise _diverged(directory, epoch, f"step {error.step}") from error
            line["seconds"] = time.perf_counter() - started
        line |= _measure(classifier, measured)
        if not all(math.isfinite(line[name]) for name in ("train_loss", "validation_loss", "penalty")):
            raise _diverged(directory, epoch, "its end")
        progress.history.append(line)
        if best_epoch(progress.history) == epoch:
            progress.best = classifier.weights()
        _save(classifier, progress, directory, device)
        on_epoch(line)

    # The prepared training images are most of the memory, and the test images need some.
    del images
    # Once more: a crash may have come between the last checkpoint and its line of metrics.
    directory.write_metrics(progress.history)
    _write_weights(classifier, progress, directory)
    classifier.load_weights(progress.best)
    measured["test"] = classifier.preprocess(dataset.test_images), dataset.test_labels
    _write_predictions(classifier, measured, directory)
    return classifier


def _out_of_patience(history: list[Epoch], patience: int | None) -> bool:
    """Say whether the last `patience` epochs brought nothing better."""
    if patience is None or not history:
        return False
    return len(history) - 1 - best_epoch(history) >= patience


def is_pruned(history: list[Epoch], pruning_thresholds: Mapping[int, float]) -> bool:
    """Return whether the best epoch so far misses the last one's threshold."""
    last = len(history) - 1
    return last in pruning_thresholds and history[best_epoch(history)]["validation_accuracy"] < pruning_thresholds[last]


def _measure(classifier: Classifier, parts: Parts) -> Epoch:
    """Return loss and accuracy on each part, in evaluation mode and without the penalty, and the penalty."""
    line: Epoch = {"penalty": classifier.penalty()}
    for name, (prepared, labels) in parts.items():
        logits = classifier.logits(prepared)
        finite = bool(np.isfinite(logits).all())
        line[f"{name}_loss"] = cross_entropy(logits, labels) if finite else math.nan
        line[f"{name}_accuracy"] = accuracy(logits, labels)
    return line


def _diverged(directory: RunDirectory, epoch: int, where: str) -> DivergedError:
    return DivergedError(
        f"{directory.path} diverged: non-finite loss in epoch {epoch} at {where}; a lower learning_rate usually helps"
    )


def _save(classifier: Classifier, progress: Progress, directory: RunDirectory, device: str) -> None:
    """Write the state that the next epoch starts from, then the line that people read."""
    arrays = {
        **{f"weights/{name}": value for name, value in classifier.weights().items()},
        **{f"state/{name}": value for name, value in classifier.state().items()},
        **{f"best/{name}": value for name, value in progress.best.items()},
    }
    metadata = {"history": json.dumps(progress.history), "hash": directory.claimed_hash(), "device": device}
    make_directory(directory.checkpoint.parent)
    save_arrays(directory.checkpoint, arrays, metadata, keep=directory.previous_checkpoint)
    directory.write_metrics(progress.history)


def _resume(classifier: Classifier, directory: RunDirectory, on_note: Callable[[str], None], device: str) -> Progress:
    """Put the classifier where the newest whole checkpoint left it, if there is one."""
    damage: UserError | None = None
    for path in (directory.checkpoint, directory.previous_checkpoint):
        if not path.exists():
            continue
        try:
            arrays, metadata = load_arrays(path)
        except UserError as error:
            damage = damage or error
            continue
        if metadata.get("hash") != directory.claimed_hash() or "history" not in metadata:
            raise UserError(f"{path} is not this run's checkpoint; delete {directory.path} to start again")
        groups: dict[str, Arrays] = {"weights": {}, "state": {}, "best": {}}
        for key, value in arrays.items():
            group, _, name = key.partition("/")
            groups[group][name] = value
        classifier.load_weights(groups["weights"])
        classifier.load_state(groups["state"])
        progress = Progress(json.loads(metadata["history"]), groups["best"])
        if damage is not None:
            on_note(f"{path.parent}: the newest state is damaged; went on from epoch {len(progress.history) - 1}")
        # A checkpoint without a device is from before there was a choice.
        if (before := metadata.get("device", "cpu")) != device:
            on_note(f"{directory.path}: begun on {before}, went on from epoch {len(progress.history) - 1} on {device}")
        return progress
    if damage is not None:
        raise damage
    return Progress()


def _write_weights(classifier: Classifier, progress: Progress, directory: RunDirectory) -> None:
    best = {f"best.{name}": value for name, value in progress.best.items()}
    save_arrays(directory.weights, classifier.weights() | best, {"best_epoch": str(best_epoch(progress.history))})


def _write_predictions(classifier: Classifier, parts: Parts, directory: RunDirectory) -> None:
    """Write labels and logits of each part, the test set's under the plain names."""
    arrays: Arrays = {}
    for name, (prepared, labels) in parts.items():
        prefix = "" if name == "test" else f"{name}_"
        arrays |= {f"{prefix}labels": labels, f"{prefix}logits": classifier.logits(prepared)}
    write_atomically(directory.predictions, lambda file: np.savez(file, **arrays))  # type: ignore[arg-type]
