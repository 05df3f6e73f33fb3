"""Values of study files and of `--set`: one meaning is taken, two are refused with both, names travel everywhere."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from fashion_compare.errors import UsageError
from fashion_compare.store.yaml_loader import StrictDumper, read_yaml
from fashion_compare.study.context import StudyContext
from fashion_compare.study.settings import parse_settings
from fashion_compare.study.spec import Study, parse_study, to_yaml

# Plain text → what YAML 1.2 (or JSON, or Python) says of it, and nothing else that a person could mean.
ONE_MEANING: dict[str, Any] = {
    "0": 0,
    "10": 10,
    "-3": -3,
    "+1": 1,
    # Octal or not, these are the same.
    "00": 0,
    "007": 7,
    "0x10": 16,
    "1.": 1.0,
    "01.5": 1.5,
    ".5": 0.5,
    "-.5": -0.5,
    "1e-3": 0.001,
    "1E-3": 0.001,
    "1e3": 1000.0,
    "+1.5e+2": 150.0,
    "1.0e-06": 0.000001,
    "'1e-3'": "1e-3",
    "'010'": "010",
    "~": None,
    "null": None,
    "": None,
    "adam": "adam",
    "1:75": "1:75",
    "y": "y",
    "1-2": "1-2",
}
# Plain text → what the line says about it.
TWO_MEANINGS = {
    "010": "010 is 8 in YAML 1.1 and 10 in YAML 1.2; write 8 or 10",
    "-010": "-010 is -8 in YAML 1.1 and -10 in YAML 1.2; write -8 or -10",
    "08": "08 is text in YAML 1.1 and 8 in YAML 1.2; write 8 or '08' in quotes for the text",
    "0o10": "0o10 is text in YAML 1.1 and 8 in YAML 1.2; write 8 or '0o10' in quotes for the text",
    "1:30": "1:30 is 90 in YAML 1.1 and text in YAML 1.2; write 90 or '1:30' in quotes for the text",
    "12:30:45": "12:30:45 is 45045 in YAML 1.1 and text in YAML 1.2; write 45045 or '12:30:45' in quotes for the text",
    "1:30.5": "1:30.5 is 90.5 in YAML 1.1 and text in YAML 1.2; write 90.5 or '1:30.5' in quotes for the text",
    "1_000": "1_000 is 1000 in YAML 1.1 and text in YAML 1.2; write 1000 or '1_000' in quotes for the text",
    "1_0.5": "1_0.5 is 10.5 in YAML 1.1 and text in YAML 1.2; write 10.5 or '1_0.5' in quotes for the text",
    "0b11": "0b11 is 3 in YAML 1.1 and text in YAML 1.2; write 3 or '0b11' in quotes for the text",
    "-0x10": "-0x10 is -16 in YAML 1.1 and text in YAML 1.2; write -16 or '-0x10' in quotes for the text",
    "2024-01-01": "2024-01-01 is a date in YAML 1.1 and text in YAML 1.2; write '2024-01-01' in quotes for the text",
    "yes": "yes is true in YAML 1.1 and text in YAML 1.2; write 'yes' in quotes for the text",
    "Off": "Off is false in YAML 1.1 and text in YAML 1.2; write 'Off' in quotes for the text",
    "=": "= is a default value in YAML 1.1 and text in YAML 1.2; write '=' in quotes for the text",
    "<<": "<< is a merge of mappings in YAML 1.1 and text in YAML 1.2; write '<<' in quotes for the text",
}


def study(ffnn: str = "{}", rest: str = "", name: str = "mine") -> str:
    """Return a study file with this ffnn part and further lines."""
    return f"name: {name}\n{rest}\nmodels:\n  ffnn: {ffnn}\n"


def refusal(text: str) -> str:
    """Return the line with which a study file is refused."""
    with pytest.raises(UsageError, match=r"^mine\.yaml[^\n]*$") as caught:
        parse_study(text, "mine.yaml")
    return str(caught.value)


@pytest.mark.parametrize("text", ONE_MEANING)
def test_a_value_with_one_meaning_is_taken(text: str) -> None:
    """In a file, in a list of one and by `--set`: the same value of the same type."""
    expected = ONE_MEANING[text]
    for got in (read_yaml(f"a: {text}", "x")["a"], parse_settings([f"a={text}"])["a"]):
        assert (got, type(got)) == (expected, type(expected))
    if text:
        assert read_yaml(f"[{text}]", "x") == [expected]


@pytest.mark.parametrize("text", TWO_MEANINGS)
def test_a_value_with_two_meanings_is_refused_with_both(text: str) -> None:
    """In a file with line and setting, by `--set` with the option; the line says what to write."""
    line = refusal(study(f"{{baseline: {{epochs: {text}}}}}"))
    assert line == f"mine.yaml, line 4: epochs: {TWO_MEANINGS[text]}"
    assert TWO_MEANINGS[text] in refusal(study(f"{{baseline: {{hidden_sizes: [{text}]}}}}"))
    with pytest.raises(UsageError) as caught:
        parse_settings([f"epochs={text}"])
    assert str(caught.value) == f"--set epochs={text}: {TWO_MEANINGS[text]}"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{<<: {epochs: 5}}", "merge keys (<<) are not read"),
        ("{epochs: !!int '5'}", "types (!!int) are not read"),
        ("{epochs: !!binary aGk=}", "types (!!binary) are not read"),
        ("{epochs: 0x_}", "a number without digits"),
        ("{epochs: '10'}", "epochs: got '10', expected a whole number, without quotes"),
        ("{learning_rate: '1e-3'}", "learning_rate: got '1e-3', expected a number, without quotes"),
    ],
)
def test_other_surprises_of_yaml_are_refused(text: str, words: str) -> None:
    """Merged mappings, types in the file, and text for a number."""
    assert words in refusal(study(f"{{baseline: {text}}}"))


@pytest.mark.parametrize("name", ["1e-3", "08", "1.5e3", "0o7"])
def test_a_variation_named_like_a_number_keeps_its_name(name: str) -> None:
    """A mapping's keys are names: what YAML 1.1 calls text is text there, and is written in quotes."""
    text = study(f"{{variations: {{{name.replace('.', '-')}: {{learning_rate: 1e-2}}}}}}")
    got = parse_study(text, "x")
    assert list(got.models["ffnn"]) == ["baseline", name.replace(".", "-")]
    assert parse_study(to_yaml(got), "again") == got


def test_text_is_written_so_that_it_is_read_as_text() -> None:
    """Whatever a text looks like, in either version of YAML; numbers stay numbers."""
    values = [*ONE_MEANING, *TWO_MEANINGS, 0.000001, 1e22, 5, -0.5, None]
    written = yaml.dump({"values": values}, Dumper=StrictDumper)
    assert read_yaml(written, "x") == {"values": values}
    assert yaml.safe_load(written) == {"values": values}
    named = parse_study(study(name="'1e3'", rest="description: '1:30'"), "x")
    assert (named.name, named.description) == ("1e3", "1:30")
    assert parse_study(to_yaml(named), "again") == named


# Windows' devices, as Microsoft's "Naming Files, Paths, and Namespaces" lists them, and the zeros that it reserves too.
DEVICES = ["con", "prn", "aux", "nul", *(f"com{i}" for i in range(10)), *(f"lpt{i}" for i in range(10))]


@pytest.mark.parametrize("name", DEVICES)
def test_a_name_that_windows_has_for_a_device_is_refused(name: str) -> None:
    """As the study's name and as a variation's: both become directories."""
    line = f"Windows creates no directory '{name}'; expected another name"
    assert f"mine.yaml: name: {line}" in refusal(study(name=name))
    assert f"variations.{name}: {line}" in refusal(study(f"{{variations: {{{name}: {{l2: 0.1}}}}}}"))


@pytest.mark.parametrize("name", ["con.txt", "nul.", "mine.", "'mine '", "'con '", "COM1", "com¹"])
def test_other_names_that_windows_changes_or_lacks_are_refused(name: str) -> None:
    """Extensions, dots and spaces at the end, capitals and small digits: none is in the alphabet of names."""
    assert "expected at most 63 of a-z, 0-9" in refusal(study(name=name))
    assert "not a usable name" in refusal(study(f"{{variations: {{{name}: {{l2: 0.1}}}}}}"))


@pytest.mark.parametrize("name", ["con-1", "console", "com10", "lpt", "null-test", "auxiliary"])
def test_a_name_that_only_begins_like_a_device_is_taken(name: str) -> None:
    """Windows creates these."""
    assert parse_study(study(name=name), "x").name == name


def test_two_variations_with_the_same_settings_are_refused_by_name() -> None:
    """However each is written; a value of a grid that a variation has already is fine."""
    same = "{variations: {slow: {learning_rate: 0.0001}, other: {l2: 0.1}, careful: {learning_rate: 1e-4}}}"
    line = refusal(study(same))
    assert "models.ffnn.variations: slow and careful have the same settings" in line
    moved = "{variations: {a: {l2: 0.1, together_with: {l1: 0.1}}, b: {l1: 0.1, together_with: {l2: 0.1}}}}"
    assert "a and b have the same settings" in refusal(study(moved))
    grid = "sensitivity: {grids: {ffnn: {learning_rate: [1e-4, 1e-3]}}}"
    assert parse_study(study("{variations: {slow: {learning_rate: 0.0001}}}", grid), "x").sensitivity is not None


def test_a_value_twice_is_seen_however_it_is_written() -> None:
    """0.001 and 1e-3, 100 and 1e2 are one value each."""
    for values in ("learning_rate: [0.001, 1e-3]", "batch_size: [100, 1e2]"):
        assert "expected each value once" in refusal(study(rest=f"sensitivity: {{grids: {{ffnn: {{{values}}}}}}}"))


def written(text: str) -> Study:
    """Return the study that the program wrote as this text once."""
    return parse_study(text, "study.yaml", written=True)


def test_a_study_of_an_earlier_version_is_still_read() -> None:
    """With 1e-3 as text, in quotes or not, device names, doubled variations, and settings without effect."""
    text = study(
        "{variations: {a: {l2: 0.1}, b: {l2: 0.1}, 1e-3: {learning_rate: 0.01, together_with: {momentum: 0.5}}}}",
        "description: 1e-3\n"
        "sensitivity: {grids: {ffnn: {momentum: [0.1, 0.2], learning_rate: [1e-3, '1e-4', 0.001]}}}\n"
        "tuning: {space: {ffnn: {learning_rate: {low: 1e-4, high: 1e-2, scale: log}, l2: [1e-6, '0']}}}",
        name="con",
    )
    refusal(text)
    got = written(text)
    assert (got.name, got.description, list(got.models["ffnn"])) == ("con", "1e-3", ["baseline", "a", "b", "1e-3"])
    assert got.sensitivity is not None
    assert got.sensitivity.grids["ffnn"]["learning_rate"] == (0.001, 0.0001, 0.001)
    assert got.tuning is not None
    assert got.tuning.space["ffnn"]["l2"] == (0.000001, 0)
    assert written(to_yaml(got)) == got


def test_what_was_never_valid_is_refused_in_a_written_file_too() -> None:
    """A damaged study.yaml is no study."""
    for text in (study("{baseline: {epochs: -1}}"), study(rest="tuning: {space: {cnn: {l2: [0.1, 0.2]}}}")):
        with pytest.raises(UsageError):
            written(text)


def test_runs_of_a_grid_are_found_under_the_name_of_an_earlier_version(tmp_path: Path) -> None:
    """`1e-2` was text and named its runs; now it is 0.01, and its runs need not be trained again."""
    from fashion_compare.execution.designs import grid_runs

    got = parse_study(study(rest="sensitivity: {grids: {ffnn: {learning_rate: [1e-2, 1e-4]}}}"), "x")
    assert {point.name for point in grid_runs(StudyContext(got, {}, tmp_path))} == {
        "learning_rate=0.01",
        "learning_rate=0.0001",
    }
    (tmp_path / "sensitivity" / "ffnn" / "learning_rate=1e-2").mkdir(parents=True)
    runs = grid_runs(StudyContext(got, {}, tmp_path))
    assert {point.name for point in runs} == {"learning_rate=1e-2", "learning_rate=0.0001"}
    assert all(run.name == point.name for point in runs for run in runs[point])
    # Runs under the present name count more.
    (tmp_path / "sensitivity" / "ffnn" / "learning_rate=0.01").mkdir()
    assert {point.name for point in grid_runs(StudyContext(got, {}, tmp_path))} == {
        "learning_rate=0.01",
        "learning_rate=0.0001",
    }
