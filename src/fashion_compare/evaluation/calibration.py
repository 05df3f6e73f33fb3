"""Whether probabilities mean what they say: Brier score, expected calibration error."""

import numpy as np
from numpy.typing import NDArray

from fashion_compare.classifier.interface import Labels


def brier_score(labels: Labels, probabilities: NDArray[np.float64]) -> float:
    """Return Σ over classes of (p - y)², mean over images: 0 is perfect, 2 is certain and always wrong.

    Source: Brier, Verification of forecasts expressed in terms of probability (1950), eq. 2.
    """
    errors = probabilities.copy()
    errors[np.arange(len(labels)), labels] -= 1
    return float(np.square(errors).sum(axis=1).mean())


def expected_calibration_error(labels: Labels, probabilities: NDArray[np.float64], bins: int = 15) -> float:
    """Return Σ (n_b/n)·|accuracy_b - confidence_b| over equal-width bins of the top label's probability.

    Bins are (0, 1/15], (1/15, 2/15], … Source: Guo et al., On calibration of modern neural networks (2017), eq. 3.
    """
    confidence = probabilities.max(axis=1)
    correct = probabilities.argmax(axis=1) == labels
    which = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    gap = np.bincount(which, weights=correct - confidence, minlength=bins)
    return float(np.abs(gap).sum() / len(labels))
