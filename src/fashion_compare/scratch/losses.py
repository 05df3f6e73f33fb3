"""The training objective: softmax cross-entropy plus penalties, each with its derivative."""

import numpy as np
from numpy.typing import NDArray

from fashion_compare.scratch.layers import Array


def softmax_cross_entropy(
    logits: Array, labels: NDArray[np.integer], gradient: Array, *, smoothing: float = 0.0
) -> float:
    """Return the mean of -log softmax(logits)[label], and fill `gradient` with its derivative.

    With p = softmax(z), the loss of one example is log Σ exp(z) - z[label], whose derivative is p - y, where
    y is 1 at the label and 0 elsewhere: softmax and logarithm cancel, which is why they belong together.
    The largest logit is subtracted first, so that exp never overflows.

    Label smoothing shares ε of each label out among all classes: y is 1 - ε + ε/classes at the label and ε/classes
    elsewhere, so the loss is log Σ exp(z) - (1 - ε) z[label] - ε mean(z), and its derivative still p - y.

    Args:
        logits: (n, classes), any real numbers.
        labels: (n,), integers in 0 … classes - 1.
        gradient: (n, classes), filled with (p - y)/n; may be `logits` itself.
        smoothing: ε, 0 for none.

    Source: Bishop, Pattern Recognition and Machine Learning (2006), eq. 4.108 and 4.109; smoothing: Szegedy et al.
    (2016), section 7.
    """
    n, classes = logits.shape
    rows = np.arange(n)
    shifted = np.subtract(logits, logits.max(axis=1, keepdims=True), out=gradient)
    wanted = shifted[rows, labels]
    if smoothing:
        wanted = (1 - smoothing) * wanted + smoothing * shifted.mean(axis=1)
    exponentials = np.exp(shifted, out=gradient)
    total = exponentials.sum(axis=1, keepdims=True)
    loss = float(np.mean(np.log(total[:, 0]) - wanted))
    gradient /= total * n
    gradient[rows, labels] -= (1 - smoothing) / n
    if smoothing:
        gradient -= smoothing / (classes * n)
    return loss


def penalty(weights: Array, l1: float, l2: float) -> float:
    """Return l1·Σ|w| + l2·Σw² over all weights (biases are not given, and not penalised)."""
    value = 0.0
    if l1:
        value += l1 * float(np.abs(weights).sum())
    if l2:
        value += l2 * float(weights @ weights)
    return value


def add_penalty_gradient(weights: Array, l1: float, l2: float, gradient: Array) -> None:
    """Add l1·sign(w) + 2·l2·w to `gradient` (at w = 0 the L1 subgradient is 0, as in PyTorch)."""
    if l1:
        gradient += l1 * np.sign(weights)
    if l2:
        gradient += (2 * l2) * weights
