"""What a study's grids and designs found, read from the run directories."""

from pathlib import Path
from typing import Any

import numpy as np

from fashion_compare.comparison.pairs import Scored
from fashion_compare.study.designs import design_points, design_runs, grid_runs
from fashion_compare.study.reading import read_entry, read_runs
from fashion_compare.study.space import Range
from fashion_compare.study.spec import BASELINE, Study

# Below this many finished runs for each parameter a surrogate would know nothing.
_RUNS_PER_PARAMETER = 4


def plain(value: Any) -> Any:
    """Return a setting as JSON has it; a list of sizes as text, so that values of one kind sort."""
    return "-".join(map(str, value)) if isinstance(value, tuple) else value


def read_grid(
    study: Study, data: dict[str, Any], root: Path, model: str
) -> tuple[dict[str, Scored], dict[str, dict[str, Any]]]:
    """Return a model's finished grid points by name, and what each changes of the baseline."""
    if study.sensitivity is None:
        return {}, {}
    scored, changes = {}, {}
    base = study.models[model][BASELINE]
    for point, runs in grid_runs(study, None, data, root).items():
        if point.model != model:
            continue
        held, entries = read_runs(model, point.name, runs)
        if entries:
            scored[point.name] = held
            values = (plain(getattr(configuration, point.parameter)) for configuration in (base, point.configuration))
            changes[point.name] = dict(zip(("from", "to"), values, strict=True)) | {
                "parameter": point.parameter,
                "together": {},
            }
    return scored, changes


def read_designs(study: Study, data: dict[str, Any], root: Path) -> dict[str, dict[str, Any]]:
    """Return each model's global sensitivity, of the finished runs of its design."""
    found = {}
    for model, runs in design_runs(study, None, data, root).items():
        assert study.sensitivity is not None
        assert study.sensitivity.design is not None
        space = study.sensitivity.design.space[model]
        entries = [read_entry(run) for run in runs]
        done = np.array([entry is not None for entry in entries])
        if done.sum() < _RUNS_PER_PARAMETER * len(space):
            continue
        # scikit-learn and SALib take a while to import, and most studies have no design.
        from fashion_compare.comparison.global_sensitivity import Axis, global_sensitivity

        values = np.array([entry["validation"]["accuracy"] for entry in entries if entry is not None])
        axes = [Axis(name, 0 if isinstance(axis, Range) else len(axis)) for name, axis in space.items()]
        found[model] = {
            **global_sensitivity(axes, design_points(study, model)[done], values),
            "planned": len(runs),
            "training_images": study.sensitivity.design.training_images,
            "space": {name: axis.model_dump() if isinstance(axis, Range) else axis for name, axis in space.items()},
            "lowest": float(values.min()),
            "highest": float(values.max()),
        }
    return found
