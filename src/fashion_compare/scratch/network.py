"""The network: layers in a row over one flat parameter vector, forward and backward."""

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import DTypeLike, NDArray

from fashion_compare.scratch.layers import ACTIVATIONS, Array, Dense, Dropout, Layer
from fashion_compare.scratch.losses import add_penalty_gradient, penalty, softmax_cross_entropy


class Network:
    """A fully connected classifier: Dense, activation, dropout, … , Dense, softmax cross-entropy.

    All parameters live in one flat vector, every weight matrix first, then every bias, so that an optimiser
    is a few whole-vector operations and the penalised part (the weights) is one slice.

    Attributes:
        parameters: (p,) all weights and biases.
        gradient: (p,) the last `loss_and_gradient`'s derivative, in the same order.
        weights: views of `parameters`, one (fan_in, fan_out) matrix a layer.
        biases: views of `parameters`, one (fan_out,) vector a layer.
        weight_count: the weights are `parameters[:weight_count]`.
        generator: draws the initial weights, then the dropout masks.
    """

    def __init__(
        self,
        layer_sizes: Sequence[int],
        *,
        seed: int = 0,
        dtype: DTypeLike = "float32",
        activation: str = "relu",
        initialization: str = "he",
        dropout: float = 0.0,
        l1: float = 0.0,
        l2: float = 0.0,
    ) -> None:
        self.layer_sizes = tuple(layer_sizes)
        self.l1, self.l2 = l1, l2
        self.generator = np.random.default_rng(seed)
        shapes = list(itertools.pairwise(self.layer_sizes))
        self.weight_count = sum(fan_in * fan_out for fan_in, fan_out in shapes)
        size = self.weight_count + sum(self.layer_sizes[1:])
        self.parameters: Array = np.zeros(size, dtype)
        self.gradient: Array = np.zeros(size, dtype)
        self.weights, self.biases = _views(self.parameters, shapes)
        for W in self.weights:
            W[...] = initial_weights(W.shape[0], W.shape[1], initialization, self.generator)

        self._layers: list[Layer] = []
        for i, parts in enumerate(zip(self.weights, self.biases, *_views(self.gradient, shapes), strict=True)):
            self._layers.append(Dense(*parts, first=i == 0))
            if i < len(shapes) - 1:
                self._layers.append(ACTIVATIONS[activation]())
                if dropout:
                    self._layers.append(Dropout(dropout, self.generator))

    def logits(self, images: Array, *, training: bool = False) -> Array:
        """Return the scores before softmax, (n, inputs) → (n, classes), in a buffer that the next call reuses."""
        for layer in self._layers:
            images = layer.forward(images, training=training)
        return images

    def loss_and_gradient(self, images: Array, labels: NDArray[np.integer]) -> float:
        """Return the objective on one training batch and fill `gradient` with its derivative.

        The objective is the mean cross-entropy over the batch + l1·Σ|w| + l2·Σw² over the weights.

        Args:
            images: (n, inputs), of the network's dtype.
            labels: (n,), integers.
        """
        delta = self.logits(images, training=True)
        loss = softmax_cross_entropy(delta, labels, gradient=delta)
        for layer in reversed(self._layers):
            delta = layer.backward(delta)
        add_penalty_gradient(self._weight_part, self.l1, self.l2, self.gradient[: self.weight_count])
        return loss + self.penalty()

    def penalty(self) -> float:
        """Return l1·Σ|w| + l2·Σw² of the current weights."""
        return penalty(self._weight_part, self.l1, self.l2)

    @property
    def _weight_part(self) -> Array:
        return self.parameters[: self.weight_count]


def initial_weights(fan_in: int, fan_out: int, kind: str, generator: np.random.Generator) -> Array:
    """Draw a (fan_in, fan_out) weight matrix that keeps the signal's variance through the layer.

    `he`: normal with variance 2/fan_in, for ReLU (He et al. 2015, eq. 10). `glorot`: uniform with variance
    2/(fan_in + fan_out), for tanh (Glorot and Bengio 2010, eq. 16).
    """
    if kind == "he":
        return generator.normal(0, np.sqrt(2 / fan_in), (fan_in, fan_out))
    if kind == "glorot":
        limit = np.sqrt(6 / (fan_in + fan_out))
        return generator.uniform(-limit, limit, (fan_in, fan_out))
    raise ValueError(f"unknown initialization {kind!r}; 'he' or 'glorot'")


def _views(vector: Array, shapes: list[tuple[int, int]]) -> tuple[list[Array], list[Array]]:
    """Cut a flat vector into weight matrices, then biases, without copying."""
    sizes = [fan_in * fan_out for fan_in, fan_out in shapes] + [fan_out for _, fan_out in shapes]
    parts = np.split(vector, np.cumsum(sizes)[:-1])
    weights = [part.reshape(shape) for part, shape in zip(parts, shapes, strict=False)]
    return weights, parts[len(shapes) :]
