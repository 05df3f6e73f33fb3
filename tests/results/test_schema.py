"""The schema of results.json: shipped, in step with the code, and enforced."""

import json
from pathlib import Path

import pytest
from pydantic import ValidationError
from tests.builders import build

from fashion_compare.errors import UserError
from fashion_compare.results import schema
from fashion_compare.results.files import is_of_earlier_schema, read_results


def test_the_shipped_schema_is_that_of_the_code() -> None:
    """`python -m fashion_compare.results.schema` was run after the last change."""
    assert schema.shipped_schema() == schema.schema_text()


def test_a_misspelt_or_missing_part_of_the_results_is_an_error() -> None:
    """Results are typed: what is not declared cannot be built, and what is declared cannot be left out."""
    with pytest.raises(ValidationError, match="dataset"):
        schema.Results.model_validate({"schema_version": 2})
    with pytest.raises(ValidationError, match="reson"):
        schema.RunFailure(run="a", model="b", configuration="c", seed=0, reson="d")  # type: ignore[call-arg]


def test_results_of_an_earlier_version_are_known_and_not_read(tmp_path: Path) -> None:
    """Version 1 is told apart from this one, and reading it is one line that says what to do."""
    path = tmp_path / "results.json"
    assert not is_of_earlier_schema(path)
    path.write_text(json.dumps({"schema_version": 1, "models": {}}))
    assert is_of_earlier_schema(path)
    with pytest.raises(UserError, match=r"as this version writes them; 'fashion-compare report [^\n]+ anew$"):
        read_results(tmp_path)
    content = build(schema.Results, schema_version=2, dataset={"name": "fashion-mnist"}).model_dump(mode="json")
    path.write_text(json.dumps(content))
    assert not is_of_earlier_schema(path)
    assert read_results(tmp_path).dataset.name == "fashion-mnist"


def test_no_two_classes_of_the_package_have_one_name() -> None:
    """A name means one thing, wherever it is read."""
    names: dict[str, set[str]] = {}
    for source in Path(schema.__file__).parents[1].rglob("*.py"):
        for line in source.read_text(encoding="utf-8").splitlines():
            if line.startswith("class "):
                names.setdefault(line.removeprefix("class ").partition("(")[0].rstrip(":"), set()).add(source.name)
    assert {name: sorted(files) for name, files in names.items() if len(files) > 1} == {}
