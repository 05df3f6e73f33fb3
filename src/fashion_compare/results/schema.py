"""What results.json holds: the shape that other programs can rely on, checked whenever one is written.

`results.schema.json` beside this file is the same as a JSON Schema; `python -m fashion_compare.results.schema` rewrites
it. A change that readers would notice raises `SCHEMA_VERSION`.
"""

from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from fashion_compare.errors import UserError
from fashion_compare.results.schema_comparisons import Best, ClassComparison, HeadToHead, VariationComparison
from fashion_compare.results.schema_explanations import (
    Audit,
    Calibration,
    Experiments,
    Faithfulness,
    Gallery,
    Mechanisms,
    ProbeLead,
)
from fashion_compare.results.schema_runs import Configuration, ModelResults
from fashion_compare.results.schema_searches import GlobalSensitivity, Sensitivity, Tuning
from fashion_compare.runs.record import Entry, Model, Split
from fashion_compare.store import read_json, to_json
from fashion_compare.validation_errors import sentence

SCHEMA_VERSION = 2


class Dataset(Entry):
    """What the study ran on."""

    name: Annotated[
        str, Field(pattern="^(fashion-mnist|garments|idx-[0-9a-f]{12})$", description="garments is the stand-in")
    ]
    source: str
    is_synthetic: bool
    class_names: list[str]
    sha256: dict[str, str]
    split_sha256: str
    counts: dict[Split, int]


class Study(Entry):
    """Which study it was."""

    name: str
    description: str
    seeds: list[int]
    training_images: int | None


class Failure(Entry):
    """A run that did not end."""

    run: str
    model: Model
    configuration: str
    seed: int
    reason: str


class Finding(Entry):
    """A statement made from measured numbers."""

    id: str
    model: Model | None
    text: str
    values: dict[str, Any]


class CostRatios(Entry):
    """The cnn's baseline over the ffnn's."""

    parameters: float
    multiply_accumulates: float
    training_multiply_accumulates: float


class Results(Entry):
    """The content of results.json."""

    schema_version: Literal[2]
    study: Study
    dataset: Dataset
    environment: dict[str, Any]
    models: dict[Model, ModelResults]
    comparisons: list[VariationComparison]
    classes: list[ClassComparison]
    best: dict[Model, Best]
    sensitivity: dict[Model, list[Sensitivity]]
    global_sensitivity: dict[Model, GlobalSensitivity]
    tuning: dict[Model, Tuning]
    cnn_over_ffnn: CostRatios | None
    head_to_head: dict[Literal["baseline", "best"], HeadToHead]
    experiments: Experiments | None
    calibration: dict[Model, Calibration]
    gallery: Gallery | None
    mechanisms: dict[Model, Mechanisms]
    probe_leads: list[ProbeLead]
    audit: Annotated[Audit | None, Field(description="None for a study on a part of the training images")]
    faithfulness: dict[Model, Faithfulness]
    findings: list[Finding]
    failures: list[Failure]
    missing: Annotated[list[str], Field(description="runs that were planned and have neither ended nor failed")]


def check(results: Any) -> None:
    """Check results against the schema.

    Raises:
        UserError: something does not fit, as when a run's result.json was edited.
    """
    # Configuration by configuration: ten thousand runs as objects would take more memory than all the rest.
    models = results.get("models", {})
    emptied = {model: {**held, "configurations": {}} for model, held in models.items()}
    _check(Results, results | {"models": emptied} if models else results, "")
    for model, held in models.items():
        for name, configuration in held["configurations"].items():
            _check(Configuration, configuration, f"models.{model}.configurations.{name}.")


def _check(kind: type[BaseModel], content: Any, place: str) -> None:
    try:
        kind.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        place += ".".join(str(part) for part in first["loc"])
        raise UserError(
            f"results do not fit their schema at {place} ({sentence(first)}); if a result.json was edited, delete its "
            "directory to train the run again"
        ) from error


def check_dataset(description: Any, path: Path) -> None:
    """Check the description of the data that was read from `path`.

    Raises:
        UserError: it is none.
    """
    try:
        Dataset.model_validate(description)
    except ValidationError as error:
        raise UserError(f"{path} does not describe a data set; 'fashion-compare run' rewrites it") from error


def recorded_failures(path: Path) -> list[Failure]:
    """Return the failures in an earlier results.json.

    Raises:
        UserError: it cannot be read or holds something else.
    """
    # A study of ten thousand runs has 70 MB of them.
    content = read_json(path, maximum_bytes=1 << 30)
    try:
        return TypeAdapter(list[Failure]).validate_python(content["failures"])
    except (ValidationError, KeyError, TypeError) as error:
        raise UserError(f"{path} is not a study's results; delete it to have it made again") from error


def schema_text() -> str:
    """Return the schema as JSON."""
    return to_json(Results.model_json_schema(by_alias=True))


def shipped_schema() -> str:
    """Return the schema file that comes with the package."""
    return (resources.files("fashion_compare.results") / "results.schema.json").read_text(encoding="utf-8")


if __name__ == "__main__":
    Path(__file__).with_name("results.schema.json").write_text(schema_text(), encoding="utf-8")
