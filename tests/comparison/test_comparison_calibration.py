"""Calibration of a configuration: scikit-learn's losses, a temperature from validation alone, no answer changed."""

import numpy as np
import pytest
from sklearn.metrics import log_loss

from fashion_compare.classifier.scores import softmax
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
    found = calibration(runs)
    assert found["seeds"] == [3, 7]
    assert found["temperatures"] == pytest.approx([2.0, 2.0], rel=0.1)
    for which, temperatures in (("before", [1, 1]), ("after", found["temperatures"])):
        shares = [
            softmax(held["test"].logits / np.float32(t)) for held, t in zip(runs.values(), temperatures, strict=True)
        ]
        labels = [held["test"].labels for held in runs.values()]
        pairs = list(zip(labels, shares, strict=True))
        assert found[which]["loss"] == pytest.approx(np.mean([log_loss(*pair) for pair in pairs]), rel=1e-5)
        assert found[which]["ece"] == pytest.approx(
            np.mean([expected_calibration_error(*pair) for pair in pairs]), rel=1e-5
        )
        assert found[which]["brier"] == pytest.approx(np.mean([brier_score(*pair) for pair in pairs]), rel=1e-5)


def test_too_sure_logits_are_mended(runs: dict) -> None:
    """Error and loss fall, and the change of the loss is negative with its whole interval."""
    found = calibration(runs)
    assert found["after"]["ece"] < 0.3 * found["before"]["ece"]
    assert found["loss_change"]["mean"] == pytest.approx(found["after"]["loss"] - found["before"]["loss"], rel=1e-5)
    assert found["loss_change"]["interval"][1] < 0


def test_the_temperature_knows_nothing_of_the_test_set(runs: dict) -> None:
    """Other test images leave it as it was; other validation images do not."""
    other_test = {seed: held | {"test": predictions(900, 0.5)} for seed, held in runs.items()}
    assert calibration(other_test)["temperatures"] == calibration(runs)["temperatures"]
    other_validation = {seed: held | {"validation": predictions(900, 0.5)} for seed, held in runs.items()}
    assert calibration(other_validation)["temperatures"] != calibration(runs)["temperatures"]


def test_bins_hold_all_seeds_images_and_no_empty_one(runs: dict) -> None:
    """Counts add up to all images; accuracy over the bins is the accuracy; a temperature changes no answer."""
    found = calibration(runs)
    right = np.mean([(held["test"].answers == held["test"].labels).mean() for held in runs.values()])
    for which in ("before", "after"):
        bins = found[which]["bins"]
        assert sum(entry["images"] for entry in bins) == 6000
        assert all(entry["images"] for entry in bins)
        assert sum(entry["images"] * entry["accuracy"] for entry in bins) / 6000 == pytest.approx(right)
