"""What a study will take of disk and memory, and whether it is there: asked before work, not met in the middle."""

import math
import shutil
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path

import psutil

from fashion_compare.classifier import layers_of
from fashion_compare.classifier.configuration import Configuration
from fashion_compare.data.dataset import EVALUATION_IMAGES, Dataset
from fashion_compare.errors import UserError
from fashion_compare.runs.run import Run

_MIB = 1 << 20
# Bytes of a float32, which weights, scores and normalised pixels are, and of a label.
_FLOAT, _LABEL = 4, 8
# Of a run: curves, numbers, and what defines it.
_BYTES_BESIDE_ARRAYS = _MIB // 8
# Two generations, each with the newest weights, the best, a moving average and two moments.
_COPIES_IN_CHECKPOINTS = 2 * 5
# The newest weights and the best.
_COPIES_IN_RUN = 2
# Figures, explanations and the page.
_BYTES_BESIDE_RUNS = 32 * _MIB
# Of a process: interpreter and libraries, torch and its compiled kernels for the cnn. Measured on Linux.
_LIBRARIES = {"ffnn": 60 * _MIB, "cnn": 460 * _MIB}
# Weights, gradient, moments and what they are updated by, the best, and a checkpoint on its way to the disk. Measured
# with adam: 17, with a moving average 20.
_COPIES_IN_MEMORY = 20
# Of a layer's output while a batch is trained on: values, gradients, and both in the layout of the library. Measured.
_COPIES_OF_OUTPUTS = 6


def check_disk(runs: Sequence[Run], side_by_side: int, root: Path, dataset: Dataset) -> None:
    """Check that there is room for what these runs will leave behind.

    Raises:
        UserError: there is not; the line names what is needed and what there is.
    """
    todo = [_FLOAT * parameters(run.configuration) for run in runs if not run.directory.is_done]
    if not todo:
        return
    beside = _predictions_bytes(dataset) + _BYTES_BESIDE_ARRAYS
    finished = sum(_COPIES_IN_RUN * weights + beside for weights in todo)
    going = sum(_COPIES_IN_CHECKPOINTS * weights for weights in sorted(todo)[-side_by_side:])
    needed, free = finished + going + _BYTES_BESIDE_RUNS, shutil.disk_usage(root).free
    if free < needed:
        raise UserError(
            f"{root}: {len(todo)} runs need about {needed / 1e9:.2g} GB, {free / 1e9:.2g} GB are free; make room, or "
            "choose another --out"
        )


def fitting_side_by_side(wished: int, runs: Sequence[Run], dataset: Dataset) -> int:
    """Return how many of so many runs fit into the memory that is free, the largest of them at once; one at least."""
    free: int = psutil.virtual_memory().available
    largest = sorted((process_bytes(run, dataset) for run in runs), reverse=True)[:wished]
    fitting = sum(total <= free for total in accumulate(largest))
    return max(1, wished if fitting == len(largest) else fitting)


def process_bytes(run: Run, dataset: Dataset) -> int:
    """Return about how much memory the process of a run takes at its peak."""
    pixels = math.prod(dataset.train_images.shape[1:])
    images = sum(map(len, (dataset.train_images, dataset.validation_images, dataset.test_images)))
    trained_on = run.training_images or len(dataset.train_images)
    normalised = trained_on + _scored_images(dataset)
    outputs = sum(math.prod(layer.output_shape) for layer in layers_of(run.configuration))
    return (
        _LIBRARIES[run.model]
        + pixels * (images + _FLOAT * normalised)
        + _FLOAT * _COPIES_IN_MEMORY * parameters(run.configuration)
        + _FLOAT * _COPIES_OF_OUTPUTS * outputs * min(run.configuration.batch_size, trained_on)
    )


def parameters(configuration: Configuration) -> int:
    """Return how many weights a network has."""
    return sum(layer.parameters for layer in layers_of(configuration))


def _predictions_bytes(dataset: Dataset) -> int:
    """Return what a run's label and scores for each image take."""
    return _scored_images(dataset) * (_LABEL + _FLOAT * len(dataset.class_names))


def _scored_images(dataset: Dataset) -> int:
    """Return how many images each run gives scores: test, validation, and a part of the training images."""
    part = min(EVALUATION_IMAGES, len(dataset.train_images))
    return len(dataset.test_images) + len(dataset.validation_images) + part
