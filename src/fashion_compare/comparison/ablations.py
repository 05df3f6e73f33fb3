"""What the experiments say: each model against itself on other data, and one model's change against the other's."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fashion_compare.comparison.paired import ConfigurationScores, compare_family, verdict_of
from fashion_compare.comparison.statistics import holm, mean_interval, paired_t_p

Columns = Mapping[int, NDArray[np.float64]]


def accuracies(held: ConfigurationScores) -> Columns:
    """Return seed → whether each test image was answered right, as numbers."""
    return held.columns["test"]["accuracy"]


def permutation_effect(
    permuted: Mapping[str, ConfigurationScores], baselines: Mapping[str, ConfigurationScores]
) -> dict[str, Any]:
    """Compare each model trained on permuted pixels with its baseline, and the two changes with each other.

    Args:
        permuted: model → its finished runs on permuted pixels.
        baselines: model → its baseline.

    Returns:
        `changes`: model → its comparison in test accuracy, a family of as many as there are models. `cnn_minus_ffnn`:
        how much more the cnn changes, paired over seeds and images; None unless both models have a seed in common.
    """
    models = [model for model in permuted if model in baselines]
    rows = compare_family([(permuted[model], baselines[model]) for model in models], "test", "accuracy")
    found: dict[str, Any] = {"changes": {row["a"]["model"]: row for row in rows}, "cnn_minus_ffnn": None}
    if {"ffnn", "cnn"} <= set(models):
        parts = [accuracies(held[model]) for model in ("cnn", "ffnn") for held in (permuted, baselines)]
        seeds = sorted(set.intersection(*(set(part) for part in parts)))
        if seeds:
            columns = {s: (parts[0][s] - parts[1][s]) - (parts[2][s] - parts[3][s]) for s in seeds}
            (found["cnn_minus_ffnn"],) = leads([columns])
    return found


def learning_curve(by_size: Mapping[int, ConfigurationScores]) -> list[dict[str, Any]]:
    """Return test accuracy by number of training images, ascending, each with its interval and seeds."""
    return [
        {"images": images, "seeds": held.seeds(), "accuracy": held.interval("test", "accuracy").as_dict()}
        for images, held in sorted(by_size.items())
    ]


def lead_by_size(a: Mapping[int, ConfigurationScores], b: Mapping[int, ConfigurationScores]) -> list[dict[str, Any]]:
    """Return how far the first model is ahead of the second in test accuracy, by number of training images."""
    columns = {}
    for images in sorted(set(a) & set(b)):
        of_a, of_b = accuracies(a[images]), accuracies(b[images])
        seeds = sorted(set(of_a) & set(of_b))
        if seeds:
            columns[images] = {seed: of_a[seed] - of_b[seed] for seed in seeds}
    return [{"images": images, **lead} for images, lead in zip(columns, leads(list(columns.values())), strict=True)]


def leads(columns: Sequence[Columns]) -> list[dict[str, Any]]:
    """Judge a family of leads of one model over the other, each paired by seed and image.

    Args:
        columns: for each lead, seed → (images,) differences; above zero the first model is ahead.

    Returns:
        For each the `seeds`, the `lead` with its interval, p of the paired t-test over seeds, with Holm's correction
        over the `family` of so many, and the verdict that follows it, as everywhere.
    """
    raw = [paired_t_p([float(column.mean()) for column in held.values()]) for held in columns]
    known = iter(holm([p for p in raw if p is not None]))
    found = []
    for held, p in zip(columns, raw, strict=True):
        interval, corrected = mean_interval(list(held.values())), None if p is None else next(known)
        found.append(
            {
                "seeds": list(held),
                "lead": interval.as_dict(),
                "p": p,
                "p_holm": corrected,
                "family": sum(one is not None for one in raw),
                "verdict": verdict_of(interval.mean, corrected, len(held)),
            }
        )
    return found
