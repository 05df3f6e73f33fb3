"""The proof that backward is the derivative of forward: central differences, in float64."""

from collections.abc import Callable

import numpy as np

from fashion_compare.scratch.layers import Array


def numerical_gradient(function: Callable[[], float], parameters: Array, *, step: float = 1e-6) -> Array:
    """Return (f(θ+h) - f(θ-h)) / 2h for each entry of the (p,) vector that `function` reads.

    The error of the central difference shrinks with h², its rounding grows with 1/h; near 1e-6 both are small.
    Keep away from kinks (a ReLU input or an L1 weight within h of zero): there the derivative does not exist.
    """
    gradient = np.empty_like(parameters)
    for i, value in enumerate(parameters):
        parameters[i] = value + step
        above = function()
        parameters[i] = value - step
        gradient[i] = (above - function()) / (2 * step)
        parameters[i] = value
    return gradient


def relative_error(a: Array, b: Array) -> float:
    """Return ‖a - b‖ / (‖a‖ + ‖b‖), 0 when both vanish."""
    scale = float(np.linalg.norm(a) + np.linalg.norm(b))
    return float(np.linalg.norm(a - b)) / scale if scale else 0.0
