"""Influence of single images on a score: the way from one test set to the spread that others would give.

Accuracy is the mean over images of "right or wrong", so its standard error follows from the spread of that
column. Macro F1 and AUC are no plain means, but to first order they are: each image's influence, added to the
score, gives a column whose mean is the score and whose spread is the score's (the infinitesimal jackknife,
Efron 1982; for AUC exactly DeLong et al. 1988). Columns of two models subtract image by image, which is what
makes comparisons on one test set paired. A bootstrap gives the same spread a thousand times slower; the tests
compare the two.
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from fashion_compare.classifier.functional import log_softmax
from fashion_compare.classifier.interface import Labels
from fashion_compare.evaluation.predictions import Predictions

Column = NDArray[np.float64]

CLASS_METRICS: tuple[Literal["precision", "recall", "f1"], ...] = ("precision", "recall", "f1")


def accuracy_influence(predictions: Predictions) -> Column:
    """Return whether each image's predicted label is right, as a number: accuracy is their mean."""
    return np.asarray(predictions.predicted_labels == predictions.labels, np.float64)


def f1_macro_influence(predictions: Predictions) -> Column:
    """Return macro F1's column: the mean of the classes' columns."""
    labels, classes = predictions.labels, predictions.classes
    return np.asarray(class_influence(labels, predictions.predicted_labels, classes)["f1"].mean(axis=1))


def log_loss_influence(predictions: Predictions) -> Column:
    """Return each image's cross-entropy: log loss is their mean."""
    return np.asarray(-log_softmax(predictions.logits)[np.arange(len(predictions.labels)), predictions.labels])


def class_influence(labels: Labels, predicted: NDArray[np.integer], classes: int) -> dict[str, Column]:
    """Return columns (n, classes) for each of `CLASS_METRICS`, whose means are the classes' scores.

    With t, s, c the shares of images right, of the class, called the class: recall t/s, precision t/c and
    F1 2·t/(s + c), each 0 where it would divide by none. The derivative of a ratio x/y with respect to one image's
    weight is ([in x] - x/y·[in y]) / y.
    """
    actual = labels[:, None] == np.arange(classes)
    called = predicted[:, None] == np.arange(classes)
    right = actual & called

    def ratio(x: NDArray[np.float64], y: NDArray[np.float64]) -> Column:
        share = y.mean(axis=0)
        usable = np.where(share > 0, share, 1.0)
        score = x.mean(axis=0) / usable
        return np.asarray(score + (x - score * y) / usable)

    return {
        "precision": ratio(right.astype(float), called.astype(float)),
        "recall": ratio(right.astype(float), actual.astype(float)),
        "f1": ratio(2.0 * right, actual.astype(float) + called),
    }


def auc_macro_influence(predictions: Predictions) -> Column:
    """Return macro AUC's column, over the classes that have one; not a number where none has.

    Each class's is its AUC plus the influence: DeLong's placements scaled by the rarity of the side.

    The placement of a positive is the share of negatives ranked below it, that of a negative the share of
    positives ranked above it (ties half); each side's mean is the AUC.
    """
    labels, probabilities = predictions.labels, predictions.probabilities
    n, classes = probabilities.shape
    positive = labels[:, None] == np.arange(classes)
    p = positive.sum(axis=0)
    defined = (p > 0) & (p < n)
    if not defined.any():
        return np.full(n, np.nan)
    probabilities, positive, p = probabilities[:, defined], positive[:, defined], p[defined]
    # A column a class. Ranks among the positives alone, and among the negatives: the others are put behind them.
    ranks = rankdata(probabilities, axis=0)
    among_positives = rankdata(np.where(positive, probabilities, np.inf), axis=0)
    among_negatives = rankdata(np.where(positive, np.inf, probabilities), axis=0)
    placement = np.where(positive, (ranks - among_positives) / (n - p), 1 - (ranks - among_negatives) / p)
    auc = (placement * positive).sum(axis=0) / p
    # Both sides' deviations sum to zero, so the mean over all images is the AUC itself.
    column = auc + np.where(positive, n / p, n / (n - p)) * (placement - auc)
    return np.asarray(column.mean(axis=1))
