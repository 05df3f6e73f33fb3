"""On dask's workers, which share no directory with this process or each other, a study ends with the same bits."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import trustme

pytest.importorskip("distributed", reason="needs the extra 'dask'")

from fashion_compare.data.dataset import Dataset, dataset_of
from fashion_compare.data.sources import Source
from fashion_compare.errors import UsageError
from fashion_compare.execution import dask_pool as pool_module
from fashion_compare.execution import scheduler
from fashion_compare.execution.dask_pool import IN_FLIGHT, dask_pool
from fashion_compare.execution.dask_scheduler import Scheduler
from fashion_compare.execution.plan import plan
from fashion_compare.execution.scheduler import run_all
from fashion_compare.runs.execute import execute
from fashion_compare.runs.run import Run, data_identity
from fashion_compare.study.context import StudyContext
from fashion_compare.study.spec import parse_study

SOURCE = Source("synthetic", None, "the synthetic data, for tests")
TEXT = """
name: tiny
seeds: 2
training_images: 300
models:
  ffnn:
    baseline: {hidden_sizes: [16], epochs: 2, dropout: 0.2}
    variations:
      diverging: {learning_rate: 100, together_with: {optimizer: sgd, batch_size: 5}}
  cnn:
    baseline: {epochs: 1, batch_size: 50, dropout: 0.2}
"""
FILES = {"config.json", "metrics.jsonl", "weights.safetensors", "predictions.npz", "result.json"}


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> list[Run]:
    """The runs that end well, done in this process."""
    root = tmp_path_factory.mktemp("local")
    runs = plan(StudyContext(parse_study(TEXT, "tiny"), data_identity(dataset_of(SOURCE)), root, SOURCE))
    for run in runs:
        if run.name != "diverging":
            execute(run)
    return runs


def assert_same(local: list[Run], root: Path) -> None:
    """Each run's files are in its directory here, with the bits of the local ones."""
    for run in local:
        if run.name == "diverging":
            continue
        here = replace(run, root=root).directory
        assert {path.name for path in here.path.iterdir()} == FILES
        assert here.weights.read_bytes() == run.directory.weights.read_bytes()
        with np.load(here.predictions) as ours, np.load(run.directory.predictions) as theirs:
            assert all(ours[name].tobytes() == theirs[name].tobytes() for name in theirs.files)
        plain = [
            [{k: v for k, v in line.items() if k != "seconds"} for line in directory.read_metrics()]
            for directory in (here, run.directory)
        ]
        assert plain[0] == plain[1]


def through_dask(local: list[Run], root: Path, scheduler: Scheduler | None) -> dict[str, str]:
    open_pool = partial(dask_pool, dataset=dataset_of(SOURCE), scheduler=scheduler, workers=2)
    before = dict(os.environ)
    outcome = run_all([replace(run, root=root) for run in local], workers=IN_FLIGHT, open_pool=open_pool)
    assert len(outcome.trained) == 4
    # What the workers' environment needs is set while they run alone.
    assert dict(os.environ) == before
    return outcome.failures


@pytest.mark.slow
def test_a_local_cluster(local: list[Run], tmp_path: Path) -> None:
    """Two processes of dask's own: same bits; the diverging run is a failure here as anywhere."""
    failures = through_dask(local, tmp_path, None)
    assert set(failures) == {f"ffnn/diverging/seed-{seed}" for seed in (0, 1)}
    assert all("non-finite loss in epoch 1" in reason for reason in failures.values())
    assert_same(local, tmp_path)


class Machines:
    """A scheduler and workers on loopback, each in a directory of its own."""

    def __init__(self, root: Path, *options: str) -> None:
        self.root, self.options, self.processes = root, options, []
        self.file = root / "scheduler.json"
        self.start(
            "scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(self.file)
        )
        deadline = time.monotonic() + 60
        while not self.file.exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        self.address = json.loads(self.file.read_text())["address"]

    def start(self, what: str, *words: str) -> "subprocess.Popen[bytes]":
        place = self.root / f"{what}-{len(self.processes)}"
        place.mkdir(parents=True)
        process = subprocess.Popen(
            [sys.executable, "-m", "dask", what, *words, *self.options],
            cwd=place,
            # Workers look up this module's functions by name.
            env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.processes.append(process)
        return process

    def worker(self) -> "subprocess.Popen[bytes]":
        place = str(self.root / f"files-{len(self.processes)}")
        words = ["--host", "127.0.0.1", "--nthreads", "1", "--no-nanny", "--no-dashboard", "--local-directory", place]
        return self.start("worker", self.address, *words)

    def stop(self) -> None:
        for process in reversed(self.processes):
            process.kill()
            process.wait()


@pytest.fixture
def machines(tmp_path: Path) -> Iterator[Machines]:
    made = Machines(tmp_path / "machines")
    yield made
    made.stop()


def kill_the_first_worker(marker: Path, run: Run, on_epoch: object, dataset: Dataset) -> dict[str, object]:
    """Kill the worker that comes here first, in the middle of its run; train in any other."""
    try:
        marker.touch(exist_ok=False)
    except FileExistsError:
        return execute(run, dataset=dataset)
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("still alive")


@pytest.mark.slow
def test_a_worker_that_dies_in_the_middle(
    local: list[Run], machines: Machines, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two workers one is killed in the middle of a run: the other does that one too, to the same bits."""
    workers = [machines.worker(), machines.worker()]
    marker = tmp_path / "killed"
    monkeypatch.setattr(scheduler, "execute", partial(kill_the_first_worker, marker))
    through_dask(local, tmp_path / "out", Scheduler(machines.address))
    assert marker.exists()
    time.sleep(1)
    assert sorted(worker.poll() is None for worker in workers) == [False, True]
    assert_same(local, tmp_path / "out")


def wait_after_each_epoch(
    run: Run, on_epoch: Callable[[dict[str, object]], None], dataset: Dataset
) -> dict[str, object]:
    """Train as ever, with time to look."""

    def slowly(line: dict[str, object]) -> None:
        on_epoch(line)
        time.sleep(1.5)

    return execute(run, slowly, dataset)


@pytest.mark.slow
def test_progress_of_runs_elsewhere(
    local: list[Run], machines: Machines, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run's lines of metrics come here as its epochs end, so that it can be followed; in the end its files do."""
    machines.worker()
    monkeypatch.setattr(scheduler, "execute", wait_after_each_epoch)
    run = next(replace(run, root=tmp_path / "out") for run in local if run.name == "baseline" and run.model == "ffnn")
    seen = []
    run_all(
        [run],
        workers=IN_FLIGHT,
        open_pool=partial(dask_pool, dataset=dataset_of(SOURCE), scheduler=Scheduler(machines.address), workers=1),
        on_progress=lambda snapshot: seen.append((snapshot.runs[0].epochs_done, snapshot.runs[0].active)),
    )
    assert {(0, True), (1, True), (2, True), (2, False)} <= set(seen)
    assert seen[-1] == (2, False)


@pytest.mark.slow
def test_tls_with_certificates(local: list[Run], tmp_path: Path) -> None:
    """With tls:// both sides show a certificate of the same authority; without one nobody is let in."""
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    paths = [tmp_path / name for name in ("ca.pem", "certificate.pem", "key.pem")]
    authority.cert_pem.write_to_path(paths[0])
    certificate.cert_chain_pems[0].write_to_path(paths[1])
    certificate.private_key_pem.write_to_path(paths[2])
    options = zip(("--tls-ca-file", "--tls-cert", "--tls-key"), paths, strict=True)
    words = [word for option, path in options for word in (option, str(path))]
    machines = Machines(tmp_path / "machines", *words, "--protocol", "tls")
    try:
        machines.worker()
        assert machines.address.startswith("tls://")
        through_dask(local, tmp_path / "out", Scheduler(machines.address, *paths))
        assert_same(local, tmp_path / "out")
        with pytest.raises(UsageError, match="--tls-ca None: expected a PEM file"):
            through_dask(local, tmp_path / "other", Scheduler(machines.address))
    finally:
        machines.stop()


@pytest.mark.slow
def test_what_is_said_while_there_is_no_worker(
    local: list[Run], machines: Machines, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a while one line says what is waited for and how to start it, another that it goes on; the run ends."""
    monkeypatch.setattr(pool_module, "_PATIENCE_SECONDS", 3)
    notes: list[str] = []

    def note(line: str) -> None:
        notes.append(line)
        if "waiting" in line:
            machines.worker()

    (run, *_) = [replace(run, root=tmp_path / "out") for run in local if run.name == "baseline"]
    pool = partial(dask_pool, dataset=dataset_of(SOURCE), scheduler=Scheduler(machines.address), workers=1)
    outcome = run_all([run], workers=IN_FLIGHT, open_pool=partial(pool, on_note=note))
    assert outcome.trained == [run.label]
    address = machines.address
    assert notes[0] == f"{address} has no worker: waiting for one; start it with 'dask worker {address}'"
    assert notes[1:] in ([], [f"{address} has a worker: going on"])
