"""Intervals and tests over seeds and test images; the rules of evidence that every verdict follows.

Two things vary: the seed (initial weights, batch order, dropout) and the images that happen to be in the test
set. The variance of a mean over n seeds is therefore s²/n + v, with s the standard deviation over seeds and v
the variance that the finite test set leaves in the seeds' mean; intervals use Student's t with n - 1 degrees of
freedom. Tests of a difference use the seeds' paired differences alone.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import stats

LEVEL = 0.05
MINIMUM_SEEDS = 3
_MOST_SEEDS = 1000


@dataclass(frozen=True)
class Interval:
    """A mean with its 95% interval, and what the interval accounts for."""

    mean: float
    low: float
    high: float
    deviation: float | None
    covers: Literal["seeds and images", "images only"]


def mean_interval(values: Sequence[float], column: NDArray[np.float64]) -> Interval:
    """Return the mean over seeds with its 95% interval.

    Args:
        values: (n,) one score (or difference) per seed.
        column: (images,) per-image contributions, averaged over the seeds; its spread is the images' part.
    """
    n = len(values)
    mean = float(np.mean(values))
    image_variance = float(np.var(column, ddof=1)) / len(column)
    if n == 1:
        half = float(stats.norm.ppf(1 - LEVEL / 2)) * math.sqrt(image_variance)
        return Interval(mean, mean - half, mean + half, None, "images only")
    deviation = float(np.std(values, ddof=1))
    half = float(stats.t.ppf(1 - LEVEL / 2, n - 1)) * math.sqrt(deviation**2 / n + image_variance)
    return Interval(mean, mean - half, mean + half, deviation, "seeds and images")


def paired_t_p(differences: Sequence[float]) -> float | None:
    """Return the two-sided p of the paired t-test; None below two seeds.

    Differences that are all the same leave no spread to test against: p is 1 for zero, 0 otherwise.
    """
    n = len(differences)
    if n < 2:
        return None
    deviation = float(np.std(differences, ddof=1))
    mean = float(np.mean(differences))
    if deviation <= 1e-12 * max(1.0, abs(mean)):
        return 1.0 if abs(mean) <= 1e-12 else 0.0
    return float(2 * stats.t.sf(abs(mean) / (deviation / math.sqrt(n)), n - 1))


def sign_flip_p(differences: Sequence[float]) -> float:
    """Return the exact two-sided p of the sign-flip test: the share of the 2ⁿ sign patterns at least as extreme."""
    d = np.asarray(differences, dtype=np.float64)
    signs = np.array(list(itertools.product((1.0, -1.0), repeat=min(len(d), 16))))
    if len(d) > 16:
        raise ValueError("the exact sign-flip test is meant for at most 16 seeds")
    return float(np.mean(np.abs(signs @ d) >= abs(d.sum()) - 1e-12))


def sign_flip_floor(n: int) -> float:
    """Return the smallest two-sided p that n seeds can reach, 2/2ⁿ."""
    return float(2.0 ** (1 - n))


def holm(p_values: Sequence[float]) -> list[float]:
    """Return Holm's step-down corrected p-values (Holm 1979), in the order given."""
    order = np.argsort(p_values, kind="stable")
    m = len(p_values)
    corrected = [0.0] * m
    running = 0.0
    for position, index in enumerate(order):
        running = max(running, min(1.0, (m - position) * p_values[index]))
        corrected[index] = running
    return corrected


def mcnemar_p(only_a: int, only_b: int) -> float:
    """Return McNemar's exact two-sided p from the images that only one of two trained networks gets right."""
    if only_a + only_b == 0:
        return 1.0
    return float(stats.binomtest(only_a, only_a + only_b).pvalue)


def probability_of_winning(differences: Sequence[float]) -> float:
    """Return the share of seeds in which the first is higher, ties counting half."""
    d = np.asarray(differences)
    return float(np.mean((d > 0) + 0.5 * (d == 0)))


def smallest_difference_shown(differences: Sequence[float], comparisons: int) -> float | None:
    """Return the mean difference at which these seeds, with this spread, would have reached p = 0.05.

    Corrected for `comparisons` as Holm's first step is; None below two seeds.
    """
    n = len(differences)
    if n < 2:
        return None
    critical = float(stats.t.ppf(1 - LEVEL / (2 * comparisons), n - 1))
    return critical * float(np.std(differences, ddof=1)) / math.sqrt(n)


def seeds_needed(differences: Sequence[float], comparisons: int) -> int | None:
    """Return how many seeds would reach p = 0.05 if mean and spread stayed as they are.

    None when there is no spread to judge by, or when a thousand would not do.
    """
    if len(differences) < 2 or not np.std(differences, ddof=1):
        return None
    effect = abs(float(np.mean(differences))) / float(np.std(differences, ddof=1))
    for n in range(2, _MOST_SEEDS + 1):
        if effect * math.sqrt(n) >= stats.t.ppf(1 - LEVEL / (2 * comparisons), n - 1):
            return n
    return None
