"""Both models explained on the same images, right and wrong: which images are shown is a rule, never a choice."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fashion_compare.classifier import Classifier
from fashion_compare.classifier.functional import softmax
from fashion_compare.classifier.interface import Arrays, Images, Labels, Logits
from fashion_compare.explanation.attribution import METHODS, explain
from fashion_compare.explanation.saliency import Maps

Reason = Literal["most confident right", "most confident wrong", "least certain"]
REASONS: tuple[Reason, ...] = ("most confident right", "most confident wrong", "least certain")

# Of integrated gradients, in units of a score of ten and more: nothing that could be seen.
_TOLERANCE = 1e-2


@dataclass(frozen=True)
class Gallery:
    """Chosen test images with each model's answers and maps.

    Attributes:
        index: (n,) place in the test set.
        reason: (n,) why it was chosen, an index into `REASONS`.
        label: (n,) the right class.
        images: (n, 28, 28) uint8.
        predicted: model → (n,) its answers.
        probability: model → (n,) of the answers.
        maps: model → method → (n, 28, 28) for the class that the model answered.
        maps_of_label: the same for the right class.
    """

    index: NDArray[np.int64]
    reason: NDArray[np.int64]
    label: NDArray[np.int64]
    images: NDArray[np.uint8]
    predicted: dict[str, NDArray[np.int64]]
    probability: dict[str, NDArray[np.float64]]
    maps: dict[str, dict[str, Maps]]
    maps_of_label: dict[str, dict[str, Maps]]

    def arrays(self) -> Arrays:
        """Return everything under one name each."""
        found: Arrays = {name: getattr(self, name) for name in ("index", "reason", "label", "images")}
        for model, methods in self.maps.items():
            found |= {f"predicted/{model}": self.predicted[model], f"probability/{model}": self.probability[model]}
            for method in methods:
                found[f"maps/{model}/{method}"] = self.maps[model][method]
                found[f"maps_of_label/{model}/{method}"] = self.maps_of_label[model][method]
        return found

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> "Gallery":
        """Return the gallery that `arrays` were made of."""
        nested: dict[str, dict[str, dict[str, Maps]]] = {"maps": {}, "maps_of_label": {}}
        flat: dict[str, dict[str, NDArray[np.float64]]] = {"predicted": {}, "probability": {}}
        for name, value in arrays.items():
            kind, _, rest = name.partition("/")
            model, _, method = rest.partition("/")
            if kind in nested:
                nested[kind].setdefault(model, {})[method] = value
            elif kind in flat:
                flat[kind][model] = value
        plain = {name: arrays[name] for name in ("index", "reason", "label", "images")}
        return cls(**plain, **flat, **nested)  # type: ignore[arg-type]

    def empty(self, model: str, method: str) -> NDArray[np.bool_]:
        """Return (n,) which maps for the model's answers are zero everywhere: nothing raised the score."""
        return np.asarray(~self.maps[model][method].any(axis=(1, 2)))


def choose(labels: Labels, logits: Logits) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return three images of each class, as far as there are any, and why: an index into `REASONS`.

    The most confident right answer, the most confident wrong one, and the one whose best two probabilities lie
    closest together, unless it is one of the two.
    """
    predicted, probabilities = logits.argmax(axis=1), softmax(logits)
    best = np.sort(probabilities, axis=1)
    confidence, margin = best[:, -1], best[:, -1] - best[:, -2]
    chosen: list[tuple[int, int]] = []
    for c in range(logits.shape[1]):
        for reason, right in enumerate((True, False)):
            members = np.flatnonzero((labels == c) & ((predicted == labels) == right))
            if len(members):
                chosen.append((int(members[np.argmax(confidence[members])]), reason))
        others = np.setdiff1d(np.flatnonzero(labels == c), [index for index, _ in chosen])
        if len(others):
            chosen.append((int(others[np.argmin(margin[others])]), 2))
    table = np.array(chosen, dtype=np.int64).reshape(-1, 2)
    return table[:, 0], table[:, 1]


def make_gallery(classifiers: Mapping[str, Classifier], images: Images, labels: Labels, logits: Logits) -> Gallery:
    """Explain the chosen test images with each model.

    Args:
        classifiers: model → a trained network.
        images: (n, 28, 28) uint8, the test set.
        labels: (n,) of it.
        logits: (n, classes) of the model whose answers choose the images.
    """
    index, reason = choose(labels, logits)
    shown, label = images[index], labels[index]
    scores = {model: held.logits(held.preprocess(shown)) for model, held in classifiers.items()}
    predicted = {model: score.argmax(axis=1).astype(np.int64) for model, score in scores.items()}

    def maps_for(targets: Mapping[str, Labels]) -> dict[str, dict[str, Maps]]:
        return {
            model: {
                method: explain(model, held, shown, targets[model], method, tolerance=_TOLERANCE)
                for method in METHODS[model]
            }
            for model, held in classifiers.items()
        }

    return Gallery(
        index=index,
        reason=reason,
        label=label,
        images=shown,
        predicted=predicted,
        probability={model: softmax(score).max(axis=1) for model, score in scores.items()},
        maps=maps_for(predicted),
        maps_of_label=maps_for(dict.fromkeys(classifiers, label)),
    )
