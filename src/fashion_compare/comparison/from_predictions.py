"""The whole comparison of two models of any kind, from what they predicted for the same images."""

from collections.abc import Sequence

from fashion_compare.comparison.head_to_head import HeadToHead, head_to_head
from fashion_compare.comparison.paired import ConfigurationScores
from fashion_compare.comparison.statistics import Estimate
from fashion_compare.evaluation.metrics import scores
from fashion_compare.evaluation.predictions import Predictions
from fashion_compare.evaluation.scores import ClassScores, Scores, class_scores
from fashion_compare.json_record import JsonRecord


class PredictedRun(JsonRecord):
    """All scores of one file of predictions."""

    scores: Scores
    per_class: list[ClassScores]
    confusion: list[list[int]]


class PredictedModel(JsonRecord):
    """One model's files of predictions, and means with intervals of the compared metrics."""

    runs: list[PredictedRun]
    interval: dict[str, Estimate]


class PredictionComparison(HeadToHead):
    """Two models compared, a - b, with the scores of each."""

    a: PredictedModel
    b: PredictedModel


def compare_predictions(a: Sequence[Predictions], b: Sequence[Predictions]) -> PredictionComparison:
    """Compare two models; the i-th of a and the i-th of b are a pair, as two runs with the same seed are.

    Args:
        a: the first model's predictions, a run each; the same images and labels everywhere.
        b: as many of the second's.
    """
    sides = {}
    for name, runs in (("a", a), ("b", b)):
        sides[name] = ConfigurationScores(name, name)
        for seed, predictions in enumerate(runs):
            sides[name].add_predictions(seed, "test", predictions)
    compared = head_to_head(sides["a"], sides["b"], dict(enumerate(zip(a, b, strict=True))))
    defined = {row.metric: None for row in compared.comparisons}

    def described(name: str, runs: Sequence[Predictions]) -> PredictedModel:
        return PredictedModel(
            runs=[
                PredictedRun(scores=scores(run), per_class=class_scores(run), confusion=run.confusion.tolist())
                for run in runs
            ],
            interval={metric: sides[name].estimate("test", metric) for metric in defined},
        )

    return PredictionComparison(**dict(compared), a=described("a", a), b=described("b", b))
