"""Grad-CAM for every class, right and wrong: which images are shown is a rule, never a choice."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fashion_compare.classifier.interface import Labels, Logits
from fashion_compare.classifier.scores import softmax
from fashion_compare.store import load_npz, write_atomically

if TYPE_CHECKING:
    from fashion_compare.classifier.cnn import CnnClassifier

_COLUMNS = ("index", "label", "predicted", "probability", "images", "heat", "heat_of_label", "empty")


@dataclass(frozen=True)
class Gallery:
    """Chosen test images with the cnn's heat maps.

    Attributes:
        index: (n,) place in the test set.
        label: (n,) the right class.
        predicted: (n,) the cnn's answer.
        probability: (n,) of the answer.
        images: (n, 28, 28) uint8.
        heat: (n, 28, 28) Grad-CAM of the answer, in units of the score.
        heat_of_label: (n, 28, 28) Grad-CAM of the right class.
        empty: (n,) whether `heat` is zero everywhere.
    """

    index: NDArray[np.int64]
    label: NDArray[np.int64]
    predicted: NDArray[np.int64]
    probability: NDArray[np.float64]
    images: NDArray[np.uint8]
    heat: NDArray[np.float32]
    heat_of_label: NDArray[np.float32]
    empty: NDArray[np.bool_]


def choose(labels: Labels, logits: Logits) -> NDArray[np.int64]:
    """Return for each class the most confident right answer and the most confident wrong one, if there are any."""
    predicted, confidence = logits.argmax(axis=1), softmax(logits).max(axis=1)
    chosen = []
    for c in range(logits.shape[1]):
        for right in (True, False):
            members = np.flatnonzero((labels == c) & ((predicted == labels) == right))
            if len(members):
                chosen.append(members[np.argmax(confidence[members])])
    return np.array(chosen, dtype=np.int64)


def make_gallery(classifier: "CnnClassifier", images: NDArray[np.uint8], labels: Labels, logits: Logits) -> Gallery:
    """Explain the chosen test images with the trained cnn that gave `logits`."""
    # captum and torch take seconds to import, and a gallery that is only read needs neither.
    from fashion_compare.explanation.gradcam import grad_cam

    index = choose(labels, logits)
    prepared = classifier.prepare(images[index])
    predicted = logits[index].argmax(axis=1)
    coarse, heat = grad_cam(classifier.module, prepared, predicted)
    _, heat_of_label = grad_cam(classifier.module, prepared, labels[index])
    return Gallery(
        index=index,
        label=labels[index],
        predicted=predicted,
        probability=softmax(logits[index]).max(axis=1),
        images=images[index],
        heat=heat,
        heat_of_label=heat_of_label,
        empty=coarse.max(axis=(1, 2)) == 0,
    )


def save_gallery(gallery: Gallery, path: Path) -> None:
    """Write the gallery to an ``.npz`` file."""
    write_atomically(path, lambda file: np.savez(file, **{name: getattr(gallery, name) for name in _COLUMNS}))


def load_gallery(path: Path) -> Gallery | None:
    """Return a saved gallery, or None where there is none.

    Raises:
        UserError: the file is damaged.
    """
    if not path.exists():
        return None
    return Gallery(**load_npz(path, _COLUMNS))
