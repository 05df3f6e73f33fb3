"""Run the program on bad input, and check how it refuses: one line, the exit code, little memory, nothing written."""

import os
import re
import subprocess
import sys
from pathlib import Path

LIMIT_MB = 250
# The peak is asked of the process itself: what a parent is told of it includes the parent's own.
_PROGRAM = """
import atexit, os, pathlib, re, sys

def note():
    peak = re.search(r"VmHWM:\\s+(\\d+)", pathlib.Path("/proc/self/status").read_text())
    pathlib.Path(os.environ["PEAK_FILE"]).write_text(f"{int(peak[1]) >> 10} {'torch' in sys.modules}")

if os.path.exists("/proc/self/status"):
    atexit.register(note)

from fashion_compare.cli import main
main()
"""


def refused(words: list[str], home: Path, *, line: str, code: int = 1) -> str:
    """Run the command in `home`, check its refusal, and return the line on stderr.

    Args:
        words: the command's arguments.
        home: an empty home directory with whatever files the command is given.
        line: pattern that has to be found in the line.
        code: expected exit code.
    """
    before = files(home)
    hidden = ("FASHION_MNIST_DIR", "PYTHONPATH")
    environment = {name: value for name, value in os.environ.items() if name not in hidden}
    environment |= {"HOME": str(home), "XDG_CACHE_HOME": str(home / "cache"), "PEAK_FILE": str(home / "peak")}
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, *words],
        cwd=home,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    (said,) = done.stderr.splitlines() or [""]
    assert said.startswith("fashion-compare: "), done.stderr
    assert re.search(line, said), said
    assert done.returncode == code, said
    assert done.stdout == ""
    if (home / "peak").exists():
        peak, torch = (home / "peak").read_text().split()
        assert torch == "False"
        assert int(peak) < LIMIT_MB, f"{peak} MB"
        (home / "peak").unlink()
    assert files(home) == before
    return said


def files(home: Path) -> dict[Path, tuple[int, int]]:
    """Return every file below with its size and time, but not locks, which hold nothing."""
    return {
        path: (path.lstat().st_size, path.lstat().st_mtime_ns)
        for path in home.rglob("*")
        if not path.is_dir() and path.name != ".lock"
    }
