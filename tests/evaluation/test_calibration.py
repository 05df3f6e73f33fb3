"""Calibration against numbers worked by hand, naive loops, scikit-learn and planted temperatures."""

import math

import numpy as np
import pytest
import scipy.special
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve

from fashion_compare.evaluation.calibration import (
    brier_score,
    expected_calibration_error,
    fit_temperature,
    reliability,
)


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


def test_reliability_by_hand() -> None:
    """With four bins: none up to ¼, one of ½ that is right, two around ⅝ of which one is right, none above ¾."""
    p = np.array([[0.5, 0.25, 0.25], [0.625, 0.25, 0.125], [0.75, 0.125, 0.125]])
    found = reliability(np.array([0, 0, 1]), p, bins=4)
    assert found.count.tolist() == [0, 1, 2, 0]
    np.testing.assert_allclose(found.confidence, [np.nan, 0.5, 0.6875, np.nan])
    np.testing.assert_allclose(found.accuracy, [np.nan, 1, 0.5, np.nan])


@pytest.mark.parametrize("bins", [1, 10, 15])
@pytest.mark.parametrize("spread", [1.0, 4.0])
def test_reliability_equals_scikit_learns_calibration_curve(bins: int, spread: float) -> None:
    """Taken as a binary question, whether the top label is right: the same points, empty bins left out."""
    rng = np.random.default_rng(bins)
    probabilities = scipy.special.softmax(spread * rng.normal(size=(500, 10)), axis=1)
    labels = np.where(rng.random(500) < 0.6, probabilities.argmax(axis=1), rng.integers(0, 10, 500))
    found = reliability(labels, probabilities, bins)
    confidence = probabilities.max(axis=1)
    accuracies, confidences = calibration_curve(labels == probabilities.argmax(axis=1), confidence, n_bins=bins)
    filled = found.count > 0
    np.testing.assert_allclose(found.accuracy[filled], accuracies, rtol=1e-12)
    np.testing.assert_allclose(found.confidence[filled], confidences, rtol=1e-12)
    assert np.isnan(found.accuracy[~filled]).all()
    assert np.isnan(found.confidence[~filled]).all()
    # (0, 1/bins], … as NumPy counts [0, 1/bins), …, for no confidence here is on an edge.
    assert found.count.tolist() == np.histogram(confidence, bins, (0, 1))[0].tolist()


def test_calibration_error_of_many_images_is_exact() -> None:
    """On 20,000 images it equals, to 1e-15, the bins' gaps summed without any rounding."""
    rng = np.random.default_rng(1)
    probabilities = scipy.special.softmax(5 * rng.normal(size=(20_000, 10)), axis=1)
    labels = np.where(rng.random(20_000) < 0.8, probabilities.argmax(axis=1), rng.integers(0, 10, 20_000))
    right, confidence = probabilities.argmax(axis=1) == labels, probabilities.max(axis=1)
    gaps = [
        math.fsum((right - confidence)[(confidence > b / 15) & (confidence <= (b + 1) / 15)].tolist())
        for b in range(15)
    ]
    expected = math.fsum(map(abs, gaps)) / 20_000
    assert expected > 0.01
    assert expected_calibration_error(labels, probabilities) == pytest.approx(expected, rel=0, abs=1e-15)


def planted(temperature: float, images: int = 20_000) -> tuple[np.ndarray, np.ndarray]:
    """Labels that softmax(z) draws, and logits = temperature · z as a network would return them."""
    rng = np.random.default_rng(2)
    z = 3 * rng.normal(size=(images, 10))
    # Gumbel noise added to logits makes their argmax a draw from their softmax.
    labels = (z + rng.gumbel(size=z.shape)).argmax(axis=1)
    return labels, (temperature * z).astype(np.float32)


@pytest.mark.parametrize("temperature", [0.2, 1.0, 1.7, 8.0])
def test_a_planted_temperature_is_found(temperature: float) -> None:
    """Labels drawn from softmax(z) and logits T·z give T back, within 2 percent for 20,000 images."""
    assert fit_temperature(*planted(temperature)) == pytest.approx(temperature, rel=0.02)


def test_the_temperature_grows_with_the_logits() -> None:
    """Logits four times as large, exactly, need four times the temperature, exactly."""
    labels, logits = planted(1.0, images=500)
    assert fit_temperature(labels, 4 * logits) == pytest.approx(4 * fit_temperature(labels, logits), rel=1e-6)


def test_no_gradient_is_left_at_the_temperature() -> None:
    """The derivative of the mean cross-entropy by 1/T is mean(Σ p·z - z of the label): zero there, not beside it."""
    labels, logits = planted(2.5, images=2_000)
    z = logits.astype(np.float64)

    def gradient(temperature: float) -> float:
        p = scipy.special.softmax(z / temperature, axis=1)
        return float(np.mean((p * z).sum(axis=1) - z[np.arange(len(z)), labels]))

    fitted = fit_temperature(labels, logits)
    assert gradient(fitted) == pytest.approx(0, abs=1e-5)
    assert gradient(0.99 * fitted) > 1e-3
    assert gradient(1.01 * fitted) < -1e-3


def test_temperature_changes_no_answer_and_mends_calibration() -> None:
    """Every argmax stays, the logits are left as they were, and the calibration error of logits 3·z all but goes."""
    labels, logits = planted(3.0)
    before = logits.copy()
    fitted = fit_temperature(labels, logits)
    assert np.array_equal(logits, before)
    raw = scipy.special.softmax(logits.astype(np.float64), axis=1)
    mended = scipy.special.softmax(logits.astype(np.float64) / fitted, axis=1)
    assert np.array_equal(mended.argmax(axis=1), raw.argmax(axis=1))
    assert expected_calibration_error(labels, raw) > 0.1
    assert expected_calibration_error(labels, mended) < 0.01


def test_a_temperature_without_a_best_value_ends_at_the_range() -> None:
    """Every answer right asks for T = 0 and gets 0.05; the lowest logit always right asks for infinity and gets 20."""
    logits = np.array([[2.0, 0, 1], [0, 1, 3]], np.float32)
    assert fit_temperature(np.array([0, 2]), logits) == pytest.approx(0.05, rel=1e-3)
    assert fit_temperature(np.array([1, 0]), logits) == pytest.approx(20, rel=1e-3)
