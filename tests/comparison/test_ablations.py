"""Experiments compare each model with itself, and the two models' changes, paired by seed and image."""

import numpy as np
import pytest
from scipy import stats

from fashion_compare.comparison.ablations import (
    Permutation,
    differences_by_size,
    learning_curve,
    model_differences,
    permutation_effect,
)
from fashion_compare.comparison.paired import ConfigurationScores, Side
from fashion_compare.comparison.statistics import holm, mean_interval


def scored(model: str, columns: dict[int, np.ndarray]) -> ConfigurationScores:
    held = ConfigurationScores(model, "baseline")
    for seed, column in columns.items():
        held.add(seed, "test", {"accuracy": np.asarray(column, np.float64)})
    return held


def drawn(seed: int, share: float, n: int = 400) -> np.ndarray:
    return (np.random.default_rng(seed).random(n) < share).astype(np.float64)


def test_each_model_is_compared_with_its_own_baseline() -> None:
    """Mean changes by hand, and a family of as many comparisons as there are models."""
    base = {m: scored(m, {s: drawn(s, 0.9) for s in range(3)}) for m in ("ffnn", "cnn")}
    permuted = {
        "ffnn": scored("ffnn", {s: drawn(s, 0.9) for s in range(3)}),
        "cnn": scored("cnn", {s: drawn(s, 0.8) for s in range(3)}),
    }
    found = permutation_effect(permuted, base)
    assert found.changes["ffnn"].mean == 0
    expected = np.mean([drawn(s, 0.8) - drawn(s, 0.9) for s in range(3)])
    assert found.changes["cnn"].mean == pytest.approx(expected)
    assert found.changes["cnn"].family == 2
    assert found.cnn_minus_ffnn.mean == pytest.approx(expected)
    assert found.cnn_minus_ffnn.seeds == [0, 1, 2]


def test_changes_are_paired_by_seed_and_image() -> None:
    """What all four share cancels: the interval is that of the differences of differences."""
    parts = {(m, p): {s: drawn(100 * s + k, 0.5 + 0.1 * k) for s in (1, 2, 5)}
             for k, (m, p) in enumerate((m, p) for m in ("ffnn", "cnn") for p in ("permuted", "base"))}  # fmt: skip
    held = {key: scored(key[0], columns) for key, columns in parts.items()}
    found = permutation_effect(
        {m: held[m, "permuted"] for m in ("ffnn", "cnn")}, {m: held[m, "base"] for m in ("ffnn", "cnn")}
    )
    columns = [
        parts["cnn", "permuted"][s] - parts["cnn", "base"][s] - parts["ffnn", "permuted"][s] + parts["ffnn", "base"][s]
        for s in (1, 2, 5)
    ]
    expected = mean_interval(columns)
    assert found.cnn_minus_ffnn.interval == pytest.approx([expected.low, expected.high])


def test_only_common_seeds_count() -> None:
    """The two changes are compared over seeds that all four have; without one there is no comparison."""
    base = {m: scored(m, {s: drawn(s, 0.9) for s in range(3)}) for m in ("ffnn", "cnn")}
    some = {"ffnn": scored("ffnn", {0: drawn(7, 0.8), 1: drawn(8, 0.8)}), "cnn": scored("cnn", {1: drawn(9, 0.7)})}
    assert permutation_effect(some, base).cnn_minus_ffnn.seeds == [1]
    none = some | {"cnn": scored("cnn", {2: drawn(9, 0.7)})}
    assert permutation_effect(none, base).cnn_minus_ffnn is None


def test_a_model_alone_has_its_change_and_no_gap() -> None:
    """Nor does a model without a baseline have one."""
    base = {"cnn": scored("cnn", {s: drawn(s, 0.9) for s in range(3)})}
    permuted = {m: scored(m, {s: drawn(s + 5, 0.8) for s in range(3)}) for m in ("ffnn", "cnn")}
    found = permutation_effect(permuted, base)
    assert list(found.changes) == ["cnn"]
    assert found.cnn_minus_ffnn is None


def test_a_learning_curve_ascends_in_images() -> None:
    """Each size with its own seeds, mean and interval, whatever order they come in."""
    sizes = {1000: scored("cnn", {0: drawn(1, 0.8), 1: drawn(2, 0.8)}), 100: scored("cnn", {0: drawn(3, 0.6)})}
    found = learning_curve(sizes)
    assert [point.images for point in found] == [100, 1000]
    assert [point.seeds for point in found] == [[0], [0, 1]]
    assert found[1].accuracy.mean == pytest.approx(np.mean([drawn(1, 0.8), drawn(2, 0.8)]))
    assert found[0].accuracy.covers == "images only"


def test_the_lead_is_of_common_sizes_and_seeds() -> None:
    """First minus second, where both have a size and a seed of it in common."""
    a = {100: scored("cnn", {0: drawn(1, 0.8), 1: drawn(2, 0.8)}), 300: scored("cnn", {0: drawn(5, 0.8)})}
    b = {100: scored("ffnn", {1: drawn(3, 0.6), 2: drawn(4, 0.6)}), 300: scored("ffnn", {1: drawn(6, 0.6)}),
         1000: scored("ffnn", {0: drawn(7, 0.6)})}  # fmt: skip
    (found,) = differences_by_size(a, b)
    assert (found.images, found.seeds) == (100, [1])
    assert found.mean == pytest.approx(float(np.mean(drawn(2, 0.8) - drawn(3, 0.6))))


def test_means_and_intervals_by_hand() -> None:
    """Four images, two seeds: the ffnn loses ¼ and nothing, the cnn ¾ and ¼; what is said of each is its own."""
    base = {
        "ffnn": scored("ffnn", {0: [1, 1, 1, 0], 1: [1, 1, 0, 0]}),
        "cnn": scored("cnn", {0: [1, 1, 1, 1], 1: [1, 1, 1, 0]}),
    }
    permuted = {
        "ffnn": scored("ffnn", {0: [1, 1, 0, 0], 1: [1, 0, 0, 1]}),
        "cnn": scored("cnn", {0: [1, 0, 0, 0], 1: [1, 0, 0, 1]}),
    }
    for held in permuted.values():
        held.name = "permuted-pixels"
    found = permutation_effect(permuted, base)
    assert list(found.changes) == ["ffnn", "cnn"]
    for model, differences in (("ffnn", [-0.25, 0.0]), ("cnn", [-0.75, -0.25])):
        row = found.changes[model]
        assert row.differences == differences
        assert row.mean == np.mean(differences)
        assert row.a == Side(model=model, configuration="permuted-pixels")
        assert row.b == Side(model=model, configuration="baseline")
        assert (row.split, row.metric, row.family) == ("test", "accuracy", 2)
    # (-¾ - -¼) and (-¼ - 0).
    assert found.cnn_minus_ffnn.mean == np.mean([-0.5, -0.25])


def test_what_seeds_share_is_not_in_the_interval() -> None:
    """A seed that is hard for both models' changes cancels: Student's interval of the paired differences, a narrow one.

    Every image changes alike, so that seeds are all that varies.
    """
    luck = np.array([-0.10, 0.08, -0.05, 0.12])
    apart = np.array([-0.020, -0.022, -0.019, -0.021])

    def same_for_all_images(values: np.ndarray) -> dict[int, np.ndarray]:
        return {seed: np.full(50, value) for seed, value in enumerate(values)}

    base = {model: scored(model, same_for_all_images(np.full(4, 0.9))) for model in ("ffnn", "cnn")}
    permuted = {
        "ffnn": scored("ffnn", same_for_all_images(0.7 + luck)),
        "cnn": scored("cnn", same_for_all_images(0.7 + luck + apart)),
    }
    found = permutation_effect(permuted, base)
    gap = found.cnn_minus_ffnn
    assert gap.interval == pytest.approx(stats.t.interval(0.95, 3, apart.mean(), stats.sem(apart)))
    assert width(gap) < 0.05 * unpaired_width(found)


def test_what_images_share_is_not_in_the_interval() -> None:
    """An image that is lost to both models cancels: with one seed, the normal interval of the images' differences."""
    hard = drawn(0, 0.4)
    base = {model: scored(model, {0: np.ones(400)}) for model in ("ffnn", "cnn")}
    besides = drawn(1, 0.05)
    permuted = {"ffnn": scored("ffnn", {0: 1 - hard}), "cnn": scored("cnn", {0: (1 - hard) * (1 - besides)})}
    found = permutation_effect(permuted, base)
    apart = -besides * (1 - hard)
    gap = found.cnn_minus_ffnn
    assert gap.interval == pytest.approx(stats.norm.interval(0.95, apart.mean(), stats.sem(apart)))
    assert gap.covers == "images only"
    assert width(gap) < 0.4 * unpaired_width(found)


def width(held: dict) -> float:
    return held.interval[1] - held.interval[0]


def unpaired_width(found: dict) -> float:
    """The width that the difference would have if the two models' changes had nothing in common."""
    return float(np.hypot(*(width(found.changes[model]) for model in ("ffnn", "cnn"))))


def test_a_model_without_a_seed_in_common_with_its_baseline_is_left_out() -> None:
    """Nothing can be said about its change, and the other model's is a family of one."""
    base = {m: scored(m, {s: drawn(s, 0.9) for s in range(3)}) for m in ("ffnn", "cnn")}
    permuted = {"ffnn": scored("ffnn", {8: drawn(8, 0.8)}), "cnn": scored("cnn", {s: drawn(s, 0.5) for s in range(3)})}
    found = permutation_effect(permuted, base)
    assert list(found.changes) == ["cnn"]
    assert found.changes["cnn"].family == 1
    assert found.cnn_minus_ffnn is None


def test_without_a_finished_run_there_is_nothing() -> None:
    """No change, no gap, no curve, no lead."""
    base = {"cnn": scored("cnn", {0: drawn(0, 0.9)})}
    assert permutation_effect({}, base) == Permutation(changes={}, cnn_minus_ffnn=None)
    assert learning_curve({}) == []
    assert differences_by_size({100: base["cnn"]}, {}) == []


def test_the_scores_are_those_of_the_test_set() -> None:
    """Validation columns, and other metrics, have no part in a curve, a lead or a change."""
    held = {model: scored(model, {0: [1, 0, 0, 0], 1: [1, 1, 0, 0]}) for model in ("ffnn", "cnn")}
    for one in held.values():
        for seed in (0, 1):
            one.add(seed, "validation", {"accuracy": np.ones(9)})
            one.add(seed, "test", {"loss": np.full(4, 7.0)})
    assert learning_curve({100: held["cnn"]})[0].accuracy.mean == 0.375
    assert differences_by_size({100: held["cnn"]}, {100: held["ffnn"]})[0].interval == (0, 0)
    assert permutation_effect(held, held).changes["cnn"].mean == 0


def test_a_learning_curves_interval_is_over_its_seeds() -> None:
    """Where every image of a seed counts alike it is Student's of the seeds' scores."""
    scores = np.array([0.61, 0.66, 0.63])
    (point,) = learning_curve({100: scored("cnn", {seed: np.full(50, score) for seed, score in enumerate(scores)})})
    assert point.accuracy.interval == pytest.approx(stats.t.interval(0.95, 2, scores.mean(), stats.sem(scores)))
    assert point.accuracy.std_over_seeds == pytest.approx(scores.std(ddof=1))


def test_leads_ascend_and_are_paired() -> None:
    """By size, over all common seeds; what an image or a seed does to both models is not in the interval."""
    luck = {seed: drawn(seed, 0.6) for seed in range(3)}
    better = {seed: np.maximum(column, drawn(50 + seed, 0.1)) for seed, column in luck.items()}
    sizes = (1000, 100)
    found = differences_by_size(
        {images: scored("cnn", better) for images in sizes}, {images: scored("ffnn", luck) for images in sizes}
    )
    assert [point.images for point in found] == [100, 1000]
    gains = np.array([better[seed] - luck[seed] for seed in range(3)])
    for point in found:
        assert point.seeds == [0, 1, 2]
        assert point.mean == pytest.approx(gains.mean())
        # Of four in a hundred images that are gained, half a point is left to chance; of 60 right ones 5 points are.
        assert width(point) < 0.05
    # One seed: the images' interval is that of their differences.
    (point,) = differences_by_size({100: scored("cnn", {0: better[0]})}, {100: scored("ffnn", {0: luck[0]})})
    expected = stats.norm.interval(0.95, gains[0].mean(), stats.sem(gains[0]))
    assert point.interval == pytest.approx(expected)


def shifted_by(gap: float, seeds: int, spread: float = 0.01) -> dict[int, np.ndarray]:
    """Differences of 50 images, alike within a seed, around a gap."""
    return {seed: np.full(50, gap + spread * (seed - (seeds - 1) / 2)) for seed in range(seeds)}


def test_leads_are_a_family() -> None:
    """Each p is that of the paired t-test over seeds, corrected by Holm over all; the verdict follows the latter."""
    gaps = (0.2, 0.05, -0.045, 0.001)
    found = model_differences([shifted_by(gap, 3) for gap in gaps])
    raw = [stats.ttest_1samp([gap - 0.01, gap, gap + 0.01], 0).pvalue for gap in gaps]
    assert [held.p for held in found] == pytest.approx(raw)
    assert [held.p_holm for held in found] == pytest.approx(holm(raw))
    assert {held.family for held in found} == {4}
    # Alone, the second and the third would be decided.
    assert max(raw[:3]) < 0.05
    assert [held.verdict for held in found] == ["better", "better", "worse", "inconclusive"]
    many = model_differences([shifted_by(gap, 3) for gap in (*gaps, *[0.001] * 8)])
    assert [held.verdict for held in many] == ["better", *["inconclusive"] * 11]


@pytest.mark.parametrize("seeds", [1, 2])
def test_below_three_seeds_no_lead_has_a_verdict(seeds: int) -> None:
    """However large it is; one seed has no p, and is no member of the family that others are corrected over."""
    found = model_differences([shifted_by(0.5, seeds), shifted_by(0.2, 3)])
    assert [held.verdict for held in found] == ["not tested", "better"]
    assert (found[0].p is None) == (seeds == 1)
    if seeds == 1:
        assert found[1].p_holm == found[1].p


def test_a_gap_and_the_leads_by_size_are_judged() -> None:
    """The gap by itself, the sizes as one family."""
    base = {model: scored(model, shifted_by(0.9, 3, 0)) for model in ("ffnn", "cnn")}
    permuted = {"ffnn": scored("ffnn", shifted_by(0.9, 3)), "cnn": scored("cnn", shifted_by(0.5, 3, 0.02))}
    gap = permutation_effect(permuted, base).cnn_minus_ffnn
    assert gap.verdict == "worse"
    assert gap.p_holm == gap.p
    sizes = (100, 300)
    ahead = differences_by_size(dict.fromkeys(sizes, permuted["ffnn"]), dict.fromkeys(sizes, permuted["cnn"]))
    assert [held.verdict for held in ahead] == ["better", "better"]
    assert [held.p_holm for held in ahead] == pytest.approx([2 * held.p for held in ahead])
    assert model_differences([]) == []
