"""The program in a process of its own, on few images: started, waited for, and what it leaves."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil

# Long enough to be stopped in the middle.
LONG = """
name: long
seeds: 2
training_images: 2000
models:
  ffnn:
    baseline: {hidden_sizes: [64], epochs: 2000}
  cnn:
    baseline: {epochs: 1000}
tuning:
  trials: 4
  epochs: 2000
  space:
    ffnn:
      learning_rate: {low: 0.001, high: 0.1, scale: log}
    cnn:
      learning_rate: {low: 0.001, high: 0.1, scale: log}
sensitivity:
  seeds: 2
  grids:
    ffnn:
      learning_rate: [0.001, 0.01]
"""
SHORT = """
name: short
seeds: 1
training_images: 300
models:
  ffnn:
    baseline: {hidden_sizes: [16], epochs: 1}
"""
_STARTED: "list[subprocess.Popen[str]]" = []
PROGRAM = [sys.executable, "-m", "fashion_compare"]


def start(words: Sequence[str | Path], where: Path, before: Sequence[str] = ()) -> "subprocess.Popen[str]":
    """Start it in a session of its own; `before` is a program that starts it, such as a shell."""
    # Where this process was told to ignore Ctrl-C, as shells tell their background jobs, or SIGHUP, as `nohup` does,
    # children would too.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for name in ("SIGTERM", "SIGHUP"):
        if hasattr(signal, name) and signal.getsignal(getattr(signal, name)) == signal.SIG_IGN:
            signal.signal(getattr(signal, name), signal.SIG_DFL)
    process = subprocess.Popen(
        [*before, *PROGRAM, *map(str, words)],
        cwd=where, text=True, stdout=subprocess.PIPE, stderr=(where / "stderr").open("w"), start_new_session=True,
    )  # fmt: skip
    _STARTED.append(process)
    return process


def end_all() -> None:
    """Kill whatever a test started and left running, workers included."""
    while _STARTED:
        process = _STARTED.pop()
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def until(there: Callable[[], object], process: "subprocess.Popen[str]") -> None:
    """Wait until something is so, as long as the process lives."""
    deadline = time.monotonic() + 120
    while not there():
        assert process.poll() is None, "it ended before"
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.02)


def workers(process: "subprocess.Popen[str]") -> list[psutil.Process]:
    """Return the processes that it has started, but for the one in which multiprocessing keeps its books."""
    children = psutil.Process(process.pid).children(recursive=True)
    return [child for child in children if "resource_tracker" not in " ".join(child.cmdline())]


def ended_within(processes: Sequence[psutil.Process], seconds: float) -> bool:
    """Return whether all of these end in so many seconds."""
    return not psutil.wait_procs(processes, timeout=seconds)[1]


def send(process: "subprocess.Popen[str]", number: int, *, group: bool) -> None:
    """Send it a signal, or its whole process group."""
    (os.killpg if group else os.kill)(process.pid, number)
