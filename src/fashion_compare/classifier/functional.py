"""From logits to numbers, in float64 and in one place: probabilities, cross-entropy, accuracy."""

import numpy as np
from numpy.typing import NDArray

from fashion_compare.classifier.interface import Labels, Logits


def log_softmax(logits: Logits) -> NDArray[np.float64]:
    """Return log softmax of (n, classes) logits; the largest is subtracted first, so nothing overflows."""
    shifted = logits.astype(np.float64)
    shifted -= shifted.max(axis=1, keepdims=True)
    shifted -= np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return shifted


def softmax(logits: Logits) -> NDArray[np.float64]:
    """Return the probabilities, (n, classes), each row summing to one."""
    probabilities: NDArray[np.float64] = np.exp(log_softmax(logits))
    return probabilities


def cross_entropy(logits: Logits, labels: Labels) -> float:
    """Return the mean of -log softmax(logits)[label] by example, without penalties."""
    return float(-log_softmax(logits)[np.arange(len(labels)), labels].mean())


def accuracy(logits: Logits, labels: Labels) -> float:
    """Return the share of examples whose largest logit is the label's (ties go to the lower class)."""
    return float(np.mean(logits.argmax(axis=1) == labels))
