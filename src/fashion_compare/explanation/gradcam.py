"""Grad-CAM: which places of the last convolution's maps raise a class's score, drawn where they belong.

Selvaraju et al. 2017: the gradient of the score before softmax, averaged over each map, weighs that map; the
positive part of the weighted sum is the heat. Captum computes gradients and sum. Placing the coarse heat on the
image is ours: each value belongs at the centre of its unit's receptive field, and stretching the 10×10 map of
LeNet-5 over all 28×28 pixels would put it up to 3.6 pixels off.
"""

from typing import Any

import numpy as np
import torch
from captum.attr import LayerGradCam
from numpy.typing import NDArray
from torch import Tensor, nn

from fashion_compare.classifier.interface import Labels
from fashion_compare.explanation.receptive_field import ReceptiveField, receptive_field

Heat = NDArray[np.float32]


def grad_cam(module: nn.Module, prepared: Tensor, targets: Labels, layer: str = "relu2") -> tuple[Heat, Heat]:
    """Return the heat of each image for its target class, coarse and placed on the image.

    Args:
        module: a network whose direct children are applied in order.
        prepared: (n, 1, height, width), normalised as for prediction.
        targets: (n,) the class whose score is explained.
        layer: the child whose maps are weighed.

    Returns:
        coarse: (n, h, w), the layer's resolution, never negative, in units of the score. A map of zeros says that
            nothing in the layer raised the score.
        placed: (n, height, width), the same values interpolated between receptive-field centres.
    """
    module.eval()
    attribution: Any = LayerGradCam(module, dict(module.named_children())[layer])
    # The module ends in logits, so this explains the score before softmax.
    heat = attribution.attribute(prepared, target=torch.from_numpy(targets), relu_attributions=True)
    coarse: Heat = heat[:, 0].detach().numpy().astype(np.float32)
    return coarse, place(coarse, receptive_field(module, layer), prepared.shape[-2:])


def place(coarse: Heat, field: ReceptiveField, shape: tuple[int, ...]) -> Heat:
    """Interpolate (n, h, w) values at receptive-field centres to every pixel of `shape`.

    Linear between centres; beyond the outermost centres the edge value goes on to the rim of their receptive
    fields, and outside of those, where no unit looks, the heat is zero.
    """
    rows = _weights(coarse.shape[1], field, shape[0])
    columns = _weights(coarse.shape[2], field, shape[1])
    placed: Heat = np.einsum("yi,nij,xj->nyx", rows, coarse, columns).astype(np.float32)
    return placed


def _weights(units: int, field: ReceptiveField, pixels: int) -> NDArray[np.float64]:
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
