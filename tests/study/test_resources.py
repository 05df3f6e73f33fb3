"""Disk and memory are asked for before work starts, and a disk that fails in the middle ends it cleanly."""

import resource
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fashion_compare.classifier import build
from fashion_compare.classifier.configuration import CnnConfiguration, Configuration, FfnnConfiguration
from fashion_compare.errors import UserError
from fashion_compare.store import write_json
from fashion_compare.study import resources
from fashion_compare.study.plan import Run
from fashion_compare.study.resources import check_disk, fitting_side_by_side, parameters
from fashion_compare.study.status import study_status

MIB = 1 << 20


@pytest.mark.parametrize(
    "configuration",
    [CnnConfiguration(), FfnnConfiguration(), FfnnConfiguration(hidden_sizes=(7,)), FfnnConfiguration(hidden_sizes=())],
    ids=["cnn", "ffnn", "one layer", "no layer"],
)
def test_weights_are_counted_as_the_network_has_them(configuration: Configuration) -> None:
    """Without building it, which would take torch."""
    layers = build(configuration, seed=0, mean=0.0, deviation=1.0).complexity()
    assert parameters(configuration) == sum(layer.parameters for layer in layers)


def runs(root: Path, count: int, **settings: Any) -> list[Run]:
    return [Run("ffnn", "b", FfnnConfiguration(**settings), seed, None, None, root, {}) for seed in range(count)]


def free(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr(resources.shutil, "disk_usage", lambda _: SimpleNamespace(free=size))


def test_a_study_that_does_not_fit_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By hand: weights twice in each of 10 finished runs, beside 1 MiB, and ten times in 2 that are under way."""
    study = runs(tmp_path, 10, hidden_sizes=(1285,))
    weights = 4 * parameters(study[0].configuration)
    needed = 10 * (2 * weights + MIB) + 2 * 10 * weights + 32 * MIB
    free(monkeypatch, needed)
    check_disk(study, 2, tmp_path)
    free(monkeypatch, needed - 1)
    with pytest.raises(UserError, match=r"10 runs need about 0\.2\d? GB, 0\.2\d? GB are free; make room") as caught:
        check_disk(study, 2, tmp_path)
    assert "\n" not in str(caught.value)


def test_what_is_done_needs_no_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A finished study can be reported on a full disk as far as its runs go."""
    study = runs(tmp_path, 2)
    free(monkeypatch, 0)
    for run in study:
        with pytest.raises(UserError):
            check_disk(study, 1, tmp_path)
        write_json(run.directory.result, {})
    check_disk(study, 1, tmp_path)


@pytest.mark.parametrize(("available", "fit"), [(10_000, 8), (640 * 3, 3), (640 * 3 - 1, 2), (1, 1)])
def test_no_more_runs_side_by_side_than_fit_into_memory(
    available: int, fit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At 640 MiB each, and one at least."""
    monkeypatch.setattr(resources.psutil, "virtual_memory", lambda: SimpleNamespace(available=available * MIB))
    assert fitting_side_by_side(8) == fit


STUDY = """
name: full-disk
seeds: 4
training_images: 200
models:
  ffnn: {baseline: {hidden_sizes: [256], epochs: 2}}
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
def test_a_disk_that_takes_no_more_ends_the_study(tmp_path: Path) -> None:
    """No file may grow beyond 400 kB, as a full disk would have it: one line, exit 1, the other runs are not tried.

    What is there can be gone on with.
    """
    (tmp_path / "study.yaml").write_text(STUDY)
    words = [sys.executable, "-m", "fashion_compare", "run", "study.yaml", "--data", "synthetic", "--quiet"]
    words += ["--out", "out", "--workers", "1"]

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, resource.RLIM_INFINITY))

    done = subprocess.run(
        words, cwd=tmp_path, capture_output=True, text=True, preexec_fn=limited, timeout=120, check=False
    )
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    line = done.stderr.splitlines()[-1]
    assert line.startswith("fashion-compare: cannot write ")
    assert "File too large; check space and rights" in line
    root = tmp_path / "out" / "full-disk-stand-in"
    begun = [path for path in root.glob("ffnn/baseline/seed-*") if (path / "metrics.jsonl").exists()]
    assert len(begun) <= 1
    assert not list(root.rglob("*.tmp"))
    assert list(study_status(root)[0].runs)
