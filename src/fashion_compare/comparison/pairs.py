"""One configuration against another: paired over seeds and images, with everything a claim has to show."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fashion_compare.comparison.statistics import (
    LEVEL,
    MINIMUM_SEEDS,
    Interval,
    holm,
    mcnemar_p,
    mean_interval,
    paired_t_p,
    probability_of_winning,
    seeds_needed,
    sign_flip_floor,
    sign_flip_p,
    smallest_difference_shown,
)
from fashion_compare.evaluation.contributions import LOWER_IS_BETTER, METRICS


@dataclass
class Scored:
    """A configuration's finished runs: for each part of the data and metric a column (images,) per seed."""

    model: str
    name: str
    columns: dict[str, dict[str, dict[int, NDArray[np.float64]]]] = field(default_factory=dict)

    def add(self, seed: int, part: str, columns: dict[str, NDArray[np.float64]]) -> None:
        """Add the columns of one run on one part."""
        for metric, column in columns.items():
            self.columns.setdefault(part, {}).setdefault(metric, {})[seed] = column

    def seeds(self) -> list[int]:
        """Return the seeds of the finished runs."""
        return sorted(self.columns["test"]["accuracy"]) if self.columns else []

    def interval(self, part: str, metric: str) -> Interval:
        """Return the mean over seeds with its interval."""
        return mean_interval([self.columns[part][metric][seed] for seed in self.seeds()])


def difference(a: Scored, b: Scored, part: str, metric: str) -> tuple[list[int], list[float], Interval]:
    """Return the common seeds, the paired differences a - b, and their mean with its interval."""
    seeds = sorted(set(a.seeds()) & set(b.seeds()))
    columns = [a.columns[part][metric][seed] - b.columns[part][metric][seed] for seed in seeds]
    values = [float(column.mean()) for column in columns]
    return seeds, values, mean_interval(columns)


def compare_family(
    pairs: Sequence[tuple[Scored, Scored]], part: str, metric: str, *, family: int = 0
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
    known = iter(holm(tested + [1.0] * (family - len(tested))))
    corrected = [None if p is None else next(known) for p in raw]
    return [
        _comparison(row, metric=metric, part=part, p=p, p_holm=p_holm, family=family or len(rows))
        for row, p, p_holm in zip(rows, raw, corrected, strict=True)
    ]


def _comparison(
    row: tuple[Scored, Scored, list[int], list[float], Interval],
    *,
    metric: str,
    part: str,
    p: float | None,
    p_holm: float | None,
    family: int,
) -> dict[str, Any]:
    a, b, seeds, differences, interval = row
    sign = -1 if metric in LOWER_IS_BETTER else 1
    decided = p_holm is not None and p_holm < LEVEL and len(seeds) >= MINIMUM_SEEDS
    if len(seeds) < MINIMUM_SEEDS:
        verdict = "no verdict"
    elif decided:
        verdict = "better" if sign * interval.mean > 0 else "worse"
    else:
        verdict = "undecided"
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
        "sign_flip_floor": sign_flip_floor(len(seeds)),
        "sign_flip_can_decide": family * sign_flip_floor(len(seeds)) <= LEVEL,
        "probability_better": probability_of_winning([sign * d for d in differences]),
        "smallest_difference_shown": smallest_difference_shown(differences, family),
        "seeds_needed": None if decided else seeds_needed(differences, family),
        "verdict": verdict,
    }


def agreement(a: Scored, b: Scored) -> list[dict[str, Any]]:
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


def compare_all_metrics(pairs: Sequence[tuple[Scored, Scored]], part: str) -> list[dict[str, Any]]:
    """Compare a family on every metric; each metric is a family of its own."""
    return [row for metric in METRICS for row in compare_family(pairs, part, metric)]
