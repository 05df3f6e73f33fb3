"""Two models on the same images, head to head: scores, classes, confusions, agreement, and their ensemble."""

from collections.abc import Mapping, Sequence

from fashion_compare.comparison.paired import (
    Comparison,
    ConfigurationScores,
    common_seeds,
    compare_all_metrics,
    compare_family,
)
from fashion_compare.comparison.per_class import ClassDifference, ConfusionChange, class_differences, confusion_changes
from fashion_compare.comparison.statistics import mcnemar_p
from fashion_compare.evaluation.predictions import Predictions
from fashion_compare.json_record import JsonRecord


class Agreement(JsonRecord):
    """How many test images two trained networks of one seed predict correctly, both or one of them."""

    seed: int
    both_right: int
    only_a_right: int
    only_b_right: int
    both_wrong: int
    mcnemar_p: float


class AgreementRates(JsonRecord):
    """The same as shares of the test images, mean over the seeds' pairs of networks."""

    both_right: float
    only_a_right: float
    only_b_right: float
    both_wrong: float


class HeadToHead(JsonRecord):
    """One model (a) compared with another (b) on the test set."""

    comparisons: list[Comparison]
    agreement: list[Agreement]
    agreement_rates: AgreementRates
    classes: list[ClassDifference]
    confusions: list[ConfusionChange]
    ensemble: list[Comparison]


def head_to_head(
    a: ConfigurationScores, b: ConfigurationScores, predictions: Mapping[int, tuple[Predictions, Predictions]]
) -> HeadToHead:
    """Compare two models on the test set in everything.

    Args:
        a: the first model's runs, read from predictions.
        b: the second's.
        predictions: common seed → what the runs of both with that seed predict for the test images.
    """
    rows = agreement(a, b)
    return HeadToHead(
        comparisons=compare_all_metrics([(a, b)], "test"),
        agreement=rows,
        agreement_rates=agreement_rates(rows),
        classes=class_differences(a, b),
        confusions=confusion_changes(a, b),
        ensemble=ensemble(a, b, predictions),
    )


def agreement(a: ConfigurationScores, b: ConfigurationScores) -> list[Agreement]:
    """Return, per common seed, how many test images both, only one, or neither gets right, and McNemar's p."""
    rows = []
    for seed in common_seeds(a, b):
        right_a = a.per_image["test"]["accuracy"][seed] > 0.5
        right_b = b.per_image["test"]["accuracy"][seed] > 0.5
        only_a, only_b = int((right_a & ~right_b).sum()), int((right_b & ~right_a).sum())
        rows.append(
            Agreement(
                seed=seed,
                both_right=int((right_a & right_b).sum()),
                only_a_right=only_a,
                only_b_right=only_b,
                both_wrong=int((~right_a & ~right_b).sum()),
                mcnemar_p=mcnemar_p(only_a, only_b),
            )
        )
    return rows


def agreement_rates(rows: Sequence[Agreement]) -> AgreementRates:
    """Return, from what `agreement` gives, the mean shares of the test images."""
    counts = {name: [int(getattr(row, name)) for row in rows] for name in AgreementRates.model_fields}
    images = sum(values[0] for values in counts.values())
    return AgreementRates(**{name: sum(values) / len(rows) / images for name, values in counts.items()})


def ensemble(
    a: ConfigurationScores, b: ConfigurationScores, predictions: Mapping[int, tuple[Predictions, Predictions]]
) -> list[Comparison]:
    """Compare the ensemble of two models, the mean of their probabilities, with each of them on the test set.

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
