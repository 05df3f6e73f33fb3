"""Experiments compare each model with itself, and the two models' changes, paired by seed and image."""

import numpy as np
import pytest

from fashion_compare.comparison.experiments import lead_by_size, learning_curve, permutation_effect
from fashion_compare.comparison.pairs import Scored
from fashion_compare.comparison.statistics import mean_interval


def scored(model: str, columns: dict[int, np.ndarray]) -> Scored:
    held = Scored(model, "baseline")
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
    assert found["changes"]["ffnn"]["mean"] == 0
    expected = np.mean([drawn(s, 0.8) - drawn(s, 0.9) for s in range(3)])
    assert found["changes"]["cnn"]["mean"] == pytest.approx(expected)
    assert found["changes"]["cnn"]["family"] == 2
    assert found["cnn_minus_ffnn"]["mean"] == pytest.approx(expected)
    assert found["cnn_minus_ffnn"]["seeds"] == [0, 1, 2]


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
    assert found["cnn_minus_ffnn"]["interval"] == pytest.approx([expected.low, expected.high])


def test_only_common_seeds_count() -> None:
    """The two changes are compared over seeds that all four have; without one there is no comparison."""
    base = {m: scored(m, {s: drawn(s, 0.9) for s in range(3)}) for m in ("ffnn", "cnn")}
    some = {"ffnn": scored("ffnn", {0: drawn(7, 0.8), 1: drawn(8, 0.8)}), "cnn": scored("cnn", {1: drawn(9, 0.7)})}
    assert permutation_effect(some, base)["cnn_minus_ffnn"]["seeds"] == [1]
    none = some | {"cnn": scored("cnn", {2: drawn(9, 0.7)})}
    assert permutation_effect(none, base)["cnn_minus_ffnn"] is None


def test_a_model_alone_has_its_change_and_no_gap() -> None:
    """Nor does a model without a baseline have one."""
    base = {"cnn": scored("cnn", {s: drawn(s, 0.9) for s in range(3)})}
    permuted = {m: scored(m, {s: drawn(s + 5, 0.8) for s in range(3)}) for m in ("ffnn", "cnn")}
    found = permutation_effect(permuted, base)
    assert list(found["changes"]) == ["cnn"]
    assert found["cnn_minus_ffnn"] is None


def test_a_learning_curve_ascends_in_images() -> None:
    """Each size with its own seeds, mean and interval, whatever order they come in."""
    sizes = {1000: scored("cnn", {0: drawn(1, 0.8), 1: drawn(2, 0.8)}), 100: scored("cnn", {0: drawn(3, 0.6)})}
    found = learning_curve(sizes)
    assert [point["images"] for point in found] == [100, 1000]
    assert [point["seeds"] for point in found] == [[0], [0, 1]]
    assert found[1]["accuracy"]["mean"] == pytest.approx(np.mean([drawn(1, 0.8), drawn(2, 0.8)]))
    assert found[0]["accuracy"]["covers"] == "images only"


def test_the_lead_is_of_common_sizes_and_seeds() -> None:
    """First minus second, where both have a size and a seed of it in common."""
    a = {100: scored("cnn", {0: drawn(1, 0.8), 1: drawn(2, 0.8)}), 300: scored("cnn", {0: drawn(5, 0.8)})}
    b = {100: scored("ffnn", {1: drawn(3, 0.6), 2: drawn(4, 0.6)}), 300: scored("ffnn", {1: drawn(6, 0.6)}),
         1000: scored("ffnn", {0: drawn(7, 0.6)})}  # fmt: skip
    (found,) = lead_by_size(a, b)
    assert (found["images"], found["seeds"]) == (100, [1])
    assert found["lead"]["mean"] == pytest.approx(float(np.mean(drawn(2, 0.8) - drawn(3, 0.6))))
