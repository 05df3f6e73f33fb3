"""Which given labels are probably wrong, judged by a model that was not trained on them: confident learning.

Source: Northcutt, Jiang and Chuang, Confident learning: estimating uncertainty in dataset labels (2021). Given labels
are i, the unknown right ones j. Probabilities must be out of sample: a model that was trained on a wrong label has
learnt it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fashion_compare.classifier.interface import Labels

Probabilities = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class SuspectedErrors:
    """Images whose label is probably wrong, the most suspicious first.

    Attributes:
        index: (m,) int64, of the image.
        given: (m,) int64, its label.
        suggested: (m,) int64, the class it is confidently counted to instead.
        self_confidence: (m,) the given label's probability.
        margin: (m,) normalised margin, the given label's probability minus the highest other one, -1 … 1, ascending.
    """

    index: NDArray[np.int64]
    given: Labels
    suggested: Labels
    self_confidence: NDArray[np.float64]
    margin: NDArray[np.float64]


def class_thresholds(labels: Labels, probabilities: Probabilities) -> NDArray[np.float64]:
    """Return each class's mean probability among the images labelled so: t_j, eq. 2. Infinite for a class of none."""
    _, classes = probabilities.shape
    own = probabilities[np.arange(len(labels)), labels]
    counts = np.bincount(labels, minlength=classes)
    total = np.bincount(labels, weights=own, minlength=classes)
    return np.where(counts > 0, total / np.maximum(counts, 1), np.inf)


def confident_joint(labels: Labels, probabilities: Probabilities) -> NDArray[np.int64]:
    """Return C (classes, classes), eq. 1: images with label i that are confidently of class j.

    An image is confidently of the class with the highest probability among those that reach their thresholds; where
    that ties with its own label, of its own. An image that reaches none is not counted.

    Args:
        labels: (n,) the given classes.
        probabilities: (n, classes), out of sample, each row summing to one.
    """
    _, classes = probabilities.shape
    confident = _confident_classes(labels, probabilities)
    counted = confident >= 0
    pairs = labels[counted] * classes + confident[counted]
    return np.bincount(pairs, minlength=classes**2).reshape(classes, classes)


def calibrated_joint(labels: Labels, probabilities: Probabilities) -> NDArray[np.float64]:
    """Return Q (classes, classes), eq. 3: the estimated joint distribution of given labels i and right ones j.

    Rows of the confident joint are scaled to the labels' own frequencies, and all sums to one. What is off the diagonal
    sums to the estimated share of wrong labels.
    """
    joint = confident_joint(labels, probabilities)
    frequency = np.bincount(labels, minlength=len(joint)) / len(labels)
    # Only a class of no images has an empty row: of the others, one at least reaches its mean.
    return np.asarray(joint * (frequency / np.maximum(joint.sum(axis=1), 1))[:, None])


def estimated_error_share(labels: Labels, probabilities: Probabilities) -> float:
    """Return the estimated share of wrong labels: what the calibrated joint holds off its diagonal."""
    return float(1 - np.trace(calibrated_joint(labels, probabilities)))


def suspected_label_errors(labels: Labels, probabilities: Probabilities) -> SuspectedErrors:
    """Return the images that the confident joint counts off its diagonal, by normalised margin.

    Of the paper's pruning rules this is the second of section 3.2, C_{ỹ,y*}. Unlike pruning by class or by noise rate,
    which fill a quota and may have to take images that nothing speaks against, it judges each image alone and says what
    it suggests instead; so labels that the model confidently agrees with are never suspected.

    Args:
        labels: (n,) the given classes.
        probabilities: (n, classes), out of sample, each row summing to one.
    """
    confident = _confident_classes(labels, probabilities)
    suspected = np.flatnonzero((confident >= 0) & (confident != labels))
    given, others = labels[suspected], probabilities[suspected]
    rows = np.arange(len(suspected))
    own = others[rows, given]
    others[rows, given] = -np.inf
    margin = own - others.max(axis=1)
    order = np.argsort(margin, kind="stable")
    return SuspectedErrors(suspected[order], given[order], confident[suspected][order], own[order], margin[order])


def _confident_classes(labels: Labels, probabilities: Probabilities) -> NDArray[np.int64]:
    """Return (n,) the class that each image is confidently of, -1 for none."""
    # A mean of equal numbers may be rounded above them all, and still they reach it.
    reached = probabilities >= class_thresholds(labels, probabilities) - 1e-9
    among = np.where(reached, probabilities, -1.0)
    best = among.max(axis=1)
    confident = np.where(among[np.arange(len(labels)), labels] == best, labels, among.argmax(axis=1))
    return np.where(best >= 0, confident, -1)
