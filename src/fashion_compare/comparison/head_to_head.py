"""Two models side by side on the same images: where they agree, and what they would reach together."""

from collections.abc import Mapping, Sequence
from typing import Any

from fashion_compare.comparison.paired import ConfigurationScores, compare_all_metrics, compare_family
from fashion_compare.comparison.per_class import class_differences, confusion_changes
from fashion_compare.comparison.statistics import mcnemar_p
from fashion_compare.evaluation.predictions import Predictions

AGREEMENT = ("both_right", "only_a_right", "only_b_right", "both_wrong")


def head_to_head(
    a: ConfigurationScores, b: ConfigurationScores, predictions: Mapping[int, tuple[Predictions, Predictions]]
) -> dict[str, Any]:
    """Compare two models on the test set in everything: scores, classes, confusions, agreement, and together.

    Args:
        a: the first model's runs, read from predictions.
        b: the second's.
        predictions: common seed → what the runs of both with that seed predict for the test images.
    """
    rows = agreement(a, b)
    return {
        "comparisons": compare_all_metrics([(a, b)], "test"),
        "agreement": rows,
        "shares": shares(rows),
        "classes": class_differences(a, b),
        "confusions": confusion_changes(a, b),
        "ensemble": ensemble(a, b, predictions),
    }


def agreement(a: ConfigurationScores, b: ConfigurationScores) -> list[dict[str, Any]]:
    """Return, per common seed, how many test images both, only one, or neither gets right, and McNemar's p."""
    rows = []
    for seed in sorted(set(a.seeds()) & set(b.seeds())):
        right_a = a.columns["test"]["accuracy"][seed] > 0.5
        right_b = b.columns["test"]["accuracy"][seed] > 0.5
        only_a, only_b = int((right_a & ~right_b).sum()), int((right_b & ~right_a).sum())
        rows.append(
            {
                "seed": seed,
                "both_right": int((right_a & right_b).sum()),
                "only_a_right": only_a,
                "only_b_right": only_b,
                "both_wrong": int((~right_a & ~right_b).sum()),
                "mcnemar_p": mcnemar_p(only_a, only_b),
            }
        )
    return rows


def shares(rows: Sequence[Mapping[str, int]]) -> dict[str, float]:
    """Return, from what `agreement` gives, the mean shares of the test images that both, one or neither gets right."""
    images = sum(rows[0][key] for key in AGREEMENT)
    return {key: sum(row[key] for row in rows) / len(rows) / images for key in AGREEMENT}


def ensemble(
    a: ConfigurationScores, b: ConfigurationScores, predictions: Mapping[int, tuple[Predictions, Predictions]]
) -> list[dict[str, Any]]:
    """Compare with each of two models what the mean of their probabilities reaches on the test set.

    Args:
        a: the first model's runs.
        b: the second's.
        predictions: common seed → what the runs of both with that seed predict.

    Returns:
        Accuracy and log loss, against a and against b; each metric is a family of two.
    """
    both = ConfigurationScores("ensemble", f"{a.model} and {b.model}")
    for seed, (of_a, of_b) in predictions.items():
        mean = (of_a.probabilities + of_b.probabilities) / 2
        both.add_predictions(seed, "test", Predictions.from_probabilities(of_a.labels, mean))
    return [row for metric in ("accuracy", "loss") for row in compare_family([(both, a), (both, b)], "test", metric)]
