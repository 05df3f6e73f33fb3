"""Confident learning: by hand, against loops that spell the paper out, and on planted label errors."""

import numpy as np
import pytest
import scipy.special
from hypothesis import given, settings
from hypothesis import strategies as st

from fashion_compare.evaluation.label_errors import (
    calibrated_joint,
    class_thresholds,
    confident_joint,
    suspected_label_errors,
)

# Labels, and probabilities whose thresholds are 0.6, 0.5 and 0.8.
LABELS = np.array([0, 0, 0, 1, 1, 2, 2])
PROBABILITIES = np.array(
    [
        [0.9, 0.1, 0.0],  # confidently 0, as it is labelled
        [0.7, 0.2, 0.1],  # so too
        [0.2, 0.8, 0.0],  # labelled 0, confidently 1
        [0.0, 0.9, 0.1],  # confidently 1
        [0.5, 0.1, 0.4],  # reaches no threshold, though 0 is its answer
        [0.0, 0.0, 1.0],  # confidently 2
        [0.1, 0.3, 0.6],  # reaches no threshold, 0.8 least of all
    ]
)


def test_thresholds_by_hand() -> None:
    """The means of the given labels' probabilities: (0.9 + 0.7 + 0.2)/3, (0.9 + 0.1)/2, (1 + 0.6)/2."""
    np.testing.assert_allclose(class_thresholds(LABELS, PROBABILITIES), [0.6, 0.5, 0.8])


def test_joints_by_hand() -> None:
    """Five images are counted; rows, scaled to 3, 2 and 2 labels of 7, are 2 + 1, 2 and 2 sevenths."""
    assert confident_joint(LABELS, PROBABILITIES).tolist() == [[2, 1, 0], [0, 1, 0], [0, 0, 1]]
    np.testing.assert_allclose(calibrated_joint(LABELS, PROBABILITIES), np.array([[2, 1, 0], [0, 2, 0], [0, 0, 2]]) / 7)


def test_suspected_errors_by_hand() -> None:
    """The third image, labelled 0 with probability 0.2, is confidently of class 1: margin 0.2 - 0.8."""
    found = suspected_label_errors(LABELS, PROBABILITIES)
    assert found.index.tolist() == [2]
    assert found.given.tolist() == [0]
    assert found.suggested.tolist() == [1]
    assert found.self_confidence.tolist() == [0.2]
    np.testing.assert_allclose(found.margin, [-0.6])


def test_of_several_classes_reached_the_most_probable_counts() -> None:
    """0.45 and 0.55 both reach their thresholds, 0.4 and 0.5, and 0.55 counts; in a tie the image's own label does."""
    labels, p = np.array([0, 0, 1]), np.array([[0.45, 0.55], [0.35, 0.65], [0.5, 0.5]])
    np.testing.assert_allclose(class_thresholds(labels, p), [0.4, 0.5])
    assert confident_joint(labels, p).tolist() == [[0, 2], [0, 1]]


def test_a_class_that_falls_short_of_its_threshold_does_not_count() -> None:
    """0.45 reaches 0's threshold of 0.425; 0.55 is more, but less than the 0.6 that images of class 1 have."""
    labels, p = np.array([0, 0, 1]), np.array([[0.45, 0.55], [0.4, 0.6], [0.4, 0.6]])
    np.testing.assert_allclose(class_thresholds(labels, p), [0.425, 0.6])
    assert confident_joint(labels, p).tolist() == [[1, 1], [0, 1]]


def test_the_margin_is_to_the_highest_other_probability() -> None:
    """An image may be confidently of a class that is not its answer; its margin is to the answer all the same."""
    p = np.array([[0.1, 0.5, 0.4], [0.9, 0.1, 0.0], [0.1, 0.9, 0.0], [0.6, 0.0, 0.4]])
    found = suspected_label_errors(np.array([0, 0, 1, 2]), p)
    # Thresholds 0.5, 0.9 and 0.4: the first image reaches only that of class 2, the last those of 0 and 2.
    assert found.index.tolist() == [0, 3]
    assert found.suggested.tolist() == [2, 0]
    np.testing.assert_allclose(found.margin, [0.1 - 0.5, 0.4 - 0.6])


def test_a_label_that_is_the_answer_can_be_suspected_and_comes_last() -> None:
    """0.5 is the highest, but little for class 0, whose threshold is 0.7; 0.4 is all class 2 asks for: margin + 0.1."""
    p = np.array([[0.5, 0.1, 0.4], [0.9, 0.1, 0.0], [0.1, 0.9, 0.0], [0.5, 0.1, 0.4]])
    found = suspected_label_errors(np.array([0, 0, 1, 2]), p)
    assert found.index.tolist() == [0]
    assert found.suggested.tolist() == [2]
    np.testing.assert_allclose(found.margin, [0.1])


def naive_joint(labels: np.ndarray, probabilities: np.ndarray) -> list[list[int]]:
    """Return equation 1 of the paper, word by word; no ties among continuous probabilities."""
    classes = range(probabilities.shape[1])
    of = {j: [p[j] for p, label in zip(probabilities, labels, strict=True) if label == j] for j in classes}
    thresholds = {j: sum(column) / len(column) for j, column in of.items() if column}
    joint = [[0 for _ in classes] for _ in classes]
    for p, label in zip(probabilities, labels, strict=True):
        reached = [j for j in thresholds if p[j] >= thresholds[j] - 1e-9]
        if reached:
            joint[label][max(reached, key=lambda j: p[j])] += 1
    return joint


@settings(max_examples=80, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    images=st.integers(1, 150),
    classes=st.integers(2, 10),
    concentration=st.sampled_from([0.05, 0.5, 5.0]),
)
def test_joints_equal_naive_loops(seed: int, images: int, classes: int, concentration: float) -> None:
    """Classes without images included: loops over images and classes count the same, and suspects are off the diagonal.

    The calibrated joint's rows sum to how often each label is given.
    """
    rng = np.random.default_rng(seed)
    probabilities = rng.dirichlet(np.full(classes, concentration), images)
    labels = rng.integers(0, classes, images)
    before = probabilities.copy()
    joint = confident_joint(labels, probabilities)
    assert joint.tolist() == naive_joint(labels, probabilities)
    np.testing.assert_allclose(
        calibrated_joint(labels, probabilities).sum(axis=1), np.bincount(labels, minlength=classes) / images
    )
    found = suspected_label_errors(labels, probabilities)
    pairs = np.zeros((classes, classes), int)
    np.add.at(pairs, (found.given, found.suggested), 1)
    assert np.array_equal(pairs, joint - np.diag(np.diag(joint)))
    assert (np.diff(found.margin) >= 0).all()
    assert np.array_equal(found.given, labels[found.index])
    assert np.array_equal(found.self_confidence, probabilities[found.index, found.given])
    # The caller's probabilities are left as they were.
    assert np.array_equal(probabilities, before)


def classifier(images: int, *, lead: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Right labels, and probabilities of a classifier that leads by `lead` standard deviations in the logits."""
    rng = np.random.default_rng(seed)
    right = rng.permutation(np.arange(images) % 10)
    # Half of the classes are harder: confidence has another level there, as thresholds have to notice.
    lead_of_class = np.where(np.arange(10) < 5, lead, lead / 2)
    logits = rng.normal(size=(images, 10)) + lead_of_class[right][:, None] * np.eye(10)[right]
    return right, scipy.special.softmax(logits, axis=1)


@pytest.mark.parametrize(("lead", "precision", "recall"), [(20.0, 1.0, 1.0), (6.0, 0.95, 0.7)])
def test_planted_errors_are_recovered(lead: float, precision: float, recall: float) -> None:
    """Of 5,000 labels 250 are exchanged for others: a classifier that is sure finds exactly these.

    One that is right about 95% of the images finds seven tenths, and 95% of what it suspects is wrong. It suggests the
    right labels, and the calibrated joint says 5%, within one.
    """
    right, probabilities = classifier(5_000, lead=lead, seed=1)
    rng = np.random.default_rng(2)
    wrong = rng.permutation(5_000)[:250]
    given = right.copy()
    given[wrong] = (right[wrong] + rng.integers(1, 10, 250)) % 10
    found = suspected_label_errors(given, probabilities)
    hits = np.isin(found.index, wrong)
    assert hits.mean() >= precision
    assert hits.sum() / 250 >= recall
    assert (found.suggested == right[found.index])[hits].all()
    # The most suspicious are errors, every one.
    assert hits[:100].all()
    share = 1 - np.trace(calibrated_joint(given, probabilities))
    assert share == pytest.approx(0.05, abs=0.01)


def test_clean_and_confident_labels_are_not_suspected() -> None:
    """Where the classifier is sure of every given label, nothing is, and the estimated share of errors is none."""
    right, probabilities = classifier(2_000, lead=20.0, seed=3)
    found = suspected_label_errors(right, probabilities)
    assert found.index.tolist() == []
    assert found.margin.shape == found.self_confidence.shape == found.suggested.shape == (0,)
    assert np.trace(calibrated_joint(right, probabilities)) == pytest.approx(1)


@pytest.mark.parametrize("p", [1 / 3, 0.1, 1 / 7])
def test_probabilities_that_say_nothing_accuse_nobody(p: float) -> None:
    """All classes equally probable for every image: each counts as what it is labelled, whatever rounding does."""
    labels = np.array([0, 1, 1, 2, 2, 2, 0])
    probabilities = np.full((7, 3), p)
    assert confident_joint(labels, probabilities).tolist() == [[2, 0, 0], [0, 2, 0], [0, 0, 3]]
    assert suspected_label_errors(labels, probabilities).index.tolist() == []


def test_a_class_without_images_is_suggested_to_none() -> None:
    """Nobody knows how sure of it its images are: its threshold is infinite, and its row and column stay empty."""
    labels = np.array([0, 0, 2])
    probabilities = np.array([[0.9, 0.1, 0.0], [0.05, 0.95, 0.0], [0.0, 0.2, 0.8]])
    assert class_thresholds(labels, probabilities)[1] == np.inf
    for joint in (confident_joint(labels, probabilities), calibrated_joint(labels, probabilities)):
        assert not joint[1].any()
        assert not joint[:, 1].any()
        assert np.isfinite(joint).all()
    assert suspected_label_errors(labels, probabilities).index.tolist() == []
