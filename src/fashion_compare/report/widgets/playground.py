"""Both trained networks as data that the page can run: layers in order, weights in one vector, some test images."""

import base64
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fashion_compare.classifier.interface import Arrays, Images, Labels
from fashion_compare.data.picture import LEAST_CONTRAST, OUTLINED_SHARE

if TYPE_CHECKING:
    from fashion_compare.architectures.graph import TracedLayer

# Of batch normalisation, as in `scratch.layers` and in torch.
_EPSILON = 1e-5


def playground_content(
    settings: Mapping[str, Mapping[str, Any]], arrays: Arrays, class_names: Sequence[str]
) -> dict[str, Any]:
    """Return all that the playground needs, JSON-ready.

    Args:
        settings: model → the settings of its network.
        arrays: from `read_playground`.
        class_names: index is the label.
    """
    networks = {}
    for model, of_model in settings.items():
        prefix = f"weights/{model}/"
        weights = {name.removeprefix(prefix): value for name, value in arrays.items() if name.startswith(prefix)}
        networks[model] = network_for_page(model, of_model, weights)
    return {
        "classes": list(class_names),
        "networks": networks,
        "pictures": pictures(arrays["images"], arrays["label"], arrays["index"]),
        "place": arrays["place"].tolist() if "place" in arrays else None,
        "least_contrast": LEAST_CONTRAST,
        "outlined_share": OUTLINED_SHARE,
    }


def network_for_page(model: str, config: Mapping[str, Any], weights: Arrays) -> dict[str, Any]:
    """Return a network for the page: `layers` in the order of the forward pass, and their weights.

    Args:
        model: ``ffnn`` or ``cnn``.
        config: its settings, from results.json.
        weights: of its best epoch, as `Classifier.weights` names them.

    Returns:
        JSON-ready: `mean` and `deviation` of the pixels, `layers` (kind, `from`: whose outputs it takes, 0 is the image
        and k the k-th layer; sizes, and where its weights begin in `weights`, base64 of little-endian float32), and for
        the cnn `cam`, the layer whose maps Grad-CAM weighs.
    """
    vector = _Vector()
    found: dict[str, Any] = {
        "mean": float(weights["input.mean"][0]),
        "deviation": float(weights["input.deviation"][0]),
    }
    if model == "ffnn":
        layers = _ffnn_layers(config, weights, vector)
        found["layers"] = [layer | {"from": [position]} for position, layer in enumerate(layers)]
    else:
        found |= _cnn_layers(config, weights, vector)
    return found | {"weights": vector.text()}


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


def _cnn_layers(config: Mapping[str, Any], weights: Arrays, vector: _Vector) -> dict[str, Any]:
    """Return the traced layers of an architecture, without those that change nothing when it predicts, and `cam`."""
    # torch takes seconds to import, and a page without a cnn needs none of it.
    from fashion_compare.architectures import load_architecture
    from fashion_compare.architectures.graph import IMAGE, IMAGE_SHAPE, trace

    architecture = load_architecture(config["architecture"])
    classes = weights[next(name for name in reversed(weights) if name.endswith(".bias"))].size
    module = architecture.build(classes, 0.0, config["normalization"] == "batch")
    layers: list[dict[str, Any]] = []
    position = {IMAGE: 0}
    shapes: dict[str, tuple[int, ...]] = {IMAGE: IMAGE_SHAPE}
    for layer in trace(module):
        shapes[layer.name] = layer.output_shape
        if layer.kind in ("dropout", "identity", "flatten"):
            position[layer.name] = position[layer.inputs[0]]
            continue
        described = _described(layer, shapes[layer.inputs[0]], weights, vector)
        layers.append(described | {"from": [position[name] for name in layer.inputs]})
        position[layer.name] = len(layers)
    return {"layers": layers, "cam": position[architecture.target_layer]}


def _described(layer: "TracedLayer", input_shape: tuple[int, ...], weights: Arrays, vector: _Vector) -> dict[str, Any]:
    """Return a traced layer as the page runs it."""
    name, settings = layer.name, layer.module
    match layer.kind:
        case "convolution":
            kernels = weights[f"{name}.weight"]
            outputs, inputs, size, _ = kernels.shape
            bias = weights.get(f"{name}.bias", np.zeros(outputs))
            return {
                "kind": "convolution", "inputs": inputs, "outputs": outputs, "size": size,
                "padding": _one(settings, "padding"), "stride": _one(settings, "stride"),
                "at": vector.add(kernels), "bias": vector.add(bias),
            }  # fmt: skip
        case "dense":
            return _dense(weights[f"{name}.weight"], weights[f"{name}.bias"], vector)
        case "batch normalisation":
            return _affine(weights, name, vector)
        case "max-pooling" | "average-pooling" as kind:
            # An adaptive one, to a single place, has no size of its own: all that there is.
            size = _one(settings, "kernel_size", input_shape[-1])
            return {"kind": kind.removesuffix("-pooling"), "size": size, "stride": _one(settings, "stride", size)}
        case kind:
            return {"kind": kind}


def _one(settings: Any, name: str, otherwise: int = 0) -> int:
    """Return one of a layer's settings, which torch has for both directions or once."""
    value = getattr(settings, name, otherwise)
    return int(value[0] if isinstance(value, tuple) else value)


def _dense(matrix: NDArray[Any], bias: NDArray[Any], vector: _Vector) -> dict[str, Any]:
    outputs, inputs = matrix.shape
    return {"kind": "dense", "inputs": inputs, "outputs": outputs, "at": vector.add(matrix), "bias": vector.add(bias)}


def _affine(weights: Arrays, name: str, vector: _Vector) -> dict[str, Any]:
    """Return batch normalisation by its running averages: a scale and a shift for each unit or map."""
    variance = weights[f"{name}.running_var"].astype(np.float64)
    scale = weights[f"{name}.weight"] / np.sqrt(variance + _EPSILON)
    shift = weights[f"{name}.bias"] - weights[f"{name}.running_mean"] * scale
    return {"kind": "affine", "units": len(scale), "scale": vector.add(scale), "shift": vector.add(shift)}
