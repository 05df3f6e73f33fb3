"""Class by class: differences and confusions are counted right, and decided by the same rule as everything."""

from collections.abc import Sequence

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from fashion_compare.comparison.paired import ConfigurationScores
from fashion_compare.comparison.per_class import CONFUSIONS, class_differences, confusion_changes
from fashion_compare.comparison.statistics import holm
from fashion_compare.evaluation.influence import CLASS_METRICS, class_influence
from fashion_compare.evaluation.predictions import Predictions


def predicted(labels: np.ndarray, answers: Sequence[np.ndarray], classes: int, name: str = "a") -> ConfigurationScores:
    """A configuration whose runs gave these answers, seed by seed."""
    held = ConfigurationScores("ffnn", name)
    for seed, answer in enumerate(answers):
        held.add_predictions(seed, "test", Predictions(labels, 5.0 * np.eye(classes)[answer]))
    return held


def noisy(labels: np.ndarray, rng: np.random.Generator, share: float, classes: int) -> np.ndarray:
    """The labels with such a share of them drawn anew."""
    return np.where(rng.random(len(labels)) < share, rng.integers(0, classes, len(labels)), labels)


def test_by_hand() -> None:
    """Ten images of two classes: b takes two 0s for 1s that a gets right, a takes one 1 for a 0 that b gets right."""
    labels = np.array([0] * 5 + [1] * 5)
    a = predicted(labels, [np.array([0, 0, 0, 0, 0, 0, 1, 1, 1, 1])], 2)
    b = predicted(labels, [np.array([1, 1, 0, 0, 0, 1, 1, 1, 1, 1])], 2)
    means = {(row.metric, row.class_index): row.mean for row in class_differences(a, b)}
    assert means == pytest.approx(
        {
            ("precision", 0): 5 / 6 - 1,
            ("precision", 1): 1 - 5 / 7,
            ("recall", 0): 1 - 3 / 5,
            ("recall", 1): 4 / 5 - 1,
            ("f1", 0): 10 / 11 - 6 / 8,
            ("f1", 1): 8 / 9 - 10 / 12,
        }
    )
    changes = confusion_changes(a, b)
    shares = [(row.class_index, row.predicted, row.rate_a, row.rate_b, row.mean) for row in changes]
    assert shares == [(0, 1, 0.0, 0.4, -0.4), (1, 0, 0.2, 0.0, 0.2)]
    assert {row.verdict for row in changes} == {"not tested"}


def test_the_mean_of_a_column_is_scikit_learns_score() -> None:
    """Precision, recall and F1 of each class, one that is never answered and one without an image among them."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, 200)
    answers = noisy(labels, rng, 0.4, 4)
    answers[answers == 3] = 0
    columns = class_influence(labels, answers, 5)
    expected = precision_recall_fscore_support(labels, answers, labels=range(5), zero_division=0.0)
    for metric, score in zip(CLASS_METRICS, expected, strict=False):
        assert columns[metric].shape == (200, 5)
        assert columns[metric].mean(axis=0) == pytest.approx(score, abs=1e-12)


@pytest.mark.parametrize("metric", CLASS_METRICS)
def test_a_columns_spread_is_the_bootstraps(metric: str) -> None:
    """Other images would spread a class's score as its column says."""
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 3, 2000)
    answers = noisy(labels, rng, 0.3, 3)
    column = class_influence(labels, answers, 3)[metric][:, 1]
    again = []
    for _ in range(1000):
        drawn = rng.integers(0, 2000, 2000)
        again.append(class_influence(labels[drawn], answers[drawn], 3)[metric][:, 1].mean())
    assert np.std(again) == pytest.approx(column.std() / np.sqrt(2000), rel=0.1)


def test_a_clear_difference_in_one_class_is_decided_there_alone() -> None:
    """Where a mends a confusion in every seed, that confusion and those two classes get a verdict, others none."""
    rng = np.random.default_rng(2)
    labels = np.repeat(np.arange(5), 400)
    of_a = [noisy(labels, rng, 0.1, 5) for _ in range(6)]
    of_b = [noisy(labels, rng, 0.1, 5) for _ in range(6)]
    # Right answers of one class become one other's: nothing changes for the remaining three.
    of_b = [np.where((labels == 1) & (answers == 1) & (rng.random(2000) < 0.3), 2, answers) for answers in of_b]
    a, b = predicted(labels, of_a, 5), predicted(labels, of_b, 5, "b")
    verdicts = {(row.metric, row.class_index): row.verdict for row in class_differences(a, b)}
    assert {place for place, verdict in verdicts.items() if verdict == "better"} == {
        ("f1", 1), ("f1", 2), ("recall", 1), ("precision", 1), ("precision", 2),
    }  # fmt: skip
    assert "worse" not in verdicts.values()
    first, *others = confusion_changes(a, b)
    assert (first.class_index, first.predicted, first.verdict) == (1, 2, "fixed")
    assert first.interval[0] <= first.mean <= first.interval[1] < 0
    assert {row.verdict for row in others} == {"inconclusive"}
    # The other way round it is made.
    assert confusion_changes(b, a)[0].verdict == "introduced"


def test_confusions_are_scikit_learns_and_corrected_over_all_of_them() -> None:
    """Shares are the mean confusion matrices'; p is the paired t-test's, with Holm over every pair that occurs."""
    rng = np.random.default_rng(3)
    labels = np.repeat(np.arange(4), 100)
    of_a, of_b = ([noisy(labels, rng, share, 4) for _ in range(4)] for share in (0.2, 0.5))
    changes = confusion_changes(predicted(labels, of_a, 4), predicted(labels, of_b, 4, "b"))
    tables = [np.stack([confusion_matrix(labels, answer) / 100 for answer in of]) for of in (of_a, of_b)]
    elsewhere = ~np.eye(4, dtype=bool)
    p = stats.ttest_rel(tables[0][:, elsewhere], tables[1][:, elsewhere]).pvalue
    corrected = np.zeros((4, 4))
    corrected[elsewhere] = holm(list(p))
    differences = (tables[0] - tables[1]).mean(axis=0)
    assert len(changes) == CONFUSIONS
    for row in changes:
        place = row.class_index, row.predicted
        assert row.rate_a == pytest.approx(tables[0].mean(axis=0)[place])
        assert row.rate_b == pytest.approx(tables[1].mean(axis=0)[place])
        assert row.mean == pytest.approx(differences[place])
        assert row.p_holm == pytest.approx(corrected[place])
    smallest = min(abs(row.mean) for row in changes)
    others = np.sort(np.abs(differences[elsewhere]))[:-CONFUSIONS]
    assert (others <= smallest + 1e-12).all()


def test_configurations_that_never_err_have_no_confusions() -> None:
    """No wrong answer on either side, nothing to mend."""
    labels = np.repeat(np.arange(3), 5)
    a, b = predicted(labels, [labels] * 3, 3), predicted(labels, [labels] * 3, 3, "b")
    assert confusion_changes(a, b) == []
    assert {row.mean for row in class_differences(a, b)} == {0.0}


@pytest.mark.parametrize("seeds", [3, 6])
def test_rare_errors_make_no_false_differences(seeds: int) -> None:
    """A configuration against itself, nearly always right: counts of few images are often equal, which says nothing.

    Holm holds the chance of any false verdict to 5% in each family; in 200 studies 20 would be beyond 99.9%.
    """
    rng = np.random.default_rng(seeds)
    labels = np.repeat(np.arange(10), 100)
    false = {"precision": 0, "recall": 0, "f1": 0, "confusions": 0}
    for _ in range(200):
        a, b = (predicted(labels, [noisy(labels, rng, 0.01, 10) for _ in range(seeds)], 10, name) for name in "ab")
        rows = class_differences(a, b)
        for metric in CLASS_METRICS:
            false[metric] += any(row.verdict in ("better", "worse") for row in rows if row.metric == metric)
        false["confusions"] += any(row.verdict in ("fixed", "introduced") for row in confusion_changes(a, b))
    assert max(false.values()) <= 20, false
