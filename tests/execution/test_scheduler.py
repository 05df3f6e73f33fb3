"""A tiny study on real worker processes: the same bits as in one process, nothing done twice, failures reported."""

import os
import re
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from fashion_compare.data.dataset import dataset_of
from fashion_compare.data.sources import Source
from fashion_compare.errors import UserError
from fashion_compare.execution import scheduler
from fashion_compare.execution.plan import plan
from fashion_compare.execution.process_pool import available_cores
from fashion_compare.execution.progress import Snapshot
from fashion_compare.execution.scheduler import RETRIES, Outcome, run_all
from fashion_compare.findings import with_findings
from fashion_compare.results.collect import collect, describe_dataset
from fashion_compare.results.files import known_failures, write_results
from fashion_compare.runs.execute import execute
from fashion_compare.runs.run import Run, data_identity
from fashion_compare.store import read_json
from fashion_compare.study.context import StudyContext
from fashion_compare.study.spec import Study, parse_study

SOURCE = Source("synthetic", None, "the synthetic data, for tests")
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
Execute = Callable[[Run], dict[str, object]]
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
    study, root = parse_study(TEXT, "tiny"), tmp_path_factory.mktemp("runs") / "tiny-synthetic"
    runs = plan(StudyContext(study, data_identity(dataset_of(SOURCE)), root, SOURCE))
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
        record = execute(here)
        with np.load(there.directory.predictions) as theirs, np.load(here.directory.predictions) as ours:
            assert set(theirs.files) == set(ours.files)
            assert all(theirs[name].tobytes() == ours[name].tobytes() for name in theirs.files)
            assert len(theirs["labels"]) == 10_000
        other = read_json(there.directory.result)
        timed = {"seconds", "seconds_per_epoch"}
        assert {k: v for k, v in record.model_dump().items() if k not in timed} == {
            k: v for k, v in other.items() if k not in timed
        }


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
    assert execute(good[0]).model_dump() == read_json(good[0].directory.result)


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
        run_all(plan(StudyContext(other, data_identity(dataset_of(SOURCE)), ran.root, SOURCE)), workers=2)
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


LOST = "ffnn/momentum/seed-0"


def counted(run: Run) -> int:
    """Count the attempts at a run in a file beside it, for each is in a process of its own."""
    path = run.root / f"attempts-{run.name}"
    with path.open("ab") as file:
        file.write(b".")
    return path.stat().st_size


def die_always(run: Run) -> dict[str, object]:
    """End the worker of one run as a lack of memory would, whenever it is tried."""
    counted(run)
    if run.label == LOST:
        os._exit(9)
    return execute(run)


def die_once(run: Run) -> dict[str, object]:
    """End the worker of one run the first time."""
    if counted(run) == 1 and run.label == LOST:
        os._exit(9)
    return execute(run)


def short_of_memory_once(run: Run) -> dict[str, object]:
    """Let one run meet, the first time, what torch says when the processor's memory is full."""
    if counted(run) == 1 and run.label == LOST:
        torch.empty(1 << 60, dtype=torch.uint8)
    return execute(run)


def short_of_memory(run: Run) -> dict[str, object]:
    """Let one run be short of memory whenever it is tried."""
    counted(run)
    if run.label == LOST:
        np.empty(1 << 60, np.uint8)
    return execute(run)


def gpu_failed_once(run: Run) -> dict[str, object]:
    """Let one run meet, the first time, what torch says of a GPU that does no more."""
    if counted(run) == 1 and run.label == LOST:
        raise RuntimeError("CUDA error: unspecified launch failure")
    return execute(run)


def broken(run: Run) -> dict[str, object]:
    """Let one run meet a mistake in the program."""
    counted(run)
    if run.label == LOST:
        raise ZeroDivisionError("two\nlines")
    return execute(run)


def three_runs(ran: Ran, root: Path) -> list[Run]:
    """Return the good runs of the fully connected network and of the cnn, to be done in another place."""
    return [replace(run, root=root) for run in ran.runs if run.label in GOOD]


@pytest.mark.parametrize(
    ("what", "attempts", "reason"),
    [
        (die_always, RETRIES + 1, r"^its worker process died [^\n]*3 times, at last with nothing beside it$"),
        (short_of_memory, RETRIES + 1, r"^it ran out of memory 3 times, at last with nothing beside it$"),
        (broken, 1, r"^unexpected ZeroDivisionError: two lines$"),
    ],
)
def test_what_one_run_meets_does_not_stop_the_others(
    ran: Ran, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: Execute, attempts: int, reason: str
) -> None:
    """The run is tried again where that makes sense, then reported in one line; the others end as ever."""
    monkeypatch.setattr(scheduler, "execute", what)
    notes: list[str] = []
    runs = three_runs(ran, tmp_path)
    outcome = run_all(runs, workers=2, on_note=notes.append)
    assert set(outcome.failures) == {LOST}
    assert re.match(reason, outcome.failures[LOST])
    assert set(outcome.trained) == GOOD - {LOST}
    assert (tmp_path / "attempts-momentum").stat().st_size == attempts
    assert len([note for note in notes if note.startswith(LOST) and "trying again alone" in note]) == attempts - 1
    for run in runs:
        assert run.directory.is_done == (run.label != LOST)


@pytest.mark.parametrize("what", [die_once, short_of_memory_once, gpu_failed_once])
def test_a_run_that_lost_its_worker_is_tried_again(
    ran: Ran, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: Execute
) -> None:
    """A worker that dies once, or is once short of memory, costs nothing: all runs end, with the same predictions."""
    monkeypatch.setattr(scheduler, "execute", what)
    runs = three_runs(ran, tmp_path)
    outcome = run_all(runs, workers=2)
    assert (set(outcome.trained), outcome.failures) == (GOOD, {})
    assert len(outcome.trained) == len(GOOD)
    for run in runs:
        with np.load(run.directory.predictions) as here, np.load(run_of(ran, run.label).directory.predictions) as there:
            assert all(here[name].tobytes() == there[name].tobytes() for name in there.files)


def test_a_study_with_a_failure_is_collected(ran: Ran) -> None:
    """The failed run is in the results by name and reason, the others have theirs; a later report still knows."""
    collected = with_findings(
        collect(
            StudyContext(ran.study, data_identity(dataset_of(SOURCE)), ran.root),
            describe_dataset(dataset_of(SOURCE), ran.study),
            ran.outcome.failures,
        )
    )
    found = collected.model_dump()
    assert [(f["run"], f["model"], f["configuration"], f["seed"]) for f in found["failures"]] == [
        (DIVERGING, "ffnn", "diverging", 0)
    ]
    assert found["models"]["ffnn"]["configurations"]["diverging"]["runs"] == []
    assert len(found["models"]["ffnn"]["configurations"]["momentum"]["runs"]) == 1
    assert {finding["id"] for finding in found["findings"]} >= {"failure"}
    write_results(collected, ran.root)
    assert known_failures(StudyContext(ran.study, {}, ran.root)) == ran.outcome.failures
    for run in ran.runs:
        if run.label in GOOD:
            (entry,) = found["models"][run.model]["configurations"][run.name]["runs"]
            record = read_json(run.directory.result)
            assert {name: entry[name] for name in record} == record


def test_there_is_at_least_one_core() -> None:
    """As many workers as this process may use cores, at least one and no more than the machine has."""
    assert 1 <= available_cores() <= (os.cpu_count() or 1)


def test_a_gpu_has_one_run_at_a_time(ran: Ran, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs on the CPU go on beside it, as many as there are workers; on machines elsewhere any number may."""
    here: list[str] = []
    most: dict[str, int] = {"cuda": 0, "all": 0}
    lock = threading.Lock()

    def stay(run: Run) -> SimpleNamespace:
        with lock:
            here.append(run.device)
            most["cuda"] = max(most["cuda"], here.count("cuda"))
            most["all"] = max(most["all"], len(here))
        time.sleep(0.2)
        with lock:
            here.remove(run.device)
        return SimpleNamespace(notes=[])

    monkeypatch.setattr(scheduler, "execute", stay)
    base = run_of(ran, "cnn/baseline/seed-0")
    devices = ["cuda"] * 4 + ["cpu"] * 4
    runs = [replace(base, root=tmp_path, seed=i, device=where) for i, where in enumerate(devices)]
    outcome = run_all(runs, workers=3, open_pool=ThreadPoolExecutor)
    assert len(outcome.trained) == 8
    assert most == {"cuda": 1, "all": 3}
    most["cuda"] = 0
    run_all(runs, workers=3, open_pool=ThreadPoolExecutor, gpu_runs=3)
    assert most["cuda"] == 3
