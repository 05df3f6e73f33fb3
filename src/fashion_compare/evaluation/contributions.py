"""What each image contributes to a score: the way from one test set to the spread that others would give.

Accuracy is the mean over images of "right or wrong", so its standard error follows from the spread of that
column. Macro F1 and AUC are no plain means, but to first order they are: each image's influence, added to the
score, gives a column whose mean is the score and whose spread is the score's (the infinitesimal jackknife,
Efron 1982; for AUC exactly DeLong et al. 1988). Columns of two models subtract image by image, which is what
makes comparisons on one test set paired. A bootstrap gives the same spread a thousand times slower; the tests
compare the two.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from fashion_compare.classifier.interface import Labels, Logits
from fashion_compare.classifier.scores import log_softmax

Column = NDArray[np.float64]

METRICS = ("accuracy", "f1_macro", "auc_macro_ovr", "loss")
LOWER_IS_BETTER = frozenset({"loss"})


def contributions(labels: Labels, logits: Logits) -> dict[str, Column]:
    """Return a column (n,) for each of `METRICS`, whose mean is the metric.

    Args:
        labels: (n,) integers; every class present.
        logits: (n, classes).
    """
    log_probabilities = log_softmax(logits)
    return {
        "accuracy": (logits.argmax(axis=1) == labels).astype(np.float64),
        "f1_macro": _f1_macro(labels, logits.argmax(axis=1), logits.shape[1]),
        "auc_macro_ovr": _auc_macro(labels, np.exp(log_probabilities)),
        "loss": -log_probabilities[np.arange(len(labels)), labels],
    }


def _f1_macro(labels: Labels, predicted: NDArray[np.integer], classes: int) -> Column:
    """F1 = 2·tp/(s + c), with tp, s, c the shares of images right, of the class, called the class.

    Its derivative with respect to one image's weight is (2·[right] - F1·([of the class] + [called])) / (s + c).
    """
    column = np.zeros(len(labels))
    for c in range(classes):
        actual, called = labels == c, predicted == c
        both = actual & called
        share = actual.mean() + called.mean()
        if share:
            f1 = 2 * both.mean() / share
            column += f1 + (2.0 * both - f1 * (actual.astype(float) + called)) / share
    return np.asarray(column / classes)


def _auc_macro(labels: Labels, probabilities: NDArray[np.float64]) -> Column:
    """Mean over classes of AUC + influence: DeLong's placements, scaled by how rare the image's side is.

    The placement of a positive is the share of negatives ranked below it, that of a negative the share of
    positives ranked above it (ties half); each side's mean is the AUC.
    """
    n, classes = probabilities.shape
    positive = labels[:, None] == np.arange(classes)
    p = positive.sum(axis=0)
    if not ((p > 0) & (p < n)).all():
        return np.full(n, np.nan)
    # A column a class. Ranks among the positives alone, and among the negatives: the others are put behind them.
    ranks = rankdata(probabilities, axis=0)
    among_positives = rankdata(np.where(positive, probabilities, np.inf), axis=0)
    among_negatives = rankdata(np.where(positive, np.inf, probabilities), axis=0)
    placement = np.where(positive, (ranks - among_positives) / (n - p), 1 - (ranks - among_negatives) / p)
    auc = (placement * positive).sum(axis=0) / p
    # Both sides' deviations sum to zero, so the mean over all images is the AUC itself.
    column = auc + np.where(positive, n / p, n / (n - p)) * (placement - auc)
    return np.asarray(column.mean(axis=1))
