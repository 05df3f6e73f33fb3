"""Which runs a study's sensitivity needs: grids around the baseline, and a design all over the space."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.stats import qmc

from fashion_compare.classifier.configuration import Configuration
from fashion_compare.execution.ablation_runs import experiment_runs
from fashion_compare.execution.plan import plan
from fashion_compare.runs.run import Run
from fashion_compare.store.yaml_loader import number
from fashion_compare.study.context import StudyContext
from fashion_compare.study.search_space import hashable_value, value_at
from fashion_compare.study.settings import changed
from fashion_compare.study.spec import BASELINE, Study, is_tuned

_DIRECTORY = "sensitivity"


@dataclass(frozen=True)
class GridPoint:
    """The baseline with one setting replaced."""

    model: str
    parameter: str
    name: str
    configuration: Configuration


def grid_points(study: Study) -> list[GridPoint]:
    """Return the study's grids, without what is the baseline or a variation already."""
    found = []
    for model, grid in (study.sensitivity.grids if study.sensitivity else {}).items():
        known = [configuration for name, configuration in study.models[model].items() if not is_tuned(name)]
        for parameter, values in grid.items():
            for value in values:
                configured = changed(study.models[model][BASELINE], {parameter: value}, f"sensitivity of {parameter}")
                if configured not in known:
                    named = str(hashable_value(value))
                    # Variations cannot have names like this.
                    found.append(GridPoint(model, parameter, f"{parameter}={named}", configured))
                    known.append(configured)
    return found


def grid_runs(context: StudyContext) -> dict[GridPoint, list[Run]]:
    """Return each grid point's runs, with the first of the study's seeds."""
    study, place = context.study, context.root / _DIRECTORY
    assert study.sensitivity is not None
    seeds = study.seeds[: study.sensitivity.seeds]
    points = [replace(point, name=_name_there(point, place / point.model)) for point in grid_points(study)]
    return {
        point: [
            Run(
                point.model, point.name, point.configuration, seed, study.training_images, context.source, place,
                context.data,
            )
            for seed in seeds
        ]
        for point in points
    }  # fmt: skip


def _name_there(point: GridPoint, place: Path) -> str:
    """Return a point's name, or the one that its runs are under already: 1e-3 was text once, and is 0.001 now."""
    if (place / point.name).exists():
        return point.name
    value = number(point.name.removeprefix(f"{point.parameter}="))
    names = [path.name for path in sorted(place.glob(f"{point.parameter}=*"))]
    return next((name for name in names if number(name.removeprefix(f"{point.parameter}=")) == value), point.name)


def design_points(study: Study, model: str) -> NDArray[np.float64]:
    """Return the design of a model's space, (points, parameters) in [0, 1): Sobol's scrambled sequence."""
    assert study.sensitivity is not None
    assert study.sensitivity.design is not None
    design = study.sensitivity.design
    sequence = qmc.Sobol(len(design.space[model]), scramble=True, seed=0)
    return np.asarray(sequence.random(design.points), np.float64)


def design_runs(context: StudyContext) -> dict[str, list[Run]]:
    """Return each model's runs of the design, in the order of its points, each with a seed of its own."""
    study, place = context.study, context.root / _DIRECTORY
    if study.sensitivity is None or study.sensitivity.design is None:
        return {}
    design = study.sensitivity.design
    found: dict[str, list[Run]] = {}
    for model, space in design.space.items():
        base = study.models[model][BASELINE]
        runs = []
        for i, point in enumerate(design_points(study, model)):
            settings = {field: value_at(axis, share) for (field, axis), share in zip(space.items(), point, strict=True)}
            configured = changed(base, settings, f"sensitivity.design.space.{model}, point {i}")
            runs.append(
                Run(
                    model, f"design-{i:04d}", configured, i, design.training_images, context.source, place, context.data
                )
            )
        found[model] = runs
    return found


def sensitivity_runs(context: StudyContext) -> list[Run]:
    """Return all runs that the study's sensitivity needs besides the study's own."""
    if context.study.sensitivity is None:
        return []
    grids = [run for runs in grid_runs(context).values() for run in runs]
    return grids + [run for runs in design_runs(context).values() for run in runs]


def all_runs(context: StudyContext) -> list[Run]:
    """Return every run that the study has."""
    special = sensitivity_runs(context) + experiment_runs(context)
    return plan(context) + special
