"""Calibration of a configuration's probabilities on the test set, before and after temperature scaling."""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from fashion_compare.classifier.functional import log_softmax, softmax
from fashion_compare.comparison.statistics import Estimate, mean_interval
from fashion_compare.evaluation.calibration import (
    brier_score,
    expected_calibration_error,
    fit_temperature,
    reliability,
)
from fashion_compare.evaluation.predictions import Predictions, Split
from fashion_compare.json_record import JsonRecord

BINS = 15


class ReliabilityBin(JsonRecord):
    """Predictions of like confidence: the top label's mean probability, and how many of them are right."""

    images: int
    confidence: float
    accuracy: float


class CalibrationSummary(JsonRecord):
    """Calibration on the test set, mean over seeds; the bins of the reliability diagram hold all seeds' images."""

    ece: float
    brier: float
    loss: float
    bins: list[ReliabilityBin]


class Calibration(JsonRecord):
    """Calibration of a configuration as trained, and with a temperature fitted on validation."""

    configuration: str
    seeds: list[int]
    temperatures: list[float]
    before: CalibrationSummary
    after: CalibrationSummary
    loss_change: Estimate


def calibration(configuration: str, runs: Mapping[int, Mapping[Split, Predictions]]) -> Calibration:
    """Return test calibration before and after temperature scaling, over a configuration's runs.

    Args:
        configuration: its name.
        runs: seed → ``validation`` and ``test`` predictions.
    """
    temperatures, before, after, changes = [], [], [], []
    for predictions in runs.values():
        test = predictions["test"]
        temperature = fit_temperature(predictions["validation"].labels, predictions["validation"].logits)
        # In float64, in which no two scores become one.
        scaled = Predictions(test.labels, test.logits.astype(np.float64) / temperature)  # type: ignore[arg-type]
        temperatures.append(temperature)
        before.append(test)
        after.append(scaled)
        at = np.arange(len(test.labels)), test.labels
        changes.append(log_softmax(test.logits)[at] - log_softmax(scaled.logits)[at])
    return Calibration(
        configuration=configuration,
        seeds=list(runs),
        temperatures=temperatures,
        before=_summary(before),
        after=_summary(after),
        loss_change=mean_interval(changes),
    )


def _summary(predictions: list[Predictions]) -> CalibrationSummary:
    probabilities = [softmax(run.logits) for run in predictions]
    labels = [run.labels for run in predictions]
    bins = reliability(np.concatenate(labels), np.concatenate(probabilities), BINS)

    def mean(score: Callable[[NDArray[np.int64], NDArray[np.float64]], float]) -> float:
        return float(np.mean([score(*pair) for pair in zip(labels, probabilities, strict=True)]))

    losses = [-log_softmax(run.logits)[np.arange(len(run.labels)), run.labels].mean() for run in predictions]
    return CalibrationSummary(
        ece=mean(expected_calibration_error),
        brier=mean(brier_score),
        loss=float(np.mean(losses)),
        bins=[
            ReliabilityBin(images=int(count), confidence=float(confidence), accuracy=float(accuracy))
            for count, confidence, accuracy in zip(bins.count, bins.confidence, bins.accuracy, strict=True)
            if count
        ],
    )
