"""What each layer makes of the images, and how well a straight line can tell the classes apart in it.

A linear readout of a layer (Alain and Bengio, Understanding intermediate layers using linear classifier probes, 2016)
is trained on what the layer gives for training images, and scored on test images: how much of the work is done by then.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fashion_compare.classifier import Classifier
from fashion_compare.classifier.interface import Images, Labels
from fashion_compare.scratch.layers import Dense

PIXELS = "pixels"
# Strength of the readout's L2 penalty, relative to standardised features: enough for layers with as many units as
# there are images to learn from.
_RIDGE = 100.0
# A deviation below this share of a feature's largest value is rounding: no two float32 numbers are that close.
_CONSTANT = 1e-12
# Larger maps are averaged over neighbouring places first: the readout solves for as many unknowns.
_MOST_FEATURES = 2_000


def representations(model: str, classifier: Classifier, images: Images) -> dict[str, NDArray[np.float32]]:
    """Return the pixels, and what each layer with weights gives after its activation and pooling, each (n, units).

    Args:
        model: ``ffnn`` or ``cnn``.
        classifier: that model, trained.
        images: (n, 28, 28) uint8.
    """
    found = {PIXELS: images.reshape(len(images), -1).astype(np.float32)}
    return found | (_of_ffnn(classifier, images) if model == "ffnn" else _of_cnn(classifier, images))


def _of_ffnn(classifier: Any, images: Images) -> dict[str, NDArray[np.float32]]:
    values = classifier.preprocess(images)
    found: dict[str, NDArray[np.float32]] = {}
    for layer in classifier.network.layers:
        values = layer.forward(values, training=False)
        number = len(found) + isinstance(layer, Dense)
        # Layers after a dense one work on its output in place: the last of them leaves what the next dense one sees.
        found[f"dense{number}"] = values
    return {name: values.copy() for name, values in found.items()}


def _of_cnn(classifier: Any, images: Images) -> dict[str, NDArray[np.float32]]:
    import torch

    from fashion_compare.architectures.graph import outputs_of

    stages = _stages(classifier.module)
    found: dict[str, NDArray[np.float32]] = {}
    outputs = outputs_of(classifier.module, classifier.preprocess(images), set(stages.values()))
    for stage, layer in stages.items():
        values = outputs[layer]
        if values.ndim == 4 and values[0].numel() > _MOST_FEATURES:
            places = int((_MOST_FEATURES / values.shape[1]) ** 0.5)
            values = torch.nn.functional.adaptive_avg_pool2d(values, places)
        found[stage] = values.flatten(1).numpy().copy()
    return found


def _stages(module: Any) -> dict[str, str]:
    """Return stage → the layer that ends it: what has weights, alone or as a block, with its activation and pooling."""
    from fashion_compare.architectures.graph import single_paths, trace

    layers = trace(module)
    alone = set(single_paths(layers))
    stages: dict[str, str] = {}
    stage = ""
    for layer in layers:
        if layer.kind in ("convolution", "dense"):
            # Of a layer inside a block, the block: "stage1.0" of "stage1.0.conv2" and of "stage1.0.shortcut.0".
            stage = ".".join(layer.name.split(".")[:2]) if "." in layer.name else layer.name
        if layer.name in alone:
            stages[stage] = layer.name
    return stages


def linear_probe(
    features: NDArray[np.float32], labels: Labels, test_features: NDArray[np.float32]
) -> NDArray[np.int64]:
    """Return what a linear readout, fitted to `features` by ridge regression on the classes, answers for the others.

    Closed form on standardised features: no training that could be stopped too soon or too late.
    """
    # In float64: squares of a million millions, which a learning rate of 100 leaves, are beyond float32.
    exact, tested = features.astype(np.float64), test_features.astype(np.float64)
    mean, deviation = exact.mean(axis=0), exact.std(axis=0)
    used = deviation > _CONSTANT * np.abs(exact).max(axis=0)
    x = (exact[:, used] - mean[used]) / deviation[used]
    y = np.eye(int(labels.max()) + 1)[labels]
    shift = y.mean(axis=0)
    gram = x.T @ x + _RIDGE * np.eye(x.shape[1])
    weights = np.linalg.solve(gram, x.T @ (y - shift))
    scores = (tested[:, used] - mean[used]) / deviation[used] @ weights + shift
    return np.asarray(scores.argmax(axis=1), np.int64)
