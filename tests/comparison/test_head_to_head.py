"""Two models side by side: the ensemble is the mean of probabilities, compared like anything else."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, log_loss

from fashion_compare.classifier.functional import softmax
from fashion_compare.comparison.head_to_head import ensemble, head_to_head
from fashion_compare.comparison.paired import ConfigurationScores
from fashion_compare.evaluation.predictions import Predictions

LABELS = np.repeat(np.arange(3), 50)


def models(seeds: int) -> tuple[ConfigurationScores, ConfigurationScores, dict[int, tuple[Predictions, Predictions]]]:
    """Two models with errors of their own, so that together they are better than either."""
    rng = np.random.default_rng(0)
    a, b, both = ConfigurationScores("cnn", "baseline"), ConfigurationScores("ffnn", "baseline"), {}
    for seed in range(seeds):
        pair = tuple(
            Predictions(LABELS, (1.5 * np.eye(3)[LABELS] + rng.normal(size=(150, 3))).astype(np.float32))
            for _ in range(2)
        )
        for held, predictions in zip((a, b), pair, strict=True):
            held.add_predictions(seed, "test", predictions)
        both[seed] = pair[0], pair[1]
    return a, b, both


def test_the_ensemble_is_the_mean_of_probabilities() -> None:
    """Its accuracy and log loss, less either model's, are scikit-learn's of the mean, seed by seed."""
    a, b, both = models(4)
    rows = ensemble(a, b, both)
    assert [(row.metric, row.b.model) for row in rows] == [
        ("accuracy", "cnn"), ("accuracy", "ffnn"), ("loss", "cnn"), ("loss", "ffnn"),
    ]  # fmt: skip
    for row in rows:
        assert row.a.model == "ensemble"
        assert row.family == 2
        for seed, difference in zip(row.seeds, row.differences, strict=True):
            of_a, of_b = (softmax(predictions.logits) for predictions in both[seed])
            alone = of_a if row.b.model == "cnn" else of_b
            mean = (of_a + of_b) / 2
            expected = (
                accuracy_score(LABELS, mean.argmax(axis=1)) - accuracy_score(LABELS, alone.argmax(axis=1))
                if row.metric == "accuracy"
                else log_loss(LABELS, mean) - log_loss(LABELS, alone)
            )
            assert difference == pytest.approx(expected, abs=1e-12)
    assert {row.verdict for row in rows if row.metric == "accuracy"} == {"better"}


def test_a_model_and_itself_gain_nothing_together() -> None:
    """The mean of a model's probabilities and its own is the model."""
    a, _, both = models(3)
    rows = ensemble(a, a, {seed: (pair[0], pair[0]) for seed, pair in both.items()})
    assert all(abs(difference) < 1e-12 for row in rows for difference in row.differences)


def test_head_to_head_holds_everything() -> None:
    """Scores, agreement, classes, confusions and the ensemble, of the seeds that both have."""
    a, b, both = models(3)
    found = head_to_head(a, b, both)
    assert [row.metric for row in found.comparisons] == ["accuracy", "f1_macro", "auc_macro_ovr", "loss"]
    assert [row.seed for row in found.agreement] == [0, 1, 2]
    assert len(found.classes) == 9
    assert all(len(row.seeds) == 3 for row in found.ensemble)
