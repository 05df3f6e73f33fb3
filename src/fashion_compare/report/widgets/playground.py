"""Both trained networks as data that the page can run: layers in order, weights in one vector, some test images."""

import base64
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fashion_compare.classifier.interface import Arrays, Images, Labels

# Of batch normalisation, as in `scratch.layers` and in torch.
_EPSILON = 1e-5


def network_for_page(model: str, config: Mapping[str, Any], weights: Arrays) -> dict[str, Any]:
    """Return a network for the page: `layers` in the order of the forward pass, and their weights.

    Args:
        model: ``ffnn`` or ``cnn``.
        config: its settings, from results.json.
        weights: of its best epoch, as `Classifier.weights` names them.

    Returns:
        JSON-ready: `mean` and `deviation` of the pixels, `layers` (kind, sizes, and where their weights begin in
        `weights`, base64 of little-endian float32), and for the cnn `cam`, the layer whose maps Grad-CAM weighs.
    """
    vector = _Vector()
    layers = _ffnn_layers(config, weights, vector) if model == "ffnn" else _cnn_layers(weights, vector)
    found = {
        "mean": float(weights["input.mean"][0]),
        "deviation": float(weights["input.deviation"][0]),
        "layers": layers,
        "weights": vector.text(),
    }
    if model == "cnn":
        found["cam"] = max(k for k, layer in enumerate(layers) if layer["kind"] == "pool") - 1
    return found


def pictures(images: Images, labels: Labels, index: Sequence[int] | NDArray[np.int64]) -> dict[str, Any]:
    """Return test images for the page: their numbers, labels and grey levels, base64 of (n, 28, 28) bytes."""
    return {
        "index": [int(i) for i in index],
        "label": [int(label) for label in labels],
        "pixels": base64.b64encode(images.astype(np.uint8).tobytes()).decode(),
    }


class _Vector:
    """Collects arrays into one vector and says where each begins."""

    def __init__(self) -> None:
        self._parts: list[NDArray[np.float32]] = []
        self._length = 0

    def add(self, values: NDArray[Any]) -> int:
        start = self._length
        self._parts.append(values.astype("<f4").reshape(-1))
        self._length += values.size
        return start

    def text(self) -> str:
        return base64.b64encode(np.concatenate(self._parts).tobytes()).decode()


def _ffnn_layers(config: Mapping[str, Any], weights: Arrays, vector: _Vector) -> list[dict[str, Any]]:
    layers: list[dict[str, Any]] = []
    depth = len(config["hidden_sizes"]) + 1
    for k in range(1, depth + 1):
        # A unit's weights side by side: the page walks through them in that order.
        layers.append(_dense(weights[f"dense{k}.weight"].T, weights[f"dense{k}.bias"], vector))
        if k < depth:
            if f"norm{k}.weight" in weights:
                layers.append(_affine(weights, f"norm{k}", vector))
            layers.append({"kind": config["activation"]})
    return layers


def _cnn_layers(weights: Arrays, vector: _Vector) -> list[dict[str, Any]]:
    """Return LeNet-5's layers; its second convolution is rectified before pooling, as in `cnn.lenet`."""
    layers: list[dict[str, Any]] = []
    for k, padding in ((1, 2), (2, 0)):
        kernels = weights[f"conv{k}.weight"]
        outputs, inputs, size, _ = kernels.shape
        layers.append(
            {"kind": "convolution", "inputs": inputs, "outputs": outputs, "size": size, "padding": padding,
             "at": vector.add(kernels), "bias": vector.add(weights[f"conv{k}.bias"])}
        )  # fmt: skip
        if f"norm{k}.weight" in weights:
            layers.append(_affine(weights, f"norm{k}", vector))
        layers += [{"kind": "relu"}, {"kind": "pool", "size": 2}]
    for k in (1, 2, 3):
        layers.append(_dense(weights[f"dense{k}.weight"], weights[f"dense{k}.bias"], vector))
        if k < 3:
            if f"norm{k + 2}.weight" in weights:
                layers.append(_affine(weights, f"norm{k + 2}", vector))
            layers.append({"kind": "relu"})
    return layers


def _dense(matrix: NDArray[Any], bias: NDArray[Any], vector: _Vector) -> dict[str, Any]:
    outputs, inputs = matrix.shape
    return {"kind": "dense", "inputs": inputs, "outputs": outputs, "at": vector.add(matrix), "bias": vector.add(bias)}


def _affine(weights: Arrays, name: str, vector: _Vector) -> dict[str, Any]:
    """Return batch normalisation by its running averages: a scale and a shift for each unit or map."""
    variance = weights[f"{name}.running_var"].astype(np.float64)
    scale = weights[f"{name}.weight"] / np.sqrt(variance + _EPSILON)
    shift = weights[f"{name}.bias"] - weights[f"{name}.running_mean"] * scale
    return {"kind": "affine", "units": len(scale), "scale": vector.add(scale), "shift": vector.add(shift)}
