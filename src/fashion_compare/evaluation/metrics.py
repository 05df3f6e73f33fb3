"""Every score of one set of predictions, from labels and logits alone."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from fashion_compare.classifier.functional import cross_entropy, softmax
from fashion_compare.classifier.interface import Labels, Logits
from fashion_compare.evaluation.calibration import brier_score, expected_calibration_error
from fashion_compare.evaluation.roc import one_vs_rest_auc

# In the order of the report's tables; all of them are single numbers of one run on one set.
SCALAR_METRICS = (
    "accuracy",
    "precision_macro",
    "recall_macro",
    "f1_macro",
    "auc_macro_ovr",
    "auc_micro",
    "loss",
    "nll",
    "brier",
    "ece",
)


def scores(labels: Labels, logits: Logits, probabilities: NDArray[np.float64] | None = None) -> dict[str, Any]:
    """Return all metrics of (n,) labels and (n, classes) logits, JSON-ready.

    A model that gives probabilities has its own; else they are the softmax of the logits.

    Macro averages are plain means over classes, each counted alike. A class that was never predicted has
    precision 0, one without images recall 0 and no AUC: the macro AUC is over those that have one.
    `per_class` holds, by class index, precision, recall, F1, AUC and the number of images;
    `confusion[i][j]` counts images of class i that were called j.
    """
    classes = list(range(logits.shape[1]))
    predicted = (logits if probabilities is None else probabilities).argmax(axis=1)
    probabilities = softmax(logits) if probabilities is None else probabilities
    precision, recall, f1, support = precision_recall_fscore_support(
        labels, predicted, labels=classes, average=None, zero_division=0.0
    )
    auc, auc_micro = one_vs_rest_auc(labels, probabilities)
    loss = cross_entropy(logits, labels)
    defined = [value for value in auc if value is not None]
    return {
        "loss": loss,
        "accuracy": float(np.mean(predicted == labels)),
        "precision_macro": float(precision.mean()),
        "recall_macro": float(recall.mean()),
        "f1_macro": float(f1.mean()),
        "auc_macro_ovr": float(np.mean(defined)) if defined else None,
        "auc_micro": auc_micro,
        "nll": loss,
        "brier": brier_score(labels, probabilities),
        "ece": expected_calibration_error(labels, probabilities),
        "per_class": [
            {
                "precision": float(precision[c]),
                "recall": float(recall[c]),
                "f1": float(f1[c]),
                "auc": auc[c],
                "images": int(support[c]),
            }
            for c in classes
        ],
        "confusion": confusion_matrix(labels, predicted, labels=classes).tolist(),
    }
