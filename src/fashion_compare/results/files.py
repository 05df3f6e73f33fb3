"""Read and write results.json and results.csv."""

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fashion_compare.errors import UserError
from fashion_compare.evaluation.metrics import METRIC
from fashion_compare.evaluation.predictions import SPLITS
from fashion_compare.execution.designs import all_runs
from fashion_compare.results.schema import check, recorded_failures
from fashion_compare.store import read_json, write_json, write_text
from fashion_compare.study.spec import Study


def known_failures(study: Study, root: Path) -> dict[str, str]:
    """Return the failures that an earlier results.json recorded of runs that are still not done."""
    path = root / "results.json"
    if not path.exists():
        return {}
    open_ = {run.label for run in all_runs(study, None, {}, root) if not run.directory.is_done}
    return {held.run: held.reason for held in recorded_failures(path) if held.run in open_}


def write_results(results: Mapping[str, Any], root: Path) -> None:
    """Write results.json and results.csv into the study's directory."""
    check(results)
    write_json(root / "results.json", results)
    write_text(root / "results.csv", _table(results))


def read_results(root: Path) -> dict[str, Any]:
    """Read a study's results.json.

    Raises:
        UserError: there is none, or it is not what this version writes.
    """
    path = root / "results.json"
    advice = f"'fashion-compare report {root}' writes it"
    if not path.is_file():
        raise UserError(f"{root} has no results.json; {advice}")
    # A study of ten thousand runs has 70 MB of them.
    found = read_json(path, maximum_bytes=1 << 30)
    try:
        check(found)
    except (UserError, AttributeError, TypeError, KeyError) as error:
        raise UserError(f"{path} does not hold a study's results as this version writes them; {advice} anew") from error
    return dict(found)


def _table(results: Mapping[str, Any]) -> str:
    """Return one line per run and part of the data, for spreadsheets."""
    out = io.StringIO()
    columns = ["dataset", "model", "configuration", "seed", "part", "epochs", "best_epoch", "seconds", *METRIC]
    writer = csv.DictWriter(out, columns, lineterminator="\n")
    writer.writeheader()
    for model, held in results["models"].items():
        for name, configuration in held["configurations"].items():
            for run in configuration["runs"]:
                shared = {key: run[key] for key in ("dataset", "seed", "epochs", "best_epoch", "seconds")}
                for part in SPLITS:
                    numbers = {metric: run[part][metric] for metric in METRIC}
                    writer.writerow({"model": model, "configuration": name, "part": part, **shared, **numbers})
    return out.getvalue()
