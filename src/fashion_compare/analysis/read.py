"""Read what runs left behind: their entries of results.json, and a column per image for every score."""

from collections.abc import Sequence
from typing import Any

from fashion_compare.comparison.paired import Scored
from fashion_compare.evaluation.predictions import load_predictions
from fashion_compare.runs.record import read_entry
from fashion_compare.runs.run import Run


def read_runs(model: str, name: str, runs: Sequence[Run]) -> tuple[Scored, list[dict[str, Any]]]:
    """Return a configuration's columns per image, and the entries of its finished runs, by seed.

    Raises:
        UserError: a directory holds another run, or a file of one cannot be read.
    """
    held, entries = Scored(model, name), []
    for run in sorted(runs, key=lambda run: run.seed):
        entry = read_entry(run)
        if entry is None:
            continue
        entries.append(entry)
        predictions = load_predictions(run.directory.predictions)
        for part in ("validation", "test"):
            held.add_predictions(run.seed, part, predictions[part])
    return held, entries
