"""Read and write results.json, results.csv and dataset.json."""

import csv
import io
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from fashion_compare.errors import UserError
from fashion_compare.evaluation.metrics import METRIC
from fashion_compare.evaluation.predictions import SPLITS
from fashion_compare.execution.designs import all_runs
from fashion_compare.results.schema import SCHEMA_VERSION, DatasetDescription, Results, RunFailure
from fashion_compare.store import read_json, write_json, write_text
from fashion_compare.study.context import StudyContext

# A study of ten thousand runs has 70 MB of results.
_MAXIMUM_BYTES = 1 << 30


def known_failures(context: StudyContext) -> dict[str, str]:
    """Return the failures that an earlier results.json recorded of runs that are still not done.

    Raises:
        UserError: it cannot be read or holds something else.
    """
    path = context.root / "results.json"
    if not path.exists():
        return {}
    unfinished = {run.label for run in all_runs(context) if not run.directory.is_done}
    content = read_json(path, maximum_bytes=_MAXIMUM_BYTES)
    try:
        failures = TypeAdapter(list[RunFailure]).validate_python(content["failures"])
    except (ValidationError, KeyError, TypeError) as error:
        raise UserError(f"{path} is not a study's results; delete it to have it made again") from error
    return {failure.run: failure.reason for failure in failures if failure.run in unfinished}


def write_results(results: Results, root: Path) -> None:
    """Write results.json and results.csv into the study's directory."""
    write_json(root / "results.json", results.model_dump(mode="json"))
    write_text(root / "results.csv", _table(results))


def read_results(root: Path) -> Results:
    """Read a study's results.json.

    Raises:
        UserError: there is none, or it is not what this version writes.
    """
    path = root / "results.json"
    advice = f"'fashion-compare report {root}' writes it"
    if not path.is_file():
        raise UserError(f"{root} has no results.json; {advice}")
    try:
        return Results.model_validate(read_json(path, maximum_bytes=_MAXIMUM_BYTES))
    except ValidationError as error:
        raise UserError(f"{path} does not hold a study's results as this version writes them; {advice} anew") from error


def is_of_earlier_schema(path: Path) -> bool:
    """Return whether a results.json is there that an earlier version wrote."""
    if not path.is_file():
        return False
    content: Any = read_json(path, maximum_bytes=_MAXIMUM_BYTES)
    version = content.get("schema_version") if isinstance(content, dict) else None
    return isinstance(version, int) and version < SCHEMA_VERSION


def read_dataset_description(root: Path) -> DatasetDescription:
    """Read a study's dataset.json.

    Raises:
        UserError: it cannot be read or does not describe a data set.
    """
    path = root / "dataset.json"
    content = read_json(path)
    if isinstance(content, dict) and "is_stand_in" in content:
        # As versions before schema 2 wrote it.
        content["is_synthetic"] = content.pop("is_stand_in")
    try:
        return DatasetDescription.model_validate(content)
    except ValidationError as error:
        raise UserError(f"{path} does not describe a data set; 'fashion-compare run' rewrites it") from error


def _table(results: Results) -> str:
    """Return one line per run and split, for spreadsheets."""
    out = io.StringIO()
    columns = ["dataset", "model", "configuration", "seed", "split", "epochs", "best_epoch", "seconds", *METRIC]
    writer = csv.DictWriter(out, columns, lineterminator="\n")
    writer.writeheader()
    for configuration in results.finished():
        for run in configuration.runs:
            shared = run.model_dump(
                include={"dataset", "model", "configuration", "seed", "epochs", "best_epoch", "seconds"}
            )
            for split in SPLITS:
                writer.writerow({**shared, "split": split, **getattr(run, split)})
    return out.getvalue()
