"""Ablations of the input compared: each model with itself on other data, and one model's change with the other's."""

from collections.abc import Mapping, Sequence
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from fashion_compare.comparison.paired import Comparison, ConfigurationScores, Verdict, compare_family, verdict_of
from fashion_compare.comparison.statistics import Estimate, holm, mean_interval, paired_t_p
from fashion_compare.json_record import JsonRecord

Columns = Mapping[int, NDArray[np.float64]]


class ModelDifference(Estimate):
    """How much better the cnn does than the ffnn, paired by seed and image; above zero the cnn is ahead."""

    seeds: list[int]
    p: Annotated[float | None, Field(description="paired t-test over seeds, two-sided")]
    p_holm: Annotated[float | None, Field(description="corrected over the family that it belongs to")]
    family: Annotated[int, Field(description="differences that the correction runs over")]
    verdict: Verdict


class SizeDifference(ModelDifference):
    """The difference of the two models with so many training images."""

    images: int


class SizePoint(JsonRecord):
    """Test accuracy with so many training images."""

    images: int
    seeds: list[int]
    accuracy: Estimate


class Permutation(JsonRecord):
    """Training and testing with all pixels in one other order."""

    changes: Annotated[dict[str, Comparison], Field(description="model → permuted (a) against the baseline (b)")]
    cnn_minus_ffnn: Annotated[ModelDifference | None, Field(description="how much more the cnn changes")]


def accuracies(scores: ConfigurationScores) -> Columns:
    """Return seed → whether each test image was predicted correctly, as numbers."""
    return scores.per_image["test"]["accuracy"]


def permutation_effect(
    permuted: Mapping[str, ConfigurationScores], baselines: Mapping[str, ConfigurationScores]
) -> Permutation:
    """Compare each model trained on permuted pixels with its baseline, and the two changes with each other.

    Args:
        permuted: model → its finished runs on permuted pixels.
        baselines: model → its baseline.

    Returns:
        The models' changes of test accuracy are a family; the difference of the two is None unless both have a seed in
        common.
    """
    models = [model for model in permuted if model in baselines]
    rows = compare_family([(permuted[model], baselines[model]) for model in models], "test", "accuracy")
    difference = None
    if {"ffnn", "cnn"} <= set(models):
        parts = [accuracies(scores[model]) for model in ("cnn", "ffnn") for scores in (permuted, baselines)]
        seeds = sorted(set.intersection(*(set(part) for part in parts)))
        if seeds:
            columns = {s: (parts[0][s] - parts[1][s]) - (parts[2][s] - parts[3][s]) for s in seeds}
            (difference,) = model_differences([columns])
    return Permutation(changes={row.a.model: row for row in rows}, cnn_minus_ffnn=difference)


def learning_curve(by_size: Mapping[int, ConfigurationScores]) -> list[SizePoint]:
    """Return test accuracy by number of training images, ascending."""
    return [
        SizePoint(images=images, seeds=scores.seeds(), accuracy=scores.estimate("test", "accuracy"))
        for images, scores in sorted(by_size.items())
    ]


def differences_by_size(
    cnn: Mapping[int, ConfigurationScores], ffnn: Mapping[int, ConfigurationScores]
) -> list[SizeDifference]:
    """Return the difference of the two models in test accuracy, by number of training images."""
    columns = {}
    for images in sorted(set(cnn) & set(ffnn)):
        of_cnn, of_ffnn = accuracies(cnn[images]), accuracies(ffnn[images])
        seeds = sorted(set(of_cnn) & set(of_ffnn))
        if seeds:
            columns[images] = {seed: of_cnn[seed] - of_ffnn[seed] for seed in seeds}
    return [
        SizeDifference(**dict(difference), images=images)
        for images, difference in zip(columns, model_differences(list(columns.values())), strict=True)
    ]


def model_differences(columns: Sequence[Columns]) -> list[ModelDifference]:
    """Judge a family of differences of one model from the other, each paired by seed and image.

    Args:
        columns: for each difference, seed → (images,); above zero the first model is ahead.

    Returns:
        Each with p of the paired t-test over seeds, Holm's correction over the family, and the verdict by it.
    """
    raw = [paired_t_p([float(column.mean()) for column in by_seed.values()]) for by_seed in columns]
    family = [p for p in raw if p is not None]
    known = iter(holm(family))
    found = []
    for by_seed, p in zip(columns, raw, strict=True):
        estimate, corrected = mean_interval(list(by_seed.values())), None if p is None else next(known)
        found.append(
            ModelDifference(
                **dict(estimate),
                seeds=list(by_seed),
                p=p,
                p_holm=corrected,
                family=len(family),
                verdict=verdict_of(estimate.mean, corrected, len(by_seed)),
            )
        )
    return found
