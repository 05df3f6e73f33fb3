"""Every way of explaining either model by its name: a trained network, images and classes in, maps out."""

from typing import TYPE_CHECKING, cast

import numpy as np

from fashion_compare.classifier import Classifier
from fashion_compare.classifier.interface import Images, Labels
from fashion_compare.explanation.saliency import Maps, input_gradients, integrated_gradients

if TYPE_CHECKING:
    from fashion_compare.classifier.cnn import CnnClassifier

GRADIENT, INTEGRATED = "input gradient", "integrated gradients"
METHODS = {
    "ffnn": (GRADIENT, INTEGRATED),
    "cnn": ("Grad-CAM", "HiResCAM", "Grad-CAM++", GRADIENT, INTEGRATED),
}


def explain(
    model: str, classifier: Classifier, images: Images, targets: Labels, method: str, *, tolerance: float = 1e-3
) -> Maps:
    """Return each image's map for its target class, (n, 28, 28), by one of the model's `METHODS`.

    Args:
        model: ``ffnn`` or ``cnn``.
        classifier: that model, trained.
        images: (n, 28, 28) uint8.
        targets: (n,) the class whose score before softmax is explained.
        method: its name.
        tolerance: of integrated gradients' sum, as in `integrated_gradients`.
    """
    assert method in METHODS[model]
    match method:
        case "input gradient":
            return np.abs(input_gradients(classifier, images, targets))
        case "integrated gradients":
            return integrated_gradients(classifier, images, targets, tolerance=tolerance).maps
        case "Grad-CAM" | "HiResCAM" | "Grad-CAM++":
            # captum and torch take seconds to import, and the network from scratch is explained without them.
            from fashion_compare.explanation.gradcam import grad_cam

            cnn = cast("CnnClassifier", classifier)
            return grad_cam(cnn.module, cnn.preprocess(images), targets, cnn.architecture.target_layer, method)[1]
    raise AssertionError(method)
