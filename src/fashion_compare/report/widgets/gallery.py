"""The gallery of explained images, as the page's template shows it."""

from dataclasses import dataclass

import numpy as np

from fashion_compare.analysis.explanations import GalleryDescription, MapStrength
from fashion_compare.explanation.gallery import Gallery
from fashion_compare.report.images import heat_uri, image_uri


@dataclass(frozen=True)
class ShownMap:
    """A method's maps of one image for one model: for the predicted class and, where that is wrong, the true one."""

    strength: MapStrength
    heat: list[str]


@dataclass(frozen=True)
class ShownPrediction:
    """What one model predicts for an image, and its maps."""

    predicted: str
    right: bool
    probability: float
    maps: list[ShownMap]


@dataclass(frozen=True)
class ShownImage:
    """One image of the gallery."""

    index: int
    reason: str
    image: str
    predictions: dict[str, ShownPrediction]


def gallery_by_class(
    gallery: Gallery | None, described: GalleryDescription | None, class_names: list[str]
) -> dict[str, list[ShownImage]]:
    """Return class → its images, each with every model's maps.

    The maps of one image by one method share a scale, so that those for the predicted and the true class compare.
    """
    found: dict[str, list[ShownImage]] = {}
    if gallery is None or described is None:
        return found
    for i, image in enumerate(described.images):
        predictions = {
            model: ShownPrediction(
                predicted=class_names[prediction.predicted],
                right=prediction.predicted == image.label,
                probability=prediction.probability,
                maps=[_maps(gallery, model, strength, i) for strength in prediction.maps],
            )
            for model, prediction in image.predictions.items()
        }
        shown = ShownImage(image.index, image.reason, image_uri(gallery.images[i]), predictions)
        found.setdefault(class_names[image.label], []).append(shown)
    return found


def _maps(gallery: Gallery, model: str, strength: MapStrength, i: int) -> ShownMap:
    maps = [gallery.maps[model][strength.method][i]]
    if gallery.predicted[model][i] != gallery.label[i]:
        maps.append(gallery.maps_of_label[model][strength.method][i])
    peak = max(float(np.abs(values).max()) for values in maps) or 1.0
    return ShownMap(strength, [heat_uri(values / peak) for values in maps])
