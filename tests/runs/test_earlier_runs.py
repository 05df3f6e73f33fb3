"""Run directories of an earlier version: `format-1` was written by commit 18eae01, on images drawn by a formula."""

import shutil
from pathlib import Path

import pytest

from fashion_compare.errors import UserError
from fashion_compare.execution.plan import plan
from fashion_compare.execution.scheduler import run_all
from fashion_compare.results.collect import collect
from fashion_compare.results.files import read_dataset_description
from fashion_compare.runs.record import read_record
from fashion_compare.runs.run import Run
from fashion_compare.store import read_json
from fashion_compare.study.context import StudyContext
from fashion_compare.study.overrides import with_variation
from fashion_compare.study.spec import Study, load_study

FORMAT_1 = Path(__file__).parent / "format-1"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A copy of the study's directory, which the test may write to."""
    return Path(shutil.copytree(FORMAT_1, tmp_path / "earlier"))


@pytest.fixture
def study(root: Path) -> Study:
    """The study as its directory holds it."""
    return load_study(str(root / "study.yaml"))


def runs_of(study: Study, root: Path) -> list[Run]:
    return plan(StudyContext(study, read_dataset_description(root).identity, root))


def test_finished_runs_of_format_1_are_not_trained_again(root: Path, study: Study) -> None:
    """Both are done before, and no file of theirs changes: their definitions name settings that are neutral here."""
    before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    outcome = run_all(runs_of(study, root), workers=1)
    assert (sorted(outcome.done_before), outcome.trained, outcome.failures) == (
        ["ffnn/baseline/seed-0", "ffnn/dropout/seed-0"],
        [],
        {},
    )
    assert {path: path.read_bytes() for path in root.rglob("*") if path.is_file()} == before


def test_scores_of_format_1_are_those_that_it_recorded(root: Path, study: Study) -> None:
    """Collected from predictions, every score that it had is the same to 1e-12; the training's facts stay."""
    found = collect(
        StudyContext(study, read_dataset_description(root).identity, root), read_dataset_description(root)
    ).model_dump(mode="json")
    for name in ("baseline", "dropout"):
        (run,) = found["models"]["ffnn"]["configurations"][name]["runs"]
        recorded = read_json(root / "ffnn" / name / "seed-0" / "result.json")
        assert recorded["format"] == 1
        assert run.keys() == recorded.keys()
        for part in ("train", "validation", "test"):
            scores = {name: run[part][name] for name in recorded[part]}
            assert scores == pytest.approx(recorded[part], abs=1e-12)
        for ours, theirs in zip(run["per_class"], recorded["per_class"], strict=True):
            assert ours == pytest.approx(theirs, abs=1e-12)
        facts = recorded.keys() - {"train", "validation", "test", "per_class"}
        assert {key: run[key] for key in facts} == {key: recorded[key] for key in facts}


def test_a_run_of_format_1_at_another_setting_is_refused(root: Path, study: Study) -> None:
    """A setting that the old definition names at its neutral value, and this run does not have, is told apart."""
    changed = with_variation(study, "ffnn", "l2", {"l2": 0.01}).models["ffnn"]["l2"]
    (baseline,) = (run for run in runs_of(study, root) if run.name == "baseline")
    other = Run(**{**vars(baseline), "configuration": changed})
    with pytest.raises(UserError, match=r"configuration.l2 is 0.0 there, 0.01 here"):
        other.claim()


def test_a_record_of_format_2_holds_no_scores(root: Path, study: Study) -> None:
    """Scores beside the facts are refused in a record of this version's format, and read over in one of format 1."""
    (baseline,) = (run for run in runs_of(study, root) if run.name == "baseline")
    record = read_record(baseline.directory)
    assert not {"test", "confusion"} & record.model_dump().keys()
    edited = baseline.directory.result.read_text().replace('"format": 1', '"format": 2')
    baseline.directory.result.write_text(edited)
    with pytest.raises(
        UserError, match=r"result.json is not a finished run's: (confusion|per_class|te?st|train|valid)"
    ):
        read_record(baseline.directory)
