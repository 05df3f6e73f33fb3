"""How well a configuration's probabilities mean what they say on the test set, before and after one temperature."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from fashion_compare.classifier.functional import log_softmax, softmax
from fashion_compare.comparison.statistics import mean_interval
from fashion_compare.evaluation.calibration import (
    brier_score,
    expected_calibration_error,
    fit_temperature,
    reliability,
)
from fashion_compare.evaluation.predictions import Predictions, Split

BINS = 15


def calibration(runs: Mapping[int, Mapping[Split, Predictions]]) -> dict[str, Any]:
    """Return test calibration as it is and with a temperature fitted on validation, over a configuration's runs.

    Args:
        runs: seed → ``validation`` and ``test`` predictions.

    Returns:
        `temperatures` by seed; `before` and `after`, each with ECE, Brier score and log loss, means over seeds, and
        the bins of the reliability diagram, all seeds' images together; `loss_change` with its interval.
    """
    temperatures, before, after, changes = [], [], [], []
    for held in runs.values():
        test = held["test"]
        temperature = fit_temperature(held["validation"].labels, held["validation"].logits)
        # In float64, in which no two scores become one.
        scaled = Predictions(test.labels, test.logits.astype(np.float64) / temperature)  # type: ignore[arg-type]
        temperatures.append(temperature)
        before.append(test)
        after.append(scaled)
        at = np.arange(len(test.labels)), test.labels
        changes.append(log_softmax(test.logits)[at] - log_softmax(scaled.logits)[at])
    return {
        "seeds": list(runs),
        "temperatures": temperatures,
        "before": _summary(before),
        "after": _summary(after),
        "loss_change": mean_interval(changes).as_dict(),
    }


def _summary(predictions: list[Predictions]) -> dict[str, Any]:
    shares = [softmax(held.logits) for held in predictions]
    labels = [held.labels for held in predictions]
    bins = reliability(np.concatenate(labels), np.concatenate(shares), BINS)

    def mean(score: Any) -> float:
        return float(np.mean([score(*pair) for pair in zip(labels, shares, strict=True)]))

    return {
        "ece": mean(expected_calibration_error),
        "brier": mean(brier_score),
        "loss": float(
            np.mean([-log_softmax(p.logits)[np.arange(len(p.labels)), p.labels].mean() for p in predictions])
        ),
        "bins": [
            {"images": int(count), "confidence": float(confidence), "accuracy": float(accuracy)}
            for count, confidence, accuracy in zip(bins.count, bins.confidence, bins.accuracy, strict=True)
            if count
        ],
    }
