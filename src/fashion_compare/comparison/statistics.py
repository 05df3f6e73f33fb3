"""Intervals and tests over seeds and test images; the rules of evidence that every verdict follows.

Two things vary: the seed (initial weights, batch order, dropout) and the images that happen to be in the test set.
Intervals account for both; tests of a difference, and so the verdicts, use the seeds' paired differences alone.
"""

import itertools
import math
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy import stats

from fashion_compare.json_record import JsonRecord

LEVEL = 0.05
MINIMUM_SEEDS = 3
MOST_SIGN_FLIP_SEEDS = 16
_MOST_SEEDS = 1000
_ROUNDING = 1e-12


class Estimate(JsonRecord):
    """A mean with its 95% interval, and what the interval accounts for."""

    mean: float
    interval: tuple[float, float]
    std_over_seeds: Annotated[float | None, Field(description="None with one seed")]
    covers: Literal["seeds and images", "images only"]

    @property
    def low(self) -> float:
        """The lower end of the interval."""
        return self.interval[0]

    @property
    def high(self) -> float:
        """The upper end of the interval."""
        return self.interval[1]


def mean_interval(columns: Sequence[NDArray[Any]] | NDArray[Any]) -> Estimate:
    """Return the mean over seeds and images with its 95% interval.

    Seeds and images are crossed random effects: the mean of n columns of N images has the variance s²/n + v, with s
    the standard deviation over seeds and v what the choice of images adds. s already contains the images that fall
    now on this side, now on the other; v is the spread of the images' means beyond those,
    v = max(0, MS_image - MS_interaction) / (n·N). The t quantile has Satterthwaite's degrees of freedom: n - 1 when
    seeds are all that matters, more when the images' part, known from thousands of them, carries the variance.
    Source: Cornfield and Tukey, Average values of mean squares in factorials (1956); Satterthwaite (1946).

    Args:
        columns: for each seed a column (N,) of contributions, whose mean is the seed's score or difference.
    """
    table = np.stack(list(columns)).astype(np.float64)
    n, images = table.shape
    by_seed, by_image, mean = table.mean(axis=1), table.mean(axis=0), float(table.mean())
    if n == 1:
        half = float(stats.norm.ppf(1 - LEVEL / 2)) * math.sqrt(float(np.var(by_image, ddof=1)) / images)
        return Estimate(mean=mean, interval=(mean - half, mean + half), std_over_seeds=None, covers="images only")
    seed_part = float(np.var(by_seed, ddof=1)) / n
    interaction = float(np.square(table - by_seed[:, None] - by_image + mean).sum()) / ((n - 1) * (images - 1))
    image_part = max(0.0, n * float(np.var(by_image, ddof=1)) - interaction) / (n * images)
    variance = seed_part + image_part
    # All seeds alike: the images' part is all there is, and the quantile that of the normal distribution.
    freedom = (n - 1) * (variance / seed_part) ** 2 if seed_part > _ROUNDING**2 else math.inf
    half = float(stats.t.ppf(1 - LEVEL / 2, freedom)) * math.sqrt(variance)
    return Estimate(
        mean=mean,
        interval=(mean - half, mean + half),
        std_over_seeds=math.sqrt(n * seed_part),
        covers="seeds and images",
    )


def paired_t_p(differences: Sequence[float], *, resolution: float = 0.0) -> float | None:
    """Return the two-sided p of the paired t-test; None below two seeds.

    Differences that are all the same leave no spread to test against: p is 1 for zero, 0 otherwise. Where scores are
    counts of few images, equal differences are common and say little: `resolution` is what one image is worth, and the
    standard deviation counts as no less than what rounding two scores to whole images leaves, resolution/√6.
    """
    n = len(differences)
    if n < 2:
        return None
    deviation = max(float(np.std(differences, ddof=1)), resolution / math.sqrt(6))
    mean = float(np.mean(differences))
    if _is_rounding(deviation, differences):
        return 1.0 if abs(mean) <= _ROUNDING else 0.0
    return float(2 * stats.t.sf(abs(mean) / (deviation / math.sqrt(n)), n - 1))


def _is_rounding(deviation: float, values: Sequence[float]) -> bool:
    """Return whether a standard deviation is no more than what adding up floats leaves."""
    return deviation <= _ROUNDING * max(1.0, float(np.max(np.abs(values), initial=0.0)))


def sign_flip_p(differences: Sequence[float]) -> float:
    """Return the exact two-sided p of the sign-flip test: the share of the 2ⁿ sign patterns at least as extreme."""
    d = np.asarray(differences, dtype=np.float64)
    if len(d) > MOST_SIGN_FLIP_SEEDS:
        raise ValueError(f"the exact sign-flip test is meant for at most {MOST_SIGN_FLIP_SEEDS} seeds")
    signs = np.array(list(itertools.product((1.0, -1.0), repeat=len(d))))
    return float(np.mean(np.abs(signs @ d) >= abs(d.sum()) - 1e-12))


def smallest_sign_flip_p(n: int) -> float:
    """Return the smallest two-sided p that n seeds can reach, 2/2ⁿ."""
    return float(2.0 ** (1 - n))


def holm(p_values: Sequence[float], family: int = 0) -> list[float]:
    """Return Holm's step-down corrected p-values (Holm 1979), in the order given.

    When these were chosen out of a larger `family`, the others count as if they had shown nothing.
    """
    order = np.argsort(p_values, kind="stable")
    m = max(family, len(p_values))
    corrected = [0.0] * len(p_values)
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


def probability_of_improvement(differences: Sequence[float]) -> float:
    """Return the share of seeds in which the first is higher, ties counting half."""
    d = np.asarray(differences)
    return float(np.mean((d > 0) + 0.5 * (d == 0)))


def minimum_detectable_difference(differences: Sequence[float], comparisons: int) -> float | None:
    """Return the mean difference at which these seeds, with this spread, would have reached p = 0.05.

    Corrected for `comparisons` as Holm's first step is; None when there is no spread to judge by, as below two seeds
    or where all differences are the same.
    """
    n = len(differences)
    deviation = float(np.std(differences, ddof=1)) if n > 1 else 0.0
    if _is_rounding(deviation, differences):
        return None
    critical = float(stats.t.ppf(1 - LEVEL / (2 * comparisons), n - 1))
    return critical * deviation / math.sqrt(n)


def seeds_needed(differences: Sequence[float], comparisons: int) -> int | None:
    """Return how many seeds would reach p = 0.05 if mean and spread stayed as they are.

    None when there is no spread to judge by, or when a thousand would not do.
    """
    deviation = float(np.std(differences, ddof=1)) if len(differences) > 1 else 0.0
    if _is_rounding(deviation, differences):
        return None
    effect = abs(float(np.mean(differences))) / deviation
    n = np.arange(MINIMUM_SEEDS, _MOST_SEEDS + 1)
    enough = n[effect * np.sqrt(n) >= stats.t.ppf(1 - LEVEL / (2 * comparisons), n - 1)]
    return int(enough[0]) if len(enough) else None
