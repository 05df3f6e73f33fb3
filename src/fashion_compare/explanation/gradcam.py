"""Grad-CAM: which places of the last convolution's maps raise a class's score, drawn where they belong.

Three ways from the maps A and the gradients ∂score/∂A of the score before softmax to one heat, never below zero:

- Grad-CAM (Selvaraju et al. 2017): each map is weighed by its mean gradient. relu(Σ_k mean(∂_k) A_k).
- HiResCAM (Draelos and Carin 2020): each place is weighed by its own gradient. relu(Σ_k ∂_k A_k).
- Grad-CAM++ (Chattopadhay et al. 2018): each map is weighed by its positive gradients, each place counting by
  α = ∂² / (2∂² + ∂³ Σ A), eq. 19 with the derivatives of exp(score). relu(Σ_k Σ(α_k relu(∂_k)) A_k).

Captum computes the first two. Placing the coarse heat on the image is ours: each value belongs at the centre of its
unit's receptive field, and stretching the 10×10 map of LeNet-5 over all 28×28 pixels would put it up to 3.6 pixels off.
"""

from typing import Any, Literal

import numpy as np
import torch
from captum.attr import LayerGradCam, LayerGradientXActivation
from numpy.typing import NDArray
from torch import Tensor, nn

from fashion_compare.classifier.interface import Labels
from fashion_compare.explanation.receptive_field import ReceptiveField, receptive_field

Heat = NDArray[np.float32]
Method = Literal["Grad-CAM", "HiResCAM", "Grad-CAM++"]


def grad_cam(
    module: nn.Module, prepared: Tensor, targets: Labels, layer: str, method: Method = "Grad-CAM"
) -> tuple[Heat, Heat]:
    """Return the heat of each image for its target class, coarse and placed on the image.

    Args:
        module: a network that ends in logits.
        prepared: (n, 1, height, width), normalised as for prediction.
        targets: (n,) the class whose score is explained.
        layer: dotted name of the layer whose maps are weighed.
        method: how they are weighed.

    Returns:
        coarse: (n, h, w), the layer's resolution, never negative; in units of the score, but for Grad-CAM++, whose
            weights have no unit of their own. A map of zeros says that nothing in the layer raised the score.
        placed: (n, height, width), the same values interpolated between receptive-field centres.
    """
    module.eval()
    place_in_module, target = module.get_submodule(layer), torch.from_numpy(targets)
    # The module ends in logits, so this explains the score before softmax.
    match method:
        case "Grad-CAM":
            attribution: Any = LayerGradCam(module, place_in_module)
            heat = attribution.attribute(prepared, target=target)[:, 0]
        case "HiResCAM":
            attribution = LayerGradientXActivation(module, place_in_module)
            heat = attribution.attribute(prepared, target=target).sum(dim=1)
        case "Grad-CAM++":
            heat = _grad_cam_plus_plus(*_maps_and_gradients(module, prepared, target, layer))
    coarse: Heat = torch.relu(heat).detach().numpy().astype(np.float32)
    return coarse, place(coarse, receptive_field(module, layer), prepared.shape[-2:])


def _maps_and_gradients(module: nn.Module, prepared: Tensor, target: Tensor, layer: str) -> tuple[Tensor, Tensor]:
    """Return a layer's maps and the score's gradient with respect to them, each (n, maps, h, w)."""
    given: list[Tensor] = []
    hook = module.get_submodule(layer).register_forward_hook(lambda _module, _inputs, output: given.append(output))
    try:
        scores = module(prepared)
    finally:
        hook.remove()
    (maps,) = given
    (gradients,) = torch.autograd.grad(scores.gather(1, target[:, None]).sum(), maps)
    return maps.detach(), gradients


def _grad_cam_plus_plus(maps: Tensor, gradients: Tensor) -> Tensor:
    """Return the maps' sum, (n, h, w), each weighed by Σ α·relu(gradient) over its places."""
    # ∂² / (2∂² + ∂³ Σ A), without powers that float32 does not hold; where ∂ is 0 its weight is 0 anyway.
    denominator = 2 + gradients * maps.sum(dim=(2, 3), keepdim=True)
    share = torch.where(denominator != 0, 1 / denominator.where(denominator != 0, torch.ones(())), 0.0)
    weights = (share * torch.relu(gradients)).sum(dim=(2, 3), keepdim=True)
    return (weights * maps).sum(dim=1)


def place(coarse: Heat, field: ReceptiveField, shape: tuple[int, ...]) -> Heat:
    """Interpolate (n, h, w) values at receptive-field centres to every pixel of `shape`.

    Linear between centres; beyond the outermost centres the edge value goes on to the rim of their receptive
    fields, and outside of those, where no unit looks, the heat is zero.
    """
    rows = interpolation_weights(coarse.shape[1], field, shape[0])
    columns = interpolation_weights(coarse.shape[2], field, shape[1])
    placed: Heat = np.einsum("yi,nij,xj->nyx", rows, coarse, columns).astype(np.float32)
    return placed


def interpolation_weights(units: int, field: ReceptiveField, pixels: int) -> NDArray[np.float64]:
    """Return (pixels, units): how much each unit counts at each pixel, along one axis."""
    position = (np.arange(pixels) - field.start) / field.step
    inside = np.abs(position - (units - 1) / 2) * field.step <= (units - 1) / 2 * field.step + (field.size - 1) / 2
    clipped = np.clip(position, 0, units - 1)
    left = np.minimum(np.floor(clipped).astype(int), max(units - 2, 0))
    share = clipped - left
    weights: NDArray[np.float64] = np.zeros((pixels, units))
    rows = np.arange(pixels)
    weights[rows, left] += 1 - share
    weights[rows, np.minimum(left + 1, units - 1)] += share
    weights[~inside] = 0
    return weights
