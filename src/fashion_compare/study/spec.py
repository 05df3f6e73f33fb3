"""Study files: YAML in, a validated study out, and one clear line for whatever is wrong in one."""

import re
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from fashion_compare.classifier.configuration import CONFIGURATIONS, Configuration
from fashion_compare.errors import UsageError, UserError, nearest
from fashion_compare.store import read_bytes
from fashion_compare.study import space as spaces
from fashion_compare.study.space import Experiments, Sensitivity, Tuning
from fashion_compare.study.strict_yaml import StrictLoader

BASELINE = "baseline"
# What tuning found is named after the trial.
TUNED = "tuned-"
_TOGETHER = "together_with"
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_MAXIMUM_BYTES = 1 << 20
_ADVICE = "expected a study file; 'fashion-compare init' writes one to start from"
# Configurations of a space that are looked at before anything is trained.
_DRAWS = 64


class Study(BaseModel):
    """A resolved study: every configuration spelled out."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[
        str, Field(pattern=f"^{_NAME.pattern}$", description="of the directory of its results; a-z, 0-9, - and _")
    ]
    description: Annotated[str, Field(max_length=2000, description="a sentence for people")] = ""
    seeds: Annotated[
        tuple[Annotated[int, Field(ge=0, lt=2**32)], ...],
        Field(min_length=1, max_length=1000, description="a number of seeds, 0 and up, or a list of them"),
    ]
    training_images: Annotated[
        int | None, Field(ge=1, le=55_000, description="train on so many of the 55,000 images; null for all")
    ] = None
    models: Annotated[
        dict[str, dict[str, Configuration]], Field(description="ffnn, cnn or both, each with baseline and variations")
    ]
    # The one field that each variation is about; others may move together with it.
    varied: dict[str, dict[str, str]]
    sensitivity: Annotated[Sensitivity | None, Field(description="what every setting does")] = None
    tuning: Annotated[Tuning | None, Field(description="a search for each model's best configuration")] = None
    experiments: Annotated[Experiments | None, Field(description="the baselines on the data seen otherwise")] = None

    def with_seeds(self, count: int) -> "Study":
        """Return the same study with seeds 0 … count - 1."""
        return self.model_copy(update={"seeds": tuple(range(count))})


def is_tuned(name: str) -> bool:
    """Return whether a configuration of this name is what tuning found."""
    return name.startswith(TUNED)


def shipped_studies() -> list[str]:
    """Return the names of the studies that come with the package."""
    return sorted(path.name.removesuffix(".yaml") for path in _shipped().iterdir() if path.name.endswith(".yaml"))


def study_text(name: str) -> str:
    """Return the YAML of a shipped study, comments included.

    Raises:
        UsageError: there is none of that name.
    """
    if name not in shipped_studies():
        raise UsageError(f"unknown study '{name}': {nearest(name, shipped_studies())} (or a file that ends in .yaml)")
    return str((_shipped() / f"{name}.yaml").read_text(encoding="utf-8"))


def load_study(name_or_path: str) -> Study:
    """Return the shipped study of that name, or the one in that ``.yaml`` file.

    Raises:
        UsageError: no such study, or something in it is wrong; the line says what, where and what is valid.
    """
    if not name_or_path.endswith((".yaml", ".yml")):
        return parse_study(study_text(name_or_path), name_or_path)
    path = Path(name_or_path)
    try:
        text = read_bytes(path, maximum_bytes=_MAXIMUM_BYTES, advice=_ADVICE).decode()
    except UserError as error:
        raise UsageError(str(error)) from error
    except UnicodeDecodeError as error:
        raise UsageError(f"cannot read {path}: not UTF-8 text; {_ADVICE}") from error
    return parse_study(text, str(path))


def parse_study(text: str, where: str) -> Study:
    """Return the study that the YAML `text` describes; `where` names it in errors."""
    try:
        content = StrictLoader(text).get_single_data()
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        raise UsageError(f"{where}{line}: not valid YAML: {getattr(error, 'problem', None) or error}") from error
    _refuse_booleans(content, where)
    content = _mapping(content, where, set(Study.model_fields) - {"varied"})
    models = _mapping(content.get("models"), f"{where}: models", set(CONFIGURATIONS), what="model")
    if not models:
        raise UsageError(f"{where}: models: empty; expected at least one of {', '.join(CONFIGURATIONS)}")
    parsed = {model: _configurations(model, part, f"{where}: models.{model}") for model, part in models.items()}
    seeds = content.get("seeds", 3)
    if isinstance(seeds, int):
        if not 1 <= seeds <= 1000:
            raise UsageError(f"{where}: seeds: got {seeds}, expected 1 to 1000, or a list of seeds")
        seeds = list(range(seeds))
    resolved = {
        "seeds": seeds,
        "models": {model: configurations for model, (configurations, _) in parsed.items()},
        "varied": {model: varied for model, (_, varied) in parsed.items()},
    }
    try:
        study = Study.model_validate(content | resolved)
    except ValidationError as error:
        raise UsageError(_one_line(error, where)) from error
    if len(set(study.seeds)) != len(study.seeds):
        raise UsageError(f"{where}: seeds: got {seeds}, expected each seed once")
    check_spaces(study, where)
    return study


def check_spaces(study: Study, where: str) -> None:
    """Refuse grids and spaces that hold a configuration that cannot be.

    Raises:
        UsageError: the line says where, and what is expected.
    """
    if study.tuning is not None:
        if study.tuning.space.keys() != study.models.keys():
            raise UsageError(
                f"{where}: tuning.space: expected one for each of {', '.join(study.models)}: equal budgets"
            )
        if any("epochs" in axes for axes in study.tuning.space.values()):
            raise UsageError(f"{where}: tuning.space: epochs are set by 'tuning: epochs', the same for every trial")
        if study.tuning.seed in study.seeds:
            raise UsageError(f"{where}: tuning.seed: got {study.tuning.seed}, expected one that the study does not use")
    for part, space in _spaces(study):
        for model, axes in space.items():
            if model not in study.models:
                raise UsageError(f"{where}: {part}: unknown model '{model}': {nearest(model, study.models)}")
            base = study.models[model][BASELINE]
            for field, axis in axes.items():
                _check_axis(base, field, axis, f"{where}: {part}.{model}.{field}")
            if part != "sensitivity.grids":
                _check_together(base, axes, f"{where}: {part}.{model}")


def _check_axis(base: Configuration, field: str, axis: Any, where: str) -> None:
    """Refuse a setting that does not exist, or not with such values."""
    values = [str(spaces.text(value)) for value in spaces.ends(axis)]
    if len(set(values)) < len(values):
        raise UsageError(f"{where}: got {', '.join(values)}, expected each value once")
    for value in spaces.ends(axis):
        changed(base, {field: value}, where)


def _check_together(base: Configuration, axes: Mapping[str, Any], where: str) -> None:
    """Refuse a space in which settings that are valid alone are not together, or what lies between is not."""
    generator = np.random.default_rng(0)
    for _ in range(_DRAWS):
        changed(base, {field: spaces.value_at(axis, generator.random()) for field, axis in axes.items()}, where)


def _spaces(study: Study) -> list[tuple[str, dict[str, Any]]]:
    """Return where in the study file there is a space for models, and that space."""
    spaces: list[tuple[str, dict[str, Any]]] = []
    if study.sensitivity is not None:
        spaces.append(("sensitivity.grids", dict(study.sensitivity.grids)))
        if study.sensitivity.design is not None:
            spaces.append(("sensitivity.design.space", dict(study.sensitivity.design.space)))
    if study.tuning is not None:
        spaces.append(("tuning.space", dict(study.tuning.space)))
    return spaces


def changed(base: Configuration, settings: dict[str, Any], where: str) -> Configuration:
    """Return a configuration with some of its settings replaced.

    Raises:
        UsageError: there is no such setting, or not with such a value.
    """
    plain = base.model_dump(mode="json", exclude={"model"})
    return configuration(base.model, {**plain, **settings}, where)


def configuration(model: str, settings: dict[str, Any], where: str) -> Configuration:
    """Return the validated configuration of a model.

    Raises:
        UsageError: unknown model or field, or a value of the wrong type or out of range.
    """
    if model not in CONFIGURATIONS:
        raise UsageError(f"{where}: unknown model '{model}': {nearest(model, CONFIGURATIONS)}")
    kind = CONFIGURATIONS[model]
    _mapping(settings, where, set(kind.model_fields) - {"model"})
    _refuse_booleans(settings, where)
    try:
        return kind.model_validate(settings)
    except ValidationError as error:
        raise UsageError(_one_line(error, where)) from error


def parse_settings(settings: list[str]) -> dict[str, Any]:
    """Return what ``FIELD=VALUE`` texts say, each value read as YAML reads it.

    Raises:
        UsageError: one is not of that form, or names a field twice.
    """
    parsed: dict[str, Any] = {}
    for text in settings:
        field, equals, value = text.partition("=")
        if not equals or not field or field in parsed:
            raise UsageError(f"--set {text}: expected FIELD=VALUE, each field once, such as learning_rate=0.01")
        try:
            parsed[field] = StrictLoader(value).get_single_data()
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            raise UsageError(f"--set {text}: '{value}' is not a value; expected such as 0.01 or [256, 128]") from error
    return parsed


def to_yaml(study: Study) -> str:
    """Return the resolved study as a study file, every setting spelled out."""
    models: dict[str, Any] = {}
    for model, configurations in study.models.items():
        plain = {name: c.model_dump(mode="json", exclude={"model"}) for name, c in configurations.items()}
        base = plain.pop(BASELINE)
        variations = {name: _changes(base, c, study.varied[model][name]) for name, c in plain.items()}
        models[model] = {"baseline": base, "variations": variations}
    content = study.model_dump(mode="json", exclude={"models", "varied"}, exclude_none=True) | {"models": models}
    if study.experiments is not None:
        # Here nothing is a value: no folds.
        content["experiments"] = study.experiments.model_dump(mode="json")
    return str(yaml.safe_dump(content, sort_keys=False, allow_unicode=True))


def _configurations(model: str, content: Any, where: str) -> tuple[dict[str, Configuration], dict[str, str]]:
    """Resolve a model's baseline and variations, and name the field that each variation is about."""
    content = _mapping(content, where, {"baseline", "variations"})
    base_settings = {} if content.get("baseline") is None else content["baseline"]
    base = configuration(model, base_settings, f"{where}.baseline")
    variations = {} if content.get("variations") is None else content["variations"]
    if not isinstance(variations, dict):
        raise UsageError(f"{where}.variations: got {type(variations).__name__}, expected names with their changes")
    resolved: dict[str, Configuration] = {BASELINE: base}
    varied: dict[str, str] = {}
    for name, change in variations.items():
        here = f"{where}.variations.{name}"
        if not isinstance(name, str) or not _NAME.fullmatch(name) or name == BASELINE:
            raise UsageError(f"{here}: not a usable name; expected a-z, 0-9, '-' and '_', and not '{BASELINE}'")
        resolved[name], varied[name] = _variation(model, base, base_settings, change, here)
    return resolved, varied


def _variation(
    model: str, base: Configuration, base_settings: dict[str, Any], change: Any, where: str
) -> tuple[Configuration, str]:
    """Resolve a variation, and return the field that it is about."""
    fields = set(CONFIGURATIONS[model].model_fields) - {"model"}
    change = dict(_mapping(change, where, fields | {_TOGETHER}))
    moved = dict(_mapping(change.pop(_TOGETHER, {}), f"{where}.{_TOGETHER}", fields))
    if len(change) != 1:
        raise UsageError(
            f"{where}: changes {len(change)} fields ({', '.join(change) or 'none'}), expected one; "
            f"what has to move with it goes under '{_TOGETHER}:'"
        )
    field = next(iter(change))
    if field in moved:
        raise UsageError(f"{where}: {field} stands twice, here and under '{_TOGETHER}:'")
    configured = configuration(model, {**base_settings, **change, **moved}, where)
    if getattr(configured, field) == getattr(base, field):
        raise UsageError(f"{where}: {field} is the same as in the baseline; expected another value")
    if "momentum" in change | moved and configured.optimizer not in {"momentum", "nesterov"}:
        raise UsageError(f"{where}: momentum has no effect with optimizer '{configured.optimizer}'")
    return configured, field


def _changes(base: dict[str, Any], other: dict[str, Any], field: str) -> dict[str, Any]:
    """Return a variation as a study file has it."""
    moved = {name: value for name, value in other.items() if value != base[name] and name != field}
    return {field: other[field]} | ({_TOGETHER: moved} if moved else {})


def _refuse_booleans(content: Any, where: str) -> None:
    """No setting is true or false, but Python takes either for a number."""
    if isinstance(content, bool):
        raise UsageError(f"{where}: got {str(content).lower()}, expected no such value")
    items = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    for key, value in items:
        _refuse_booleans(value, f"{where}: {key}" if ":" not in where else f"{where}.{key}")


def _mapping(content: Any, where: str, valid: set[str], what: str = "field") -> dict[str, Any]:
    """Check that `content` is a mapping with known keys."""
    if not isinstance(content, dict):
        got = "nothing" if content is None else type(content).__name__
        raise UsageError(f"{where}: got {got}, expected a mapping with {', '.join(sorted(valid))}")
    for key in content:
        if key not in valid:
            raise UsageError(f"{where}: unknown {what} '{key}': {nearest(str(key), valid)}")
    return content


def _one_line(error: ValidationError, where: str) -> str:
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    value = repr(first["input"])
    shown = value if len(value) <= 60 else f"{value[:57]}..."
    message = first["msg"].replace("Input should be", "expected").removeprefix("Value error, ")
    # What is wrong with settings together has no place of its own.
    return f"{where}: {place}: got {shown}, {message}" if place else f"{where}: {message}"


def _shipped() -> Any:
    return resources.files("fashion_compare.study") / "studies"
