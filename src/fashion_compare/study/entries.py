"""A finished run's entry of results.json, read back from its directory and checked."""

from typing import Any

from pydantic import ValidationError

from fashion_compare.errors import UserError
from fashion_compare.store import RunDirectory, read_json
from fashion_compare.study.refusals import sentence
from fashion_compare.study.schema_runs import Run


def read_result(directory: RunDirectory) -> dict[str, Any]:
    """Return what a run's result.json holds.

    Raises:
        UserError: it cannot be read, or something in it is missing or not what it should be.
    """
    entry = read_json(directory.result)
    try:
        Run.model_validate(entry)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise UserError(
            f"{directory.result} is not a finished run's: {place or 'as a whole'} ({sentence(first)}); delete "
            f"{directory.path} to train the run again"
        ) from error
    return dict(entry)
