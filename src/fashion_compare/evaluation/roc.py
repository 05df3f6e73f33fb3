"""ROC curves and the area under them: each class against the rest."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score, roc_curve

from fashion_compare.classifier.interface import Labels

Probabilities = NDArray[np.float64]


@dataclass(frozen=True)
class RocCurve:
    """One class against the rest: true positive rate over false positive rate, both from 0 to 1."""

    false_positive_rate: NDArray[np.float64]
    true_positive_rate: NDArray[np.float64]
    thresholds: NDArray[np.float64]


def one_vs_rest_auc(labels: Labels, probabilities: Probabilities) -> tuple[list[float | None], float | None]:
    """Return the area under each class's one-vs-rest curve, and the micro average (all decisions pooled).

    A class that is absent, or the only one present, has no curve: its area is None.
    """
    classes = probabilities.shape[1]
    truth = labels[:, None] == np.arange(classes)
    images = truth.sum(axis=0)
    curved = np.flatnonzero((images > 0) & (images < len(labels)))
    areas: list[float | None] = [None] * classes
    if len(curved):
        # All classes in one call: half the time of one call a class.
        found = roc_auc_score(truth[:, curved], probabilities[:, curved], average=None)
        for c, area in zip(curved, np.atleast_1d(found), strict=True):
            areas[c] = float(area)
    micro = float(roc_auc_score(truth.ravel(), probabilities.ravel())) if classes > 1 else None
    return areas, micro


def one_vs_rest_curves(labels: Labels, probabilities: Probabilities) -> list[RocCurve | None]:
    """Return each class's curve; None for a class that is absent or alone."""
    curves: list[RocCurve | None] = []
    for c in range(probabilities.shape[1]):
        truth = labels == c
        if not 0 < truth.sum() < len(labels):
            curves.append(None)
            continue
        curves.append(RocCurve(*roc_curve(truth, probabilities[:, c])))
    return curves
