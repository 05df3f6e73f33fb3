"""Calibration of a configuration: scikit-learn's losses, a temperature from validation alone, no answer changed."""

import json

import numpy as np
import pytest
from scipy import stats
from scipy.special import log_softmax
from sklearn.metrics import log_loss

from fashion_compare.classifier.functional import softmax
from fashion_compare.comparison.calibration import calibration
from fashion_compare.evaluation.calibration import brier_score, expected_calibration_error
from fashion_compare.evaluation.predictions import Predictions


def predictions(seed: int, temperature: float, n: int = 3000) -> Predictions:
    """Labels drawn from softmax(z), and logits temperature·z: too sure by that factor."""
    generator = np.random.default_rng(seed)
    z = 1.5 * generator.normal(size=(n, 4))
    shares = softmax(z.astype(np.float32))
    labels = (shares.cumsum(axis=1) > generator.random((n, 1))).argmax(axis=1)
    return Predictions(labels, (temperature * z).astype(np.float32))


@pytest.fixture(scope="module")
def runs() -> dict:
    return {seed: {"validation": predictions(seed, 2.0), "test": predictions(100 + seed, 2.0)} for seed in (3, 7)}


def test_scores_before_and_after_are_means_over_seeds(runs: dict) -> None:
    """Log loss by scikit-learn, ECE and Brier score of each seed's probabilities, with its own temperature."""
    found = calibration("baseline", runs)
    assert found.seeds == [3, 7]
    assert found.temperatures == pytest.approx([2.0, 2.0], rel=0.1)
    for which, temperatures in (("before", [1, 1]), ("after", found.temperatures)):
        shares = [
            softmax(held["test"].logits / np.float32(t)) for held, t in zip(runs.values(), temperatures, strict=True)
        ]
        labels = [held["test"].labels for held in runs.values()]
        pairs = list(zip(labels, shares, strict=True))
        assert getattr(found, which).loss == pytest.approx(np.mean([log_loss(*pair) for pair in pairs]), rel=1e-5)
        assert getattr(found, which).ece == pytest.approx(
            np.mean([expected_calibration_error(*pair) for pair in pairs]), rel=1e-5
        )
        assert getattr(found, which).brier == pytest.approx(np.mean([brier_score(*pair) for pair in pairs]), rel=1e-5)


def test_too_sure_logits_are_mended(runs: dict) -> None:
    """Error and loss fall, and the change of the loss is negative with its whole interval."""
    found = calibration("baseline", runs)
    assert found.after.ece < 0.3 * found.before.ece
    assert found.loss_change.mean == pytest.approx(found.after.loss - found.before.loss, rel=1e-5)
    assert found.loss_change.interval[1] < 0


def test_the_temperature_knows_nothing_of_the_test_set(runs: dict) -> None:
    """Other test images leave it as it was; other validation images do not."""
    other_test = {seed: held | {"test": predictions(900, 0.5)} for seed, held in runs.items()}
    assert calibration("baseline", other_test).temperatures == calibration("baseline", runs).temperatures
    other_validation = {seed: held | {"validation": predictions(900, 0.5)} for seed, held in runs.items()}
    assert calibration("baseline", other_validation).temperatures != calibration("baseline", runs).temperatures


def test_bins_hold_all_seeds_images_and_no_empty_one(runs: dict) -> None:
    """Counts add up to all images; accuracy over the bins is the accuracy; a temperature changes no answer."""
    found = calibration("baseline", runs)
    right = np.mean([(held["test"].predicted_labels == held["test"].labels).mean() for held in runs.values()])
    for which in ("before", "after"):
        bins = getattr(found, which).bins
        assert sum(entry.images for entry in bins) == 6000
        assert all(entry.images for entry in bins)
        assert sum(entry.images * entry.accuracy for entry in bins) / 6000 == pytest.approx(right)


@pytest.mark.parametrize(("factor", "low", "high"), [(3.0, 2.7, 3.3), (1.0, 0.93, 1.07), (0.4, 0.36, 0.44)])
def test_a_planted_temperature_is_found(factor: float, low: float, high: float) -> None:
    """Logits that are too large, right, or too small by a factor: one temperature a seed, which is that factor."""
    runs = {5: {"validation": predictions(1, factor), "test": predictions(2, factor)}}
    found = calibration("baseline", runs)
    (temperature,) = found.temperatures
    assert low < temperature < high
    mended = found.loss_change.interval[1] < 0
    assert mended == (factor != 1.0)


def test_a_temperature_of_other_data_can_do_harm() -> None:
    """Where validation asks for another one than the test set, the change of the loss is above zero, all of it."""
    runs = {0: {"validation": predictions(1, 4.0), "test": predictions(2, 1.0)}}
    found = calibration("baseline", runs)
    assert found.loss_change.interval[0] > 0
    assert found.after.loss > found.before.loss


def test_the_change_of_the_loss_is_paired_by_image() -> None:
    """With one seed its interval is the normal one of each image's own change, from SciPy's log softmax."""
    runs = {0: {"validation": predictions(1, 2.0), "test": predictions(2, 2.0)}}
    found = calibration("baseline", runs)
    test, (temperature,) = runs[0]["test"], found.temperatures
    at = np.arange(3000), test.labels
    exact = test.logits.astype(np.float64)
    change = log_softmax(exact, axis=1)[at] - log_softmax(exact / temperature, axis=1)[at]
    expected = stats.norm.interval(0.95, change.mean(), stats.sem(change))
    assert found.loss_change.interval == pytest.approx(expected, rel=1e-4)


def test_the_temperature_is_the_best_one_for_validation(runs: dict) -> None:
    """By scikit-learn's loss: a little more or less temperature is worse on each seed's validation images."""
    for held, temperature in zip(runs.values(), calibration("baseline", runs).temperatures, strict=True):
        labels, logits = held["validation"].labels, held["validation"].logits.astype(np.float64)
        best, less, more = (log_loss(labels, softmax(logits / (temperature * f))) for f in (1, 0.98, 1.02))
        assert best < min(less, more)


def test_bins_are_fifteenths_of_the_confidence(runs: dict) -> None:
    """Counted one by one: every bin's images, their mean confidence, how many are right; as JSON has them."""
    logits = np.concatenate([held["test"].logits for held in runs.values()]).astype(np.float64)
    labels = np.concatenate([held["test"].labels for held in runs.values()])
    shares = np.exp(log_softmax(logits, axis=1))
    confidence, right = shares.max(axis=1), shares.argmax(axis=1) == labels
    expected = []
    for b in range(15):
        inside = (confidence > b / 15) & (confidence <= (b + 1) / 15)
        if inside.any():
            expected.append((inside.sum(), confidence[inside].mean(), right[inside].mean()))
    bins = calibration("baseline", runs).before.bins
    assert [entry.images for entry in bins] == [count for count, _, _ in expected]
    assert [entry.confidence for entry in bins] == pytest.approx([mean for _, mean, _ in expected])
    assert [entry.accuracy for entry in bins] == pytest.approx([share for _, _, share in expected])
    # None of four classes can be the likeliest with less than a quarter.
    assert len(bins) < 15
    json.dumps(calibration("baseline", runs).model_dump(), allow_nan=False)


def test_no_temperature_changes_an_answer() -> None:
    """Not even where the two highest logits are neighbours among the float32 numbers."""
    low = np.random.default_rng(0).normal(scale=5, size=(2000, 1)).astype(np.float32)
    neck_and_neck = np.concatenate([low, np.nextafter(low, np.float32(np.inf))], axis=1)
    test = Predictions(np.ones(2000, np.int64), neck_and_neck)
    found = calibration("baseline", {0: {"validation": predictions(1, 1.5), "test": test}})
    for which in ("before", "after"):
        assert [entry.accuracy for entry in getattr(found, which).bins] == [1.0]
