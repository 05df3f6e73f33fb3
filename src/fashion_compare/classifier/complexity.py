"""What each layer of a torch module costs for one image."""

from torch import nn

from fashion_compare.architectures.graph import TracedLayer, trace
from fashion_compare.classifier.interface import LayerComplexity

# They neither compute with weights nor change the shape.
_PASSED_OVER = {"relu", "dropout", "identity"}


def complexity(module: nn.Module) -> list[LayerComplexity]:
    """Return the layers that compute or reshape, in the order of the forward pass."""
    return [
        LayerComplexity(layer.name, _described(layer), layer.output_shape, layer.parameters, layer.multiply_accumulates)
        for layer in trace(module)
        if layer.kind not in _PASSED_OVER and (layer.kind != "flatten" or layer.parameters)
    ]


def _described(layer: TracedLayer) -> str:
    """Return a layer's kind and its sizes."""
    match layer.module:
        case nn.Conv2d() as conv:
            k = conv.kernel_size[0]
            return f"convolution {k}×{k}, {conv.in_channels} → {conv.out_channels} maps"
        case nn.Linear() as dense:
            return f"dense {dense.in_features} → {dense.out_features}"
        case nn.MaxPool2d() | nn.AvgPool2d() as pool:
            return f"{layer.kind} {pool.kernel_size}×{pool.kernel_size}"
        case _:
            return layer.kind
