"""A tiny study on real worker processes: the same bits as in one process, nothing done twice, failures reported."""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from fashion_compare.data.sources import Source
from fashion_compare.errors import UserError
from fashion_compare.store import read_json
from fashion_compare.study import engine
from fashion_compare.study.engine import Outcome, available_cores, run_all
from fashion_compare.study.plan import Run, plan
from fashion_compare.study.progress import Snapshot
from fashion_compare.study.results import collect, describe_dataset, known_failures, write_results
from fashion_compare.study.spec import Study, parse_study
from fashion_compare.study.worker import dataset_of, execute

SOURCE = Source("synthetic", None, "the stand-in, for tests")
TEXT = """
name: tiny
seeds: 1
training_images: 200
models:
  ffnn:
    baseline: {hidden_sizes: [16], epochs: 1, dropout: 0.2}
    variations:
      momentum: {optimizer: momentum}
      # Steps this long end in numbers that are none.
      diverging: {learning_rate: 100, together_with: {optimizer: sgd, batch_size: 5}}
  cnn:
    baseline: {epochs: 1, batch_size: 50}
"""
DIVERGING = "ffnn/diverging/seed-0"
GOOD = {"ffnn/baseline/seed-0", "ffnn/momentum/seed-0", "cnn/baseline/seed-0"}


@dataclass
class Ran:
    """A study that two worker processes ran, and what was seen on the way."""

    study: Study
    root: Path
    runs: list[Run]
    outcome: Outcome
    snapshots: list[Snapshot]


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """Run the tiny study once for all tests, on two processes."""
    study, root = parse_study(TEXT, "tiny"), tmp_path_factory.mktemp("runs") / "tiny-stand-in"
    runs = plan(study, SOURCE, dataset_of(SOURCE), root)
    before, snapshots = dict(os.environ), []
    outcome = run_all(runs, workers=2, on_progress=snapshots.append)
    # What the workers' environment needs is set for their start alone.
    assert dict(os.environ) == before
    return Ran(study, root, runs, outcome, snapshots)


def run_of(ran: Ran, label: str) -> Run:
    """Return the run of that label."""
    return next(run for run in ran.runs if run.label == label)


def test_every_run_is_done_or_reported(ran: Ran) -> None:
    """The diverging run is a failure with its reason; all others finished, and only theirs have a result."""
    assert set(ran.outcome.trained) == GOOD
    assert set(ran.outcome.failures) == {DIVERGING}
    assert ran.outcome.done_before == []
    assert {run.label for run in ran.runs if run.directory.is_done} == GOOD


def test_a_failure_is_one_line_with_its_place(ran: Ran) -> None:
    """The reason names the run's directory, the epoch and the step, and what to do."""
    reason = ran.outcome.failures[DIVERGING]
    assert "\n" not in reason
    for part in (str(run_of(ran, DIVERGING).directory.path), "epoch 1", "step", "learning_rate"):
        assert part in reason


def test_workers_compute_the_same_bits(ran: Ran, tmp_path: Path) -> None:
    """Predictions, best weights' scores and metrics of two workers equal those of this process, bit for bit."""
    for label in sorted(GOOD):
        there = run_of(ran, label)
        here = Run(there.model, there.name, there.configuration, 0, there.training_images, SOURCE, tmp_path, there.data)
        entry = execute(here)
        with np.load(there.directory.predictions) as theirs, np.load(here.directory.predictions) as ours:
            assert set(theirs.files) == set(ours.files)
            assert all(theirs[name].tobytes() == ours[name].tobytes() for name in theirs.files)
            assert len(theirs["labels"]) == 10_000
        other = read_json(there.directory.result)
        timed = {"seconds", "seconds_per_epoch"}
        assert {k: v for k, v in entry.items() if k not in timed} == {k: v for k, v in other.items() if k not in timed}


def test_a_finished_run_leaves_the_files_of_the_design(ran: Ran) -> None:
    """A finished run has its five files and no checkpoint; a failed one its metrics and its last good checkpoint."""
    for label in GOOD:
        directory = run_of(ran, label).directory
        assert {path.name for path in directory.path.iterdir()} == {
            "config.json",
            "metrics.jsonl",
            "weights.safetensors",
            "predictions.npz",
            "result.json",
        }
    failed = run_of(ran, DIVERGING).directory
    assert failed.checkpoint.is_file()
    assert [line["epoch"] for line in failed.read_metrics()] == [0]


def test_what_is_done_is_not_done_again(ran: Ran) -> None:
    """A second call trains nothing, says what was done before, and leaves every byte as it is."""
    good = [run for run in ran.runs if run.label in GOOD]
    before = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in ran.root.rglob("*") if path.is_file()}
    seen: list[Snapshot] = []
    outcome = run_all(good, workers=2, on_progress=seen.append)
    assert (outcome.trained, outcome.failures) == ([], {})
    assert set(outcome.done_before) == GOOD
    after = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in ran.root.rglob("*") if path.is_file()}
    assert after == before
    # In this process it is the entry that was saved.
    assert execute(good[0]) == read_json(good[0].directory.result)


def test_progress_begins_with_nothing_and_ends_with_everything(ran: Ran) -> None:
    """Seen from outside, runs only ever advance; at the end all have ended and no time is left."""
    first, last = ran.snapshots[0], ran.snapshots[-1]
    assert first.finished == 0
    assert last.finished == len(ran.runs)
    assert last.work_done == pytest.approx(1.0)
    assert last.seconds_left(2) == 0.0
    shares = [snapshot.work_done for snapshot in ran.snapshots]
    assert shares == sorted(shares)
    assert {p.run.label for p in last.runs if p.failed} == {DIVERGING}


def test_a_directory_of_another_run_is_refused(ran: Ran) -> None:
    """With another setting under the same name nothing is begun: one line names directory, hashes and setting."""
    other = parse_study(TEXT.replace("[16]", "[17]"), "tiny")
    with pytest.raises(UserError) as caught:
        run_all(plan(other, SOURCE, dataset_of(SOURCE), ran.root), workers=2)
    line = str(caught.value)
    assert "\n" not in line
    for part in (
        str(ran.root),
        "holds another run",
        "configuration.hidden_sizes is [16] there, [17] here",
        "delete it",
    ):
        assert part in line
    assert line.count("hash ") == 1
    assert read_json(run_of(ran, "ffnn/baseline/seed-0").directory.config)["hash"][:12] in line


def test_changed_data_is_refused(ran: Ran, tmp_path: Path) -> None:
    """A run that was planned on other data than its worker finds fails in one line, and leaves no result."""
    planned = run_of(ran, "ffnn/baseline/seed-0")
    data = planned.data | {"split_sha256": "0" * 64}
    other = Run("ffnn", "baseline", planned.configuration, 0, 200, SOURCE, tmp_path, data)
    with pytest.raises(UserError, match=r"^the data changed while the study ran[^\n]*$"):
        execute(other)
    assert not other.directory.is_done


def die(_run: Run) -> None:
    """End the worker as a lack of memory would."""
    os._exit(9)


def test_a_worker_that_dies_ends_the_study_in_one_line(
    ran: Ran, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When a worker process is killed, the error says so and how to go on, and names a run."""
    monkeypatch.setattr(engine, "execute", die)
    planned = run_of(ran, "ffnn/baseline/seed-0")
    lost = Run("ffnn", "baseline", planned.configuration, 0, 200, SOURCE, tmp_path, planned.data)
    with pytest.raises(UserError, match=r"^a worker process died while ffnn/baseline/seed-0 [^\n]*--workers 1[^\n]*$"):
        run_all([lost], workers=1)


def test_a_study_with_a_failure_is_collected(ran: Ran) -> None:
    """The failed run is in the results by name and reason, the others have theirs; a later report still knows."""
    found = collect(ran.study, describe_dataset(dataset_of(SOURCE), ran.study), ran.root, ran.outcome.failures)
    assert [(f["run"], f["model"], f["configuration"], f["seed"]) for f in found["failures"]] == [
        (DIVERGING, "ffnn", "diverging", 0)
    ]
    assert found["models"]["ffnn"]["configurations"]["diverging"]["runs"] == []
    assert len(found["models"]["ffnn"]["configurations"]["momentum"]["runs"]) == 1
    assert {finding["id"] for finding in found["findings"]} >= {"failure"}
    write_results(found, ran.root)
    assert known_failures(ran.study, ran.root) == ran.outcome.failures
    for run in ran.runs:
        if run.label in GOOD:
            entries = found["models"][run.model]["configurations"][run.name]["runs"]
            assert entries == [read_json(run.directory.result)]


def test_there_is_at_least_one_core() -> None:
    """As many workers as this process may use cores, at least one and no more than the machine has."""
    assert 1 <= available_cores() <= (os.cpu_count() or 1)
