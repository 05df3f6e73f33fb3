"""Read saved predictions: the one thing that evaluation and everything after it starts from."""

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from fashion_compare.classifier.interface import Labels, Logits
from fashion_compare.errors import UserError

Part = Literal["train", "validation", "test"]
PARTS: tuple[Part, ...] = ("train", "validation", "test")


@dataclass(frozen=True)
class Predictions:
    """What a run's best epoch says about one part of the data, in its fixed order."""

    labels: Labels
    logits: Logits


def load_predictions(path: Path) -> dict[Part, Predictions]:
    """Return the predictions saved in an ``.npz`` file: the test set's, the validation set's and the training part's.

    Raises:
        UserError: it is missing, damaged, or labels and logits do not fit.
    """
    again = "delete its directory to train the run again"
    parts: dict[Part, Predictions] = {}
    try:
        with np.load(path, allow_pickle=False) as file:
            for part in PARTS:
                prefix = "" if part == "test" else f"{part}_"
                parts[part] = Predictions(file[f"{prefix}labels"], file[f"{prefix}logits"])
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise UserError(f"{path} is not a whole predictions file ({error}); {again}") from error
    for part, held in parts.items():
        fits = held.logits.ndim == 2 and held.labels.shape == held.logits.shape[:1]
        if not fits or not np.isfinite(held.logits).all():
            raise UserError(
                f"{path}: {part} labels {held.labels.shape} and logits {held.logits.shape} do not fit, "
                f"or are not finite; {again}"
            )
    return parts
