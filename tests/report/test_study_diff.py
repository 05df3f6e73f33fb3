"""Two studies stand beside each other by what both measured."""

import html
import json
import shutil
from copy import deepcopy
from pathlib import Path

import pytest

from fashion_compare.errors import UserError
from fashion_compare.report.page import write_report
from fashion_compare.report.study_diff import diff_studies
from fashion_compare.results.files import read_results
from fashion_compare.results.schema import Results


def results_of(root: Path) -> dict:
    return json.loads((root / "results.json").read_text())


def test_a_study_beside_itself_has_every_configuration(root: Path) -> None:
    """Every configuration with both estimates, the leads with both verdicts, and no note on settings."""
    found = results_of(root)
    held = diff_studies(Results.model_validate(found), Results.model_validate(found))
    assert held.same_data
    names = [f"{m} {n}" for m, of in found["models"].items() for n in of["configurations"]]
    assert [row.what for row in held.scores] == names
    for row in held.scores + held.differences:
        assert row.first == row.second
    assert {row.note for row in held.scores} == {"2 and 2 seeds"}
    probes = [row.what for row in held.differences if row.what.startswith("robustness: ")]
    assert len(probes) == len(found["robustness_differences"]) == 7
    assert {row.note for row in held.differences} == {"not tested; not tested"}


def test_what_only_one_has_is_left_out_and_differences_are_said(root: Path) -> None:
    """Other settings under one name, another number of training images, and a model that the other does not have."""
    found, other = results_of(root), deepcopy(results_of(root))
    del other["models"]["cnn"]
    other["head_to_head"], other["robustness_differences"] = {}, []
    other["models"]["ffnn"]["configurations"]["l1"]["settings"]["l1"] = 0.5
    other["models"]["ffnn"]["configurations"]["baseline"] |= {
        "runs": [],
        "mean": None,
        "interval": None,
        "curves": None,
    }
    other["study"]["training_images"] = 299
    held = diff_studies(Results.model_validate(found), Results.model_validate(other))
    assert not held.same_data
    assert [(row.what, row.note) for row in held.scores] == [("ffnn l1", "2 and 2 seeds; other settings")]
    assert held.differences == []


def test_it_stands_in_the_page_and_a_hostile_name_stays_text(root: Path, tmp_path: Path) -> None:
    """With its place among the contents; without another study there is none."""
    before = (root / "report.html").read_text()
    assert 'id="study-diff"' not in before
    found, other = results_of(root), deepcopy(results_of(root))
    other["study"]["name"] = "<script>alert(1)</script>"
    other["models"]["ffnn"]["configurations"]["baseline"]["interval"]["test"]["accuracy"]["mean"] = 0.123456
    copy = shutil.copytree(root, tmp_path / "copy")
    page = write_report(Results.model_validate(found), copy, Results.model_validate(other)).read_text()
    assert '<a href="#study-diff">' in page
    assert "<script>alert(1)" not in page
    assert '<th scope="col"><script>alert(1)</script></th>' in html.unescape(page)
    assert "12.35% [" in page


@pytest.mark.parametrize("content", ["{", "[]", "{}", "3", '{"schema_version": 1, "models": []}'])
def test_other_results_that_are_none_are_one_line(tmp_path: Path, content: str) -> None:
    """Broken JSON, or JSON of something else, names the file and what to do."""
    (tmp_path / "results.json").write_text(content)
    with pytest.raises(UserError, match=r"results\.json") as caught:
        read_results(tmp_path)
    assert "\n" not in str(caught.value)


def test_results_come_back_as_they_were_written(root: Path) -> None:
    """Read and checked."""
    assert read_results(root).model_dump(mode="json") == results_of(root)
