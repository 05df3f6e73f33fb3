"""Whether a heat map tells what matters to the network: measured, against maps that know nothing of the network.

Deletion blackens pixels from the hottest to the coldest and watches the probability of the class fall; insertion
starts from black and puts them in (Petsiuk, Das and Saenko, RISE, 2018). A good map has a small area under the first
curve and a large one under the second. On centred garments a blob in the middle does well too, so a map counts for
something only when it beats the `CONTROLS`.

The randomised-weights check (Adebayo et al., Sanity checks for saliency maps, 2018) asks whether a map changes when
what the network has learned is thrown away, layer by layer from the last one on: one that does not shows the image,
not the network.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.stats import rankdata

from fashion_compare.classifier import Classifier
from fashion_compare.classifier.functional import softmax
from fashion_compare.classifier.interface import Images, Labels
from fashion_compare.explanation.saliency import Maps

Curves = NDArray[np.float32]

CONTROLS = ("random", "centre Gaussian", "blurred random", "edges")
# Pixels deleted or inserted at a time: a row's worth, 28 steps for the image.
_STEP = 28
# Standard deviations in pixels: of the blob in the middle, a quarter of the image, and of the blur, a CAM's grain.
_BLOB, _BLUR = 7.0, 2.0


def control_maps(images: Images, generator: np.random.Generator) -> dict[str, Maps]:
    """Return for each of `CONTROLS` a map of every image, (n, 28, 28), that no network had a part in."""
    height, width = images.shape[1:]
    y, x = np.mgrid[:height, :width]
    blob = np.exp(-((y - (height - 1) / 2) ** 2 + (x - (width - 1) / 2) ** 2) / (2 * _BLOB**2))
    grey = images.astype(np.float64)
    maps = {
        "random": generator.random(images.shape),
        "centre Gaussian": np.broadcast_to(blob, images.shape),
        "blurred random": ndimage.gaussian_filter(generator.normal(size=images.shape), (0, _BLUR, _BLUR)),
        # Image by image: Sobel's filter smooths along every other axis, the images' too.
        "edges": np.stack([np.hypot(ndimage.sobel(image, axis=0), ndimage.sobel(image, axis=1)) for image in grey]),
    }
    return {name: maps[name].astype(np.float32) for name in CONTROLS}


def perturbation_curves(
    classifier: Classifier, images: Images, targets: Labels, maps: Maps, generator: np.random.Generator
) -> tuple[Curves, Curves]:
    """Return the target's probability while pixels are deleted, and while they are inserted, hottest first.

    Args:
        classifier: a trained network.
        images: (n, 28, 28) uint8.
        targets: (n,) the class that is watched.
        maps: (n, 28, 28); pixels of equal heat come in random order.
        generator: of that order.

    Returns:
        Two arrays (n, 29): after 0, 28, 56 … 784 pixels.
    """
    n, pixels = len(images), images[0].size
    ties = generator.random((n, pixels))
    order = np.lexsort((ties, -maps.reshape(n, pixels)), axis=1)
    rank = np.empty_like(order)
    np.put_along_axis(rank, order, np.broadcast_to(np.arange(pixels), order.shape), axis=1)
    rank = rank.reshape(images.shape)

    def probability(shown: NDArray[np.bool_]) -> NDArray[np.float64]:
        logits = classifier.logits(classifier.preprocess(images * shown))
        return softmax(logits)[np.arange(n), targets]

    counts = range(0, pixels + 1, _STEP)
    deleted = [probability(rank >= count) for count in counts]
    inserted = [probability(rank < count) for count in counts]
    return np.stack(deleted, axis=1).astype(np.float32), np.stack(inserted, axis=1).astype(np.float32)


def area(curves: Curves) -> NDArray[np.float64]:
    """Return the area under each curve by trapezoids, (…, steps) → (…), over the share of pixels from 0 to 1."""
    areas: NDArray[np.float64] = np.trapezoid(curves.astype(np.float64), dx=1 / (curves.shape[-1] - 1), axis=-1)
    return areas


def rank_correlations(a: Maps, b: Maps) -> NDArray[np.float64]:
    """Return Spearman's correlation of each pair of maps, (n, …) → (n,); 0 where one of them is the same all over."""
    ranks_a, ranks_b = (rankdata(maps.reshape(len(maps), -1), axis=1) for maps in (a, b))
    centred_a, centred_b = (ranks - ranks.mean(axis=1, keepdims=True) for ranks in (ranks_a, ranks_b))
    product = (centred_a * centred_b).sum(axis=1)
    scale = np.sqrt((centred_a**2).sum(axis=1) * (centred_b**2).sum(axis=1))
    correlations: NDArray[np.float64] = np.divide(product, scale, out=np.zeros_like(product), where=scale > 0)
    return correlations


def cascading_randomization(classifier: Classifier, initial: Classifier) -> Iterator[str]:
    """Randomize a trained network's weights layer by layer from the last one on (Adebayo et al. 2018).

    Args:
        classifier: a trained network.
        initial: an untrained one of the same configuration; it gets the weights of both.

    Yields:
        The layer that was randomized last: `initial` has its own weights in it and all layers behind it, and the
        trained ones before it.
    """
    random, weights = initial.weights(), classifier.weights()
    layers = [layer.name for layer in classifier.complexity() if layer.parameters]
    for layer in reversed(layers):
        weights |= {name: value for name, value in random.items() if name.startswith(f"{layer}.")}
        initial.load_weights(weights)
        yield layer
