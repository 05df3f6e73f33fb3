"""Killed at random moments and started again, a study ends with the bits of one that nobody disturbed."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from fashion_compare.store.lock import exclusive, holder
from tests.idx_files import write_drawn

STUDY = """
name: killed
seeds: 1
training_images: 2000
models:
  ffnn:
    baseline: {hidden_sizes: [64], epochs: 10, dropout: 0.2, schedule: one_cycle}
    variations:
      averaged: {ema_decay: 0.99}
      normalised: {normalization: batch}
  cnn:
    baseline: {epochs: 3, dropout: 0.2}
    variations:
      normalised: {normalization: batch}
"""
RUNS = 5
# A hundred were survived by hand; the tests make do with fewer.
KILLS = int(os.environ.get("SURVIVAL_KILLS", "10"))


def start(out: Path, study: Path, *data: str) -> subprocess.Popen[str]:
    data = data or ("--data", "synthetic")
    words = ["run", str(study), *data, "--out", str(out), "--workers", "2", "--quiet"]
    return subprocess.Popen(
        [sys.executable, "-m", "fashion_compare", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def files_of(out: Path) -> dict[str, object]:
    """Everything that a study's runs leave behind, but for the time that they took."""
    found: dict[str, object] = {}
    for path in sorted(out.rglob("seed-*")):
        name = path.relative_to(out).as_posix()
        assert not [leftover for leftover in path.rglob("*") if leftover.suffix == ".tmp"]
        found[f"{name}/weights"] = (path / "weights.safetensors").read_bytes()
        with np.load(path / "predictions.npz", allow_pickle=False) as arrays:
            found[f"{name}/predictions"] = {key: (arrays[key].dtype, arrays[key].tobytes()) for key in arrays.files}
        history = [json.loads(line) for line in (path / "metrics.jsonl").read_text().splitlines()]
        found[f"{name}/metrics"] = [{k: v for k, v in line.items() if k != "seconds"} for line in history]
        result = json.loads((path / "result.json").read_text())
        timed = {"seconds", "seconds_per_epoch", "notes"}
        found[f"{name}/result"] = {key: value for key, value in result.items() if key not in timed}
    return found


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_a_study_survives_being_killed(tmp_path: Path) -> None:
    """SIGKILL to the program alone or to its workers as well, whenever: the next start goes on, and no bit differs."""
    study = tmp_path / "killed.yaml"
    study.write_text(STUDY)
    # Few images to be validated, tested and explained: what is killed are the runs.
    write_drawn(tmp_path / "data", 2400, 300)
    data = ("--data", str(tmp_path / "data"), "--any-idx")
    began = time.monotonic()
    undisturbed = start(tmp_path / "undisturbed", study, *data)
    _, errors = undisturbed.communicate(timeout=200)
    assert undisturbed.returncode == 0, errors
    duration = time.monotonic() - began
    expected = files_of(tmp_path / "undisturbed")
    assert len(expected) == 4 * RUNS
    dice, kills, studies = np.random.default_rng(0), 0, 0
    while kills < KILLS:
        out = tmp_path / f"disturbed-{studies}"
        studies += 1
        while True:
            process = start(out, study, *data)
            try:
                _, errors = process.communicate(timeout=dice.uniform(0.2, 0.8 * duration))
            except subprocess.TimeoutExpired:
                kills += 1
                if dice.random() < 0.5:
                    os.kill(process.pid, signal.SIGKILL)
                else:
                    os.killpg(process.pid, signal.SIGKILL)
                process.communicate(timeout=30)
                continue
            assert process.returncode == 0, errors
            break
        assert files_of(out) == expected
        (results,) = out.glob("*/results.json")
        assert json.loads(results.read_text())["failures"] == []


def hold(directory: Path, seconds: float) -> subprocess.Popen[str]:
    """Another process that has the directory's lock."""
    program = f"""
import time
from pathlib import Path
from fashion_compare.store.lock import exclusive
with exclusive(Path({str(directory)!r})):
    print("held", flush=True)
    time.sleep({seconds})
"""
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_two_processes_do_not_work_on_one_directory(tmp_path: Path) -> None:
    """The second `run` refuses in one line that names the first; `status` names it too; afterwards it may."""
    study = tmp_path / "killed.yaml"
    study.write_text(STUDY)
    root = tmp_path / "out" / "killed-synthetic"
    first = hold(root, 60)
    second = start(tmp_path / "out", study)
    output, errors = second.communicate(timeout=60)
    assert (second.returncode, output) == (1, "")
    announced, line = errors.splitlines()
    assert "SYNTHETIC" in announced
    assert f"{root} is in use by process {first.pid} on " in line
    assert f"process {first.pid} on" in str(holder(root))
    first.kill()
    first.wait()
    # The lock went with the process; what it wrote down is still there, and does not count.
    assert "process" in (root / ".lock").read_text()
    assert holder(root) is None
    with exclusive(root):
        assert holder(root) is not None
    assert (root / ".lock").read_text() == ""


def test_an_unreadable_lock_still_holds(tmp_path: Path) -> None:
    """Whoever has the lock has it, whatever the file says."""
    process = hold(tmp_path, 60)
    (tmp_path / ".lock").write_text("{")
    assert holder(tmp_path) == "another process"
    process.kill()
    process.wait()


def test_nobody_holds_what_was_never_locked(tmp_path: Path) -> None:
    """Asking makes no file."""
    assert holder(tmp_path) is None
    assert list(tmp_path.iterdir()) == []
