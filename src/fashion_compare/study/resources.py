"""What a study will take of disk and memory, and whether it is there: asked before work, not met in the middle."""

import shutil
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import psutil

from fashion_compare.classifier.configuration import Configuration
from fashion_compare.errors import UserError
from fashion_compare.study.plan import Run

# Label and ten scores for each of 20,000 images, curves and numbers.
_BYTES_BESIDE_WEIGHTS = 1 << 20
# Two generations, each with the newest weights, the best, a moving average and two moments.
_COPIES_IN_CHECKPOINTS = 2 * 5
# The newest weights and the best.
_COPIES_IN_RUN = 2
# Figures, explanations and the page.
_BYTES_BESIDE_RUNS = 32 << 20
# Of the cnn on all images, libraries included; the ffnn takes half.
_PROCESS_BYTES = 640 << 20
_PIXELS, _CLASSES = 784, 10
_LENET_PARAMETERS = 61_706


def check_disk(runs: Sequence[Run], side_by_side: int, root: Path) -> None:
    """Check that there is room for what these runs will leave behind.

    Raises:
        UserError: there is not; the line names what is needed and what there is.
    """
    todo = [4 * parameters(run.configuration) for run in runs if not run.directory.is_done]
    if not todo:
        return
    finished = sum(_COPIES_IN_RUN * weights + _BYTES_BESIDE_WEIGHTS for weights in todo)
    going = sum(_COPIES_IN_CHECKPOINTS * weights for weights in sorted(todo)[-side_by_side:])
    needed, free = finished + going + _BYTES_BESIDE_RUNS, shutil.disk_usage(root).free
    if free < needed:
        raise UserError(
            f"{root}: {len(todo)} runs need about {needed / 1e9:.2g} GB, {free / 1e9:.2g} GB are free; make room, or "
            "choose another --out"
        )


def fitting_side_by_side(wished: int) -> int:
    """Return how many of so many runs fit into the memory that is free, one at least."""
    free: int = psutil.virtual_memory().available
    return max(1, min(wished, free // _PROCESS_BYTES))


def parameters(configuration: Configuration) -> int:
    """Return how many weights a network has, without building it."""
    if configuration.model == "cnn":
        return _LENET_PARAMETERS
    widths = (_PIXELS, *configuration.hidden_sizes, _CLASSES)
    return sum((before + 1) * after for before, after in pairwise(widths))
