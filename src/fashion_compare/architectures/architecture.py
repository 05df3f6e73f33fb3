"""What is declared about an architecture; everything else is derived from its module by tracing it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Architecture:
    """An established convolutional network for (n, 1, 28, 28) images.

    Attributes:
        label: what people call it.
        build: (classes, dropout, batch_norm) → the module, which returns (n, classes) logits.
        target_layer: dotted name of the layer whose maps Grad-CAM weighs, usually the last activation that still has
            places in the image.
        reference: the paper.
        always_batch_norm: whether batch normalisation is a part of it, so that `batch_norm` makes no difference.
    """

    label: str
    build: Callable[[int, float, bool], "nn.Module"]
    target_layer: str
    reference: str
    always_batch_norm: bool = False
