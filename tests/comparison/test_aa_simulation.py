"""A configuration compared with itself, two thousand times: false wins and coverage are what they claim to be.

The model of seeds and images: image i is recognised by a run of seed s with probability sigmoid(a_i + b_s). The
a_i are drawn anew in each study (another test set), the b_s anew for each run; both models' numbers come from
eight trained ffnn baselines: accuracy 88.5%, two runs disagree on 7% of the images, and of a run's variance
about two thirds come from the seed and one third from images that fall now on this side, now on the other. A
study here has 1,000 images in place of 10,000, and the seed's part is larger by as much, so that the proportion
holds.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest
from scipy import stats
from scipy.special import expit

from fashion_compare.comparison import paired
from fashion_compare.comparison.paired import ConfigurationScores, compare_family, difference

STUDIES, IMAGES, VARIATIONS = 2000, 1000, 2
CENTRE, SPREAD, SEED = 6.7, 5.3, 0.22


@dataclass
class Rates:
    """How often things happened in the simulated studies."""

    false_wins: int = 0
    false_ps: int = 0
    covered: int = 0


@pytest.fixture(scope="module", autouse=True)
def _quick() -> Iterator[None]:
    """Leave out what takes long and has no part in a verdict."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paired, "seeds_needed", lambda *_: None)
        patch.setattr(paired, "sign_flip_p", lambda *_: None)
        yield


def scored(name: str, right: np.ndarray) -> ConfigurationScores:
    """Return a configuration from (seeds, images) answers."""
    held = ConfigurationScores("ffnn", name)
    for seed, column in enumerate(right):
        held.add(seed, "test", {"accuracy": column})
    return held


def studies(seeds: int, generator: int) -> Iterator[list[ConfigurationScores]]:
    """Yield studies of a baseline and its variations, all of them the same configuration in truth."""
    rng = np.random.default_rng(generator)
    for _ in range(STUDIES):
        image = CENTRE + SPREAD * rng.normal(size=IMAGES)
        seed = SEED * rng.normal(size=(VARIATIONS + 1, seeds, 1))
        right = (rng.random((VARIATIONS + 1, seeds, IMAGES)) < expit(image + seed)).astype(float)
        yield [scored(str(i), answers) for i, answers in enumerate(right)]


def test_the_model_is_like_trained_runs() -> None:
    """The stated model has the accuracy, the disagreement and the shares of variance that trained runs have."""
    rng = np.random.default_rng(0)
    image = CENTRE + SPREAD * rng.normal(size=20_000)
    p = expit(image)
    assert p.mean() == pytest.approx(0.885, abs=0.01)
    # Two runs disagree on an image with probability 2·p·(1 - p).
    disagreement = (2 * p * (1 - p)).mean()
    assert disagreement == pytest.approx(0.068, abs=0.005)
    # The derivative of the accuracy by b is the mean of p·(1 - p).
    of_seeds, of_flips = (disagreement / 2 * SEED) ** 2, disagreement / 2 / IMAGES
    assert of_seeds / (of_seeds + of_flips) == pytest.approx(2 / 3, abs=0.07)


@pytest.fixture(scope="module", params=[3, 6, 10], ids=lambda seeds: f"{seeds}-seeds")
def rates(request: pytest.FixtureRequest) -> Rates:
    """Simulate the studies once for each number of seeds."""
    counted = Rates()
    for base, *variations in studies(request.param, generator=request.param):
        rows = compare_family([(variation, base) for variation in variations], "test", "accuracy")
        counted.false_wins += any(row.verdict != "inconclusive" for row in rows)
        counted.false_ps += rows[0].p < 0.05
        counted.covered += rows[0].interval[0] <= 0 <= rows[0].interval[1]
    return counted


def test_false_wins_are_as_rare_as_claimed(rates: Rates) -> None:
    """A win over oneself comes in at most 5% of the studies, by a binomial bound, and not for want of any p < 0.05."""
    assert rates.false_wins <= stats.binom.ppf(0.999, STUDIES, 0.05)
    # Uncorrected, one comparison errs in 5%: a simulation that never erred would show nothing.
    low, high = stats.binom.ppf([0.0005, 0.9995], STUDIES, 0.05)
    assert low <= rates.false_ps <= high


def test_intervals_do_not_lose_the_truth(rates: Rates) -> None:
    """At least 93% of the intervals of a difference with oneself hold zero."""
    assert rates.covered / STUDIES >= 0.93


def test_intervals_are_no_wider_than_claimed(rates: Rates) -> None:
    """At most 97% of the intervals of a difference with oneself hold zero."""
    assert rates.covered / STUDIES <= 0.97


def test_a_true_difference_is_found_and_never_reversed() -> None:
    """Six seeds find a difference of five points in most studies, and never call the better one worse."""
    rng = np.random.default_rng(7)
    verdicts = []
    for _ in range(200):
        image = CENTRE + SPREAD * rng.normal(size=IMAGES)
        seed = SEED * rng.normal(size=(2, 6, 1)) + np.array([1.5, 0.0])[:, None, None]
        right = (rng.random((2, 6, IMAGES)) < expit(image + seed)).astype(float)
        verdicts += [compare_family([(scored("a", right[0]), scored("b", right[1]))], "test", "accuracy")[0].verdict]
    assert verdicts.count("better") > 190
    assert "worse" not in verdicts


def test_intervals_hold_the_truth_of_other_images_too() -> None:
    """Where images differ in which configuration suits them, intervals hold the truth over all images in 93% or more.

    The seeds' part alone would hold it far less often.
    """
    rng = np.random.default_rng(8)
    everyone = rng.normal(size=(200_000, 2))
    truth = float(np.diff(expit(CENTRE + SPREAD * everyone).mean(axis=0))[0])
    held = by_seeds_alone = 0
    for _ in range(1000):
        image = CENTRE + SPREAD * rng.normal(size=(2, 1, IMAGES))
        right = (rng.random((2, 6, IMAGES)) < expit(image + 0.1 * rng.normal(size=(2, 6, 1)))).astype(float)
        _, differences, interval = difference(scored("b", right[1]), scored("a", right[0]), "test", "accuracy")
        held += interval.low <= truth <= interval.high
        alone = stats.t.interval(0.95, 5, np.mean(differences), stats.sem(differences))
        by_seeds_alone += alone[0] <= truth <= alone[1]
    assert held / 1000 >= 0.93
    assert by_seeds_alone / 1000 < 0.85
