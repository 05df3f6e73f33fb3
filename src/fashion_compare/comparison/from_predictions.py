"""The whole comparison of two models of any kind, from what they predicted for the same images."""

from collections.abc import Sequence
from typing import Any

from fashion_compare.comparison.head_to_head import head_to_head
from fashion_compare.comparison.paired import ConfigurationScores
from fashion_compare.evaluation.metrics import COMPARED, class_scores, scores
from fashion_compare.evaluation.predictions import Predictions


def compare_predictions(a: Sequence[Predictions], b: Sequence[Predictions]) -> dict[str, Any]:
    """Compare two models; the i-th of a and the i-th of b are a pair, as two runs with the same seed are.

    Args:
        a: the first model's predictions, a run each; the same images and labels everywhere.
        b: as many of the second's.

    Returns:
        `a` and `b`: all scores of each run, and means with intervals; and what `head_to_head` returns, a - b.
    """
    sides = {}
    for name, runs in (("a", a), ("b", b)):
        sides[name] = ConfigurationScores(name, name)
        for seed, predictions in enumerate(runs):
            sides[name].add_predictions(seed, "test", predictions)
    found: dict[str, Any] = head_to_head(sides["a"], sides["b"], dict(enumerate(zip(a, b, strict=True))))
    defined = {row["metric"] for row in found["comparisons"]}
    for name, runs in (("a", a), ("b", b)):
        intervals = {metric: sides[name].interval("test", metric) for metric in COMPARED if metric in defined}
        found[name] = {
            "runs": [
                {**scores(run), "per_class": class_scores(run), "confusion": run.confusion.tolist()} for run in runs
            ],
            "interval": {
                metric: {"mean": held.mean, "interval": [held.low, held.high], "covers": held.covers}
                for metric, held in intervals.items()
            },
        }
    return found
