"""What each layer of a torch module costs for one image, from the shapes that the image takes through them."""

import torch
from torch import Tensor, nn

from fashion_compare.classifier.interface import LayerComplexity


def complexity(module: nn.Module) -> list[LayerComplexity]:
    """Return the layers that compute or reshape, of a module whose direct children are applied in order."""
    layers: list[LayerComplexity] = []
    shape = torch.zeros(1, 1, 28, 28, device=next(module.parameters()).device)
    module.eval()
    with torch.inference_mode():
        for name, layer in module.named_children():
            shape = layer(shape)
            kind, multiply_accumulates = _cost(layer, shape)
            if kind:
                parameters = sum(p.numel() for p in layer.parameters())
                layers.append(LayerComplexity(name, kind, tuple(shape.shape[1:]), parameters, multiply_accumulates))
    return layers


def _cost(layer: nn.Module, output: Tensor) -> tuple[str, int]:
    """Return a layer's description ('' for activations) and its multiply-accumulates for one image."""
    match layer:
        case nn.Conv2d():
            per_value = layer.weight[0].numel()
            k, c = layer.kernel_size[0], layer.out_channels
            return f"convolution {k}×{k}, {layer.in_channels} → {c} maps", output[0].numel() * per_value
        case nn.Linear():
            return f"dense {layer.in_features} → {layer.out_features}", layer.weight.numel()
        case nn.MaxPool2d():
            return f"max-pooling {layer.kernel_size}×{layer.kernel_size}", 0
        case nn.BatchNorm2d() | nn.BatchNorm1d():
            return "batch normalisation", 0
        case _:
            return "", 0
