"""Read finished runs: their records with scores, and a column per image for every compared metric."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field, model_validator

from fashion_compare.comparison.paired import ConfigurationScores
from fashion_compare.evaluation.metrics import scores
from fashion_compare.evaluation.scores import ClassScores, Scores, class_scores
from fashion_compare.runs.record import RunRecord, read_finished, read_predictions
from fashion_compare.runs.run import Run


class ScoredRun(RunRecord):
    """One finished training and its scores, from the best epoch by validation."""

    train: Annotated[Scores, Field(description="on a fixed part of the training images")]
    validation: Scores
    test: Scores
    per_class: Annotated[list[ClassScores], Field(description="test set, by class")]
    confusion: Annotated[list[list[int]], Field(description="test set, images: [true class][predicted class]")]

    @model_validator(mode="after")
    def _same_classes(self) -> "ScoredRun":
        classes = len(self.per_class)
        if len(self.confusion) != classes or any(len(row) != classes for row in self.confusion):
            raise ValueError(f"the confusion matrix is not of the {classes} classes")
        return self


def read_runs(model: str, name: str, runs: Sequence[Run]) -> tuple[ConfigurationScores, list[ScoredRun]]:
    """Return a configuration's columns per image, and its finished runs with their scores, by seed.

    Raises:
        UserError: a directory holds another run, or a file of one cannot be read.
    """
    columns, scored = ConfigurationScores(model, name), []
    for run in sorted(runs, key=lambda run: run.seed):
        record = read_finished(run)
        if record is None:
            continue
        predictions = read_predictions(run.directory)
        # By class and predicted class the test set alone is of interest; the others are there to choose by.
        test = predictions["test"]
        scored.append(
            ScoredRun(
                **dict(record),
                train=scores(predictions["train"]),
                validation=scores(predictions["validation"]),
                test=scores(test),
                per_class=class_scores(test),
                confusion=test.confusion.tolist(),
            )
        )
        columns.add_predictions(run.seed, "validation", predictions["validation"])
        columns.add_predictions(run.seed, "test", test)
    return columns, scored
