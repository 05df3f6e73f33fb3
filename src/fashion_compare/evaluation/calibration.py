"""Whether probabilities mean what they say: Brier score, calibration error, and the temperature that mends it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from fashion_compare.classifier.functional import cross_entropy
from fashion_compare.classifier.interface import Labels, Logits


@dataclass(frozen=True)
class Reliability:
    """How often the top label is right, by how sure of it the probabilities are.

    Attributes:
        count: (bins,) images whose top label's probability is in the bin.
        confidence: (bins,) mean probability of their top label; NaN in an empty bin.
        accuracy: (bins,) share of them whose top label is right; NaN in an empty bin.
    """

    count: NDArray[np.int64]
    confidence: NDArray[np.float64]
    accuracy: NDArray[np.float64]


def brier_score(labels: Labels, probabilities: NDArray[np.float64]) -> float:
    """Return Σ over classes of (p - y)², mean over images: 0 is perfect, 2 is certain and always wrong.

    Source: Brier, Verification of forecasts expressed in terms of probability (1950), eq. 2.
    """
    errors = probabilities.copy()
    errors[np.arange(len(labels)), labels] -= 1
    return float(np.square(errors).sum(axis=1).mean())


def reliability(labels: Labels, probabilities: NDArray[np.float64], bins: int = 15) -> Reliability:
    """Return what a reliability diagram shows: equal-width bins (0, 1/15], (1/15, 2/15], … of the top label.

    Args:
        labels: (n,) the right classes.
        probabilities: (n, classes), each row summing to one.
        bins: of the range from 0 to 1.

    Source: Guo et al., On calibration of modern neural networks (2017), section 2.
    """
    confidence = probabilities.max(axis=1)
    correct = probabilities.argmax(axis=1) == labels
    which = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    count = np.bincount(which, minlength=bins)
    total = np.where(count, count, np.nan)
    accuracy = np.bincount(which, weights=correct, minlength=bins) / total
    # Gaps are summed, not confidences: near 0 fewer digits are lost, and the calibration error is made of gaps.
    gap = np.bincount(which, weights=correct - confidence, minlength=bins) / total
    return Reliability(count, accuracy - gap, accuracy)


def expected_calibration_error(labels: Labels, probabilities: NDArray[np.float64], bins: int = 15) -> float:
    """Return Σ (n_b/n)·|accuracy_b - confidence_b| over the bins of `reliability`.

    Source: Guo et al., On calibration of modern neural networks (2017), eq. 3.
    """
    found = reliability(labels, probabilities, bins)
    return float(np.nansum(found.count * np.abs(found.accuracy - found.confidence)) / len(labels))


def fit_temperature(labels: Labels, logits: Logits) -> float:
    """Return the T for which softmax(logits / T) has the lowest mean cross-entropy, from 0.05 to 20.

    Above 1 the logits were too sure of themselves. No T changes an answer. The range matters only where the best T is
    at an end of it: 0 where every answer is right, infinity where the logits say nothing about the labels.

    Args:
        labels: (n,) of images that the network was not trained on, validation's rather than the test set's.
        logits: (n, classes).

    Source: Guo et al., On calibration of modern neural networks (2017), section 4.2.
    """
    # Any: cross_entropy computes in float64, but its type speaks of the float32 that networks return.
    exact: NDArray[Any] = logits.astype(np.float64)
    # Convex in 1/T, so there is one minimum, on the scale of log T too.
    found = minimize_scalar(
        lambda log_temperature: cross_entropy(exact / np.exp(log_temperature), labels),
        bounds=(np.log(0.05), np.log(20)),
        method="bounded",
        options={"xatol": 1e-8},
    )
    return float(np.exp(found.x))
