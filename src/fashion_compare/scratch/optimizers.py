"""Optimisers: how a gradient becomes a step. Formulas and defaults are PyTorch's, in whole-vector passes."""

import numpy as np

from fashion_compare.scratch.layers import Array


class SGD:
    """θ ← θ - η g: plain stochastic gradient descent."""

    def __init__(self, *, learning_rate: float = 1e-3) -> None:
        self.learning_rate = learning_rate
        self.state: dict[str, Array] = {}

    def step(self, parameters: Array, gradient: Array) -> None:
        """Update `parameters` in place."""
        parameters -= self.learning_rate * gradient


class Momentum:
    """v ← μ v + g; θ ← θ - η v: a ball that rolls on (Polyak 1964, in PyTorch's form)."""

    def __init__(self, *, learning_rate: float = 1e-3, momentum: float = 0.9) -> None:
        self.learning_rate, self.momentum = learning_rate, momentum
        self.state: dict[str, Array] = {}

    def step(self, parameters: Array, gradient: Array) -> None:
        """Update `parameters` in place."""
        if not self.state:
            self.state = {"velocity": np.zeros_like(parameters)}
        velocity = self.state["velocity"]
        velocity *= self.momentum
        velocity += gradient
        parameters -= self.learning_rate * velocity


class Adam:
    """A step of its own size for each parameter (Kingma and Ba 2015, algorithm 1).

    m ← β₁ m + (1-β₁) g;  v ← β₂ v + (1-β₂) g²;  θ ← θ - η · m/(1-β₁ᵗ) / (√(v/(1-β₂ᵗ)) + ε).
    """

    def __init__(
        self, *, learning_rate: float = 1e-3, beta1: float = 0.9, beta2: float = 0.999, epsilon: float = 1e-8
    ) -> None:
        self.learning_rate = learning_rate
        self.beta1, self.beta2, self.epsilon = beta1, beta2, epsilon
        self.state: dict[str, Array] = {}
        self._scratch: Array = np.empty(0)

    def step(self, parameters: Array, gradient: Array) -> None:
        """Update `parameters` in place."""
        if not self.state:
            zeros = np.zeros_like(parameters)
            self.state = {"m": zeros, "v": zeros.copy(), "t": np.zeros(1)}
        if self._scratch.shape != parameters.shape:
            self._scratch = np.empty_like(parameters)
        m, v, t, scratch = self.state["m"], self.state["v"], self.state["t"], self._scratch
        t += 1
        steps = int(t[0])
        np.multiply(gradient, 1 - self.beta1, out=scratch)
        m *= self.beta1
        m += scratch
        np.multiply(gradient, gradient, out=scratch)
        scratch *= 1 - self.beta2
        v *= self.beta2
        v += scratch
        np.sqrt(v, out=scratch)
        scratch /= float(np.sqrt(1 - self.beta2**steps))
        scratch += self.epsilon
        np.divide(m, scratch, out=scratch)
        scratch *= self.learning_rate / (1 - self.beta1**steps)
        parameters -= scratch


Optimizer = SGD | Momentum | Adam
