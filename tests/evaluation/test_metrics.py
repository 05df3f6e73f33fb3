"""Every score of one set of predictions, against scikit-learn, naive loops and numbers worked by hand."""

import json
import math
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax
from sklearn import metrics as sklearn_metrics
from sklearn.preprocessing import label_binarize

from fashion_compare.evaluation.metrics import COMPARED, METRIC, scores
from fashion_compare.evaluation.predictions import Predictions
from fashion_compare.evaluation.scores import class_scores


def everything(labels: np.ndarray, logits: np.ndarray, probabilities: np.ndarray | None = None) -> dict[str, Any]:
    """Return every metric, the scores of the classes and the confusion matrix, JSON-ready."""
    predictions = Predictions(labels, logits, probabilities)
    by_class = {
        "per_class": [one.model_dump() for one in class_scores(predictions)],
        "confusion": predictions.confusion.tolist(),
    }
    return {**scores(predictions), **by_class}


def drawn(seed: int, images: int = 200, classes: int = 10, scale: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Return labels with every class present, and logits that lean towards them; some rows twice, for ties."""
    rng = np.random.default_rng(seed)
    labels = np.concatenate([np.arange(classes), rng.integers(0, classes, images - classes)])
    logits = rng.normal(size=(images, classes)) * scale
    logits[np.arange(images), labels] += rng.normal(0.8, 1.0, images) * scale
    twice = rng.integers(0, images, images // 5)
    logits[rng.integers(0, images, images // 5)] = logits[twice]
    return labels, logits.astype(np.float32)


sets = st.builds(
    drawn,
    seed=st.integers(0, 2**32 - 1),
    images=st.integers(12, 250),
    classes=st.integers(3, 10),
    scale=st.sampled_from([0.05, 1.0, 4.0]),
)


@settings(max_examples=40, deadline=None)
@given(sets)
def test_every_single_number_is_scikit_learns(drawn_set: tuple[np.ndarray, np.ndarray]) -> None:
    """Accuracy, macro averages, both AUCs and the loss equal scikit-learn's on softmax probabilities, to 1e-12."""
    labels, logits = drawn_set
    classes = range(logits.shape[1])
    predicted, probabilities = logits.argmax(axis=1), softmax(logits.astype(np.float64), axis=1)
    macro = {"labels": list(classes), "average": "macro", "zero_division": 0}
    expected = {
        "accuracy": sklearn_metrics.accuracy_score(labels, predicted),
        "precision_macro": sklearn_metrics.precision_score(labels, predicted, **macro),
        "recall_macro": sklearn_metrics.recall_score(labels, predicted, **macro),
        "f1_macro": sklearn_metrics.f1_score(labels, predicted, **macro),
        "auc_macro_ovr": sklearn_metrics.roc_auc_score(labels, probabilities, multi_class="ovr", average="macro"),
        "auc_micro": sklearn_metrics.roc_auc_score(
            label_binarize(labels, classes=list(classes)), probabilities, average="micro"
        ),
        "loss": sklearn_metrics.log_loss(labels, probabilities, labels=list(classes)),
        "nll": sklearn_metrics.log_loss(labels, probabilities, labels=list(classes)),
    }
    got = everything(labels, logits)
    assert {name: got[name] for name in expected} == pytest.approx(expected, abs=1e-12)


@settings(max_examples=30, deadline=None)
@given(sets)
def test_every_number_of_a_class_is_counted_by_hand(drawn_set: tuple[np.ndarray, np.ndarray]) -> None:
    """The confusion matrix, and each class's precision, recall, F1, AUC and images, equal plain counts and pairs."""
    labels, logits = drawn_set
    classes = logits.shape[1]
    predicted, probabilities = logits.argmax(axis=1), softmax(logits.astype(np.float64), axis=1)
    got = everything(labels, logits)
    confusion = [[0] * classes for _ in range(classes)]
    for actual, called in zip(labels, predicted, strict=True):
        confusion[actual][called] += 1
    assert got["confusion"] == confusion
    for c, held in enumerate(got["per_class"]):
        right, of_class, called = confusion[c][c], sum(confusion[c]), sum(row[c] for row in confusion)
        positives, negatives = probabilities[labels == c, c], probabilities[labels != c, c]
        above = (positives[:, None] > negatives).sum() + 0.5 * (positives[:, None] == negatives).sum()
        assert held == pytest.approx(
            {
                "precision": right / called if called else 0.0,
                "recall": right / of_class,
                "f1": 2 * right / (of_class + called),
                "auc": above / (len(positives) * len(negatives)),
                "images": of_class,
            },
            abs=1e-12,
        )


def test_six_images_worked_by_hand() -> None:
    """Three classes, six images, two mistakes: all counts and averages are those found with pencil and paper."""
    labels = np.array([0, 0, 1, 1, 2, 2])
    called = np.array([0, 1, 1, 1, 2, 0])
    got = everything(labels, (np.eye(3)[called] * 50).astype(np.float32))
    assert got["confusion"] == [[1, 1, 0], [0, 2, 0], [1, 0, 1]]
    assert got["accuracy"] == pytest.approx(4 / 6)
    assert [c["precision"] for c in got["per_class"]] == pytest.approx([1 / 2, 2 / 3, 1])
    assert [c["recall"] for c in got["per_class"]] == pytest.approx([1 / 2, 1, 1 / 2])
    assert [c["f1"] for c in got["per_class"]] == pytest.approx([1 / 2, 4 / 5, 2 / 3])
    assert got["f1_macro"] == pytest.approx((1 / 2 + 4 / 5 + 2 / 3) / 3)
    # Class 0: positives' scores high, low; negatives' low, low, low, high: 3 + ½ pairs of the first, 3·½ of the second.
    assert got["per_class"][0]["auc"] == pytest.approx((3.5 + 1.5) / 8)


def test_an_absent_class_has_no_auc_and_nothing_else_suffers() -> None:
    """A class without images has AUC None, and the macro average is that of the others."""
    labels, logits = drawn(3, classes=5)
    labels[labels == 4] = 0
    got = everything(labels, logits)
    assert got["per_class"][4]["auc"] is None
    assert got["auc_macro_ovr"] == pytest.approx(np.mean([held["auc"] for held in got["per_class"][:4]]), abs=1e-15)
    assert got["per_class"][4] | {"precision": 0.0} == {
        "precision": 0.0,
        "recall": 0.0,
        "f1": 0.0,
        "auc": None,
        "images": 0,
    }
    assert all(math.isfinite(held["auc"]) for held in got["per_class"][:4])
    assert got["auc_micro"] == pytest.approx(
        sklearn_metrics.roc_auc_score(
            (labels[:, None] == np.arange(5)).ravel(), softmax(logits.astype(np.float64), axis=1).ravel()
        ),
        abs=1e-12,
    )


def test_a_single_image_or_a_single_class_is_no_crash() -> None:
    """One image, or only one class among the labels: every AUC of a class is None and the rest is defined."""
    for images in (1, 7):
        labels, logits = np.full(images, 2), np.eye(4, dtype=np.float32)[np.full(images, 2)]
        got = everything(labels, logits)
        assert [held["auc"] for held in got["per_class"]] == [None] * 4
        assert got["auc_macro_ovr"] is None
        assert got["accuracy"] == 1.0
        assert got["auc_micro"] == 1.0


def test_a_class_never_called_has_precision_zero() -> None:
    """A class that is never predicted has precision and F1 zero, counted in the macro average."""
    labels, logits = drawn(5, classes=3)
    logits[:, 1] = -50
    got = everything(labels, logits)
    assert (got["per_class"][1]["precision"], got["per_class"][1]["f1"]) == (0.0, 0.0)
    assert got["precision_macro"] == pytest.approx(sum(held["precision"] for held in got["per_class"]) / 3)


def test_certain_and_wrong_is_finite() -> None:
    """Logits of ±10,000 on the wrong side: the loss is the logits' difference, not infinity; the Brier score is 2."""
    logits = np.array([[1e4, -1e4], [-1e4, 1e4]], np.float32)
    got = everything(np.array([1, 0]), logits)
    assert got["loss"] == pytest.approx(2e4)
    assert got["brier"] == pytest.approx(2.0)
    assert got["ece"] == pytest.approx(1.0)
    assert got["auc_macro_ovr"] == 0.0


def test_scores_are_plain_json() -> None:
    """What is returned goes to JSON and comes back the same, and holds each of the scalar metrics."""
    got = everything(*drawn(8))
    assert json.loads(json.dumps(got, allow_nan=False)) == got
    assert set(METRIC) | {"per_class", "confusion"} == set(got)
    assert set(COMPARED) <= set(METRIC)


def test_a_model_of_probabilities_is_scored_by_those() -> None:
    """Answers, Brier score, calibration and AUC are of its probabilities; only the loss is of its log probabilities."""
    probabilities = np.array([[0.8, 0.2], [0.4, 0.6]])
    same = np.zeros((2, 2), np.float32)
    got = everything(np.array([0, 1]), same, probabilities)
    assert got["accuracy"] == 1.0
    assert got["confusion"] == [[1, 0], [0, 1]]
    # (0.2² + 0.2² + 0.4² + 0.4²) / 2, and bins with 0.8 and 0.6 where both are right.
    assert got["brier"] == pytest.approx(0.2)
    assert got["ece"] == pytest.approx((0.2 + 0.4) / 2)
    assert got["auc_macro_ovr"] == 1.0
    assert got["loss"] == pytest.approx(math.log(2))


def test_a_class_that_nobody_names_keeps_its_place() -> None:
    """Neither among the labels nor ever called: the confusion matrix has an empty row and column, without a warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        got = everything(np.array([0, 2]), np.array([[9, 0, 0], [9, 0, 0]], np.float32))
    assert got["confusion"] == [[1, 0, 0], [0, 0, 0], [1, 0, 0]]
    assert [held["images"] for held in got["per_class"]] == [1, 0, 1]
    assert got["f1_macro"] == pytest.approx(2 / 9)
