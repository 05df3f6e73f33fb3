"""What a network looks at over many images: mean maps by class, and the first layer's weights as images."""

import numpy as np
from numpy.typing import NDArray

from fashion_compare.classifier.interface import Arrays, Labels
from fashion_compare.explanation.saliency import Maps


def class_means(maps: Maps, labels: Labels, classes: int) -> Maps:
    """Return the mean map of each class, (n, 28, 28) → (classes, 28, 28); zeros for a class without images."""
    means = [
        maps[labels == c].mean(axis=0) if (labels == c).any() else np.zeros(maps.shape[1:]) for c in range(classes)
    ]
    return np.array(means, np.float32)


def first_layer(weights: Arrays, most: int = 64) -> NDArray[np.float32]:
    """Return a network's first-layer weights as images, the strongest `most` units, by the norm of their weights.

    Args:
        weights: from `Classifier.weights`: of a cnn the kernels that see the image, (units, 1, height, width), else
            ``dense1.weight``, (784, units).
        most: how many.

    Returns:
        (units, height, width).
    """
    # Whatever the architecture calls them, they come first and have one channel.
    kernels = next((value for value in weights.values() if value.ndim == 4 and value.shape[1] == 1), None)
    images = weights["dense1.weight"].T.reshape(-1, 28, 28) if kernels is None else kernels[:, 0]
    norms = np.sqrt(np.square(images, dtype=np.float64).sum(axis=(1, 2)))
    return np.asarray(images[np.argsort(-norms, kind="stable")[:most]], np.float32)
