"""The table of metrics: a row each, from which everything that lists, compares or prints metrics is derived.

A new metric is a new row. It is computed from saved predictions whenever results are collected, so that finished runs
have it without being trained again; with an `influence` it is also compared, with intervals and tests.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fashion_compare.evaluation.calibration import brier_score, expected_calibration_error
from fashion_compare.evaluation.influence import (
    Column,
    accuracy_influence,
    auc_macro_influence,
    f1_macro_influence,
    log_loss_influence,
)
from fashion_compare.evaluation.predictions import Predictions


@dataclass(frozen=True)
class Metric:
    """One number of one model's predictions for a set of images.

    Attributes:
        name: its key in results.json and results.csv.
        label: what tables call it.
        score: predictions → its value; None where it is undefined.
        description: what exactly it is, for the schema.
        short: `label` where space is short; empty for the same.
        percent: whether it is a share, printed in percent; else it is printed in its own unit.
        digits: behind the point, as printed.
        lower_is_better: its direction.
        smallest: the smallest value that it can have.
        largest: the largest one.
        influence: predictions → (images,) column whose mean is the score and whose spread is the score's, see
            `influence.py`; None for a metric that is reported but not compared.
        negligible: a difference up to this, in either direction, is not worth speaking of; None to say that of none.
        may_be_undefined: whether `score` may be None.
        listed: whether tables of all metrics show it.
    """

    name: str
    label: str
    score: Callable[[Predictions], float | None]
    description: str = ""
    short: str = ""
    percent: bool = True
    digits: int = 2
    lower_is_better: bool = False
    smallest: float = 0.0
    largest: float = 1.0
    influence: Callable[[Predictions], Column] | None = None
    negligible: float | None = None
    may_be_undefined: bool = False
    listed: bool = True

    def format(self, value: float) -> str:
        """Return a value as it is printed, without a unit."""
        return f"{self._scaled(value):.{self.digits}f}"

    def format_difference(self, value: float) -> str:
        """Return a difference with its sign: percentage points, or the metric's own unit."""
        return f"{self._scaled(value):+.{self.digits}f}".replace("-", "−")

    def format_size(self, value: float) -> str:
        """Return the size of a difference with its unit."""
        return self.format(value) + (" points" if self.percent else "")

    def _scaled(self, value: float) -> float:
        return 100 * value if self.percent else value


METRICS = (
    Metric(
        "accuracy",
        "accuracy",
        lambda p: float(np.mean(p.predicted_labels == p.labels)),
        "share of images whose predicted label is the right one",
        influence=accuracy_influence,
        negligible=0.005,
    ),
    Metric(
        "precision_macro",
        "macro precision",
        lambda p: float(precision(p.confusion).mean()),
        "mean over classes; 0 for a class that was never predicted",
    ),
    Metric(
        "recall_macro",
        "macro recall",
        lambda p: float(recall(p.confusion).mean()),
        "mean over classes; 0 for a class without images",
    ),
    Metric(
        "f1_macro",
        "macro F1",
        lambda p: float(f1(p.confusion).mean()),
        "mean over classes",
        short="F1",
        influence=f1_macro_influence,
        negligible=0.005,
    ),
    Metric(
        "auc_macro_ovr",
        "macro AUC",
        lambda p: _mean_of_defined(p.one_vs_rest_auc[0]),
        "one-vs-rest, mean over the classes that have one",
        short="AUC",
        influence=auc_macro_influence,
        negligible=0.001,
        may_be_undefined=True,
    ),
    Metric(
        "auc_micro",
        "micro AUC",
        lambda p: p.one_vs_rest_auc[1],
        "all one-vs-rest decisions pooled",
        may_be_undefined=True,
    ),
    Metric(
        "loss",
        "log loss",
        lambda p: p.log_loss,
        "mean cross-entropy, without penalties",
        percent=False,
        digits=4,
        lower_is_better=True,
        largest=math.inf,
        influence=log_loss_influence,
        negligible=0.01,
    ),
    Metric(
        "nll",
        "negative log-likelihood",
        lambda p: p.log_loss,
        "the same number as loss, under the name of the calibration literature",
        percent=False,
        digits=4,
        lower_is_better=True,
        largest=math.inf,
        listed=False,
    ),
    Metric(
        "brier",
        "Brier score",
        lambda p: brier_score(p.labels, p.probabilities),
        "sum over classes, mean over images",
        short="Brier",
        percent=False,
        digits=4,
        lower_is_better=True,
        largest=2.0,
    ),
    Metric(
        "ece",
        "ECE",
        lambda p: expected_calibration_error(p.labels, p.probabilities),
        "expected calibration error: top label, 15 equal-width bins",
        percent=False,
        digits=4,
        lower_is_better=True,
    ),
)
METRIC = {metric.name: metric for metric in METRICS}
# Those that are compared: with intervals, tests and verdicts.
COMPARED = tuple(metric.name for metric in METRICS if metric.influence is not None)


def scores(predictions: Predictions) -> dict[str, float | None]:
    """Return every metric of one set of predictions, by name."""
    return {metric.name: metric.score(predictions) for metric in METRICS}


def influences(predictions: Predictions) -> dict[str, Column]:
    """Return the (images,) column of every metric that has one, by name; its mean is the score."""
    return {metric.name: metric.influence(predictions) for metric in METRICS if metric.influence is not None}


def precision(confusion: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return each class's share of right ones among the images predicted as it, (classes,); 0 where there are none."""
    return _share(np.diag(confusion), confusion.sum(axis=0))


def recall(confusion: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return each class's share of right ones among its images, (classes,); 0 where there are none."""
    return _share(np.diag(confusion), confusion.sum(axis=1))


def f1(confusion: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return each class's F1, 2·right / (images + predicted), (classes,); 0 where both are none."""
    return _share(2 * np.diag(confusion), confusion.sum(axis=0) + confusion.sum(axis=1))


def _share(part: NDArray[np.int64], whole: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.divide(part, whole, out=np.zeros(len(part)), where=whole > 0)


def _mean_of_defined(values: list[float | None]) -> float | None:
    defined = [value for value in values if value is not None]
    return float(np.mean(defined)) if defined else None
