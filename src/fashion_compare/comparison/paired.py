"""One configuration against another: paired over seeds and images, with everything a claim has to show."""

from collections.abc import Sequence, Set
from dataclasses import dataclass, field, replace
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from fashion_compare.classifier.interface import Labels
from fashion_compare.comparison.statistics import (
    LEVEL,
    MINIMUM_SEEDS,
    MOST_SIGN_FLIP_SEEDS,
    Estimate,
    holm,
    mean_interval,
    minimum_detectable_difference,
    paired_t_p,
    probability_of_improvement,
    seeds_needed,
    sign_flip_p,
    smallest_sign_flip_p,
)
from fashion_compare.evaluation.metrics import COMPARED, METRIC, influences
from fashion_compare.evaluation.predictions import Predictions, Split
from fashion_compare.evaluation.scores import ComparedMetric
from fashion_compare.json_record import JsonRecord

Verdict = Literal["better", "worse", "inconclusive", "not tested"]


class Side(JsonRecord):
    """One side of a comparison; the model `ensemble` is the mean of two models' probabilities."""

    model: str
    configuration: str


class Comparison(Estimate):
    """The difference a - b, paired by seed and image."""

    a: Side
    b: Side
    split: Split
    metric: ComparedMetric
    seeds: list[int]
    differences: Annotated[list[float], Field(description="one per seed")]
    p: Annotated[float | None, Field(description="paired t-test over seeds, two-sided")]
    p_holm: float | None
    family: Annotated[int, Field(description="comparisons that Holm's correction runs over")]
    p_sign_flip: Annotated[float | None, Field(description="exact; None above 16 seeds")]
    smallest_sign_flip_p: Annotated[float, Field(description="the smallest that so many seeds can reach")]
    sign_flip_can_reject: Annotated[bool, Field(description="whether it can fall below 0.05 after correction")]
    probability_of_improvement: Annotated[float, Field(description="share of seeds in which a is better, ties half")]
    minimum_detectable_difference: Annotated[
        float | None, Field(description="the mean difference at which p would be 0.05; None without any spread")
    ]
    equivalence_bound: Annotated[
        float | None, Field(description="when inconclusive and the interval lies within the negligible difference")
    ]
    seeds_needed: int | None
    verdict: Verdict


@dataclass
class ConfigurationScores:
    """A configuration's finished runs: for each split and metric a column (images,) per seed.

    `predicted_labels` are those of the test images by seed, `labels` the true ones, of `classes`.
    """

    model: str
    name: str
    per_image: dict[Split, dict[str, dict[int, NDArray[np.float64]]]] = field(default_factory=dict)
    predicted_labels: dict[int, NDArray[np.integer]] = field(default_factory=dict)
    labels: Labels | None = None
    classes: int = 0

    def add(self, seed: int, split: Split, columns: dict[str, NDArray[np.float64]]) -> None:
        """Add the columns of one run on one split."""
        for metric, column in columns.items():
            self.per_image.setdefault(split, {}).setdefault(metric, {})[seed] = column

    def add_predictions(self, seed: int, split: Split, predictions: Predictions) -> None:
        """Add the columns of one run on one split from its predictions, and its predicted labels on the test set."""
        self.add(seed, split, influences(predictions))
        if split == "test":
            self.labels, self.classes = predictions.labels, predictions.classes
            # A byte an image: a study can have thousands of runs.
            self.predicted_labels[seed] = predictions.predicted_labels.astype(np.min_scalar_type(predictions.classes))

    def seeds(self) -> list[int]:
        """Return the seeds of the finished runs."""
        return sorted(self.per_image["test"]["accuracy"]) if self.per_image else []

    def only(self, seeds: Set[int]) -> "ConfigurationScores | None":
        """Return the same with the runs of some seeds alone; None when it has none of them."""
        if not seeds & set(self.seeds()):
            return None
        per_image: dict[Split, dict[str, dict[int, NDArray[np.float64]]]] = {
            split: {metric: {seed: held[seed] for seed in held if seed in seeds} for metric, held in metrics.items()}
            for split, metrics in self.per_image.items()
        }
        return replace(self, per_image=per_image)

    def estimate(self, split: Split, metric: str) -> Estimate:
        """Return the mean over seeds with its interval."""
        return mean_interval([self.per_image[split][metric][seed] for seed in self.seeds()])


def difference(
    a: ConfigurationScores, b: ConfigurationScores, split: Split, metric: str
) -> tuple[list[int], list[float], Estimate]:
    """Return the common seeds, the paired differences a - b, and their mean with its interval."""
    seeds = common_seeds(a, b)
    columns = [a.per_image[split][metric][seed] - b.per_image[split][metric][seed] for seed in seeds]
    values = [float(column.mean()) for column in columns]
    return seeds, values, mean_interval(columns)


def common_seeds(a: ConfigurationScores, b: ConfigurationScores) -> list[int]:
    """Return the seeds that both have finished runs of."""
    return sorted(set(a.seeds()) & set(b.seeds()))


def compare_family(
    pairs: Sequence[tuple[ConfigurationScores, ConfigurationScores]], split: Split, metric: str, *, family: int = 0
) -> list[Comparison]:
    """Compare each (a, b) of a family on one metric; Holm's correction runs over the family.

    Pairs without a common finished seed are left out. When these pairs were chosen out of more, `family` is how many
    there were: the others count as if they had shown nothing.
    """
    pairs = [(a, b) for a, b in pairs if common_seeds(a, b)]
    measured = [difference(a, b, split, metric) for a, b in pairs]
    raw = [paired_t_p(differences) for _, differences, _ in measured]
    tested = [p for p in raw if p is not None]
    family = max(family, len(tested))
    known = iter(holm(tested, family))
    return [
        _comparison(
            *pair,
            values,
            split=split,
            metric=metric,
            p=p,
            p_holm=None if p is None else next(known),
            family=family or len(pairs),
        )
        for pair, values, p in zip(pairs, measured, raw, strict=True)
    ]


def verdict_of(gain: float, p_holm: float | None, seeds: int) -> Verdict:
    """Return the verdict on a difference, positive when the first is ahead: Holm's p decides, from three seeds on."""
    if seeds < MINIMUM_SEEDS or p_holm is None:
        return "not tested"
    if p_holm >= LEVEL:
        return "inconclusive"
    return "better" if gain > 0 else "worse"


def _comparison(
    a: ConfigurationScores,
    b: ConfigurationScores,
    measured: tuple[list[int], list[float], Estimate],
    *,
    split: Split,
    metric: str,
    p: float | None,
    p_holm: float | None,
    family: int,
) -> Comparison:
    seeds, differences, estimate = measured
    sign = -1 if METRIC[metric].lower_is_better else 1
    negligible = METRIC[metric].negligible
    verdict = verdict_of(sign * estimate.mean, p_holm, len(seeds))
    furthest = max(abs(estimate.low), abs(estimate.high))
    equivalent = verdict == "inconclusive" and negligible is not None and furthest <= negligible
    return Comparison(
        **dict(estimate),
        a=Side(model=a.model, configuration=a.name),
        b=Side(model=b.model, configuration=b.name),
        split=split,
        metric=metric,
        seeds=seeds,
        differences=differences,
        p=p,
        p_holm=p_holm,
        family=family,
        p_sign_flip=sign_flip_p(differences) if len(seeds) <= MOST_SIGN_FLIP_SEEDS else None,
        smallest_sign_flip_p=smallest_sign_flip_p(len(seeds)),
        sign_flip_can_reject=family * smallest_sign_flip_p(len(seeds)) <= LEVEL,
        probability_of_improvement=probability_of_improvement([sign * d for d in differences]),
        minimum_detectable_difference=minimum_detectable_difference(differences, family),
        equivalence_bound=furthest if equivalent else None,
        seeds_needed=None if verdict in ("better", "worse") else seeds_needed(differences, family),
        verdict=verdict,
    )


def compare_all_metrics(
    pairs: Sequence[tuple[ConfigurationScores, ConfigurationScores]], split: Split
) -> list[Comparison]:
    """Compare a family on every metric; each metric is a family of its own.

    A metric that is undefined for one of them, as the AUC where all images are of one class, is left out.
    """
    return [
        row
        for metric in COMPARED
        if not any(
            np.isnan(column[0]) for pair in pairs for side in pair for column in side.per_image[split][metric].values()
        )
        for row in compare_family(pairs, split, metric)
    ]
