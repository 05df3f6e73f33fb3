"""Which test images stand behind a cell of a confusion matrix: those whose answer was the surest."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from fashion_compare.classifier.functional import softmax
from fashion_compare.classifier.interface import Labels


def confused_images(
    labels: Labels, logits: Mapping[str, NDArray[np.floating]], most: int
) -> dict[str, NDArray[np.generic]]:
    """Choose images so that every cell of every model's confusion matrix has its surest ones.

    Args:
        labels: (images,).
        logits: model → (images, classes).
        most: images of a cell; a cell that has fewer gives all of its.

    Returns:
        `index` of the chosen images, ascending, their `label`, and for each model what it answers them
        (``answer/MODEL``) and how sure it is (``probability/MODEL``).
    """
    answers = {model: scores.argmax(axis=1) for model, scores in logits.items()}
    surest = {model: softmax(scores).max(axis=1) for model, scores in logits.items()}
    chosen: set[int] = set()
    for model, answer in answers.items():
        cells = labels * logits[model].shape[1] + answer
        for cell in np.unique(cells):
            inside = np.flatnonzero(cells == cell)
            chosen.update(inside[np.argsort(-surest[model][inside], kind="stable")[:most]].tolist())
    index = np.array(sorted(chosen), np.int64)
    found: dict[str, NDArray[np.generic]] = {"index": index, "label": labels[index]}
    for model, answer in answers.items():
        found |= {f"answer/{model}": answer[index], f"probability/{model}": surest[model][index]}
    return found
