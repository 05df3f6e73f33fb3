"""Read saved predictions: the one thing that evaluation and everything after it starts from."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fashion_compare.classifier.functional import softmax
from fashion_compare.classifier.interface import Labels, Logits
from fashion_compare.errors import UserError
from fashion_compare.store import load_npz

Part = Literal["train", "validation", "test"]
PARTS: tuple[Part, ...] = ("train", "validation", "test")


@dataclass(frozen=True)
class Predictions:
    """What a run's best epoch says about one part of the data, in its fixed order.

    `probabilities` are of models that give those and no logits; `logits` are then their logarithms.
    """

    labels: Labels
    logits: Logits
    probabilities: NDArray[np.float64] | None = None

    @classmethod
    def from_probabilities(
        cls, labels: Labels, probabilities: NDArray[np.floating[Any]], smallest: float = 0.0
    ) -> "Predictions":
        """Return predictions without logits.

        For log loss, a probability counts as no less than its type's resolution at 1, as in scikit-learn's `log_loss`,
        or than `smallest` where that is more.
        """
        smallest = max(smallest, float(np.finfo(probabilities.dtype).eps))
        exact = probabilities.astype(np.float64)
        return cls(labels, np.log(np.maximum(exact, smallest)), exact)

    @property
    def answers(self) -> NDArray[np.integer]:
        """The class that is thought most likely, for each image."""
        return np.asarray((self.logits if self.probabilities is None else self.probabilities).argmax(axis=1))

    def shares(self) -> NDArray[np.float64]:
        """Return the probabilities, (n, classes)."""
        return softmax(self.logits) if self.probabilities is None else self.probabilities


def load_predictions(path: Path) -> dict[Part, Predictions]:
    """Return the predictions saved in an ``.npz`` file: the test set's, the validation set's and the training part's.

    Raises:
        UserError: it is missing, damaged, or labels and logits do not fit.
    """
    names = {part: "" if part == "test" else f"{part}_" for part in PARTS}
    arrays = load_npz(path, [f"{prefix}{kind}" for prefix in names.values() for kind in ("labels", "logits")])
    parts = {part: Predictions(arrays[f"{prefix}labels"], arrays[f"{prefix}logits"]) for part, prefix in names.items()}
    for part, held in parts.items():
        if not _usable(held):
            raise UserError(
                f"{path}: {part} labels ({held.labels.dtype}, {held.labels.shape}) and logits ({held.logits.dtype}, "
                f"{held.logits.shape}) are no predictions; expected a class and finite scores for each image; delete "
                "its directory to train the run again"
            )
    return parts


def _usable(held: Predictions) -> bool:
    """Return whether there is an integer label within the classes, and finite real scores, for each image."""
    if held.labels.dtype.kind not in "iu" or held.logits.dtype.kind != "f" or held.logits.ndim != 2:
        return False
    if held.labels.shape != held.logits.shape[:1] or not held.logits.size:
        return False
    in_range = held.labels.min() >= 0 and held.labels.max() < held.logits.shape[1]
    return bool(in_range and np.isfinite(held.logits).all())
