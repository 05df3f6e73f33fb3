"""Intervals and tests, against scipy, brute force and numbers worked by hand."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from fashion_compare.comparison.statistics import (
    holm,
    mcnemar_p,
    mean_interval,
    minimum_detectable_difference,
    paired_t_p,
    probability_of_improvement,
    seeds_needed,
    sign_flip_p,
    smallest_sign_flip_p,
)


def differences(seed: int, n: int, effect: float = 0.5) -> list[float]:
    """Return n paired differences of about a point, with the effect in standard deviations."""
    return list(0.01 * (effect + np.random.default_rng(seed).normal(size=n)))


samples = st.builds(differences, seed=st.integers(0, 2**32 - 1), n=st.integers(2, 12), effect=st.floats(-3, 3))


@settings(max_examples=50, deadline=None)
@given(samples)
def test_without_an_images_part_it_is_students_interval(values: list[float]) -> None:
    """When every image contributes alike, the interval is Student's over seeds, as scipy has it."""
    got = mean_interval([np.full(100, value) for value in values])
    low, high = stats.t.interval(0.95, len(values) - 1, np.mean(values), stats.sem(values))
    assert (got.mean, got.low, got.high) == pytest.approx((np.mean(values), low, high), abs=1e-9)
    assert got.std_over_seeds == pytest.approx(np.std(values, ddof=1))
    assert got.covers == "seeds and images"


def test_an_interval_of_both_parts_by_hand() -> None:
    """Seeds 0.8 and 0.9, images -0.3, 0.1, 0.2 from each: variance 0.005/2 + 0.07/3, more freedom than one degree."""
    pattern = np.array([-0.3, 0.1, 0.2])
    got = mean_interval([0.8 + pattern, 0.9 + pattern])
    variance = 0.0025 + 0.07 / 3
    half = stats.t.ppf(0.975, (variance / 0.0025) ** 2) * math.sqrt(variance)
    assert (got.mean, got.low, got.high) == pytest.approx((0.85, 0.85 - half, 0.85 + half))
    assert got.std_over_seeds == pytest.approx(math.sqrt(0.005))


def test_images_that_flip_between_seeds_are_counted_once() -> None:
    """Two seeds, two images, one answer of four right: the images' spread is all flipping, which the seeds' holds."""
    got = mean_interval([np.array([1.0, 0.0]), np.array([0.0, 0.0])])
    # Mean squares of images and of interaction are both 0.25; the seeds' variance 0.125/2, with t(1) = 12.706.
    half = 12.706204736 * 0.25
    assert (got.low, got.high) == pytest.approx((0.25 - half, 0.25 + half), rel=1e-8)


def test_the_images_part_is_that_of_an_analysis_of_variance() -> None:
    """On random tables the variance is (MS seeds + MS images - MS interaction)/(n·N), each mean square by loops."""
    rng = np.random.default_rng(5)
    for n in (2, 3, 6):
        images = 40
        table = rng.normal(size=(n, images)) + 2 * rng.normal(size=images) + 0.3 * rng.normal(size=(n, 1))
        mean = sum(map(sum, table.tolist())) / (n * images)
        of_seed = [sum(row) / images for row in table.tolist()]
        of_image = [sum(table[s][i] for s in range(n)) / n for i in range(images)]
        seeds = images * sum((m - mean) ** 2 for m in of_seed) / (n - 1)
        by_images = n * sum((m - mean) ** 2 for m in of_image) / (images - 1)
        interaction = sum(
            (table[s][i] - of_seed[s] - of_image[i] + mean) ** 2 for s in range(n) for i in range(images)
        ) / ((n - 1) * (images - 1))
        variance = (seeds + by_images - interaction) / (n * images)
        freedom = (n - 1) * (variance / (seeds / (n * images))) ** 2
        got = mean_interval(list(table))
        assert (got.high - got.low) / 2 == pytest.approx(stats.t.ppf(0.975, freedom) * math.sqrt(variance))
        assert got.mean == pytest.approx(mean)


def test_seeds_that_are_all_alike_leave_the_images() -> None:
    """Three times the same answers: the interval is that of one run, normal, for more seeds tell nothing more."""
    column = np.resize([1.0, 1.0, 1.0, 0.0], 400)
    one, three = mean_interval([column]), mean_interval([column] * 3)
    assert (three.low, three.high) == pytest.approx((one.low, one.high))


def test_one_seed_gives_an_interval_of_the_images_alone() -> None:
    """One run that is right on 90% of 10,000 images has ± 0.59 points, and the interval says what it covers."""
    column = np.zeros(10_000)
    column[:9000] = 1
    got = mean_interval([column])
    assert (got.high - got.low) / 2 == pytest.approx(0.0059, abs=5e-5)
    assert (got.std_over_seeds, got.covers) == (None, "images only")


@settings(max_examples=60, deadline=None)
@given(samples)
def test_the_paired_test_is_scipys(values: list[float]) -> None:
    """The p equals scipy's one-sample test of the differences, and its paired test of the scores themselves."""
    scores = np.random.default_rng(0).uniform(0.8, 0.9, len(values))
    assert paired_t_p(values) == pytest.approx(stats.ttest_1samp(values, 0).pvalue, rel=1e-9)
    assert paired_t_p(values) == pytest.approx(stats.ttest_rel(scores + values, scores).pvalue, rel=1e-6)


def test_the_paired_test_of_too_little() -> None:
    """One seed has no p; equal differences have 1 when they are zero and 0 when they are not, without a warning."""
    assert paired_t_p([]) is None
    assert paired_t_p([0.01]) is None
    assert paired_t_p([0.0, 0.0, 0.0]) == 1.0
    assert paired_t_p([0.01, 0.01, 0.01]) == 0.0
    # 0.1 + 0.2 is not 0.3 in floating point: such dust is no spread.
    assert paired_t_p([0.1 + 0.2, 0.3, 0.3]) == 0.0


def test_holm_by_hand() -> None:
    """0.005·4, 0.01·3, 0.03·2, and 0.04·1 raised to its predecessor's 0.06, in the order given."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([0.02]) == [0.02]
    assert holm([]) == []


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(0, 1) | st.sampled_from([0.0, 0.01, 0.05, 1.0]), min_size=1, max_size=7))
def test_holm_is_bonferroni_closed(p_values: list[float]) -> None:
    """Corrected, a hypothesis is as hard to reject as the hardest intersection that holds it (closed testing)."""
    indices = range(len(p_values))
    subsets = [s for size in range(1, len(p_values) + 1) for s in itertools.combinations(indices, size)]
    for i, corrected in enumerate(holm(p_values)):
        hardest = max(len(s) * min(p_values[j] for j in s) for s in subsets if i in s)
        assert corrected == pytest.approx(min(1.0, hardest), abs=1e-15)


@pytest.mark.parametrize(
    ("values", "p"),
    [
        ([1.0, 2.0, 3.0], 2 / 8),  # only +++ and --- reach 6
        ([3.0, 1.0, -1.0], 6 / 8),  # sums ±5, ±3, ±3, ±1: all but ±1 reach 3
        ([1.0, 1.0, -1.0], 8 / 8),  # every odd sum reaches 1
        ([0.0, 0.0], 1.0),
        ([5.0], 1.0),
        ([0.1, 0.2, 0.3, 0.4, 0.5], 2 / 32),
    ],
)
def test_sign_flips_by_hand(values: list[float], p: float) -> None:
    """The exact p is the share of the 2ⁿ sign patterns whose sum is at least as far from zero."""
    assert sign_flip_p(values) == p


@settings(max_examples=25, deadline=None)
@given(samples)
def test_sign_flips_are_scipys(values: list[float]) -> None:
    """It equals scipy's exact permutation test of samples."""
    expected = stats.permutation_test(
        (values,),
        lambda x, axis: np.mean(x, axis=axis),
        permutation_type="samples",
        n_resamples=np.inf,
        vectorized=True,
    )
    assert sign_flip_p(values) == pytest.approx(expected.pvalue, abs=1e-12)


@pytest.mark.parametrize(("seeds", "floor"), [(1, 1.0), (3, 0.25), (5, 0.0625), (6, 0.03125), (9, 2 / 512)])
def test_the_floor_of_sign_flips(seeds: int, floor: float) -> None:
    """With n seeds p cannot get below 2/2ⁿ, and does reach it when all differences have one sign."""
    assert smallest_sign_flip_p(seeds) == floor
    assert sign_flip_p([0.01 * (i + 1) for i in range(seeds)]) == floor
    assert sign_flip_p([-0.01] * seeds) == floor


def test_sign_flips_of_many_seeds_are_refused() -> None:
    """Above 16 seeds there are too many patterns: an error, not minutes of work."""
    assert sign_flip_p([0.01] * 16) == 2 / 2**16
    with pytest.raises(ValueError, match=r"^the exact sign-flip test is meant for at most 16 seeds$"):
        sign_flip_p([0.01] * 17)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemar_is_the_binomial_tail(only_a: int, only_b: int) -> None:
    """The p is twice the tail of a fair coin up to the smaller count, at most 1, summed in whole numbers."""
    n = only_a + only_b
    tail = sum(math.comb(n, k) for k in range(min(only_a, only_b) + 1))
    assert mcnemar_p(only_a, only_b) == pytest.approx(min(1.0, 2 * tail / 2**n), rel=1e-9)


def test_mcnemar_by_hand() -> None:
    """5 against 0 is 2/32; 8 against 2 is 2·(1 + 10 + 45)/1024; nothing against nothing is 1."""
    assert mcnemar_p(5, 0) == pytest.approx(2 / 32)
    assert mcnemar_p(2, 8) == pytest.approx(2 * 56 / 1024)
    assert mcnemar_p(0, 0) == 1.0


def test_the_probability_of_winning_counts_seeds() -> None:
    """Wins count one, ties a half."""
    assert probability_of_improvement([0.1, -0.1, 0.2, 0.0]) == 2.5 / 4
    assert probability_of_improvement([-0.1, -0.2]) == 0.0


@settings(max_examples=60, deadline=None)
@given(samples, st.integers(1, 10))
def test_the_smallest_difference_shown_is_on_the_edge(values: list[float], comparisons: int) -> None:
    """Moved to that mean, the same spread has p = 0.05 over the number of comparisons, no more and no less."""
    smallest = minimum_detectable_difference(values, comparisons)
    assert smallest is not None
    moved = np.asarray(values) - np.mean(values) + smallest
    assert paired_t_p(list(moved)) == pytest.approx(0.05 / comparisons, rel=1e-6)
    assert stats.ttest_1samp(moved, 0).pvalue == pytest.approx(0.05 / comparisons, rel=1e-6)


def like(values: list[float], n: int) -> np.ndarray:
    """Return n values with the mean and the standard deviation of `values`."""
    pattern = np.resize([1.0, -1.0], n)
    pattern = (pattern - pattern.mean()) / np.std(pattern, ddof=1)
    return np.mean(values) + np.std(values, ddof=1) * pattern


@settings(max_examples=40, deadline=None)
@given(samples, st.integers(1, 10))
def test_the_seeds_needed_are_the_fewest(values: list[float], comparisons: int) -> None:
    """With that many seeds of this mean and spread the corrected test decides, with any fewer it does not."""
    effect = abs(np.mean(values)) / np.std(values, ddof=1)
    assume(effect > 0.25)
    needed = seeds_needed(values, comparisons)
    assert needed is not None
    # From three seeds on: with fewer there is no verdict, whatever p is.
    for n in range(3, needed + 1):
        decided = stats.ttest_1samp(like(values, n), 0).pvalue * comparisons <= 0.05
        assert decided == (n >= needed)


def test_seeds_needed_when_nothing_can_be_said() -> None:
    """One seed, no spread, and a difference that a thousand seeds would not settle, give None."""
    assert seeds_needed([], 1) is None
    assert seeds_needed([0.01], 1) is None
    assert seeds_needed([1.0], 1) is None
    assert seeds_needed([0.01, 0.01, 0.01], 1) is None
    assert seeds_needed([1.0, -1.0, 0.001], 5) is None


def test_seeds_needed_takes_rounding_for_no_spread() -> None:
    """Differences that are the same but for the last bit leave no spread to judge by."""
    assert seeds_needed([0.1 + 0.2, 0.3, 0.3], 1) is None
    # Of a thousand, the last bits are a thousand times as large.
    assert seeds_needed([1000.1, 1000.1 + 1e-10], 1) is None
    assert paired_t_p([1000.1, 1000.1 + 1e-10]) == 0.0


def test_seeds_needed_are_enough_for_a_verdict() -> None:
    """However large the difference, fewer than three seeds settle nothing, so three is the least."""
    assert seeds_needed([0.3, 0.3001], 1) == 3


def test_one_seed_has_an_interval_over_images_alone():
    """What other seeds would give is not known, and the interval says so."""
    column = np.array([1.0, 0.0, 1.0, 1.0])
    found = mean_interval([column])
    assert found.covers == "images only"
    assert found.std_over_seeds is None
    assert found.interval[0] < found.mean == 0.75 < found.interval[1]


def test_seeds_that_hardly_differ_are_still_seeds() -> None:
    """Two scores 2e-7 apart are more than rounding: half of it times t(1), not the images' interval of zero."""
    got = mean_interval([np.full(100, 0.5 + 1e-7), np.full(100, 0.5 - 1e-7)])
    assert (got.high - got.low) / 2 == pytest.approx(12.706204736 * 1e-7, rel=1e-6)


def test_a_spread_below_whole_images_by_hand() -> None:
    """Three equal differences of one image: t = √3·√6 = √18, and with two degrees p = 1 - √(18/20)."""
    assert paired_t_p([0.01] * 3, resolution=0.01) == pytest.approx(1 - math.sqrt(0.9))


def test_two_seeds_show_differences_by_hand() -> None:
    """Differences of 1 and 3 points: a mean of t(1) = 12.706 standard errors, each one point."""
    assert minimum_detectable_difference([0.01, 0.03], 1) == pytest.approx(0.12706204736)
    assert minimum_detectable_difference([0.01], 1) is None


@pytest.mark.parametrize("difference", [0.0, 0.1])
def test_without_a_spread_no_smallest_difference_is_shown(difference: float) -> None:
    """Where every seed has the same difference nothing says how far others would lie apart."""
    assert minimum_detectable_difference([difference] * 3, 1) is None


@pytest.mark.parametrize(("comparisons", "seeds"), [(1, 7), (3, 10)])
def test_the_seeds_needed_by_hand(comparisons: int, seeds: int) -> None:
    """Mean and deviation alike: √n has to reach t(n - 1) from the tables: 2.45 at 7, corrected for three 2.93 at 10."""
    assert seeds_needed([0.0, 0.01, 0.02], comparisons) == seeds


@pytest.mark.parametrize(("effect", "seeds"), [(0.06207, 1000), (0.06204, None)])
def test_a_thousand_seeds_are_the_most(effect: float, seeds: int | None) -> None:
    """An effect of 1.9623/√1000 = 0.06205 is the least that a thousand would show."""
    assert seeds_needed([effect - math.sqrt(0.5), effect + math.sqrt(0.5)], 1) == seeds
