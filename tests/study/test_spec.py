"""Study files: what is right is resolved, what is wrong is one line that says what and where."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fashion_compare.classifier import build
from fashion_compare.classifier.configuration import ALIASES, CnnConfiguration, FfnnConfiguration
from fashion_compare.errors import UsageError
from fashion_compare.study import settings as model_settings
from fashion_compare.study import spec
from fashion_compare.study.spec import Study, load_study, parse_study, to_yaml

VALID_FIELDS = "activation, batch_size, dropout, ema_decay, epochs"


def study(ffnn: str = "{}", rest: str = "") -> str:
    """Return a study file with this ffnn part and further lines."""
    return f"name: mine\n{rest}\nmodels:\n  ffnn:\n    {ffnn}\n"


def refusal(text: str) -> str:
    """Return the one line with which a study file is refused; it begins with the file's name."""
    with pytest.raises(UsageError) as caught:
        parse_study(text, "mine.yaml")
    line = str(caught.value)
    assert "\n" not in line
    assert line.startswith("mine.yaml")
    return line


def test_a_variation_is_the_baseline_with_one_field_replaced() -> None:
    """Defaults fill what is not said, the baseline's settings reach every variation, seeds count from 0."""
    got = parse_study(
        study("{baseline: {epochs: 3, batch_size: 32}, variations: {fast: {learning_rate: 0.01}}}", "seeds: 2"), "x"
    )
    assert got.seeds == (0, 1)
    assert got.models == {
        "ffnn": {
            "baseline": FfnnConfiguration(epochs=3, batch_size=32),
            "fast": FfnnConfiguration(epochs=3, batch_size=32, learning_rate=0.01),
        }
    }
    assert got.training_images is None


@pytest.mark.parametrize(
    ("alias", "field"),
    [
        ("lr", "learning_rate"),
        ("LR", "learning_rate"),
        ("bs", "batch_size"),
        ("batch", "batch_size"),
        ("wd", "weight_decay"),
        ("decay", "weight_decay"),
        ("opt", "optimizer"),
        ("optim", "optimizer"),
        ("optimiser", "optimizer"),
        ("hidden", "hidden_sizes"),
        # scikit-learn's MLPClassifier.
        ("hidden_layer_sizes", "hidden_sizes"),
        ("learning_rate_init", "learning_rate"),
        ("max_iter", "epochs"),
        ("num_epochs", "epochs"),
        ("lr_scheduler", "schedule"),
        ("bn", "normalization"),
        ("batch_norm", "normalization"),
        ("BatchNorm", "normalization"),
        ("clip_grad_norm", "gradient_clip_norm"),
        ("max_grad_norm", "gradient_clip_norm"),
        ("smoothing", "label_smoothing"),
        ("early-stopping", "patience"),
        ("drop", "dropout"),
        ("act", "activation"),
        ("init", "initialization"),
        ("regularization", "l2"),
    ],
)
def test_a_setting_by_another_librarys_name_suggests_ours(alias: str, field: str) -> None:
    """In a study file and on the command line, where the nearest spelling would often be another setting."""
    assert refusal(study(f"baseline: {{{alias}: 1}}")).endswith(f"unknown field '{alias}': did you mean '{field}'?")
    with pytest.raises(UsageError, match=rf"unknown field '{alias}': did you mean '{field}'\?$"):
        model_settings.configuration("ffnn", model_settings.parse_settings([f"{alias}=1"]), "train ffnn")


def test_an_alias_of_what_is_not_valid_here_suggests_nothing() -> None:
    """The cnn has no hidden_sizes, and a seed is no setting: the valid names instead of a guess."""
    for model, alias in (("cnn", "hidden"), ("ffnn", "seed")):
        with pytest.raises(UsageError, match=rf"unknown field '{alias}': valid: .*learning_rate"):
            model_settings.configuration(model, {alias: 1}, "train")


def test_every_alias_leads_to_a_field_and_hides_none() -> None:
    """Aliases are of fields that there are, and none is a field's own name."""
    fields = FfnnConfiguration.model_fields | CnnConfiguration.model_fields | Study.model_fields
    assert set(ALIASES.values()) <= fields.keys()
    assert not fields.keys() - {"model"} & ALIASES.keys()


def test_what_has_to_move_together_is_said() -> None:
    """Fields under `together_with` move with the one that is varied."""
    got = parse_study(
        study("variations: {sgd: {optimizer: momentum, together_with: {learning_rate: 0.1}}}"), "x"
    ).models["ffnn"]
    assert got["sgd"] == FfnnConfiguration(optimizer="momentum", learning_rate=0.1)


def test_seeds_are_a_count_or_a_list() -> None:
    """`seeds: 3` is 0, 1, 2, which is also what nothing said means; a list is taken as it is."""
    assert parse_study(study(), "x").seeds == (0, 1, 2)
    assert parse_study(study(rest="seeds: 3"), "x").seeds == (0, 1, 2)
    assert parse_study(study(rest="seeds: [7, 1]"), "x").seeds == (7, 1)
    assert parse_study(study(), "x").with_seeds(5).seeds == (0, 1, 2, 3, 4)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        # The whole file.
        ("", ["got nothing", "models, name, seeds"]),
        ("just text", ["got 'just text', expected a mapping"]),
        ("- a\n- b\n", ["got ['a', 'b'], expected a mapping"]),
        ("name: mine\n", ["models", "got nothing", "cnn, ffnn"]),
        ("name: mine\nmodels: {}\n", ["models", "empty", "ffnn, cnn"]),
        ("name: mine\nmodels: [ffnn]\n", ["models: got ['ffnn'], expected a mapping"]),
        ("models: {ffnn: {}}\n", ["name", "required"]),
        # Names that are not known.
        ("nam: mine\nmodels: {ffnn: {}}\n", ["unknown field 'nam'", "did you mean 'name'?"]),
        ("name: mine\nmodels: {fnn: {}}\n", ["models: unknown model 'fnn'", "did you mean 'ffnn'?"]),
        ("name: mine\nmodels: {transformer: {}}\n", ["unknown model 'transformer'", "valid: cnn, ffnn"]),
        (study("{base_line: {}}"), ["models.ffnn: unknown field 'base_line'", "did you mean 'baseline'?"]),
        (study("baseline: {learning_rat: 1}"), ["models.ffnn.baseline", "did you mean 'learning_rate'?"]),
        (study("baseline: {zzz: 1}"), ["unknown field 'zzz'", f"valid: {VALID_FIELDS}"]),
        (study("baseline: {architecture: lenet5}"), ["models.ffnn.baseline: unknown field 'architecture'"]),
        (study("baseline: {model: cnn}"), ["unknown field 'model'"]),
        (study("variations: {v: {l3: 0.1}}"), ["models.ffnn.variations.v: unknown field 'l3'"]),
        (study("variations: {v: {l2: 0.1, together_with: {epoch: 1}}}"), ["v.together_with", "'epochs'?"]),
        # Values of the wrong kind.
        (study("nothing"), ["models.ffnn: got 'nothing', expected a mapping"]),
        (study("baseline: 5"), ["models.ffnn.baseline: got 5, expected a mapping"]),
        (study("variations: [a]"), ["models.ffnn.variations: got ['a'], expected names"]),
        (study("variations: {v: 0.1}"), ["models.ffnn.variations.v: got 0.1, expected a mapping"]),
        (study("variations: {v: }"), ["models.ffnn.variations.v: got nothing"]),
        (study("variations: {v: {l2: 0.1, together_with: }}"), ["v.together_with: got nothing"]),
        (study("baseline: {epochs: many}"), ["baseline: epochs: got 'many', expected a whole number"]),
        (study("baseline: {epochs: 1.5}"), ["epochs: got 1.5"]),
        (study("baseline: {learning_rate: [1]}"), ["learning_rate: got [1]"]),
        (study("baseline: {learning_rate: }"), ["learning_rate: got nothing, expected a number"]),
        (study("baseline: {epochs: true}"), ["baseline.epochs: got true"]),
        (study("baseline: {learning_rate: true}"), ["learning_rate: got true"]),
        (study("variations: {v: {dropout: false}}"), ["variations.v.dropout: got false"]),
        (study("baseline: {optimizer: lion}"), ["optimizer: got 'lion'", "'adam'"]),
        (study("baseline: {hidden_sizes: 256}"), ["hidden_sizes: got 256"]),
        (study("baseline: {hidden_sizes: [256, many]}"), ["hidden_sizes.1: got 'many'"]),
        # Settings that make no sense together.
        (
            study("baseline: {weight_decay: 0.1}"),
            ["models.ffnn.baseline: weight_decay has no effect", "'adam'", "adamw"],
        ),
        (study("variations: {v: {weight_decay: 0.1}}"), ["variations.v: weight_decay has no effect", "adamw"]),
        # Values out of range.
        (study("baseline: {patience: 0}"), ["patience: got 0", "greater than or equal to 1"]),
        (study("baseline: {schedule: linear}"), ["schedule: got 'linear'", "'one_cycle'"]),
        (study("baseline: {ema_decay: 1}"), ["ema_decay: got 1", "less than 1"]),
        (study("baseline: {gradient_clip_norm: 0}"), ["gradient_clip_norm: got 0", "greater than 0"]),
        (study("baseline: {learning_rate: 0}"), ["learning_rate: got 0", "greater than 0"]),
        (study("baseline: {learning_rate: -1}"), ["learning_rate: got -1"]),
        (study("baseline: {learning_rate: .nan}"), ["learning_rate: got nan", "finite"]),
        (study("baseline: {l1: .inf}"), ["l1: got inf", "finite"]),
        (study("baseline: {epochs: .nan}"), ["epochs: got nan"]),
        (study("baseline: {batch_size: 0}"), ["batch_size: got 0"]),
        (study("baseline: {batch_size: 60001}"), ["batch_size: got 60001"]),
        (study("baseline: {dropout: 1.0}"), ["dropout: got 1.0", "less than 1"]),
        (study("baseline: {epochs: -1}"), ["epochs: got -1"]),
        (study("baseline: {hidden_sizes: [0]}"), ["hidden_sizes.0: got 0"]),
        (study("variations: {v: {l2: -0.1}}"), ["models.ffnn.variations.v: l2: got -0.1"]),
        # Variations.
        (study("variations: {v: {}}"), ["variations.v: changes 0 fields", "expected one"]),
        (study("variations: {v: {l1: 0.1, l2: 0.1}}"), ["changes 2 fields (l1, l2)", "together_with"]),
        (study("variations: {v: {together_with: {l2: 0.1}}}"), ["changes 0 fields"]),
        (study("variations: {v: {l2: 0.0}}"), ["variations.v", "l2 is the same as in the baseline"]),
        (study("{baseline: {epochs: 5}, variations: {v: {epochs: 5}}}"), ["epochs is the same as in the baseline"]),
        (study("variations: {v: {momentum: 0.5}}"), ["momentum has no effect", "'adam'"]),
        (study("variations: {baseline: {l2: 0.1}}"), ["variations.baseline", "not a usable name"]),
        (study("variations: {../x: {l2: 0.1}}"), ["variations.../x", "not a usable name"]),
        (study("variations: {a/b: {l2: 0.1}}"), ["not a usable name"]),
        (study("variations: {Big: {l2: 0.1}}"), ["not a usable name"]),
        (study("variations: {5: {l2: 0.1}}"), ["not a usable name"]),
        (study("variations: {no: {l2: 0.1}}"), ["line 5: no is false in YAML 1.1 and text", "'no' in quotes"]),
        (study(f"variations: {{{'x' * 64}: {{l2: 0.1}}}}"), ["not a usable name"]),
        # The study's own fields.
        ("name: ../x\nmodels: {ffnn: {}}\n", ["name: got '../x'"]),
        ("name: a/b\nmodels: {ffnn: {}}\n", ["name: got 'a/b'"]),
        ("name: ..\nmodels: {ffnn: {}}\n", ["name: got '..'"]),
        ('name: ""\nmodels: {ffnn: {}}\n', ["name: got ''"]),
        ('name: "a\\n"\nmodels: {ffnn: {}}\n', [r"name: got 'a\n'"]),
        ("name: 5\nmodels: {ffnn: {}}\n", ["name: got 5"]),
        (f"name: {'x' * 70}\nmodels: {{ffnn: {{}}}}\n", ["name: got 'xxx", "..."]),
        (study(rest="description: 5"), ["description: got 5"]),
        (study(rest="seeds: 0"), ["seeds: got 0", "1 to 1000"]),
        (study(rest="seeds: 1001"), ["seeds: got 1001"]),
        (study(rest="seeds: -3"), ["seeds: got -3"]),
        (study(rest="seeds: []"), ["seeds: got []"]),
        (study(rest="seeds: [1, 2, 1]"), ["seeds: got [1, 2, 1]", "each seed once"]),
        (study(rest="seeds: [-1]"), ["seeds.0: got -1"]),
        (study(rest="seeds: [4294967296]"), ["seeds.0: got 4294967296"]),
        (study(rest="seeds: [one]"), ["seeds.0: got 'one'"]),
        (study(rest="seeds: [.nan]"), ["seeds.0: got nan"]),
        (study(rest="seeds: true"), ["seeds: got true"]),
        (study(rest="seeds: few"), ["seeds: got 'few'"]),
        (study(rest="training_images: 0"), ["training_images: got 0"]),
        (study(rest="training_images: 55001"), ["training_images: got 55001", "55000"]),
        (study(rest="training_images: .nan"), ["training_images: got nan"]),
        (study(rest="training_images: 10.5"), ["training_images: got 10.5"]),
        # What is no YAML.
        ("name: [1\n", ["not valid YAML", "line"]),
        ("name: mine\n\tmodels: 1\n", ["line 2", "not valid YAML", "'\\t'"]),
        ("name: mine\nmodels: {ffnn: {}\n  x: y\n", ["line", "not valid YAML"]),
        ("name: *nobody\n", ["line 1", "aliases"]),
        ("name: mine\nmodels: {ffnn: {baseline: {hidden_sizes: &x [*x]}}}\n", ["line 2", "aliases"]),
        ("name: !!python/object:os.system rm\n", ["line 1", "could not determine a constructor"]),
        ("a: 1\n---\nb: 2\n", ["line 2", "another document"]),
        ("[" * 3000, ["not valid YAML"]),
        ("seeds: " + "9" * 5000, ["not valid YAML"]),
        ("seeds: 2020-13-45", ["not valid YAML", "month"]),
    ],
)
def test_a_mistake_is_one_line_that_names_its_place(text: str, words: list[str]) -> None:
    """Whatever is wrong, the line names the file, the place and what was got or expected."""
    line = refusal(text)
    for word in words:
        assert word in line


@pytest.mark.parametrize(
    ("text", "word"),
    [
        (study("baseline: false"), "models.ffnn.baseline"),
        (study("baseline: []"), "models.ffnn.baseline"),
        (study("variations: 0"), "models.ffnn.variations"),
        (study("baseline: {hidden_sizes: [true, 5]}"), "hidden_sizes"),
        (study(rest="seeds: [true, 2]"), "seeds"),
        (study(rest="training_images: true"), "training_images"),
        (study(rest="seeds: [1, 1.0]"), "each seed once"),
        (study(rest="seeds: [1, '01']"), "seeds.1: got '01', expected a whole number, without quotes"),
        # The field that is varied stays as it is: another one, moved along, is all that changes.
        (study("variations: {v: {l2: 0.0, together_with: {learning_rate: 0.2}}}"), "l2"),
        # The same field twice: the second value silently wins.
        (study("variations: {v: {learning_rate: 0.1, together_with: {learning_rate: 0.2}}}"), "learning_rate"),
        (study("variations: {v: {l2: 0.1, together_with: {momentum: 0.5}}}"), "momentum has no effect"),
        # A variation copied and not renamed is lost.
        (study("variations:\n      v: {l2: 0.1}\n      v: {l2: 0.2}"), "v"),
    ],
)
def test_a_mistake_that_is_easy_to_make_is_not_overlooked(text: str, word: str) -> None:
    """What can only be a mistake is refused, not taken for something else."""
    assert word in refusal(text)


@pytest.mark.parametrize(
    "text",
    [study('baseline: {"a\\nb": 1}'), study('variations: {"a\\nb": {l2: 0.1}}'), "name: a\0b", 'name: "\x07"'],
    ids=["field", "name", "null byte", "bell"],
)
def test_a_line_stays_one_line(text: str) -> None:
    """Newlines in names, and characters that YAML does not allow, do not break the line."""
    refusal(text)


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    """No such file, or a directory, says so and how to get a study file."""
    (tmp_path / "folder.yaml").mkdir()
    for name in ("nowhere.yaml", "folder.yaml"):
        with pytest.raises(UsageError, match=r"^cannot read [^\n]*fashion-compare init[^\n]*$"):
            load_study(str(tmp_path / name))


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    """More than a megabyte is no study file."""
    path = tmp_path / "huge.yaml"
    path.write_text(study() + "#" * (1 << 20))
    with pytest.raises(UsageError, match=r"^[^\n]*huge\.yaml: larger than 1 MiB[^\n]*$"):
        load_study(str(path))


def test_a_file_in_another_encoding_is_one_line(tmp_path: Path) -> None:
    """Bytes that are no UTF-8 are named as that."""
    path = tmp_path / "latin.yaml"
    path.write_bytes("name: größe".encode("latin-1"))
    with pytest.raises(UsageError, match=r"^[^\n]*latin\.yaml: not UTF-8 text[^\n]*$"):
        load_study(str(path))


def test_a_file_is_named_in_its_errors(tmp_path: Path) -> None:
    """A mistake in a file is reported with the file's path; a good file gives its study."""
    path = tmp_path / "mine.yml"
    path.write_text(study("baseline: {epochs: -1}"))
    with pytest.raises(UsageError, match=r"mine\.yml: models\.ffnn\.baseline: epochs: got -1"):
        load_study(str(path))
    path.write_text(study())
    assert load_study(str(path)) == parse_study(study(), "elsewhere")


@pytest.mark.parametrize(("name", "nearest"), [("defualt", "default"), ("Quick", "quick"), ("qick", "quick")])
def test_an_unknown_study_suggests_the_nearest(name: str, nearest: str) -> None:
    """A slip of the finger is answered with the shipped study that was meant."""
    with pytest.raises(UsageError, match=rf"^unknown study '{name}': did you mean '{nearest}'\?[^\n]*$"):
        load_study(name)


def test_an_unknown_study_lists_those_shipped() -> None:
    """A name like none of them is answered with all of them."""
    with pytest.raises(UsageError, match=r"valid: best-ffnn, default, full, quick"):
        load_study("zzzzzz")
    assert {"best-ffnn", "default", "quick"} <= set(spec.shipped_studies())


@pytest.mark.parametrize("name", ["default", "quick"])
def test_the_shipped_studies_are_what_is_promised(name: str) -> None:
    """Both have each model's baseline and five variations, each of which changes exactly one field."""
    got = load_study(name)
    assert got.name == name
    assert list(got.models) == ["ffnn", "cnn"]
    for model, configurations in got.models.items():
        base = configurations["baseline"].model_dump()
        assert len(configurations) == 6
        for variation, configuration in configurations.items():
            changed = [field for field, value in configuration.model_dump().items() if value != base[field]]
            assert len(changed) == (variation != "baseline")
            if changed:
                assert got.varied[model][variation] == changed[0]


def test_the_default_study_is_the_main_job() -> None:
    """Three seeds, all training images, 15 epochs for the ffnn and 10 for the cnn, both with Adam by default."""
    got = load_study("default")
    assert (got.seeds, got.training_images) == ((0, 1, 2), None)
    assert {c.epochs for c in got.models["ffnn"].values()} == {15}
    assert {c.epochs for c in got.models["cnn"].values()} == {10}
    assert got.models["ffnn"]["baseline"] == FfnnConfiguration()
    assert got.models["cnn"]["baseline"] == CnnConfiguration()


def test_the_quick_study_is_a_part_of_it() -> None:
    """One seed and a part of the training images; the configurations are the default study's."""
    quick, default = load_study("quick"), load_study("default")
    assert quick.seeds == (0,)
    assert quick.training_images is not None
    assert quick.training_images < 55_000
    assert quick.models == default.models


def test_the_best_ffnn_is_plain_and_small() -> None:
    """Six seeds of the baseline and of the best: fully connected, all training images, at most 600,000 parameters."""
    got = load_study("best-ffnn")
    assert (got.seeds, got.training_images, list(got.models)) == (tuple(range(6)), None, ["ffnn"])
    assert got.models["ffnn"]["baseline"] == FfnnConfiguration()
    layers = build(got.models["ffnn"]["best"], seed=0, mean=0.0, std=1.0).complexity()
    assert sum(layer.parameters for layer in layers) <= 600_000


@pytest.mark.parametrize("name", ["best-ffnn", "default", "quick"])
def test_a_shipped_study_goes_through_yaml_and_back(name: str) -> None:
    """The resolved study, written as a study file, is the same study again."""
    assert parse_study(to_yaml(load_study(name)), "again") == load_study(name)


FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "learning_rate": st.floats(1e-8, 100),
    "batch_size": st.integers(1, 60_000),
    "epochs": st.integers(0, 10_000),
    "optimizer": st.sampled_from(["sgd", "adam"]),
    "l1": st.floats(0, 10),
    "l2": st.floats(0, 10),
    "dropout": st.floats(0, 0.99),
    "hidden_sizes": st.lists(st.integers(1, 16_384), max_size=4).map(tuple),
    "activation": st.sampled_from(["relu", "tanh"]),
}
names = st.from_regex(r"[a-z0-9][a-z0-9_-]{0,20}", fullmatch=True).filter(lambda name: name != "baseline")


@st.composite
def studies(draw: st.DrawFn) -> spec.Study:
    """Draw a study with an ffnn and variations of it."""
    base = FfnnConfiguration(**draw(st.fixed_dictionaries({}, optional=FIELDS)))
    configurations, fields = {"baseline": base}, {}
    for name in draw(st.lists(names, max_size=3, unique=True)):
        changes = draw(st.fixed_dictionaries({}, optional=FIELDS))
        varied = FfnnConfiguration(**{**base.model_dump(), **changes})
        if not varied.hidden_sizes:
            # Without hidden layers these do nothing, and may not be varied.
            varied = varied.model_copy(update={"activation": base.activation, "dropout": base.dropout})
        different = [field for field, value in varied.model_dump().items() if value != base.model_dump()[field]]
        if different and varied not in configurations.values():
            configurations[name], fields[name] = varied, draw(st.sampled_from(different))
    return spec.Study(
        name=draw(names),
        description=draw(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=50)),
        seeds=tuple(draw(st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=5, unique=True))),
        training_images=draw(st.none() | st.integers(1, 55_000)),
        models={"ffnn": configurations},
        varied={"ffnn": fields},
    )


@settings(max_examples=80, deadline=None)
@given(studies())
def test_any_study_goes_through_yaml_and_back(drawn: spec.Study) -> None:
    """Whatever its names, numbers and description, a study written as YAML is read as the same study."""
    assert parse_study(to_yaml(drawn), "again") == drawn
    assert parse_study(to_yaml(drawn), "again", written=True) == drawn


def test_the_field_that_is_varied_is_the_one_reported() -> None:
    """With a learning rate that moves along, a variation of the optimiser is still one of the optimiser."""
    got = parse_study(study("variations: {sgd: {optimizer: sgd, together_with: {learning_rate: 0.1}}}"), "x")
    assert got.varied["ffnn"]["sgd"] == "optimizer"


def test_settings_are_read_as_yaml_reads_them() -> None:
    """`--set` values are numbers, lists or words; each field once, in the form FIELD=VALUE."""
    assert model_settings.parse_settings(["learning_rate=0.01", "hidden_sizes=[64, 32]", "activation=tanh"]) == {
        "learning_rate": 0.01,
        "hidden_sizes": [64, 32],
        "activation": "tanh",
    }
    for bad in (["learning_rate"], ["=1"], ["l1=1", "l1=2"], ["l1=[1"]):
        with pytest.raises(UsageError, match=r"^--set [^\n]+expected[^\n]+$"):
            model_settings.parse_settings(bad)


def test_an_unknown_model_suggests_the_nearest() -> None:
    """A model's name is checked before its settings."""
    with pytest.raises(UsageError, match=r"^train: unknown model 'cn': did you mean 'cnn'\?$"):
        model_settings.configuration("cn", {}, "train")
