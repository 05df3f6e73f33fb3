"""One configuration against another: paired over seeds and images, with everything a claim has to show."""

from collections.abc import Sequence, Set
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fashion_compare.classifier.interface import Labels
from fashion_compare.comparison.statistics import (
    LEVEL,
    MINIMUM_SEEDS,
    Interval,
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
from fashion_compare.evaluation.predictions import Predictions


@dataclass
class ConfigurationScores:
    """A configuration's finished runs: for each part of the data and metric a column (images,) per seed.

    `answers` holds which of the `classes` each run named for each test image, beside `labels`, the right ones.
    """

    model: str
    name: str
    columns: dict[str, dict[str, dict[int, NDArray[np.float64]]]] = field(default_factory=dict)
    answers: dict[int, NDArray[np.integer]] = field(default_factory=dict)
    labels: Labels | None = None
    classes: int = 0

    def add(self, seed: int, part: str, columns: dict[str, NDArray[np.float64]]) -> None:
        """Add the columns of one run on one part."""
        for metric, column in columns.items():
            self.columns.setdefault(part, {}).setdefault(metric, {})[seed] = column

    def add_predictions(self, seed: int, part: str, predictions: Predictions) -> None:
        """Add the columns of one run on one part from what it predicted, and its answers on the test set."""
        self.add(seed, part, influences(predictions))
        if part == "test":
            self.labels, self.classes = predictions.labels, predictions.classes
            # A byte an image: a study can have thousands of runs.
            self.answers[seed] = predictions.predicted_labels.astype(np.min_scalar_type(predictions.classes))

    def seeds(self) -> list[int]:
        """Return the seeds of the finished runs."""
        return sorted(self.columns["test"]["accuracy"]) if self.columns else []

    def only(self, seeds: Set[int]) -> "ConfigurationScores | None":
        """Return the same with the runs of some seeds alone; None when it has none of them."""
        if not seeds & set(self.seeds()):
            return None
        columns = {
            part: {metric: {seed: held[seed] for seed in held if seed in seeds} for metric, held in metrics.items()}
            for part, metrics in self.columns.items()
        }
        return replace(self, columns=columns)

    def interval(self, part: str, metric: str) -> Interval:
        """Return the mean over seeds with its interval."""
        return mean_interval([self.columns[part][metric][seed] for seed in self.seeds()])


def difference(
    a: ConfigurationScores, b: ConfigurationScores, part: str, metric: str
) -> tuple[list[int], list[float], Interval]:
    """Return the common seeds, the paired differences a - b, and their mean with its interval."""
    seeds = sorted(set(a.seeds()) & set(b.seeds()))
    columns = [a.columns[part][metric][seed] - b.columns[part][metric][seed] for seed in seeds]
    values = [float(column.mean()) for column in columns]
    return seeds, values, mean_interval(columns)


def compare_family(
    pairs: Sequence[tuple[ConfigurationScores, ConfigurationScores]], part: str, metric: str, *, family: int = 0
) -> list[dict[str, Any]]:
    """Compare each (a, b) of a family on one metric; Holm's correction runs over the family.

    Pairs without a common finished seed are left out. When these pairs were chosen out of more, `family` is how many
    there were: the others count as if they had shown nothing.
    """
    rows = []
    for a, b in pairs:
        if set(a.seeds()) & set(b.seeds()):
            seeds, differences, interval = difference(a, b, part, metric)
            rows.append((a, b, seeds, differences, interval))
    raw = [paired_t_p(differences) for _, _, _, differences, _ in rows]
    tested = [p for p in raw if p is not None]
    family = max(family, len(tested))
    known = iter(holm(tested, family))
    corrected = [None if p is None else next(known) for p in raw]
    return [
        _comparison(row, metric=metric, part=part, p=p, p_holm=p_holm, family=family or len(rows))
        for row, p, p_holm in zip(rows, raw, corrected, strict=True)
    ]


def verdict_of(gain: float, p_holm: float | None, seeds: int) -> str:
    """Return the verdict on a difference, positive when the first is ahead: Holm's p decides, from three seeds on."""
    if seeds < MINIMUM_SEEDS or p_holm is None:
        return "no verdict"
    if p_holm >= LEVEL:
        return "undecided"
    return "better" if gain > 0 else "worse"


def _comparison(
    row: tuple[ConfigurationScores, ConfigurationScores, list[int], list[float], Interval],
    *,
    metric: str,
    part: str,
    p: float | None,
    p_holm: float | None,
    family: int,
) -> dict[str, Any]:
    a, b, seeds, differences, interval = row
    sign = -1 if METRIC[metric].lower_is_better else 1
    negligible = METRIC[metric].negligible
    verdict = verdict_of(sign * interval.mean, p_holm, len(seeds))
    decided = verdict in ("better", "worse")
    furthest = max(abs(interval.low), abs(interval.high))
    return {
        "a": {"model": a.model, "configuration": a.name},
        "b": {"model": b.model, "configuration": b.name},
        "part": part,
        "metric": metric,
        "seeds": seeds,
        "differences": differences,
        "mean": interval.mean,
        "interval": [interval.low, interval.high],
        "interval_covers": interval.covers,
        "p": p,
        "p_holm": p_holm,
        "family": family,
        "p_sign_flip": sign_flip_p(differences) if len(seeds) <= 16 else None,
        "smallest_sign_flip_p": smallest_sign_flip_p(len(seeds)),
        "sign_flip_can_reject": family * smallest_sign_flip_p(len(seeds)) <= LEVEL,
        "probability_of_improvement": probability_of_improvement([sign * d for d in differences]),
        "minimum_detectable_difference": minimum_detectable_difference(differences, family),
        "equivalence_bound": furthest
        if verdict == "undecided" and negligible is not None and furthest <= negligible
        else None,
        "seeds_needed": None if decided else seeds_needed(differences, family),
        "verdict": verdict,
    }


def compare_all_metrics(
    pairs: Sequence[tuple[ConfigurationScores, ConfigurationScores]], part: str
) -> list[dict[str, Any]]:
    """Compare a family on every metric; each metric is a family of its own.

    A metric that is undefined for one of them, as the AUC where all images are of one class, is left out.
    """
    return [
        row
        for metric in COMPARED
        if not any(
            np.isnan(column[0]) for pair in pairs for side in pair for column in side.columns[part][metric].values()
        )
        for row in compare_family(pairs, part, metric)
    ]
