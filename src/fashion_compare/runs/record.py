"""A finished run's entry of results.json, read back from its directory and checked."""

from typing import Any

from pydantic import ValidationError

from fashion_compare.errors import UserError
from fashion_compare.runs.record_schema import RunRecord
from fashion_compare.runs.run import Run
from fashion_compare.store import RunDirectory, read_json
from fashion_compare.validation_errors import sentence


def read_result(directory: RunDirectory) -> dict[str, Any]:
    """Return what a run's result.json holds.

    Raises:
        UserError: it cannot be read, or something in it is missing or not what it should be.
    """
    entry = read_json(directory.result)
    try:
        RunRecord.model_validate(entry)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise UserError(
            f"{directory.result} is not a finished run's: {place or 'as a whole'} ({sentence(first)}); delete "
            f"{directory.path} to train the run again"
        ) from error
    return dict(entry)


def read_entry(run: Run) -> dict[str, Any] | None:
    """Return a run's entry of results.json; None when it is not done.

    Raises:
        UserError: its directory holds another run, or a file of it cannot be read.
    """
    directory = run.directory
    if not directory.is_done:
        return None
    directory.verify(run.identity)
    if not directory.read_metrics():
        raise UserError(f"{directory.metrics} has no epoch; delete {directory.path} to train the run again")
    return read_result(directory)
