"""What each image contributes: the column's mean is the score, its spread the score's standard error."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import log_softmax
from sklearn.metrics import f1_score

from fashion_compare.evaluation.influence import class_influence
from fashion_compare.evaluation.metrics import COMPARED, influences, scores
from fashion_compare.evaluation.predictions import Predictions


def drawn(seed: int, images: int, classes: int, lead: float = 1.5) -> tuple[np.ndarray, np.ndarray]:
    """Return labels with every class present, unevenly, and logits that lean towards them."""
    rng = np.random.default_rng(seed)
    shares = np.arange(1, classes + 1) / np.arange(1, classes + 1).sum()
    labels = np.concatenate([np.arange(classes), rng.choice(classes, images - classes, p=shares)])
    logits = rng.normal(size=(images, classes)) + lead * np.eye(classes)[labels]
    return labels, logits.astype(np.float32)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    images=st.integers(12, 200),
    classes=st.integers(2, 10),
    lead=st.floats(0, 4),
)
def test_the_mean_of_a_column_is_the_metric(seed: int, images: int, classes: int, lead: float) -> None:
    """Accuracy, macro F1, macro AUC and loss are the means of their columns, to 1e-12."""
    labels, logits = drawn(seed, images, classes, lead)
    columns, metrics = influences(Predictions(labels, logits)), scores(Predictions(labels, logits))
    assert set(columns) == set(COMPARED)
    for metric, column in columns.items():
        assert column.shape == (images,)
        assert column.mean() == pytest.approx(metrics[metric], abs=1e-12)


def test_accuracy_and_loss_are_one_number_per_image() -> None:
    """Their columns are right-or-wrong, and minus the log probability of the label, image by image."""
    labels, logits = drawn(0, 50, 5)
    columns = influences(Predictions(labels, logits))
    log_probabilities = log_softmax(logits.astype(np.float64), axis=1)
    for i, label in enumerate(labels):
        assert columns["accuracy"][i] == float(logits[i].argmax() == label)
        assert columns["loss"][i] == pytest.approx(-log_probabilities[i, label], abs=1e-12)


def test_the_f1_column_is_its_derivative() -> None:
    """Counting one image a little more moves scikit-learn's weighted macro F1 as its column says."""
    labels, logits = drawn(1, 60, 4)
    predicted = logits.argmax(axis=1)
    column = influences(Predictions(labels, logits))["f1_macro"]
    step = 1e-5
    for i in range(len(labels)):
        more, less = np.ones(len(labels)), np.ones(len(labels))
        more[i] += step
        less[i] -= step
        slope = (
            f1_score(labels, predicted, average="macro", sample_weight=more)
            - f1_score(labels, predicted, average="macro", sample_weight=less)
        ) / (2 * step)
        assert column[i] - column.mean() == pytest.approx(len(labels) * slope, abs=1e-6)


def test_the_variance_of_a_binary_auc_is_delongs() -> None:
    """With two classes the column's variance equals DeLong, DeLong and Clarke-Pearson's, pair by pair."""
    labels, logits = drawn(2, 300, 2, lead=0.8)
    column = influences(Predictions(labels, logits))["auc_macro_ovr"]
    positives = (logits[:, 1] - logits[:, 0])[labels == 1].tolist()
    negatives = (logits[:, 1] - logits[:, 0])[labels == 0].tolist()
    kernel = [[1.0 if x > y else 0.5 if x == y else 0.0 for y in negatives] for x in positives]
    of_positives = [sum(row) / len(negatives) for row in kernel]
    of_negatives = [sum(row[j] for row in kernel) / len(positives) for j in range(len(negatives))]
    auc = sum(of_positives) / len(positives)
    assert column.mean() == pytest.approx(auc, abs=1e-12)

    def part(placements: list[float], freedom: int) -> float:
        return sum((v - auc) ** 2 for v in placements) / (len(placements) - freedom) / len(placements)

    # Exactly, when both divide by the count; published with count - 1, a third of a percent apart here.
    assert column.var() / len(column) == pytest.approx(part(of_positives, 0) + part(of_negatives, 0), rel=1e-10)
    assert column.var(ddof=1) / len(column) == pytest.approx(part(of_positives, 1) + part(of_negatives, 1), rel=0.01)


def macro_f1(labels: np.ndarray, logits: np.ndarray) -> float:
    """Return macro F1 from a confusion matrix."""
    classes = logits.shape[1]
    confusion = np.bincount(labels * classes + logits.argmax(axis=1), minlength=classes**2)
    confusion = confusion.reshape(classes, classes)
    return float(np.mean(2 * np.diag(confusion) / (confusion.sum(0) + confusion.sum(1))))


def macro_auc(labels: np.ndarray, logits: np.ndarray) -> float:
    """Return the macro one-vs-rest AUC of the softmax probabilities, by counting pairs."""
    probabilities = np.exp(log_softmax(logits.astype(np.float64), axis=1))
    areas = []
    for c in range(logits.shape[1]):
        positives, negatives = probabilities[labels == c, c], probabilities[labels != c, c]
        pairs = np.sign(np.subtract.outer(positives, negatives))
        areas.append((pairs.mean() + 1) / 2)
    return float(np.mean(areas))


def mean_loss(labels: np.ndarray, logits: np.ndarray) -> float:
    """Return the cross-entropy."""
    return float(-log_softmax(logits.astype(np.float64), axis=1)[np.arange(len(labels)), labels].mean())


ORACLES: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "accuracy": lambda labels, logits: float(np.mean(logits.argmax(axis=1) == labels)),
    "f1_macro": macro_f1,
    "auc_macro_ovr": macro_auc,
    "loss": mean_loss,
}


@pytest.mark.parametrize("metric", COMPARED)
def test_the_standard_error_is_the_bootstraps(metric: str) -> None:
    """One model's standard error, and that of two models' paired difference, come within 10% of a bootstrap's."""
    labels, logits = drawn(3, 400, 3)
    rng = np.random.default_rng(4)
    # A second model that shares most of the first one's mistakes.
    other = (logits + rng.normal(0, 0.7, logits.shape)).astype(np.float32)
    first, second = influences(Predictions(labels, logits))[metric], influences(Predictions(labels, other))[metric]
    replicates = []
    for _ in range(800):
        chosen = rng.integers(0, len(labels), len(labels))
        replicates.append([ORACLES[metric](labels[chosen], m[chosen]) for m in (logits, other)])
    drawn_again = np.array(replicates)
    error = first.std(ddof=1) / math.sqrt(len(labels))
    error_of_difference = (first - second).std(ddof=1) / math.sqrt(len(labels))
    assert error == pytest.approx(drawn_again[:, 0].std(ddof=1), rel=0.1)
    assert error_of_difference == pytest.approx((drawn_again[:, 0] - drawn_again[:, 1]).std(ddof=1), rel=0.1)


def test_an_absent_class_is_left_out_of_the_auc_and_counts_as_zero_in_f1() -> None:
    """As in the metrics themselves; with one class alone no AUC is defined, and its column is not a number."""
    labels, logits = drawn(5, 80, 4)
    labels[labels == 3] = 0
    logits[:, 3] = -50
    columns = influences(Predictions(labels, logits))
    assert columns["auc_macro_ovr"].mean() == pytest.approx(
        scores(Predictions(labels, logits))["auc_macro_ovr"], abs=1e-12
    )
    assert columns["f1_macro"].mean() == pytest.approx(
        f1_score(labels, logits.argmax(axis=1), labels=[0, 1, 2, 3], average="macro", zero_division=0),
        abs=1e-12,
    )
    assert np.isfinite(columns["loss"]).all()
    alone = influences(Predictions(np.zeros(80, np.int64), logits))
    assert np.isnan(alone["auc_macro_ovr"]).all()
    assert np.isfinite(alone["f1_macro"]).all()


def test_the_auc_column_by_hand() -> None:
    """Two against two, one pair of four ranked wrong: 0.75 and twice what each placement is above or below it."""
    shares = np.array([0.9, 0.4, 0.6, 0.2])
    probabilities = np.stack([1 - shares, shares], axis=1)
    columns = influences(Predictions(np.array([1, 1, 0, 0]), np.log(probabilities), probabilities))
    # Placements 1 and 1/2 of the positives, 1/2 and 1 of the negatives; for the other class the same.
    assert columns["auc_macro_ovr"] == pytest.approx([1.25, 0.25, 0.25, 1.25])


def test_columns_of_a_class_by_hand() -> None:
    """Six images, two mistakes: what a right answer adds to precision or recall, and what a wrong one takes away."""
    columns = class_influence(np.array([0, 0, 1, 1, 2, 2]), np.array([0, 1, 1, 1, 2, 0]), 3)
    assert set(columns) == {"precision", "recall", "f1"}
    # Class 1 is called three times, twice rightly: 2/3 + 2·([right] - 2/3·[called]).
    assert columns["precision"][:, 1] == pytest.approx([2 / 3, -2 / 3, 4 / 3, 4 / 3, 2 / 3, 2 / 3])
    # Class 2 has two images, one right: 1/2 + 3·([right] - 1/2·[of the class]).
    assert columns["recall"][:, 2] == pytest.approx([1 / 2, 1 / 2, 1 / 2, 1 / 2, 2, -1])
    # Class 0, two images, called twice, once rightly: 1/2 + 3/2·(2·[right] - 1/2·([of the class] + [called])).
    assert columns["f1"][:, 0] == pytest.approx([2, -1 / 4, 1 / 2, 1 / 2, 1 / 2, -1 / 4])


def test_a_model_of_probabilities_contributes_by_those() -> None:
    """Answers and ranks are those of its probabilities, whatever the logits beside them say."""
    probabilities = np.array([[0.8, 0.2], [0.4, 0.6]])
    columns = influences(Predictions(np.array([0, 1]), np.zeros((2, 2), np.float32), probabilities))
    assert columns["accuracy"].tolist() == [1.0, 1.0]
    assert columns["auc_macro_ovr"].mean() == 1.0
    assert columns["loss"] == pytest.approx([math.log(2)] * 2)
