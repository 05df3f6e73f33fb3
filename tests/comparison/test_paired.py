"""A comparison shows all its evidence, and its verdict follows one rule."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from scipy import stats

from fashion_compare.comparison.head_to_head import agreement
from fashion_compare.comparison.paired import (
    ConfigurationScores,
    Side,
    compare_all_metrics,
    compare_family,
    difference,
    verdict_of,
)
from fashion_compare.evaluation.metrics import COMPARED
from fashion_compare.evaluation.predictions import Predictions

IMAGES = 1000


def configuration(
    name: str, scores: Mapping[int, float], model: str = "ffnn", metric: str = "accuracy"
) -> ConfigurationScores:
    """Return a configuration whose seeds have these scores of `metric` on test and validation, and 0.5 elsewhere."""
    held = ConfigurationScores(model, name)
    for seed, score in scores.items():
        for part in ("test", "validation"):
            columns = dict.fromkeys(COMPARED, np.full(IMAGES, 0.5))
            # Half of the images above the mean, half below, so that the images have a part in the interval.
            columns[metric] = score + np.resize([0.1, -0.1], IMAGES)
            held.add(seed, part, columns)
    return held


def pair(
    differences: Sequence[float], metric: str = "accuracy", name: str = "a"
) -> tuple[ConfigurationScores, ConfigurationScores]:
    """Return two configurations with these differences, seed by seed."""
    seeds = range(len(differences))
    a = configuration(name, {s: 0.8 + 0.01 * s + differences[s] for s in seeds}, metric=metric)
    return a, configuration("baseline", {s: 0.8 + 0.01 * s for s in seeds}, metric=metric)


def only(differences: Sequence[float], metric: str = "accuracy") -> dict[str, Any]:
    """Return the comparison of such a pair, alone in its family."""
    return compare_family([pair(differences, metric)], "test", metric)[0]


CLEAR = [0.030, 0.031, 0.029, 0.030, 0.032]
UNCLEAR = [0.030, -0.020, 0.010, -0.015, 0.022]


@pytest.mark.parametrize("count", [1, 2])
def test_no_verdict_below_three_seeds(count: int) -> None:
    """With one or two seeds there is none, however clear the difference and however small p."""
    row = only(CLEAR[:count])
    assert row.verdict == "not tested"
    assert len(row.seeds) == count


@pytest.mark.parametrize(
    ("differences", "verdict"),
    [
        (CLEAR, "better"),
        ([-d for d in CLEAR], "worse"),
        (UNCLEAR, "inconclusive"),
        ([0.0] * 3, "inconclusive"),
        (CLEAR[:3], "better"),
        ([0.01] * 3, "better"),
    ],
)
def test_the_verdict_says_which_way(differences: list[float], verdict: str) -> None:
    """From three seeds on a clear difference is better or worse by its sign, any other is undecided."""
    assert only(differences).verdict == verdict


def test_less_loss_is_better() -> None:
    """For the loss, and for it alone, the lower of two is the better, and wins the seed."""
    row = only([-d for d in CLEAR], "loss")
    assert (row.verdict, row.probability_of_improvement) == ("better", 1.0)
    row = only(CLEAR, "loss")
    assert (row.verdict, row.probability_of_improvement) == ("worse", 0.0)
    for metric in ("accuracy", "f1_macro", "auc_macro_ovr"):
        assert only(CLEAR, metric).verdict == "better"


def test_the_evidence_is_scipys() -> None:
    """Mean, interval, p, corrected p and sign-flip p of one comparison are the textbook's numbers."""
    row = only(UNCLEAR)
    assert row.differences == pytest.approx(UNCLEAR)
    assert row.mean == pytest.approx(np.mean(UNCLEAR))
    assert row.p == pytest.approx(stats.ttest_1samp(UNCLEAR, 0).pvalue)
    assert row.p_holm == pytest.approx(row.p)
    # Each image's difference is the same, so the images add nothing to the seeds' interval.
    assert row.interval == pytest.approx(stats.t.interval(0.95, 4, np.mean(UNCLEAR), stats.sem(UNCLEAR)))
    expected = stats.permutation_test(
        (UNCLEAR,), lambda x, axis: np.mean(x, axis=axis), permutation_type="samples", vectorized=True
    )
    assert row.p_sign_flip == pytest.approx(expected.pvalue)
    assert (row.smallest_sign_flip_p, row.probability_of_improvement) == (2 / 32, 3 / 5)
    assert (row.split, row.metric, row.family) == ("test", "accuracy", 1)
    assert row.covers == "seeds and images"
    assert row.a == Side(model="ffnn", configuration="a")
    assert row.b == Side(model="ffnn", configuration="baseline")


def test_the_corrected_test_alone_decides() -> None:
    """A difference with p = 0.02 is better alone and undecided among five; its sign-flip p never matters."""
    # Mean 1 point, and a spread that puts p between 0.05/5 and 0.05.
    near = [0.010, 0.005, 0.015, 0.013, 0.002]
    assert 0.01 < stats.ttest_1samp(near, 0).pvalue < 0.05
    assert only(near).verdict == "better"
    assert only(near).p_sign_flip > 0.05
    family = [pair(near, name="near"), *(pair(UNCLEAR, name=f"v{i}") for i in range(4))]
    row = compare_family(family, "test", "accuracy")[0]
    assert row.p < 0.05 < row.p_holm
    assert (row.verdict, row.family) == ("inconclusive", 5)


def test_one_clear_difference_in_a_family_is_found() -> None:
    """Among unclear ones a very clear difference stays better, and only that one."""
    family = [pair(UNCLEAR, name="u"), pair(CLEAR, name="c"), pair([-d for d in UNCLEAR], name="v")]
    assert [row.verdict for row in compare_family(family, "test", "accuracy")] == [
        "inconclusive",
        "better",
        "inconclusive",
    ]


def test_what_is_undecided_needs_more_seeds_and_what_is_decided_none() -> None:
    """An undecided line names more seeds than it has (or none that would do); a decided one names none."""
    rng = np.random.default_rng(0)
    for _ in range(20):
        families = [pair(list(rng.normal(0.01, 0.01, 4)), name=f"v{i}") for i in range(3)]
        for row in compare_family(families, "test", "accuracy"):
            if row.verdict == "inconclusive":
                assert row.seeds_needed is None or row.seeds_needed > 4
                assert row.p > 0.05 / 3 or row.p_holm >= 0.05
            else:
                assert row.seeds_needed is None
    assert only(UNCLEAR).minimum_detectable_difference > abs(only(UNCLEAR).mean)
    assert only(CLEAR).minimum_detectable_difference < only(CLEAR).mean
    # Mean and deviation alike: √7 is the first to reach t(n - 1).
    assert only([0.0, 0.01, 0.02]).seeds_needed == 7
    assert only([-d for d in CLEAR]).seeds_needed is None


@pytest.mark.parametrize(("comparisons", "seeds"), [(1, 6), (5, 8), (10, 9)])
def test_when_sign_flips_could_decide(comparisons: int, seeds: int) -> None:
    """Alone they can from 6 seeds on, among five comparisons from 8 on, among ten from 9 on."""
    for count, expected in ((seeds - 1, False), (seeds, True)):
        family = [pair([0.01 + 0.001 * i for i in range(count)], name=f"v{j}") for j in range(comparisons)]
        rows = compare_family(family, "test", "accuracy")
        assert [row.sign_flip_can_reject for row in rows] == [expected] * comparisons


def test_more_than_sixteen_seeds_have_no_sign_flip_p() -> None:
    """Its patterns would be too many; the line has None and keeps its verdict. Sixteen have one."""
    assert only([0.01] * 16).p_sign_flip == 2 / 2**16
    row = only(list(np.resize(CLEAR, 17)))
    assert (row.p_sign_flip, row.verdict) == (None, "better")


def test_only_common_seeds_are_paired() -> None:
    """A seed that failed on either side takes no part; what is left is paired seed by seed."""
    a = configuration("a", {0: 0.9, 1: 0.8, 2: 0.7, 5: 0.1})
    b = configuration("b", {5: 0.2, 2: 0.6, 1: 0.5, 7: 0.9})
    seeds, differences, interval = difference(a, b, "test", "accuracy")
    assert seeds == [1, 2, 5]
    assert differences == pytest.approx([0.3, 0.1, -0.1])
    assert interval.mean == pytest.approx(0.1)


def test_pairs_without_a_common_seed_are_left_out() -> None:
    """Nothing can be said about them, and the family is smaller by them."""
    lonely = (configuration("lonely", {9: 0.9}), configuration("baseline", {0: 0.8}))
    rows = compare_family([lonely, pair(CLEAR)], "test", "accuracy")
    assert [(row.a.configuration, row.family) for row in rows] == [("a", 1)]
    assert compare_family([lonely], "test", "accuracy") == []


def test_one_variation_with_one_seed_does_not_silence_the_others() -> None:
    """Where a variation kept only one seed, the others of its family still get their verdicts."""
    rows = compare_family([pair(CLEAR), pair([0.03], name="one-seed")], "test", "accuracy")
    assert [row.verdict for row in rows] == ["better", "not tested"]


def test_the_interval_knows_the_images() -> None:
    """Where images disagree, the interval is wider than the seeds' alone, by the images' variance of the mean."""
    a, b = pair(UNCLEAR)
    for seed, column in a.per_image["test"]["accuracy"].items():
        a.per_image["test"]["accuracy"][seed] = column + np.resize([0.4, 0.4, -0.4, -0.4], IMAGES)
    row = compare_family([(a, b)], "test", "accuracy")[0]
    seeds, images = np.var(UNCLEAR, ddof=1) / 5, 0.16 / (IMAGES - 1)
    # Satterthwaite: the images' part is known from a thousand of them, so it adds degrees of freedom.
    half = stats.t.ppf(0.975, 4 * ((seeds + images) / seeds) ** 2) * np.sqrt(seeds + images)
    assert row.interval == pytest.approx([np.mean(UNCLEAR) - half, np.mean(UNCLEAR) + half])
    # The verdict's test is of the seeds alone.
    assert row.p == pytest.approx(stats.ttest_1samp(UNCLEAR, 0).pvalue)


def test_each_metric_is_a_family_of_its_own() -> None:
    """Comparing on all four metrics corrects each for the pairs alone, not for the metrics."""
    rows = compare_all_metrics([pair(CLEAR), pair(UNCLEAR, name="u")], "validation")
    assert [row.metric for row in rows] == [metric for metric in COMPARED for _ in range(2)]
    assert {row.family for row in rows} == {2}
    assert {row.split for row in rows} == {"validation"}


def test_agreement_counts_every_image_once() -> None:
    """Six images: two right by both, one only by the first, three... each image falls in one of four kinds."""
    a, b = ConfigurationScores("cnn", "baseline"), ConfigurationScores("ffnn", "baseline")
    right_a = np.array([1, 1, 1, 0, 0, 0], float)
    right_b = np.array([1, 1, 0, 1, 1, 0], float)
    for seed in (0, 1):
        a.add(seed, "test", {"accuracy": right_a})
        b.add(seed + 1, "test", {"accuracy": right_b})
    assert [row.model_dump() for row in agreement(a, b)] == [
        {
            "seed": 1,
            "both_right": 2,
            "only_a_right": 1,
            "only_b_right": 2,
            "both_wrong": 1,
            "mcnemar_p": 1.0,
        }
    ]


def test_agreement_sums_to_the_test_set() -> None:
    """On random answers the four counts sum to the images, and p is the exact binomial's."""
    rng = np.random.default_rng(1)
    a, b = ConfigurationScores("cnn", "baseline"), ConfigurationScores("ffnn", "baseline")
    for seed in range(3):
        a.add(seed, "test", {"accuracy": rng.binomial(1, 0.9, IMAGES).astype(float)})
        b.add(seed, "test", {"accuracy": rng.binomial(1, 0.8, IMAGES).astype(float)})
    for row in agreement(a, b):
        counts = [getattr(row, key) for key in ("both_right", "only_a_right", "only_b_right", "both_wrong")]
        assert sum(counts) == IMAGES
        assert row.mcnemar_p == pytest.approx(
            stats.binomtest(row.only_b_right, row.only_a_right + row.only_b_right).pvalue
        )
        wins = a.per_image["test"]["accuracy"][row.seed].mean() - b.per_image["test"]["accuracy"][row.seed].mean()
        assert (row.only_a_right - row.only_b_right) / IMAGES == pytest.approx(wins)


@pytest.mark.parametrize(("metric", "margin"), [("accuracy", 0.005), ("auc_macro_ovr", 0.001), ("loss", 0.01)])
def test_a_narrow_interval_around_nothing_says_so(metric: str, margin: float) -> None:
    """Where nothing is decided and the interval lies within the margin, its farther end is the largest difference."""
    small = [d * margin for d in (0.3, -0.3, 0.2, -0.25, 0.1, -0.05)]
    row = narrow(small, metric)
    assert row.verdict == "inconclusive"
    assert row.equivalence_bound == max(abs(bound) for bound in row.interval) <= margin
    wide = narrow([5 * d for d in small], metric)
    assert (wide.verdict, wide.equivalence_bound) == ("inconclusive", None)
    # Clear, however small, is a difference; and two seeds say nothing.
    assert narrow([margin / 2 + d / 100 for d in small], metric).equivalence_bound is None
    assert narrow(small[:2], metric).equivalence_bound is None


def narrow(differences: Sequence[float], metric: str) -> dict[str, Any]:
    """The comparison of two configurations with these differences, the same for every image."""
    a, b = ConfigurationScores("ffnn", "a"), ConfigurationScores("ffnn", "baseline")
    for seed, apart in enumerate(differences):
        a.add(seed, "test", {"accuracy": np.full(IMAGES, 0.8), metric: np.full(IMAGES, 0.8 + apart)})
        b.add(seed, "test", {"accuracy": np.full(IMAGES, 0.8), metric: np.full(IMAGES, 0.8)})
    return compare_family([(a, b)], "test", metric)[0]


def test_pairs_chosen_out_of_more_are_corrected_for_all() -> None:
    """One of a family of four: its p counts four times, and the line says so."""
    row = compare_family([pair(UNCLEAR)], "test", "accuracy", family=4)[0]
    assert row.p_holm == pytest.approx(min(1.0, 4 * row.p))
    near = compare_family([pair([0.010, 0.005, 0.015, 0.013, 0.002])], "test", "accuracy", family=4)[0]
    assert near.p_holm == pytest.approx(4 * near.p)
    assert (near.family, near.verdict) == (4, "inconclusive")


def test_a_family_without_a_test_has_as_many_as_it_has_lines() -> None:
    """Two pairs with one seed each have no p; what they would need is corrected for two all the same."""
    assert [row.family for row in compare_family([pair([0.1]), pair([0.2])], "test", "accuracy")] == [2, 2]


def test_a_p_of_one_in_twenty_does_not_decide() -> None:
    """Below 0.05 decides; 0.05 itself, no p, and two seeds do not."""
    assert verdict_of(0.1, 0.0499, 3) == "better"
    assert verdict_of(-0.1, 0.0499, 3) == "worse"
    assert verdict_of(0.1, 0.05, 3) == "inconclusive"
    assert verdict_of(0.1, None, 3) == "not tested"
    assert verdict_of(0.1, 0.001, 2) == "not tested"


def predicted(labels: Sequence[int], answers: Sequence[int], classes: int = 3) -> Predictions:
    """Return predictions that give each image's answer nearly all probability."""
    return Predictions(np.array(labels), (20 * np.eye(classes)[list(answers)]).astype(np.float32))


def test_runs_are_added_from_what_they_predicted() -> None:
    """Every metric has its column on every part; answers and labels are those of the test set, a byte an image."""
    held = ConfigurationScores("ffnn", "baseline")
    assert held.seeds() == []
    held.add_predictions(7, "test", predicted([0, 1, 2, 2], [0, 1, 1, 2]))
    held.add_predictions(7, "validation", predicted([0, 1, 0], [1, 1, 1], classes=2))
    held.add_predictions(3, "test", predicted([0, 1, 2, 2], [0, 0, 0, 0]))
    assert held.seeds() == [3, 7]
    assert set(held.per_image["test"]) == set(held.per_image["validation"]) == set(COMPARED)
    assert held.per_image["test"]["accuracy"][7].tolist() == [1, 1, 0, 1]
    assert held.per_image["test"]["accuracy"][3].tolist() == [1, 0, 0, 0]
    assert held.per_image["validation"]["accuracy"][7].tolist() == [0, 1, 0]
    assert held.per_image["test"]["loss"][7] == pytest.approx([0, 0, 20, 0], abs=1e-6)
    assert {seed: answers.tolist() for seed, answers in held.predicted_labels.items()} == {
        7: [0, 1, 1, 2],
        3: [0, 0, 0, 0],
    }
    assert held.predicted_labels[7].dtype == np.uint8
    assert held.labels is not None
    assert (held.labels.tolist(), held.classes) == ([0, 1, 2, 2], 3)


def test_a_model_of_probabilities_is_paired_by_those() -> None:
    """Its answers and their ranks come from the probabilities, not from the logits beside them."""
    held = ConfigurationScores("forest", "baseline")
    probabilities = np.array([[0.8, 0.2], [0.4, 0.6]])
    held.add_predictions(0, "test", Predictions(np.array([0, 1]), np.zeros((2, 2), np.float32), probabilities))
    assert held.per_image["test"]["accuracy"][0].tolist() == [1, 1]
    assert held.per_image["test"]["auc_macro_ovr"][0].mean() == 1.0
    assert held.predicted_labels[0].tolist() == [0, 1]


def test_some_of_the_seeds_alone() -> None:
    """The runs of those seeds, on every part; what the configuration is stays; None where it has none of them."""
    whole = configuration("a", {0: 0.9, 1: 0.8, 2: 0.7}, model="cnn")
    some = whole.only({0, 2, 9})
    assert some is not None
    assert (some.model, some.name, some.seeds()) == ("cnn", "a", [0, 2])
    assert {part: sorted(held["accuracy"]) for part, held in some.per_image.items()} == {
        "test": [0, 2],
        "validation": [0, 2],
    }
    assert some.estimate("test", "accuracy").mean == pytest.approx(0.8)
    assert whole.seeds() == [0, 1, 2]
    assert whole.only({5}) is None
