"""Read saved predictions: the one thing that evaluation and everything after it starts from."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fashion_compare.classifier.functional import cross_entropy, softmax
from fashion_compare.classifier.interface import Labels, Logits
from fashion_compare.errors import UserError
from fashion_compare.store import load_npz

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")


@dataclass(frozen=True)
class Predictions:
    """What a model predicts for a set of images, in the set's fixed order.

    Attributes:
        labels: (images,) the right classes.
        logits: (images, classes).
        stated_probabilities: (images, classes), of a model that gives those and no logits; `logits` are then their
            logarithms.
    """

    labels: Labels
    logits: Logits
    stated_probabilities: NDArray[np.float64] | None = None

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
    def classes(self) -> int:
        """How many classes there are."""
        return int(self.logits.shape[1])

    @cached_property
    def probabilities(self) -> NDArray[np.float64]:
        """The probabilities, (images, classes)."""
        return softmax(self.logits) if self.stated_probabilities is None else self.stated_probabilities

    @cached_property
    def predicted_labels(self) -> NDArray[np.integer]:
        """The most likely class of each image, (images,)."""
        scores = self.logits if self.stated_probabilities is None else self.stated_probabilities
        return np.asarray(scores.argmax(axis=1))

    @cached_property
    def confusion(self) -> NDArray[np.int64]:
        """Images by [class, predicted class], (classes, classes)."""
        cells = self.labels.astype(np.int64) * self.classes + self.predicted_labels
        return np.bincount(cells, minlength=self.classes**2).reshape(self.classes, self.classes)

    @cached_property
    def log_loss(self) -> float:
        """The mean cross-entropy."""
        return cross_entropy(self.logits, self.labels)

    @cached_property
    def one_vs_rest_auc(self) -> tuple[list[float | None], float | None]:
        """The area under each class's ROC curve, and that of all decisions pooled; see `roc.one_vs_rest_auc`."""
        # SciPy takes a while to import, and a worker that only trains has no need of it.
        from fashion_compare.evaluation.roc import one_vs_rest_auc

        return one_vs_rest_auc(self.labels, self.probabilities)


def load_predictions(path: Path) -> dict[Split, Predictions]:
    """Return the predictions saved in an ``.npz`` file: the test set's, the validation set's and the training part's.

    Raises:
        UserError: it is missing, damaged, or labels and logits do not fit.
    """
    names = {part: "" if part == "test" else f"{part}_" for part in SPLITS}
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
