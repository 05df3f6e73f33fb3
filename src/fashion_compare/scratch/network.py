"""The network: layers in a row over one flat parameter vector, forward and backward."""

import itertools
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import DTypeLike, NDArray

from fashion_compare.scratch.layers import ACTIVATIONS, Array, BatchNorm, Dense, Dropout, Layer
from fashion_compare.scratch.losses import add_penalty_gradient, penalty, softmax_cross_entropy


class Network:
    """A fully connected classifier: Dense, batch norm, activation, dropout, … , Dense, softmax cross-entropy.

    All parameters live in one flat vector, every weight matrix first, then the vectors (biases, scales, shifts), so
    that an optimiser is a few whole-vector operations and the penalised part (the weights) is one slice.

    Attributes:
        parameters: (p,) everything that is learned.
        gradient: (p,) the last `loss_and_gradient`'s derivative, in the same order.
        weights: views of `parameters`, one (fan_in, fan_out) matrix a layer.
        biases: views of `parameters`, one (fan_out,) vector a layer.
        layers: in the order of the forward pass; `norms` are the batch normalisations among them, one a hidden layer.
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
        batch_norm: bool = False,
        dropout: float = 0.0,
        label_smoothing: float = 0.0,
        l1: float = 0.0,
        l2: float = 0.0,
    ) -> None:
        if activation not in ACTIVATIONS:
            raise ValueError(f"unknown activation {activation!r}; {', '.join(map(repr, ACTIVATIONS))}")
        self.layer_sizes = tuple(layer_sizes)
        self.label_smoothing, self.l1, self.l2 = label_smoothing, l1, l2
        self.generator = np.random.default_rng(seed)
        matrices: list[tuple[int, ...]] = list(itertools.pairwise(self.layer_sizes))
        biases: list[tuple[int, ...]] = [(fan_out,) for fan_out in self.layer_sizes[1:]]
        scales = biases[:-1] if batch_norm else []
        shapes = [*matrices, *biases, *scales, *scales]
        self.weight_count = sum(map(math.prod, matrices))
        self.parameters: Array = np.zeros(sum(map(math.prod, shapes)), dtype)
        self.gradient: Array = np.zeros_like(self.parameters)
        views, gradients = _views(self.parameters, shapes), _views(self.gradient, shapes)
        depth, hidden = len(matrices), len(matrices) - 1
        self.weights, self.biases = views[:depth], views[depth : 2 * depth]
        norms = [vectors[2 * depth :] for vectors in (views, gradients)]
        for W in self.weights:
            W[...] = initial_weights(W.shape[0], W.shape[1], initialization, self.generator)
        self.norms: list[BatchNorm] = []

        self._weight_part = self.parameters[: self.weight_count]
        self.layers: list[Layer] = []
        for i in range(depth):
            self.layers.append(Dense(views[i], views[depth + i], gradients[i], gradients[depth + i], first=i == 0))
            if i < hidden:
                if batch_norm:
                    (scale, shift), (scale_gradient, shift_gradient) = (vectors[i::hidden] for vectors in norms)
                    scale[...] = 1
                    self.norms.append(BatchNorm(scale, shift, scale_gradient, shift_gradient))
                    self.layers.append(self.norms[-1])
                self.layers.append(ACTIVATIONS[activation]())
                if dropout:
                    self.layers.append(Dropout(dropout, self.generator))

    def logits(self, images: Array, *, training: bool = False) -> Array:
        """Return the scores before softmax, (n, inputs) → (n, classes), in a buffer that the next call reuses."""
        for layer in self.layers:
            images = layer.forward(images, training=training)
        return images

    def loss_and_gradient(self, images: Array, labels: NDArray[np.integer]) -> float:
        """Return the objective on one training batch and fill `gradient` with its derivative.

        The objective is the mean cross-entropy over the batch (against smoothed labels, if asked for)
        + l1·Σ|w| + l2·Σw² over the weights.

        Args:
            images: (n, inputs), of the network's dtype.
            labels: (n,), integers.
        """
        delta = self.logits(images, training=True)
        loss = softmax_cross_entropy(delta, labels, gradient=delta, smoothing=self.label_smoothing)
        for layer in reversed(self.layers):
            delta = layer.backward(delta)
        add_penalty_gradient(self._weight_part, self.l1, self.l2, self.gradient[: self.weight_count])
        return loss + self.penalty()

    def input_gradient(self, images: Array, delta: Array) -> Array:
        """Return Σ over classes of delta·∂logits/∂images in evaluation mode, (n, classes) → (n, inputs)."""
        self.logits(images)
        for layer in reversed(self.layers):
            delta = layer.backward(delta)
        return delta @ self.weights[0].T

    def penalty(self) -> float:
        """Return l1·Σ|w| + l2·Σw² of the current weights."""
        return penalty(self._weight_part, self.l1, self.l2)


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


def _views(vector: Array, shapes: Sequence[tuple[int, ...]]) -> list[Array]:
    """Cut a flat vector into arrays of the given shapes, without copying."""
    parts = np.split(vector, np.cumsum([math.prod(shape) for shape in shapes])[:-1])
    return [part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)]
