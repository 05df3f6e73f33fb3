"""Standard streams that are closed, full or cut off: the work is done all the same, and nothing ends in a traceback."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.idx_files import write_drawn
from tests.programs import PROGRAM, SHORT

pytestmark = pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a shell, and a device that is full")
FULL = "fashion-compare: cannot write to stdout: No space left on device; "


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("streams")
    write_drawn(place / "data", 2400, 300)
    (place / "short.yaml").write_text(SHORT)
    return place


def shell(place: Path, redirected: str, *words: str, unbuffered: bool = False) -> "subprocess.CompletedProcess[str]":
    """Run the program from a shell that redirects its streams, and return its own exit code, not a pipe's."""
    script = f'{{ "$@" {redirected.partition("|")[0]}; echo $? >code; }}'
    reader = redirected.partition("|")[2]
    program = [sys.executable, "-u", *PROGRAM[1:]] if unbuffered else PROGRAM
    (place / "code").unlink(missing_ok=True)
    done = subprocess.run(
        ["sh", "-c", f"{script} | {reader}" if reader else script, "sh", *program, *words],
        cwd=place, capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip
    done.returncode = int((place / "code").read_text())
    return done


@pytest.mark.parametrize("unbuffered", [False, True])
@pytest.mark.parametrize(
    ("redirected", "code", "out", "err"),
    [
        (">&-", 0, "", ""),
        ("2>&-", 0, "0.1.0\n", ""),
        ("<&-", 0, "0.1.0\n", ""),
        (">&- 2>&- <&-", 0, "", ""),
        (">/dev/full", 1, "", FULL),
        ("2>/dev/full", 0, "0.1.0\n", ""),
        (">/dev/full 2>&1", 1, "", ""),
        # A reader that is gone before anything is written.
        ("| exec true", 0, "", ""),
        ("2>&1 | exec true", 0, "", ""),
    ],
)
def test_a_stream_that_takes_nothing_costs_no_traceback(
    place: Path, redirected: str, code: int, out: str, err: str, unbuffered: bool
) -> None:
    """Closed: the program does without it; full: one line and exit 1, if it is stdout; a broken pipe: silence."""
    done = shell(place, redirected, "--version", unbuffered=unbuffered)
    assert (done.returncode, done.stdout) == (code, out)
    assert done.stderr.startswith(err)
    assert len(done.stderr.splitlines()) == bool(err)


@pytest.mark.parametrize(
    ("redirected", "code"),
    [(">&- 2>&- <&-", 0), (">/dev/full", 1), ("2>/dev/full", 0), ("2>&1 | exec true", 0)],
)
def test_a_study_is_done_whatever_its_streams_are(place: Path, tmp_path: Path, redirected: str, code: int) -> None:
    """Every file is there; a full stdout is told at the end, once."""
    words = ["run", "short.yaml", "--data", "data", "--any-idx", "--out", str(tmp_path)]
    done = shell(place, redirected, *words)
    assert done.returncode == code
    assert "Traceback" not in done.stderr
    assert (FULL in done.stderr) == (code == 1)
    (page,) = tmp_path.rglob("report.html")
    assert (page.parent / "results.json").is_file()
    # No file got into the place of a closed stream, to be written to by whatever prints.
    assert (page.parent / ".lock").read_text() == ""


@pytest.mark.parametrize("redirected", ["2>&-", "2>/dev/full"])
def test_a_refusal_that_nobody_can_read_has_its_exit_code(place: Path, redirected: str) -> None:
    """What was wrong with the command line is known by its code alone."""
    done = shell(place, redirected, "run", "nowhere.yaml")
    assert (done.returncode, done.stdout, done.stderr) == (2, "", "")


PRINTING = """
import os, sys
from fashion_compare.streams import replace_streams
replace_streams()
for descriptor in (0, 1, 2):
    os.fstat(descriptor)
with open("file", "w") as file:
    assert file.fileno() > 2
    os.write(1, b"a library's words")
assert not os.path.getsize("file")
"""


def test_no_file_takes_the_place_of_a_closed_stream(tmp_path: Path) -> None:
    """What a library writes to standard output by its number would end up in that file."""
    command = ["sh", "-c", '"$@" <&- >&- 2>&-', "sh", sys.executable, "-c", PRINTING]
    assert subprocess.run(command, cwd=tmp_path, timeout=60, check=False).returncode == 0


def test_a_character_that_cannot_be_encoded_is_spelled(place: Path) -> None:
    """On a terminal of few characters, whatever the stream is replaced by."""
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    words = ["run", "ü.yaml"]
    done = subprocess.run([*PROGRAM, *words], cwd=place, env=environment, capture_output=True, timeout=60, check=False)
    assert done.returncode == 2
    assert b"cannot read u.yaml" in done.stderr
