"""The small interface that both models stand behind: the training loop knows nothing else about them."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Images = NDArray[np.uint8]
Pixels = NDArray[np.uint8] | NDArray[np.float32]
Labels = NDArray[np.int64]
Logits = NDArray[np.float32]
Arrays = dict[str, NDArray[Any]]


class NonFiniteLossError(ArithmeticError):
    """The loss of a step was not a number or infinite; `step` counts from 1 within the epoch."""

    def __init__(self, step: int) -> None:
        super().__init__(f"non-finite loss at step {step}")
        self.step = step


@dataclass(frozen=True)
class LayerComplexity:
    """What one layer costs for one image, forward."""

    name: str
    kind: str
    output_shape: tuple[int, ...]
    parameters: int
    multiply_accumulates: int


class Classifier(Protocol):
    """A network for (n, 28, 28) uint8 images in ten classes.

    `preprocessed` is whatever `preprocess` made of the images: normalised once with the training set's mean and
    deviation, in the layout that the model computes with.

    With averaging (`ema_decay`), logits, penalty and weights are those of the averaged weights.
    """

    def preprocess(self, images: Pixels) -> Any:
        """Return the images, grey levels 0 … 255, normalised and in the model's own layout."""
        ...

    def train_epoch(
        self,
        prepared: Any,
        labels: Labels,
        order: NDArray[np.int64],
        learning_rates: NDArray[np.float64],
    ) -> float:
        """Take one step per batch of `order` and return the mean objective (with penalties) by example.

        `learning_rates` has a number for each step.

        Raises:
            NonFiniteLossError: within the step that met it; on a GPU after the epoch, with that step.
        """
        ...

    def logits(self, prepared: Any) -> Logits:
        """Return the scores before softmax in evaluation mode, (n, 10) float32."""
        ...

    def input_gradients(self, prepared: Any, targets: Labels) -> NDArray[np.float32]:
        """Return how each image's score before softmax for its target changes with its pixels, per grey level.

        In evaluation mode, (n, 28, 28).
        """
        ...

    def penalty(self) -> float:
        """Return l1·Σ|w| + l2·Σw² of the current weights."""
        ...

    def weights(self) -> Arrays:
        """Return copies of what prediction needs: parameters, and the normalisation of the images."""
        ...

    def load_weights(self, weights: Arrays) -> None:
        """Take over what `weights` returned."""
        ...

    def state(self) -> Arrays:
        """Return what a bit-exact resume needs besides `weights`: moments, random generators, weights in training."""
        ...

    def load_state(self, state: Arrays) -> None:
        """Take over what `state` returned."""
        ...

    def complexity(self) -> list[LayerComplexity]:
        """Return the cost of each layer that has parameters or changes the shape."""
        ...
