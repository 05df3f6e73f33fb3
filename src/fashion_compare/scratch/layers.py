"""Layers: each keeps, side by side, what it computes and the derivative of what it computes.

A layer is called with a batch, one example a row. `forward` returns the layer's output; `backward` takes
the loss's gradient with respect to that output and returns the gradient with respect to the input
(the chain rule, one link at a time). What is large lives in buffers that the next call reuses. All but the dense
layer may overwrite what they are given, save that dropout leaves its input alone.
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
        self._ones = np.empty(0, W.dtype)

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
        if len(self._ones) != len(dy):
            self._ones = np.ones(len(dy), dy.dtype)
        # Σ over the batch as a product: a third of the time of np.sum over rows.
        np.matmul(self._ones, dy, out=self.db)
        return dy if self._first else self.input_gradient(dy)

    def input_gradient(self, dy: Array) -> Array:
        """Return ∂x = ∂y Wᵀ."""
        self._dx = reuse(self._dx, (len(dy), self.W.shape[0]))
        return np.matmul(dy, self.W.T, out=self._dx[: len(dy)])


class BatchNorm:
    """y = γ x̂ + β with x̂ = (x - μ)/√(σ² + ε), mean and variance of each unit over the batch.

    Backward: ∂β = Σ ∂y, ∂γ = Σ ∂y x̂, and because μ and σ depend on every row,
    ∂x = γ/√(σ² + ε) · (∂y - ∂β/n - x̂ ∂γ/n), all sums over the batch of n rows.

    In use, and for a batch of one, which has no variance, μ and σ² are running averages of the batches seen in
    training (σ² as the unbiased n/(n-1) estimate), constants that no gradient flows through: ∂x = γ/√(σ² + ε) · ∂y.

    Source: Ioffe and Szegedy 2015, algorithm 1; ε, the newest batch's share and the unbiased estimate as in PyTorch.
    """

    epsilon, newest_share = 1e-5, 0.1

    def __init__(self, gamma: Array, beta: Array, dgamma: Array, dbeta: Array) -> None:
        self.gamma, self.beta, self.dgamma, self.dbeta = gamma, beta, dgamma, dbeta
        self.mean, self.variance = np.zeros_like(gamma), np.ones_like(gamma)
        self._x_hat: Array = np.empty((0, 0), gamma.dtype)
        self._scale: Array = np.empty(0, gamma.dtype)
        self._of_batch = False

    def forward(self, x: Array, *, training: bool) -> Array:
        """Normalise, scale and shift in place."""
        n = len(x)
        self._of_batch = training and n > 1
        mean, variance = self.mean, self.variance
        if self._of_batch:
            mean, variance = x.mean(axis=0), x.var(axis=0)
            self.mean += self.newest_share * (mean - self.mean)
            self.variance += self.newest_share * (variance * (n / (n - 1)) - self.variance)
        deviation = np.sqrt(variance + self.epsilon)
        self._x_hat = x - mean
        self._x_hat /= deviation
        self._scale = self.gamma / deviation
        np.multiply(self._x_hat, self.gamma, out=x)
        x += self.beta
        return x

    def backward(self, dy: Array) -> Array:
        """Fill dgamma and dbeta and turn ∂y into ∂x in place."""
        n = len(dy)
        np.sum(dy, axis=0, out=self.dbeta)
        np.einsum("ij,ij->j", dy, self._x_hat, out=self.dgamma)
        if self._of_batch:
            dy -= self.dbeta / n
            dy -= self._x_hat * (self.dgamma / n)
        dy *= self._scale
        return dy


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


class Sigmoid:
    """y = 1/(1 + exp(-x)). Backward, from the output alone: ∂x = ∂y y (1 - y)."""

    def __init__(self) -> None:
        self._y: Array = np.empty((0, 0))

    def forward(self, x: Array, *, training: bool) -> Array:  # noqa: ARG002
        """Replace the batch by its logistic function, as (1 + tanh(x/2))/2: exp(-x) would overflow."""
        x /= 2
        self._y = np.tanh(x, out=x)
        x += 1
        x /= 2
        return x

    def backward(self, dy: Array) -> Array:
        """Scale the gradient by the slope y (1 - y)."""
        dy *= self._y * (1 - self._y)
        return dy


class Dropout:
    """Inverted dropout (Srivastava et al. 2014): in training each unit is zeroed with probability `rate`.

    The survivors are scaled by 1/(1 - rate), so that nothing has to change when the network is used.
    Backward: the same mask, for y = mask · x / (1 - rate).

    A unit is dropped by 32 random bits of a PCG64 generator, which cost less than a uniform float.
    """

    def __init__(self, rate: float, generator: np.random.Generator) -> None:
        self._threshold, self._scale = round(rate * 2**32), 1 / (1 - rate)
        self._bits = generator.bit_generator
        self._kept: NDArray[np.bool_] | None = None

    def forward(self, x: Array, *, training: bool) -> Array:
        """Return the batch with dropped units, or as it is outside training.

        Not in place: the activation before it needs its own output for its derivative.
        """
        self._kept = None
        if not training:
            return x
        draws = self._bits.random_raw(-(-x.size // 2)).view(np.uint32)[: x.size].reshape(x.shape)
        self._kept = draws >= self._threshold
        y: Array = x * self._kept
        y *= self._scale
        return y

    def backward(self, dy: Array) -> Array:
        """Drop the same units' gradients."""
        if self._kept is not None:
            dy *= self._kept
            dy *= self._scale
        return dy


ACTIVATIONS: dict[str, type[ReLU] | type[Tanh] | type[Sigmoid]] = {"relu": ReLU, "tanh": Tanh, "sigmoid": Sigmoid}


def reuse(buffer: Array, shape: tuple[int, int]) -> Array:
    """Return `buffer` if it has room for `shape` (rows may be spare), else a new one of its type."""
    return buffer if buffer.shape[1] == shape[1] and len(buffer) >= shape[0] else np.empty(shape, buffer.dtype)
