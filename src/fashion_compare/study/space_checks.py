"""What a study's grids and spaces must be around its baselines: checked before anything is trained."""

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from fashion_compare.classifier.configuration import Configuration, no_effect
from fashion_compare.errors import UsageError, nearest
from fashion_compare.study.search_space import Range, Sensitivity, Space, Tuning, ends, hashable_value, value_at
from fashion_compare.study.settings import changed, check_effect

# Configurations of a space that are made to see whether they can be.
_DRAWS = 64
_Bases = Mapping[str, Configuration]


def check_sensitivity(sensitivity: Sensitivity, bases: _Bases, where: str, *, written: bool = False) -> None:
    """Refuse grids and designs with a configuration that cannot be, or a setting without effect.

    Args:
        sensitivity: of the study.
        bases: model → baseline.
        where: names the study in errors.
        written: whether this program wrote the study, maybe a version of it that knew less of what has no effect.

    Raises:
        UsageError: the line says where, and what is expected.
    """
    grids = f"{where}: sensitivity.grids"
    _check_models(sensitivity.grids, bases, grids)
    for model, grid in sensitivity.grids.items():
        for field, values in grid.items():
            place = f"{grids}.{model}.{field}"
            _check_axis(bases[model], field, values, place, written=written)
            for value in () if written else values:
                if (configured := changed(bases[model], {field: value}, place)) != bases[model]:
                    check_effect(configured, [field], place)
    if sensitivity.design is not None:
        _check_spaces(sensitivity.design.space, bases, f"{where}: sensitivity.design.space", written=written)


def check_tuning(tuning: Tuning, bases: _Bases, seeds: Collection[int], where: str, *, written: bool = False) -> None:
    """Refuse a tuning with unequal budgets, of a space as in `check_sensitivity`, or with a seed of the study's.

    Raises:
        UsageError: the line says where, and what is expected.
    """
    place = f"{where}: tuning.space"
    if tuning.space.keys() != bases.keys():
        raise UsageError(f"{place}: expected one for each of {', '.join(bases)}: equal budgets")
    if any("epochs" in axes for axes in tuning.space.values()):
        raise UsageError(f"{place}: epochs are set by 'tuning: epochs', the same for every trial")
    if tuning.seed in seeds:
        raise UsageError(f"{where}: tuning.seed: got {tuning.seed}, expected one that the study does not use")
    trained = {model: changed(base, {"epochs": tuning.epochs}, place) for model, base in bases.items()}
    _check_spaces(tuning.space, trained, place, written=written)


def _check_models(models: Collection[str], bases: _Bases, where: str) -> None:
    for model in models:
        if model not in bases:
            raise UsageError(f"{where}: unknown model '{model}': {nearest(model, bases)}")


def _check_spaces(spaces: Mapping[str, Space], bases: _Bases, where: str, *, written: bool) -> None:
    _check_models(spaces, bases, where)
    for model, axes in spaces.items():
        for field, axis in axes.items():
            _check_axis(bases[model], field, axis, f"{where}.{model}.{field}", written=written)
        _check_together(bases[model], axes, f"{where}.{model}")
        # A setting may need a value of another one that only some of the configurations have.
        values = {field: (value,) for field, value in bases[model]} | {
            field: ends(axis) for field, axis in axes.items()
        }
        for field in () if written else axes:
            if problem := no_effect(field, values):
                raise UsageError(f"{where}.{model}.{field}: {problem}")


def _check_axis(base: Configuration, field: str, axis: Range | tuple[Any, ...], where: str, *, written: bool) -> None:
    """Refuse a setting that does not exist, or not with such values, or a value twice (0.001 and 1e-3)."""
    values = [getattr(changed(base, {field: value}, where), field) for value in ends(axis)]
    if len(set(values)) < len(values) and not written:
        shown = ", ".join(str(hashable_value(value)) for value in ends(axis))
        raise UsageError(f"{where}: got {shown}, expected each value once")


def _check_together(base: Configuration, axes: Space, where: str) -> None:
    """Refuse a space in which settings that are valid alone are not together, or what lies between is not."""
    generator = np.random.default_rng(0)
    for _ in range(_DRAWS):
        changed(base, {field: value_at(axis, generator.random()) for field, axis in axes.items()}, where)
