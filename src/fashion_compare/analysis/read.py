"""Read finished runs: their records with scores, and a column per image for every compared metric."""

from collections.abc import Sequence
from typing import Any

from fashion_compare.comparison.paired import ConfigurationScores
from fashion_compare.evaluation.metrics import class_scores, scores
from fashion_compare.evaluation.predictions import load_predictions
from fashion_compare.runs.record import read_finished
from fashion_compare.runs.run import Run


def read_runs(model: str, name: str, runs: Sequence[Run]) -> tuple[ConfigurationScores, list[dict[str, Any]]]:
    """Return a configuration's columns per image, and the entries of its finished runs, by seed.

    Raises:
        UserError: a directory holds another run, or a file of one cannot be read.
    """
    scored, entries = ConfigurationScores(model, name), []
    for run in sorted(runs, key=lambda run: run.seed):
        record = read_finished(run)
        if record is None:
            continue
        predictions = load_predictions(run.directory.predictions)
        # By class and predicted class the test set alone is of interest; the others are there to choose by.
        test = predictions["test"]
        entries.append(
            record.model_dump()
            | {part: scores(predicted) for part, predicted in predictions.items()}
            | {"per_class": class_scores(test), "confusion": test.confusion.tolist()}
        )
        for part in ("validation", "test"):
            scored.add_predictions(run.seed, part, predictions[part])
    return scored, entries
