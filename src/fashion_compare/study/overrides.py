"""Studies made of studies: with what `full` declares, what their directory has from before, what tuning found."""

from pathlib import Path
from typing import Any

from fashion_compare.classifier.configuration import no_effect
from fashion_compare.errors import UsageError
from fashion_compare.study.settings import changed
from fashion_compare.study.spec import BASELINE, Study, check_spaces, load_study, written_study


def with_full(study: Study) -> Study:
    """Return the study with grids, design and tuning: its own, or those of the shipped study `full` for its models."""
    shipped = load_study("full")
    assert shipped.sensitivity is not None
    assert shipped.sensitivity.design is not None
    assert shipped.tuning is not None

    def known(held: dict[str, Any]) -> dict[str, Any]:
        return {model: part for model, part in held.items() if model in study.models}

    def with_effect(model: str, grid: dict[str, Any]) -> dict[str, Any]:
        """Return a grid without settings that the model's baseline leaves nothing to do."""
        base = {field: (value,) for field, value in study.models[model][BASELINE]}
        return {field: values for field, values in grid.items() if not no_effect(field, {**base, field: values})}

    design = shipped.sensitivity.design.model_copy(update={"space": known(shipped.sensitivity.design.space)})
    grids = {model: with_effect(model, grid) for model, grid in known(shipped.sensitivity.grids).items()}
    sensitivity = shipped.sensitivity.model_copy(update={"grids": grids, "design": design})
    tuning = shipped.tuning.model_copy(update={"space": known(shipped.tuning.space)})
    merged = study.model_copy(
        update={"sensitivity": study.sensitivity or sensitivity, "tuning": study.tuning or tuning},
    )
    # The study's own baseline may not go with what `full` tries.
    check_spaces(merged, f"{study.name} with what full declares")
    return merged


def with_experiments(study: Study) -> Study:
    """Return the study with experiments: its own, or those of the shipped study `full`."""
    return study.model_copy(update={"experiments": study.experiments or load_study("full").experiments})


def with_earlier(study: Study, root: Path) -> Study:
    """Return the study with the sensitivity, tuning or experiments that its directory has and it does not declare."""
    if not (root / "study.yaml").exists():
        return study
    try:
        earlier = written_study(root)
    except UsageError:
        # Damaged; it is about to be written anew.
        return study
    if earlier.models.keys() != study.models.keys():
        return study
    parts = {part: getattr(study, part) or getattr(earlier, part) for part in ("sensitivity", "tuning", "experiments")}
    return study.model_copy(update=parts)


def with_variation(study: Study, model: str, name: str, settings: dict[str, Any]) -> Study:
    """Return the study with one more configuration of a model: its baseline with these settings.

    Raises:
        UsageError: the model has another configuration of that name.
    """
    held = study.models[model]
    configured = changed(held[BASELINE], settings, f"{model}: {name}")
    if held.get(name, configured) != configured:
        raise UsageError(f"{model}: {name}: the study has another configuration of that name; expected none")
    models = {**study.models, model: {**held, name: configured}}
    varied = {**study.varied, model: {**study.varied[model], name: next(iter(settings))}}
    return study.model_copy(update={"models": models, "varied": varied})
