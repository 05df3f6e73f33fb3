"""The record of a finished run, its result.json: facts of the training, for scores are computed from predictions."""

from typing import Annotated, Any

from pydantic import Field, ValidationError, model_validator

from fashion_compare.errors import UserError
from fashion_compare.evaluation.predictions import Predictions, Split, load_predictions
from fashion_compare.json_record import JsonRecord
from fashion_compare.runs.run import Run
from fashion_compare.store import RunDirectory, read_json
from fashion_compare.validation_errors import sentence

# What records of format 1 hold besides: scores as they were computed then.
_SCORES_OF_FORMAT_1 = frozenset({"train", "validation", "test", "per_class", "confusion"})


class RunRecord(JsonRecord):
    """One finished training."""

    format: int
    dataset: Annotated[
        str, Field(description="fashion-mnist, garments for the synthetic data, or idx- and digits of a hash")
    ]
    model: str
    configuration: str
    seed: int
    epochs: int
    best_epoch: int
    seconds: Annotated[float, Field(description="of training, evaluation excluded")]
    seconds_per_epoch: Annotated[float | None, Field(description="median")]
    last: Annotated[dict[str, float | None], Field(description="the last epoch's line of metrics")]
    notes: Annotated[
        list[str], Field(description="what people should know about how it was trained", default_factory=list)
    ]
    environment: dict[str, Any]

    @model_validator(mode="before")
    @classmethod
    def _without_scores(cls, content: Any) -> Any:
        """Take a record of format 1 without its scores."""
        if not isinstance(content, dict) or content.get("format") != 1:
            return content
        beside = _SCORES_OF_FORMAT_1 - cls.model_fields.keys()
        return {name: value for name, value in content.items() if name not in beside}


def read_record(directory: RunDirectory) -> RunRecord:
    """Return a finished run's record.

    Raises:
        UserError: it cannot be read, or something in it is missing or not what it should be.
    """
    content = read_json(directory.result)
    try:
        return RunRecord.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise UserError(
            f"{directory.result} is not a finished run's: {place or 'as a whole'} ({sentence(first)}); delete "
            f"{directory.path} to train the run again"
        ) from error


def read_finished(run: Run) -> RunRecord | None:
    """Return a run's record; None when it is not done.

    Raises:
        UserError: its directory holds another run, or a file of it cannot be read.
    """
    directory = run.directory
    if not directory.is_done:
        return None
    run.verify()
    if not directory.read_metrics():
        raise UserError(f"{directory.metrics} has no epoch; delete {directory.path} to train the run again")
    return read_record(directory)


def read_predictions(directory: RunDirectory) -> dict[Split, Predictions]:
    """Return what a finished run predicted, by split.

    Raises:
        UserError: its file is missing, damaged, or labels and logits do not fit.
    """
    return load_predictions(directory.predictions)


def best_line(run: Run, record: RunRecord) -> dict[str, Any]:
    """Return the line of metrics of a finished run's best epoch by validation."""
    return run.directory.read_metrics()[record.best_epoch]
