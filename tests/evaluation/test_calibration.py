"""Brier score and expected calibration error, against numbers worked by hand and naive loops."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fashion_compare.evaluation.calibration import brier_score, expected_calibration_error


def naive_ece(labels: np.ndarray, probabilities: np.ndarray, bins: int) -> float:
    """Go through the bins one by one, as the paper's equation reads."""
    total = 0.0
    for b in range(bins):
        inside = [
            (max(p), int(np.argmax(p)) == y)
            for p, y in zip(probabilities.tolist(), labels.tolist(), strict=True)
            if b / bins < max(p) <= (b + 1) / bins
        ]
        if inside:
            accuracy = sum(right for _, right in inside) / len(inside)
            confidence = sum(p for p, _ in inside) / len(inside)
            total += len(inside) / len(labels) * abs(accuracy - confidence)
    return total


def test_brier_score_by_hand() -> None:
    """(0.7, 0.2, 0.1) for class 0 costs 0.14, for class 2 it costs 1.34; the score is their mean."""
    p = np.array([[0.7, 0.2, 0.1]])
    assert brier_score(np.array([0]), p) == pytest.approx(0.14)
    assert brier_score(np.array([2]), p) == pytest.approx(0.49 + 0.04 + 0.81)
    assert brier_score(np.array([0, 2]), np.repeat(p, 2, axis=0)) == pytest.approx((0.14 + 1.34) / 2)


def test_brier_score_of_the_extremes() -> None:
    """Certain and right costs 0, certain and wrong 2, knowing nothing of ten classes 0.9."""
    certain = np.eye(3)
    assert brier_score(np.array([0, 1, 2]), certain) == 0.0
    assert brier_score(np.array([1, 2, 0]), certain) == 2.0
    assert brier_score(np.array([4]), np.full((1, 10), 0.1)) == pytest.approx(0.9)


def test_calibration_error_by_hand() -> None:
    """Two images at 0.9 of which one is right, two at 0.5 of which one is right: ½·|½ - 0.9| + ½·0 = 0.2."""
    p = np.array([[0.9, 0.1], [0.9, 0.1], [0.5, 0.5], [0.5, 0.5]])
    assert expected_calibration_error(np.array([0, 1, 0, 1]), p) == pytest.approx(0.2)


def test_a_bin_ends_with_its_upper_edge() -> None:
    """With four bins, 0.5 belongs to (¼, ½], not to the bin of 0.625 and 0.75: (0.5 + |0.375 - 0.75|)/3."""
    p = np.array([[0.5, 0.25, 0.25], [0.625, 0.25, 0.125], [0.75, 0.125, 0.125]])
    assert expected_calibration_error(np.array([0, 0, 1]), p, bins=4) == pytest.approx(0.875 / 3)


def test_over_and_underconfidence_in_one_bin_cancel() -> None:
    """Within a bin, gaps of opposite sign cancel, for the bin's means are compared."""
    p = np.array([[0.95, 0.05]] * 20)
    assert expected_calibration_error(np.array([0] * 19 + [1]), p) == pytest.approx(0.0, abs=1e-12)


@settings(max_examples=50, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    images=st.integers(1, 120),
    classes=st.integers(2, 10),
    concentration=st.sampled_from([0.05, 0.5, 5.0]),
    bins=st.integers(1, 20),
)
def test_both_equal_naive_loops(seed: int, images: int, classes: int, concentration: float, bins: int) -> None:
    """On random probabilities, flat to nearly certain, both equal loops over images, classes and bins."""
    rng = np.random.default_rng(seed)
    probabilities = rng.dirichlet(np.full(classes, concentration), images)
    labels = rng.integers(0, classes, images)
    before = probabilities.copy()
    expected = sum((probabilities[i, c] - (labels[i] == c)) ** 2 for i in range(images) for c in range(classes))
    assert brier_score(labels, probabilities) == pytest.approx(expected / images, abs=1e-12)
    assert expected_calibration_error(labels, probabilities, bins) == pytest.approx(
        naive_ece(labels, probabilities, bins), abs=1e-12
    )
    # The caller's probabilities are left as they were.
    assert np.array_equal(probabilities, before)
