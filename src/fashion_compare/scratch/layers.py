"""Layers: each keeps, side by side, what it computes and the derivative of what it computes.

A layer is called with a batch, one example a row. `forward` returns the layer's output; `backward` takes
the loss's gradient with respect to that output and returns the gradient with respect to the input
(the chain rule, one link at a time). Outputs live in buffers that the next call reuses, so a training
step allocates next to nothing; the activations even work in place.
"""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]


class Layer(Protocol):
    """What the network asks of a layer."""

    def forward(self, x: Array, *, training: bool) -> Array:
        """Return the layer's output for the batch `x`, (n, inputs) → (n, outputs)."""
        ...

    def backward(self, dy: Array) -> Array:
        """Return ∂loss/∂x given `dy` = ∂loss/∂y of the last forward call."""
        ...


class Dense:
    """y = x W + b, the fully connected layer.

    Backward: ∂W = xᵀ ∂y, ∂b = Σ ∂y over the batch, ∂x = ∂y Wᵀ. The parameters and their gradients are views
    of the network's flat vectors: W (inputs, outputs), b (outputs,).
    """

    def __init__(self, W: Array, b: Array, dW: Array, db: Array, *, first: bool) -> None:
        self.W, self.b, self.dW, self.db = W, b, dW, db
        self._first = first
        self._x = self._y = self._dx = np.empty((0, 0), W.dtype)

    def forward(self, x: Array, *, training: bool) -> Array:  # noqa: ARG002 - the same in both modes
        """Return x W + b."""
        self._x = x
        self._y = reuse(self._y, (len(x), self.W.shape[1]))
        y = np.matmul(x, self.W, out=self._y[: len(x)])
        y += self.b
        return y

    def backward(self, dy: Array) -> Array:
        """Fill dW and db and return ∂x; the first layer returns `dy`, for nobody asks for the images' gradient."""
        np.matmul(self._x.T, dy, out=self.dW)
        np.sum(dy, axis=0, out=self.db)
        return dy if self._first else self.input_gradient(dy)

    def input_gradient(self, dy: Array) -> Array:
        """Return ∂x = ∂y Wᵀ."""
        self._dx = reuse(self._dx, (len(dy), self.W.shape[0]))
        return np.matmul(dy, self.W.T, out=self._dx[: len(dy)])


class ReLU:
    """y = max(x, 0). Backward, from the output alone: ∂x = ∂y where y > 0, else 0."""

    def __init__(self) -> None:
        self._y: Array = np.empty((0, 0))

    def forward(self, x: Array, *, training: bool) -> Array:  # noqa: ARG002
        """Replace the batch by its positive part."""
        self._y = np.maximum(x, 0, out=x)
        return self._y

    def backward(self, dy: Array) -> Array:
        """Let the gradient through where the output was positive."""
        dy *= self._y > 0
        return dy


class Tanh:
    """y = tanh(x). Backward, from the output alone: ∂x = ∂y (1 - y²)."""

    def __init__(self) -> None:
        self._y: Array = np.empty((0, 0))

    def forward(self, x: Array, *, training: bool) -> Array:  # noqa: ARG002
        """Replace the batch by its hyperbolic tangent."""
        self._y = np.tanh(x, out=x)
        return self._y

    def backward(self, dy: Array) -> Array:
        """Scale the gradient by the slope 1 - y²."""
        dy *= 1 - self._y * self._y
        return dy


class Dropout:
    """Inverted dropout (Srivastava et al. 2014): in training each unit is zeroed with probability `rate`.

    The survivors are scaled by 1/(1 - rate), so that nothing has to change when the network is used.
    Backward: the same mask, for y = mask · x.
    """

    def __init__(self, rate: float, generator: np.random.Generator) -> None:
        self.rate, self._generator = rate, generator
        self._mask: Array | None = None

    def forward(self, x: Array, *, training: bool) -> Array:
        """Return the batch with dropped units, or as it is outside training.

        Not in place: the activation before it needs its own output for its derivative.
        """
        self._mask = None
        if not training:
            return x
        kept = self._generator.random(x.shape, dtype=np.float32) >= self.rate
        self._mask = kept.astype(x.dtype) / x.dtype.type(1 - self.rate)
        return x * self._mask

    def backward(self, dy: Array) -> Array:
        """Drop the same units' gradients."""
        if self._mask is not None:
            dy *= self._mask
        return dy


ACTIVATIONS: dict[str, type[ReLU] | type[Tanh]] = {"relu": ReLU, "tanh": Tanh}


def reuse(buffer: Array, shape: tuple[int, int]) -> Array:
    """Return `buffer` if it has room for `shape` (rows may be spare), else a new one of its type."""
    return buffer if buffer.shape[1] == shape[1] and len(buffer) >= shape[0] else np.empty(shape, buffer.dtype)
