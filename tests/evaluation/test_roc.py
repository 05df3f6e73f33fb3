"""ROC curves: each class against the rest."""

import numpy as np
import pytest

from fashion_compare.evaluation.roc import one_vs_rest_auc, one_vs_rest_curves


def drawn(seed: int = 0, images: int = 120) -> tuple[np.ndarray, np.ndarray]:
    """Return labels of four classes, and probabilities rounded to two digits, so that there are ties."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 4, images)
    probabilities = rng.dirichlet(np.ones(4), images) + 0.5 * np.eye(4)[labels]
    return labels, np.round(probabilities / probabilities.sum(axis=1, keepdims=True), 2)


def test_a_curve_counts_what_its_thresholds_let_through() -> None:
    """Each point has the shares of negatives and positives at or above its threshold; the ends are (0, 0), (1, 1)."""
    labels, probabilities = drawn()
    for c, curve in enumerate(one_vs_rest_curves(labels, probabilities)):
        assert curve is not None
        positives, negatives = probabilities[labels == c, c], probabilities[labels != c, c]
        for threshold, false_rate, true_rate in zip(
            curve.thresholds, curve.false_positive_rate, curve.true_positive_rate, strict=True
        ):
            assert true_rate == pytest.approx(np.mean(positives >= threshold))
            assert false_rate == pytest.approx(np.mean(negatives >= threshold))
        assert (curve.false_positive_rate[0], curve.true_positive_rate[0]) == (0, 0)
        assert (curve.false_positive_rate[-1], curve.true_positive_rate[-1]) == (1, 1)


def test_the_area_under_the_curve_drawn_is_the_auc_printed() -> None:
    """The trapezoids under each curve sum to the area that the table shows."""
    labels, probabilities = drawn(1)
    areas, _ = one_vs_rest_auc(labels, probabilities)
    for curve, area in zip(one_vs_rest_curves(labels, probabilities), areas, strict=True):
        assert curve is not None
        assert np.trapezoid(curve.true_positive_rate, curve.false_positive_rate) == pytest.approx(area, abs=1e-12)


def test_no_curve_without_both_sides() -> None:
    """A class that is absent, or the only one, has neither curve nor area; the others keep theirs."""
    labels, probabilities = drawn(2)
    labels[labels == 3] = 0
    areas, _ = one_vs_rest_auc(labels, probabilities)
    curves = one_vs_rest_curves(labels, probabilities)
    assert [area is None for area in areas] == [False, False, False, True]
    assert [curve is None for curve in curves] == [False, False, False, True]
    alone = np.zeros(len(labels), np.int64)
    assert one_vs_rest_auc(alone, probabilities)[0] == [None] * 4
    assert one_vs_rest_curves(alone, probabilities) == [None] * 4


def test_two_images_make_one_pair_each_way_and_four_pooled() -> None:
    """Each class has one pair, ranked right; of the four pooled pairs only 0.3 against 0.7 is ranked wrong."""
    areas, micro = one_vs_rest_auc(np.array([0, 1]), np.array([[0.8, 0.2], [0.7, 0.3]]))
    assert areas == [1.0, 1.0]
    assert micro == 0.75


def test_one_class_alone_has_no_average_either() -> None:
    """Where there is one class, every decision is the same, and neither area is defined."""
    assert one_vs_rest_auc(np.array([0, 0]), np.ones((2, 1))) == ([None], None)


def test_one_image_of_a_class_is_enough_for_a_curve() -> None:
    """A single positive has a curve of one step: up when its threshold is reached, and the negatives follow."""
    curve = one_vs_rest_curves(np.array([0, 1, 1]), np.array([[0.6, 0.4], [0.7, 0.3], [0.1, 0.9]]))[0]
    assert curve is not None
    assert curve.false_positive_rate.tolist() == [0.0, 0.5, 0.5, 1.0]
    assert curve.true_positive_rate.tolist() == [0.0, 0.0, 1.0, 1.0]
