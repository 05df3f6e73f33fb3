"""Whatever is wrong in a study file is one sentence in a person's words: every field, every constraint."""

import re
import typing
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from fashion_compare.classifier.configuration import CONFIGURATIONS, CnnConfiguration, FfnnConfiguration
from fashion_compare.errors import UsageError
from fashion_compare.study.search_space import Design, Experiments, Range, Sensitivity, Tuning
from fashion_compare.study.spec import Study, load_study, parse_study

Path = tuple[str | int, ...]
# Where a study file has each model that Study is made of.
PLACES: dict[type[BaseModel], Path] = {
    Study: (),
    FfnnConfiguration: ("models", "ffnn", "baseline"),
    CnnConfiguration: ("models", "cnn", "baseline"),
    Sensitivity: ("sensitivity",),
    Design: ("sensitivity", "design"),
    Range: ("tuning", "space", "ffnn", "learning_rate"),
    Tuning: ("tuning",),
    Experiments: ("experiments",),
}
# What the file has no place for: the kind of a model is its key, what is varied follows from the variations.
NOT_IN_FILES = {(Study, "varied"), (FfnnConfiguration, "model"), (CnnConfiguration, "model")}
# One of every kind, and every number that is out of some range.
VALUES = [
    None, True, "", "few", "3", "0.5", "x" * 2001, "a b", 0, 1, -1, 2, 2**32, 10**12, 10**29, -(10**12), 0.5, -0.5, 1.5,
    1e300, float("inf"), float("-inf"), float("nan"), [], [0], [1.5], ["few"], ["3"], [None], [[]], [{}], [-1, 2],
    [2**32, 1], [1] * 33, [2] * 101, list(range(1001)), [1, 1], {}, {"a": 1}, {5: 1}, {"ffnn": 5}, {"ffnn": {}},
    {"ffnn": {"l2": 5}}, {"ffnn": {"l2": [0.5]}}, {"ffnn": {"l2": [0.5, None]}}, {"ffnn": {"l2": [0.5, {}]}},
    {"ffnn": {"l2": {"low": 1}}}, {"ffnn": {"l2": {"low": 2, "high": 1}}}, {"ffnn": {"l2": {"low": "a", "high": 1}}},
    {"ffnn": {"l2": {"low": 0, "high": 1, "scale": "log"}}}, {"ffnn": {"l2": {"low": 0, "high": 1, "scale": "x"}}},
    {"ffnn": {"l2": {"low": 0, "high": 1e300}}}, {"ffnn": {"l2": {"low": 0, "high": 1, "step": 1}}},
    {"ffnn": {5: [1, 2]}}, {"ffnn": {"hidden_sizes": [[1.5], ["a"]]}}, {"ffnn": {"optimizer": ["adam", "lion"]}},
]  # fmt: skip
# Words of pydantic, of Python and of its types.
VOCABULARY = re.compile(
    r"valid (integer|number|string|list|tuple|dictionary|boolean|set)|[Ii]nput|pars(e|ing)|[Tt]uple|\bdict|instance|"
    r"[Ff]unction|validat|[Vv]alue error|[Ee]xtra|permitted|[Ff]ield required|None\b|\b(True|False|NoneType)\b|"
    r"\b(int|str|float|bool)\b|[Uu]nion|[Tt]ag\b|[Dd]iscriminat|[Ll]iteral|fractional|[Ss]hould|_type|_error|"
    r"something else|[Kk]eyword|[Aa]rgument|model_|[Pp]ydantic|\[key\]|at most \d+ items"
)


def reachable(kind: Any) -> Iterator[type[BaseModel]]:
    """Yield every model that an annotation leads to."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        yield kind
        for field in kind.model_fields.values():
            yield from reachable(field.annotation)
    for part in typing.get_args(kind):
        yield from reachable(part)


def fields() -> list[tuple[type[BaseModel], str]]:
    """Return every field of a study file."""
    held = [(kind, name) for kind in dict.fromkeys(reachable(Study)) for name in kind.model_fields]
    return [field for field in held if field not in NOT_IN_FILES]


def content() -> dict[str, Any]:
    """Return a valid study file that has all its parts."""
    made: dict[str, Any] = {
        "name": "mine",
        "models": {model: {"baseline": {}} for model in CONFIGURATIONS},
        "sensitivity": {"grids": {}, "design": {"points": 32, "space": {"ffnn": {"l2": [0.1, 0.2]}}}},
        "tuning": {"space": {model: {"learning_rate": {"low": 0.1, "high": 0.2}} for model in CONFIGURATIONS}},
        "experiments": {},
    }
    return made


def replaced(path: Path, value: Any) -> str:
    """Return the study file with another value there."""
    made = content()
    part: Any = made
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = value
    return yaml.safe_dump(made)


def refusal(text: str) -> str | None:
    """Return the line with which a study file is refused; None if it is not."""
    try:
        parse_study(text, "mine.yaml")
    except UsageError as error:
        return str(error)
    return None


def test_the_walk_below_sees_every_model() -> None:
    """A model that is added to a study has its place in the walk, or this fails; without a wrong value all is well."""
    assert set(reachable(Study)) == set(PLACES)
    assert refusal(yaml.safe_dump(content())) is None


@pytest.mark.parametrize(("kind", "name"), fields(), ids=lambda part: part if isinstance(part, str) else part.__name__)
def test_every_field_refuses_in_a_persons_words(kind: type[BaseModel], name: str) -> None:
    """With any value of any kind: one line with file and place, what was got, what is expected."""
    path = (*PLACES[kind], name)
    lines = [line for value in VALUES if (line := refusal(replaced(path, value)))]
    # No field takes all of them.
    assert len(lines) > 10
    for line in lines:
        assert re.match(r"mine\.yaml: [a-z]", line), line
        assert "\n" not in line
        # Text of the file, in quotes, may be anything.
        own = re.sub(r"'[^']*'|got [\[{].*?(?=, expected)", "…", line)
        assert not VOCABULARY.search(own), line
        assert re.search(r"expected|unknown|required|no effect|epochs are set by", own), line
        assert len(line) < 400


def test_every_field_that_is_required_says_so() -> None:
    """Left out, the line names it."""
    required = [(kind, name) for kind, name in fields() if kind.model_fields[name].is_required()]
    for kind, name in required:
        made = content()
        part: Any = made
        for key in PLACES[kind]:
            part = part[key]
        part.pop(name, None)
        line = refusal(yaml.safe_dump(made))
        if (kind, name) == (Study, "seeds"):
            # A number of them, 3, is the default of files.
            assert line is None
            continue
        assert line is not None
        assert name in line
        assert "required, but not given" in line or "expected a mapping with cnn, ffnn" in line


@pytest.mark.parametrize(("kind", "path"), PLACES.items(), ids=lambda part: getattr(part, "__name__", ""))
def test_every_part_names_the_field_that_was_meant(kind: type[BaseModel], path: Path) -> None:
    """A slip of the finger is answered with the field, wherever it stands."""
    name = max(kind.model_fields.keys() - {"varied", "model"}, key=len)
    line = refusal(replaced((*path, name[:-1]), 1))
    assert line == f"mine.yaml: {'.'.join(map(str, path))}: ".replace(": : ", ": ") + (
        f"unknown field '{name[:-1]}': did you mean '{name}'?"
    )


def test_a_key_is_named_as_the_file_has_it() -> None:
    """Not as Python prints it."""
    assert "unknown field 'true'" in str(refusal("name: mine\nmodels: {ffnn: {}}\ntrue: 1\n"))
    assert "unknown field 'nothing'" in str(refusal("name: mine\nmodels: {ffnn: {}}\n~: 1\n"))
    assert "variations.true: not a usable" in str(refusal("name: x\nmodels: {ffnn: {variations: {true: {l2: 1}}}}\n"))


AXIS = ("tuning", "space", "ffnn", "l2")


@pytest.mark.parametrize(
    ("path", "value", "line"),
    [
        (("models", "ffnn", "baseline", "hidden_sizes"), 16, "hidden_sizes: got 16, expected a list, such as [16]"),
        (("models", "ffnn", "baseline", "epochs"), 1.5, "epochs: got 1.5, expected a whole number"),
        (("models", "ffnn", "baseline", "dropout"), 1, "dropout: got 1, expected a number less than 1"),
        (
            ("models", "cnn", "baseline", "architecture"),
            "lenet",
            "architecture: got 'lenet', expected one of lenet5, resnet20",
        ),
        (("seeds",), "3", "seeds: got '3', expected a whole number, 1 to 1000, or a list of seeds"),
        (("seeds",), ["3"], "seeds.0: got '3', expected a whole number, without quotes"),
        (("seeds",), 1.5, "seeds: got 1.5, expected a whole number, 1 to 1000, or a list of seeds"),
        (("name",), 5, "name: got 5, expected text, in quotes where it looks like a number"),
        (("name",), "A", "name: got 'A', expected at most 63 of a-z, 0-9, '-' and '_', the first a letter or a digit"),
        (AXIS, {"low": 2, "high": 1}, "tuning.space.ffnn.l2: low 2 and high 1: expected low < high"),
        (AXIS, {"low": 2}, "tuning.space.ffnn.l2.high: required, but not given"),
        (AXIS, 5, "l2: got 5, expected a list of two or more values, or a mapping with low and high"),
        (AXIS, [0.5], "l2: got [0.5], expected 2 or more"),
        (("tuning", "space", "ffnn"), {}, "tuning.space.ffnn: got {}, expected 1 or more"),
        (("tuning",), 5, "tuning: got 5, expected a mapping with batch, epochs, seed, space, trials"),
        (("sensitivity", "grids", "ffnn"), 5, "sensitivity.grids.ffnn: got 5, expected a mapping"),
        (("sensitivity", "design", "points"), 33, "points: got 33, expected 32, 64, 128, 256 or 512"),
        (("experiments", "training_sizes"), [5, 5], "training_sizes [5, 5]: expected each size once"),
        (("training_images",), None, None),
        (("training_images",), 6e3, None),
        (("seeds",), 1e1, None),
    ],
)  # fmt: skip
def test_what_a_person_reads(path: Path, value: Any, line: str | None) -> None:
    """The whole line behind file and place, for values that are easily mistaken."""
    got = refusal(replaced(path, value))
    assert got == line or (got is not None and line is not None and got.endswith(line)), got


NO_LAYER = "with hidden_sizes []; expected at least one hidden layer"
# Setting → the baseline, values, and why they do nothing there.
EFFECTLESS = {
    "momentum": ("", "[0.1, 0.5]", "with optimizer 'adam'; expected 'momentum' or 'nesterov'"),
    "weight_decay": ("", "[0.1, 0.5]", "with optimizer 'adam'; expected 'adamw', or l2 instead"),
    "dropout": ("hidden_sizes: []", "[0.1, 0.5]", NO_LAYER),
    "activation": ("hidden_sizes: []", "[tanh, sigmoid]", NO_LAYER),
    "normalization": ("hidden_sizes: []", "[none, batch]", NO_LAYER),
    "patience": ("epochs: 4", "[4, 5]", "with epochs 4; expected more epochs than its value"),
}  # fmt: skip


@pytest.mark.parametrize("setting", EFFECTLESS)
@pytest.mark.parametrize("where", ["variations", "grids", "design", "tuning"])
def test_a_setting_without_effect_is_refused(setting: str, where: str) -> None:
    """In a variation, a grid, a design and a space of tuning alike, with what it would need."""
    base, values, line = EFFECTLESS[setting]
    value = yaml.safe_load(values)[-1]
    parts = {
        "variations": "",
        "grids": f"sensitivity: {{grids: {{ffnn: {{{setting}: {values}}}}}}}",
        "design": f"sensitivity: {{design: {{points: 32, space: {{ffnn: {{{setting}: {values}}}}}}}}}",
        "tuning": f"tuning: {{epochs: 4, space: {{ffnn: {{{setting}: {values}}}}}}}",
    }
    variations = f"{{v: {{{setting}: {value}}}}}" if where == "variations" else "{}"
    text = f"name: mine\nmodels: {{ffnn: {{baseline: {{{base}}}, variations: {variations}}}}}\n{parts[where]}\n"
    got = refusal(text)
    assert got is not None
    assert where in got
    assert got.endswith(f": {setting} has no effect {line}")


@pytest.mark.parametrize(
    "axes",
    [
        "optimizer: [adam, momentum], momentum: [0.1, 0.5]",
        "optimizer: [sgd, nesterov], momentum: {low: 0.1, high: 0.5}",
        "hidden_sizes: [[], [8]], dropout: {low: 0.0, high: 0.5}, activation: [relu, tanh]",
        "hidden_sizes: [[8], []], normalization: [none, batch]",
    ],
)
@pytest.mark.parametrize("part", ["sensitivity: {{design: {{points: 32, space: {{ffnn: {{{}}}}}}}}}",
                                  "tuning: {{space: {{ffnn: {{{}}}}}}}"])  # fmt: skip
def test_a_setting_with_effect_in_some_of_a_space_is_taken(axes: str, part: str) -> None:
    """Where the setting that it needs varies as well."""
    baseline = "{hidden_sizes: []}" if "hidden" in axes else "{}"
    assert refusal(f"name: mine\nmodels: {{ffnn: {{baseline: {baseline}}}}}\n{part.format(axes)}\n") is None


def test_patience_needs_more_epochs_than_the_part_trains() -> None:
    """A tuning's trials have its epochs; a design may vary them."""
    models = "name: mine\nmodels: {ffnn: {baseline: {epochs: 4}}}\n"
    space = "space: {ffnn: {patience: [5, 6]}}"
    assert refusal(f"{models}tuning: {{epochs: 12, {space}}}") is None
    assert refusal(f"{models}sensitivity: {{design: {{points: 32, {space}}}}}") is not None
    both = "space: {ffnn: {patience: {low: 3, high: 20}, epochs: {low: 2, high: 4}}}"
    assert refusal(f"{models}sensitivity: {{design: {{points: 32, {both}}}}}") is None


def test_what_is_moved_to_nothing_is_fine() -> None:
    """A variation without hidden layers may say that dropout goes with them; one without AdamW, that the decay does."""
    without = "variations: {v: {optimizer: adam, together_with: {weight_decay: 0}}}"
    for model in (
        "{baseline: {dropout: 0.2}, variations: {linear: {hidden_sizes: [], together_with: {dropout: 0}}}}",
        f"{{baseline: {{optimizer: adamw, weight_decay: 0.1}}, {without}}}",
        "{baseline: {momentum: 0.5}, variations: {heavy: {optimizer: momentum}}}",
    ):
        assert refusal(f"name: mine\nmodels: {{ffnn: {model}}}\n") is None


def test_the_shipped_studies_have_only_settings_with_effect() -> None:
    """They are read as files of a person, with every check."""
    for name in ("best-ffnn", "default", "full", "quick"):
        assert load_study(name).name == name
