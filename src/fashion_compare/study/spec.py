"""Study files: YAML in, a validated study out, and one clear line for whatever is wrong in one."""

import re
from importlib import resources
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from fashion_compare.classifier.configuration import CONFIGURATIONS, Configuration, Whole
from fashion_compare.errors import UsageError, UserError, nearest
from fashion_compare.store import read_bytes
from fashion_compare.store.yaml_loader import StrictDumper, numbers, read_yaml
from fashion_compare.study.search_space import Experiments, Sensitivity, Tuning
from fashion_compare.study.settings import check_effect, configuration
from fashion_compare.study.space_checks import check_sensitivity, check_tuning
from fashion_compare.validation_errors import key_text, mapping, refusal, refuse_booleans, shown

BASELINE = "baseline"
# What tuning found is named after the trial.
TUNED = "tuned-"
_TOGETHER = "together_with"
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
# Windows has devices of these names, and creates no directory under them.
_DEVICES = {"con", "prn", "aux", "nul", *(f"{port}{number}" for port in ("com", "lpt") for number in range(10))}
_MAXIMUM_BYTES = 1 << 20
_ADVICE = "expected a study file; 'fashion-compare init' writes one to start from"


class Study(BaseModel):
    """A resolved study: every configuration spelled out."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[
        str, Field(pattern=f"^{_NAME.pattern}$", description="of the directory of its results; a-z, 0-9, - and _")
    ]
    description: Annotated[str, Field(max_length=2000, description="a sentence for people")] = ""
    seeds: Annotated[
        tuple[Annotated[Whole, Field(ge=0, lt=2**32)], ...],
        Field(min_length=1, max_length=1000, description="a number of seeds, 0 and up, or a list of them"),
    ]
    training_images: Annotated[
        Whole | None, Field(ge=1, le=55_000, description="train on so many of the 55,000 images; null for all")
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


def load_study(name_or_path: str, *, written: bool = False) -> Study:
    """Return the shipped study of that name, or the one in that ``.yaml`` file.

    Args:
        name_or_path: of the study.
        written: whether this program wrote the file, maybe an earlier version of it, which took more than this one.

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
    return parse_study(text, str(path), written=written)


def written_study(root: Path) -> Study:
    """Return the resolved study that its directory has.

    Raises:
        UsageError: its file is damaged.
    """
    return load_study(str(root / "study.yaml"), written=True)


def parse_study(text: str, where: str, *, written: bool = False) -> Study:
    """Return the study that the YAML `text` describes; `where` names it in errors, `written` as in `load_study`."""
    content = read_yaml(text, where, written=written)
    refuse_booleans(content, where)
    content = mapping(content, where, set(Study.model_fields) - {"varied"})
    models = mapping(content.get("models"), f"{where}: models", set(CONFIGURATIONS), what="model")
    if not models:
        raise UsageError(f"{where}: models: empty; expected at least one of {', '.join(CONFIGURATIONS)}")
    parsed = {
        model: _configurations(model, part, f"{where}: models.{model}", written=written)
        for model, part in models.items()
    }
    seeds = _seeds(content.get("seeds", 3), where)
    if written:
        content |= {part: numbers(content[part]) for part in ("sensitivity", "tuning") if part in content}
    resolved = {
        "seeds": seeds,
        "models": {model: configurations for model, (configurations, _) in parsed.items()},
        "varied": {model: varied for model, (_, varied) in parsed.items()},
    }
    try:
        study = Study.model_validate(content | resolved)
    except ValidationError as error:
        raise UsageError(refusal(error, content | resolved, where)) from error
    if len(set(study.seeds)) != len(study.seeds):
        raise UsageError(f"{where}: seeds: got {seeds}, expected each seed once")
    if not written:
        _check_names(study, where)
        _check_variations(study, where)
    check_spaces(study, where, written=written)
    return study


def _seeds(seeds: Any, where: str) -> list[Any]:
    """Return the seeds of a study: those that it lists, or so many."""
    if isinstance(seeds, list):
        return seeds
    if not isinstance(seeds, int | float) or seeds not in range(1, 1001):
        raise UsageError(f"{where}: seeds: got {shown(seeds)}, expected a whole number, 1 to 1000, or a list of seeds")
    return list(range(int(seeds)))


def _check_names(study: Study, where: str) -> None:
    """Refuse names under which Windows creates no directory: a study travels."""
    variations = {f"models.{model}.variations.{name}": name for model in study.models for name in study.models[model]}
    for place, name in {"name": study.name, **variations}.items():
        if name in _DEVICES:
            raise UsageError(
                f"{where}: {place}: Windows creates no directory '{name}'; expected another name, such as '{name}-1'"
            )


def _check_variations(study: Study, where: str) -> None:
    """Refuse what is one configuration under two names."""
    for model, configurations in study.models.items():
        names: dict[Configuration, str] = {}
        for name, configured in configurations.items():
            if configured in names:
                same = f"{names[configured]} and {name} have the same settings"
                raise UsageError(f"{where}: models.{model}.variations: {same}; expected one of them, or other settings")
            names[configured] = name


def check_spaces(study: Study, where: str, *, written: bool = False) -> None:
    """Refuse grids and spaces that hold a configuration that cannot be, or a setting without effect.

    Raises:
        UsageError: the line says where, and what is expected.
    """
    bases = {model: configurations[BASELINE] for model, configurations in study.models.items()}
    if study.tuning is not None:
        check_tuning(study.tuning, bases, study.seeds, where, written=written)
    if study.sensitivity is not None:
        check_sensitivity(study.sensitivity, bases, where, written=written)


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
    return str(yaml.dump(content, Dumper=StrictDumper, sort_keys=False, allow_unicode=True))


def _configurations(
    model: str, content: Any, where: str, *, written: bool
) -> tuple[dict[str, Configuration], dict[str, str]]:
    """Resolve a model's baseline and variations, and name the field that each variation is about."""
    content = mapping(content, where, {"baseline", "variations"})
    base_settings = {} if content.get("baseline") is None else content["baseline"]
    base = configuration(model, base_settings, f"{where}.baseline")
    variations = {} if content.get("variations") is None else content["variations"]
    if not isinstance(variations, dict):
        raise UsageError(f"{where}.variations: got {shown(variations)}, expected names with their changes")
    resolved: dict[str, Configuration] = {BASELINE: base}
    varied: dict[str, str] = {}
    for name, change in variations.items():
        here = f"{where}.variations.{key_text(name)}"
        if not isinstance(name, str) or not _NAME.fullmatch(name) or name == BASELINE:
            raise UsageError(f"{here}: not a usable name; expected a-z, 0-9, '-' and '_', and not '{BASELINE}'")
        resolved[name], varied[name] = _variation(model, base, base_settings, change, here, written=written)
    return resolved, varied


def _variation(
    model: str, base: Configuration, base_settings: dict[str, Any], change: Any, where: str, *, written: bool
) -> tuple[Configuration, str]:
    """Resolve a variation, and return the field that it is about."""
    fields = set(CONFIGURATIONS[model].model_fields) - {"model"}
    change = dict(mapping(change, where, fields | {_TOGETHER}))
    moved = dict(mapping(change.pop(_TOGETHER, {}), f"{where}.{_TOGETHER}", fields))
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
    if not written:
        check_effect(configured, change | moved, where)
    return configured, field


def _changes(base: dict[str, Any], other: dict[str, Any], field: str) -> dict[str, Any]:
    """Return a variation as a study file has it."""
    moved = {name: value for name, value in other.items() if value != base[name] and name != field}
    return {field: other[field]} | ({_TOGETHER: moved} if moved else {})


def _shipped() -> Any:
    return resources.files("fashion_compare.study") / "presets"
