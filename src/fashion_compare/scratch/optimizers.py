"""Optimisers: how a gradient becomes a step. Formulas and defaults are PyTorch's, in whole-vector passes."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from fashion_compare.scratch.layers import Array


def clip_norm(gradient: Array, maximum: float) -> None:
    """Shorten `gradient` in place to the norm `maximum` if it is longer.

    Source: Pascanu et al. (2013), algorithm 1; the 1e-6 is PyTorch's.
    """
    norm = float(np.linalg.norm(gradient))
    if norm > maximum:
        gradient *= maximum / (norm + 1e-6)


@dataclass(kw_only=True)
class Optimizer(ABC):
    """What all optimisers share.

    Attributes:
        learning_rate: η, may be changed between steps.
        weight_decay: λ. Adds λθ to the gradient, which is the L2 penalty λ/2·Σθ²; AdamW alone decays θ itself.
        mask: the entries that decay, a slice or a boolean vector; all of them if None.
        state: what the optimiser remembers, vectors by name: saved and given back, it goes on as if never stopped.
    """

    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    mask: slice | NDArray[np.bool_] | None = None
    state: dict[str, Array] = field(default_factory=dict, init=False)
    _spare: Array = field(default_factory=lambda: np.empty(0), init=False, repr=False)

    def step(self, parameters: Array, gradient: Array) -> None:
        """Update `parameters`, (p,), in place; `gradient`, (p,), stays as it is."""
        if self._spare.shape != parameters.shape or self._spare.dtype != parameters.dtype:
            self._spare = np.empty_like(parameters)
        if self.weight_decay:
            gradient = self._decay(parameters, gradient)
        self._update(parameters, gradient)

    def _decay(self, parameters: Array, gradient: Array) -> Array:
        """Return the gradient with the decay in it, g + λθ."""
        decaying = slice(None) if self.mask is None else self.mask
        gradient = gradient.copy()
        gradient[decaying] += self.weight_decay * parameters[decaying]
        return gradient

    @abstractmethod
    def _update(self, parameters: Array, gradient: Array) -> None:
        """Take the step that the formula says."""

    def _memory(self, name: str, like: Array) -> Array:
        """Return the vector of that name, zeros at first."""
        if name not in self.state:
            self.state[name] = np.zeros_like(like)
        return self.state[name]

    def _descend(self, parameters: Array, direction: Array, rate: float) -> None:
        """θ ← θ - rate · direction."""
        np.multiply(direction, rate, out=self._spare)
        parameters -= self._spare


@dataclass(kw_only=True)
class SGD(Optimizer):
    """θ ← θ - η g: plain stochastic gradient descent."""

    def _update(self, parameters: Array, gradient: Array) -> None:
        self._descend(parameters, gradient, self.learning_rate)


@dataclass(kw_only=True)
class Momentum(Optimizer):
    """v ← μ v + g; θ ← θ - η v: a ball that rolls on (Polyak 1964, in PyTorch's form)."""

    momentum: float = 0.9

    def _update(self, parameters: Array, gradient: Array) -> None:
        velocity = self._memory("velocity", gradient)
        velocity *= self.momentum
        velocity += gradient
        self._descend(parameters, self._direction(velocity, gradient), self.learning_rate)

    def _direction(self, velocity: Array, gradient: Array) -> Array:  # noqa: ARG002 - Nesterov needs both
        return velocity


@dataclass(kw_only=True)
class Nesterov(Momentum):
    """v ← μ v + g; θ ← θ - η (g + μ v): looks where the ball will be (Nesterov 1983; Sutskever et al. 2013)."""

    def _direction(self, velocity: Array, gradient: Array) -> Array:
        np.multiply(velocity, self.momentum, out=self._spare)
        self._spare += gradient
        return self._spare


@dataclass(kw_only=True)
class RMSProp(Optimizer):
    """v ← α v + (1-α) g²; θ ← θ - η g/(√v + ε): steps measured by the gradient's usual size (Hinton 2012)."""

    learning_rate: float = 1e-2
    alpha: float = 0.99
    epsilon: float = 1e-8

    def _update(self, parameters: Array, gradient: Array) -> None:
        v, spare = self._memory("v", gradient), self._spare
        np.multiply(gradient, gradient, out=spare)
        spare *= 1 - self.alpha
        v *= self.alpha
        v += spare
        np.sqrt(v, out=spare)
        spare += self.epsilon
        np.divide(gradient, spare, out=spare)
        self._descend(parameters, spare, self.learning_rate)


@dataclass(kw_only=True)
class Adam(Optimizer):
    """A step of its own size for each parameter (Kingma and Ba 2015, algorithm 1).

    m ← β₁ m + (1-β₁) g;  v ← β₂ v + (1-β₂) g²;  θ ← θ - η · m/(1-β₁ᵗ) / (√(v/(1-β₂ᵗ)) + ε).

    What is kept are m/(1-β₁) and v/(1-β₂), and a step's scalars are multiplied with each other before a vector
    sees them: ten passes over the vectors instead of thirteen.
    """

    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8

    def _update(self, parameters: Array, gradient: Array) -> None:
        m, v, spare = self._memory("m", gradient), self._memory("v", gradient), self._spare
        self.state["t"] = t = self.state.get("t", np.zeros(1)) + 1
        # What takes the kept m, and the root of the kept v, to the formula's unbiased ones.
        of_m = (1 - self.beta1) / (1 - self.beta1 ** int(t[0]))
        of_root = float(np.sqrt((1 - self.beta2) / (1 - self.beta2 ** int(t[0]))))
        m *= self.beta1
        m += gradient
        np.multiply(gradient, gradient, out=spare)
        v *= self.beta2
        v += spare
        np.sqrt(v, out=spare)
        spare += self.epsilon / of_root
        np.divide(m, spare, out=spare)
        self._descend(parameters, spare, self.learning_rate * of_m / of_root)


@dataclass(kw_only=True)
class AdamW(Adam):
    """Adam after θ ← (1 - ηλ) θ: the decay is decoupled from the gradient (Loshchilov and Hutter 2019)."""

    weight_decay: float = 1e-2

    def _decay(self, parameters: Array, gradient: Array) -> Array:
        """Shrink θ and return the gradient as it is."""
        decaying = slice(None) if self.mask is None else self.mask
        parameters[decaying] *= 1 - self.learning_rate * self.weight_decay
        return gradient
