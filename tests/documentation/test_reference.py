"""The reference is what the code says, and nothing is missing from it."""

import re
import runpy

import pytest
import typer
from pydantic import BaseModel

from fashion_compare.classifier.configuration import CnnConfiguration, FfnnConfiguration
from fashion_compare.cli import app
from fashion_compare.results import schema
from fashion_compare.study.search_space import Design, Experiments, Range, Sensitivity, Tuning
from fashion_compare.study.spec import Study
from tests.documentation.pages import DOCS, ROOT

REFERENCE = DOCS / "reference"
COMMANDS = typer.main.get_command(app).commands
# Heading of study.md → the models whose fields stand below it.
FIELDS = {
    "Study files": (Study, {"varied"}),
    "Settings of both models": (CnnConfiguration, {"model", "epochs", "architecture"}),
    "Settings of the ffnn": (FfnnConfiguration, {"model", *(CnnConfiguration.model_fields.keys() - {"epochs"})}),
    "Settings of the cnn": (CnnConfiguration, set(CnnConfiguration.model_fields) - {"epochs", "architecture"}),
    "sensitivity": (Sensitivity, set()),
    "sensitivity.design": (Design, set()),
    "tuning": (Tuning, set()),
    "experiments": (Experiments, set()),
    "Ranges": (Range, set()),
}


def sections(name: str) -> dict[str, str]:
    """A page's text below each heading."""
    parts = re.split(r"^#{1,2} (.+)$", (REFERENCE / name).read_text(encoding="utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def rows(section: str) -> dict[str, list[str]]:
    """A section's table lines by the name in the first column."""
    cells = [re.split(r"(?<!\\)\|", line)[1:-1] for line in section.splitlines() if line.startswith("| `")]
    return {first.strip().strip("`"): [cell.strip() for cell in rest] for first, *rest in cells}


def test_the_reference_is_in_step_with_the_code():
    """`python scripts/reference.py` was run after the last change."""
    made = runpy.run_path(str(ROOT / "scripts" / "reference.py"))["pages"]()
    assert made == {path.name: path.read_text(encoding="utf-8") for path in REFERENCE.iterdir()}


def test_every_command_is_documented():
    """A section for each, and none for another."""
    assert sections("commands.md").keys() - {"Commands"} == COMMANDS.keys()


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_documented(name, capsys):
    """Each option that --help lists, and each parameter of the command, has a line with a meaning."""
    with pytest.raises(SystemExit):
        app([name, "--help"])
    listed = set(re.findall(r"^\s+(--[a-z-]+)", capsys.readouterr().out, re.MULTILINE)) - {"--help"}
    documented = rows(sections("commands.md")[name])
    assert {text.split()[0] for text in documented if text.startswith("--")} == listed
    assert len(documented) == len([p for p in COMMANDS[name].params if p.name != "help"])
    assert all(meaning for meaning, *_ in documented.values())


@pytest.mark.parametrize("heading", FIELDS)
def test_every_study_field_is_documented(heading):
    """Each field of the models that study files are checked by has a line with a meaning, and no other has."""
    kind, elsewhere = FIELDS[heading]
    documented = rows(sections("study.md")[heading])
    assert documented.keys() == kind.model_fields.keys() - elsewhere
    assert all(meaning for *_, meaning in documented.values())


def test_no_part_of_a_study_is_left_out():
    """The models looked at above are all that study files are made of."""
    found: set[type[BaseModel]] = set()

    def look(kind: type[BaseModel]) -> None:
        if kind not in found:
            found.add(kind)
            for field in kind.model_fields.values():
                for inner in re.findall(r"\w+", str(field.annotation)):
                    if inner in known:
                        look(known[inner])

    known = {kind.__name__: kind for kind, _ in FIELDS.values()}
    look(Study)
    assert found == set(known.values())
    definitions = Study.model_json_schema()["$defs"]
    assert definitions.keys() == known.keys() - {"Study"}


def test_every_field_of_results_json_is_documented():
    """Each definition of the schema has its section, each field its line."""
    documented = sections("results-json.md")
    described = schema.Results.model_json_schema(by_alias=True)
    for name, part in {"results.json": described, **described["$defs"]}.items():
        if "properties" in part:
            names = {text.removesuffix("` (optional)") for text in rows(documented[name])}
            assert names == part["properties"].keys(), name
