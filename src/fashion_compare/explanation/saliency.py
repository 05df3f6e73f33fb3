"""Which pixels a score depends on, for any of the two models: by its gradient, and by the gradient along a path.

The gradient says what one grey level more would change at a pixel. Integrated gradients (Sundararajan, Taly and Yan
2017) say what the pixel's grey brought in all: the image is faded in from black, and the gradients on the way are
averaged and multiplied by the pixel. They sum to the score of the image minus the score of black (completeness).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fashion_compare.classifier import Classifier
from fashion_compare.classifier.interface import Images, Labels

Maps = NDArray[np.float32]

_FIRST_STEPS = 32
# From here on the tolerance is relative: float32 has seven digits, so that at scores of millions, those of a network
# whose learning rate was too high, its rounding alone is more than any fixed tolerance.
_ORDINARY_SCORE = 100.0


@dataclass(frozen=True)
class Integrated:
    """Integrated gradients of some images.

    Attributes:
        maps: (n, 28, 28), in units of the score; what is below zero speaks against the target.
        difference: (n,) the score of the image minus the score of black.
        gap: (n,) by how much the map's sum misses the difference.
        steps: (n,) gradients averaged.
    """

    maps: Maps
    difference: NDArray[np.float64]
    gap: NDArray[np.float64]
    steps: NDArray[np.int64]


def input_gradients(classifier: Classifier, images: Images, targets: Labels) -> Maps:
    """Return the gradient of each image's score before softmax for its target, (n, 28, 28), per grey level."""
    return classifier.input_gradients(classifier.preprocess(images), targets)


def integrated_gradients(
    classifier: Classifier,
    images: Images,
    targets: Labels,
    *,
    tolerance: float = 1e-3,
    most_steps: int = 1 << 14,
) -> Integrated:
    """Integrate each image's gradient from black to the image.

    ReLU makes the gradient a step function along the path, on which equal steps would have to be tens of thousands.
    So a step is halved where the gradient in its middle explains least of what the score does over it, until the
    map's sum is within `tolerance` of the difference of the scores, or there are `most_steps`.

    Args:
        classifier: either model.
        images: (n, 28, 28) uint8.
        targets: (n,) the class whose score before softmax is explained.
        tolerance: of the sum, in units of the score; where scores are above 100, a hundredth of it as a share of them.
        most_steps: to end with at the latest.
    """
    found = [_integrate(classifier, *pair, tolerance, most_steps) for pair in zip(images, targets, strict=True)]
    maps, difference, gap, steps = zip(*found, strict=True)
    return Integrated(np.array(maps, np.float32), np.array(difference), np.array(gap), np.array(steps))


def _integrate(
    classifier: Classifier, image: Images, target: np.int64, tolerance: float, most_steps: int
) -> tuple[NDArray[np.float64], float, float, int]:
    """Return an image's map, the difference of the scores, what the map misses of it, and the steps taken."""

    def scores(shares: NDArray[np.float64]) -> NDArray[np.float64]:
        return classifier.logits(classifier.preprocess(_faded(image, shares)))[:, target].astype(np.float64)

    def gradients(shares: NDArray[np.float64]) -> Maps:
        return classifier.input_gradients(classifier.preprocess(_faded(image, shares)), np.full(len(shares), target))

    edges = np.linspace(0, 1, _FIRST_STEPS + 1)
    at_edge, in_middle = scores(edges), gradients((edges[:-1] + edges[1:]) / 2)
    while True:
        width = np.diff(edges)
        explained = width * np.einsum("kyx,yx->k", in_middle, image.astype(np.float64))
        missed = np.abs(np.diff(at_edge) - explained)
        gap = float(explained.sum() - (at_edge[-1] - at_edge[0]))
        allowed = tolerance * max(1.0, float(np.abs(at_edge).max()) / _ORDINARY_SCORE)
        if abs(gap) <= allowed or len(width) >= most_steps:
            whole = image * np.einsum("k,kyx->yx", width, in_middle.astype(np.float64))
            return whole, float(at_edge[-1] - at_edge[0]), gap, len(width)
        halved = np.flatnonzero(missed >= missed.mean())
        middle = edges[halved] + width[halved] / 2
        quarter = width[halved] / 4
        edges = np.insert(edges, halved + 1, middle)
        at_edge = np.insert(at_edge, halved + 1, scores(middle))
        in_middle[halved] = gradients(middle - quarter)
        in_middle = np.insert(in_middle, halved + 1, gradients(middle + quarter), axis=0)


def _faded(image: Images, shares: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the image at these shares of its brightness."""
    return shares.astype(np.float32)[:, None, None] * image.astype(np.float32)
