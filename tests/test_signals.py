"""Signals that end the program: real ones, to real processes; and what is there afterwards."""

import os
import pty
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import pytest

from tests.idx_files import write_drawn
from tests.programs import LONG, PROGRAM, SHORT, ended_within, send, start, until, workers

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")
STOPPED = "fashion-compare: stopped; finished epochs are kept, the same command goes on from there"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Few images, and two studies."""
    place = tmp_path_factory.mktemp("signals")
    write_drawn(place / "data", 2400, 300)
    (place / "long.yaml").write_text(LONG)
    (place / "short.yaml").write_text(SHORT)
    return place


def words(place: Path, out: Path, command: str, what: str) -> list[str | Path]:
    return [
        command,
        place / what if what.endswith("yaml") else what,
        "--data",
        place / "data",
        "--any-idx",
        "--out",
        out,
    ]


def members(directory: Path) -> set[str]:
    """Names of the files in the one archive that is kept there."""
    (file,) = directory.iterdir()
    with tarfile.open(file) as tar:
        return {Path(name).name for name in tar.getnames()}


@pytest.mark.parametrize(
    ("number", "group", "code"),
    [
        (signal.SIGTERM, False, 143),
        (signal.SIGTERM, True, 143),
        (signal.SIGHUP, False, 129),
        (signal.SIGHUP, True, 129),
        (signal.SIGINT, True, 130),
    ],
)
def test_a_signal_stops_a_study_and_writes_its_archive(
    place: Path, tmp_path: Path, number: int, group: bool, code: int
) -> None:
    """To the program alone or to its workers too: they end, finished epochs are archived, one line, no warning."""
    process = start([*words(place, tmp_path / "runs", "run", "long.yaml"), "--keep", tmp_path / "kept"], tmp_path)
    until(lambda: len(list(tmp_path.rglob("state.safetensors"))) == 2, process)
    ours = workers(process)
    assert len(ours) == 2
    send(process, number, group=group)
    assert ended_within(ours, 10)
    assert process.wait(60) == code
    _, announced, *lines = (tmp_path / "stderr").read_text().splitlines()
    assert "side by side" in announced
    assert lines == [STOPPED]
    assert {"state.safetensors", "metrics.jsonl", "study.yaml"} <= members(tmp_path / "kept")


@pytest.mark.parametrize(
    ("command", "what"), [("tune", "long.yaml"), ("sensitivity", "long.yaml"), ("train", "ffnn"), ("train", "cnn")]
)
def test_a_signal_stops_whatever_trains(place: Path, tmp_path: Path, command: str, what: str) -> None:
    """Other commands end alike; a checkpoint is there."""
    more = ["--set", "epochs=2000"] if command == "train" else []
    process = start([*words(place, tmp_path / "runs", command, what), *more, "--quiet"], tmp_path)
    until(lambda: list(tmp_path.rglob("state.safetensors")), process)
    ours = workers(process)
    send(process, signal.SIGTERM, group=False)
    assert ended_within(ours, 10)
    assert process.wait(60) == 143
    assert (tmp_path / "stderr").read_text().splitlines()[-1] == STOPPED
    assert "Traceback" not in (tmp_path / "stderr").read_text()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_a_local_cluster_of_dask(place: Path, tmp_path: Path, number: int) -> None:
    """To the whole group, workers included: they end, the archive is written, one line, no warning."""
    pytest.importorskip("distributed", reason="needs the extra 'dask'")
    more = ["--engine", "dask", "--workers", "2", "--keep", tmp_path / "kept"]
    process = start([*words(place, tmp_path / "runs", "run", "long.yaml"), *more], tmp_path)
    until(lambda: list(tmp_path.rglob("metrics.jsonl")), process)
    ours = workers(process)
    assert len(ours) == 2
    send(process, number, group=True)
    assert ended_within(ours, 10)
    assert process.wait(60) == 128 + number
    assert (tmp_path / "stderr").read_text().splitlines()[2:] == [STOPPED]
    assert {"metrics.jsonl", "study.yaml"} <= members(tmp_path / "kept")


@pytest.mark.parametrize("moment", ["Explaining single images", "Writing the report"])
def test_a_signal_behind_the_training_is_no_different(place: Path, tmp_path: Path, moment: str) -> None:
    """While explanations or the page are made: the archive has every run, and no page that is half written."""
    process = start([*words(place, tmp_path / "runs", "run", "short.yaml"), "--keep", tmp_path / "kept"], tmp_path)
    until(lambda: moment in (tmp_path / "stderr").read_text(), process)
    send(process, signal.SIGTERM, group=True)
    assert process.wait(60) == 143
    assert (tmp_path / "stderr").read_text().splitlines()[-1] == STOPPED
    assert {"result.json", "weights.safetensors", "results.json", "report.html"} <= members(tmp_path / "kept")
    assert not list(tmp_path.rglob(".*.tmp"))


def test_a_hangup_that_was_ignored_at_the_start_stays_ignored(place: Path, tmp_path: Path) -> None:
    """As `nohup` starts it: program and workers go on to the end."""
    ignoring = ["sh", "-c", "trap '' HUP; exec \"$@\"", "sh"]
    process = start(words(place, tmp_path / "runs", "run", "short.yaml"), tmp_path, ignoring)
    until(lambda: "side by side" in (tmp_path / "stderr").read_text(), process)
    time.sleep(0.3)
    send(process, signal.SIGHUP, group=True)
    assert process.wait(120) == 0
    assert list(tmp_path.rglob("report.html"))


def test_a_terminal_that_closes_ends_a_study_as_a_signal_does(place: Path, tmp_path: Path) -> None:
    """Nothing can be written to that terminal any more: the archive is written all the same, and the code is 129."""
    command = [
        *PROGRAM,
        *map(str, words(place, tmp_path / "runs", "run", "long.yaml")),
        "--keep",
        str(tmp_path / "kept"),
    ]
    child, terminal = pty.fork()
    if child == 0:
        os.execv(command[0], command)  # noqa: S606 - in the child, which pytest must not go on in
    deadline = time.monotonic() + 120
    while not list(tmp_path.rglob("state.safetensors")) and time.monotonic() < deadline:
        time.sleep(0.05)
    os.close(terminal)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 129
    assert "state.safetensors" in members(tmp_path / "kept")


# What takes long at the end: a drive that is slow, here with the second archive, for a minute.
ENDING = """
import shutil, sys, time
from pathlib import Path
from fashion_compare import cli
from fashion_compare.signals import Terminated, handle_signals
from fashion_compare.execution.backup import Archive

handle_signals()
archive = Archive(Path("study"), Path("kept"), 0.0)
archive.save()
copy = shutil.copyfileobj

def slowly(source, target, length):
    copy(source, target, length)
    print("slow", flush=True)
    time.sleep(float(sys.argv[1]))

shutil.copyfileobj = slowly
Path("study", "study.yaml").write_text("new")
try:
    print("ready", flush=True)
    time.sleep(60)
finally:
    archive.close()
"""


def ending(tmp_path: Path, seconds: float) -> "subprocess.Popen[str]":
    """A process whose archive, written in its end, takes so long; the first signal was sent."""
    for name in ("study", "kept"):
        (tmp_path / name).mkdir()
    (tmp_path / "study" / "study.yaml").write_text("old")
    process = subprocess.Popen(
        [sys.executable, "-c", ENDING, str(seconds)], cwd=tmp_path, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    send(process, signal.SIGTERM, group=False)
    assert process.stdout.readline() == "slow\n"
    return process


def archived(tmp_path: Path) -> bytes:
    with tarfile.open(tmp_path / "kept" / "study.tar") as tar:
        content = tar.extractfile("study.yaml")
        assert content is not None
        return content.read()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_second_signal_ends_at_once(tmp_path: Path, number: int) -> None:
    """Whichever it is; the archive that was there before is whole."""
    process = ending(tmp_path, 60)
    time.sleep(1)
    send(process, number, group=False)
    assert process.wait(10) == -number
    assert archived(tmp_path) == b"old"


def test_one_request_that_arrives_twice_counts_once(tmp_path: Path) -> None:
    """`timeout` signals its child and then the child's group: the archive is written to its end."""
    process = ending(tmp_path, 2)
    send(process, signal.SIGTERM, group=False)
    assert process.wait(30) == 143
    assert archived(tmp_path) == b"new"
