"""What the experiments say: each model against itself on other data, and one model's change against the other's."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fashion_compare.comparison.pairs import Scored, compare_family
from fashion_compare.comparison.statistics import mean_interval

Columns = Mapping[int, NDArray[np.float64]]


def accuracies(held: Scored) -> Columns:
    """Return seed → whether each test image was answered right, as numbers."""
    return held.columns["test"]["accuracy"]


def permutation_effect(permuted: Mapping[str, Scored], baselines: Mapping[str, Scored]) -> dict[str, Any]:
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
            columns = [(parts[0][s] - parts[1][s]) - (parts[2][s] - parts[3][s]) for s in seeds]
            found["cnn_minus_ffnn"] = mean_interval(columns).as_dict() | {"seeds": seeds}
    return found


def learning_curve(by_size: Mapping[int, Scored]) -> list[dict[str, Any]]:
    """Return test accuracy by number of training images, ascending, each with its interval and seeds."""
    return [
        {"images": images, "seeds": held.seeds(), "accuracy": held.interval("test", "accuracy").as_dict()}
        for images, held in sorted(by_size.items())
    ]


def lead_by_size(a: Mapping[int, Scored], b: Mapping[int, Scored]) -> list[dict[str, Any]]:
    """Return how far the first model is ahead of the second in test accuracy, by number of training images."""
    found = []
    for images in sorted(set(a) & set(b)):
        of_a, of_b = accuracies(a[images]), accuracies(b[images])
        seeds = sorted(set(of_a) & set(of_b))
        if seeds:
            lead = mean_interval([of_a[seed] - of_b[seed] for seed in seeds])
            found.append({"images": images, "seeds": seeds, "lead": lead.as_dict()})
    return found
