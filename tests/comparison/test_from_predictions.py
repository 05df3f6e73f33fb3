"""The comparison needs predictions alone: those of scikit-learn's models get scikit-learn's own metrics."""

from functools import cache

import numpy as np
import pytest
from sklearn import metrics
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

from fashion_compare.comparison.from_predictions import PredictionComparison, compare_predictions
from fashion_compare.evaluation.predictions import Predictions


@cache
def predicted() -> tuple[np.ndarray, list[np.ndarray], list[np.ndarray]]:
    """Labels of 899 digits, and what forests of few trees (many ties, many zeros) and a linear model say of them."""
    images, labels = load_digits(return_X_y=True)
    x, x_test, y, y_test = train_test_split(images / 16, labels, test_size=0.5, random_state=0, stratify=labels)
    forests, linear = [], []
    for seed in range(3):
        some = np.random.default_rng(seed).choice(len(x), 600, replace=False)
        forests.append(RandomForestClassifier(5, random_state=seed).fit(x[some], y[some]).predict_proba(x_test))
        linear.append(LogisticRegression(max_iter=1000).fit(x[some], y[some]).predict_proba(x_test))
    return y_test, forests, linear


def compared() -> PredictionComparison:
    labels, forests, linear = predicted()
    sides = [[Predictions.from_probabilities(labels, p) for p in side] for side in (forests, linear)]
    return compare_predictions(*sides)


def test_scikit_learns_models_get_scikit_learns_metrics() -> None:
    """Accuracy, precision, recall, F1, AUC, log loss: exactly, ties and zeros in the probabilities or not."""
    labels, forests, linear = predicted()
    found = compared()
    for side, runs in (("a", forests), ("b", linear)):
        for got, p in zip(getattr(found, side).runs, runs, strict=True):
            answers = p.argmax(axis=1)
            precision, recall, f1, _ = metrics.precision_recall_fscore_support(labels, answers, average="macro")
            assert got.scores["accuracy"] == metrics.accuracy_score(labels, answers)
            assert got.scores["precision_macro"] == pytest.approx(precision, abs=1e-15)
            assert got.scores["recall_macro"] == pytest.approx(recall, abs=1e-15)
            assert got.scores["f1_macro"] == pytest.approx(f1, abs=1e-15)
            assert got.scores["auc_macro_ovr"] == pytest.approx(
                metrics.roc_auc_score(labels, p, multi_class="ovr", average="macro"), abs=1e-15
            )
            assert got.scores["loss"] == pytest.approx(metrics.log_loss(labels, p), rel=1e-12)
            assert got.confusion == metrics.confusion_matrix(labels, answers).tolist()


def test_differences_are_those_of_the_metrics() -> None:
    """Each paired difference is the difference of the two files' scores, for every metric, and means agree."""
    found = compared()
    for row in found.comparisons:
        of = [[run.scores[row.metric] for run in getattr(found, side).runs] for side in ("a", "b")]
        assert row.differences == pytest.approx(np.subtract(*of), abs=1e-12)
        assert found.a.interval[row.metric].mean == pytest.approx(np.mean(of[0]), abs=1e-12)
    # Forests of five trees are worse than the linear model here, in all four.
    assert [row.verdict for row in found.comparisons] == ["worse"] * 4


@pytest.mark.parametrize("runs", [1, 2])
def test_no_verdict_on_one_or_two_files(runs: int) -> None:
    """However clear it looks; the sign-flip floor is there all the same."""
    labels, forests, linear = predicted()
    found = compare_predictions(
        *([Predictions.from_probabilities(labels, p) for p in side[:runs]] for side in (forests, linear))
    )
    assert {row.verdict for row in found.comparisons + found.ensemble} == {"not tested"}
    assert {row.verdict for row in found.classes + found.confusions} == {"not tested"}
    assert {row.smallest_sign_flip_p for row in found.comparisons} == {2.0 ** (1 - runs)}


def test_two_classes_and_a_class_without_images() -> None:
    """Two classes are compared as ten are; where a class has no image, the AUC is over the others."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 40)
    two = [Predictions(labels, rng.normal(size=(40, 2)) + np.eye(2)[labels]) for _ in range(6)]
    assert len(compare_predictions(two[:3], two[3:]).comparisons) == 4
    three = [Predictions(labels, rng.normal(size=(40, 3)) + np.eye(3)[labels]) for _ in range(6)]
    found = compare_predictions(three[:3], three[3:])
    assert [row.metric for row in found.comparisons] == ["accuracy", "f1_macro", "auc_macro_ovr", "loss"]
    assert found.a.runs[0].per_class[2].auc is None
    others = [held.auc for held in found.a.runs[0].per_class[:2]]
    assert found.a.runs[0].scores["auc_macro_ovr"] == pytest.approx(np.mean(others))
