"""Disk and memory are asked for before work starts, and a disk that fails in the middle ends it cleanly."""

import os
import re
import resource
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from tests.idx_files import write_drawn
from torch import nn

from fashion_compare.architectures import Architecture
from fashion_compare.classifier import build, cnn
from fashion_compare.classifier.configuration import CnnConfiguration, Configuration, FfnnConfiguration
from fashion_compare.data.dataset import Dataset
from fashion_compare.errors import UserError
from fashion_compare.execution import resources
from fashion_compare.execution.process_pool import WORKER_ENVIRONMENT
from fashion_compare.execution.resources import check_disk, fitting_side_by_side, parameters, process_bytes
from fashion_compare.results.status import study_status
from fashion_compare.runs.run import Run
from fashion_compare.store import write_json

MIB = 1 << 20


CONFIGURATIONS = [
    CnnConfiguration(),
    CnnConfiguration(normalization="batch"),
    FfnnConfiguration(),
    FfnnConfiguration(hidden_sizes=(7,)),
    FfnnConfiguration(hidden_sizes=()),
    FfnnConfiguration(hidden_sizes=(30, 20), normalization="batch"),
]


@pytest.mark.parametrize("configuration", CONFIGURATIONS, ids=str)
def test_weights_are_counted_as_the_network_has_them(configuration: Configuration) -> None:
    """As many as are trained: all that is saved but the averages of batch normalisation, and of the pixels."""
    saved = build(configuration, seed=0, mean=0.0, std=1.0).weights()
    trained = [value for name, value in saved.items() if not re.search(r"^input|running_|num_batches", name)]
    assert parameters(configuration) == sum(value.size for value in trained)


class Wide(nn.Module):
    """A larger network than LeNet-5: 2,400 maps of the whole image, then their mean."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 2400, 3, padding=1)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.dense = nn.Linear(2400, 10)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.dense(self.flatten(self.pool(self.conv(images))))


def test_another_architecture_counts_with_its_own_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dataset: Dataset
) -> None:
    """By hand: (9 + 1)·2,400 + (2,400 + 1)·10 weights, and 2,400·785 values of layers' outputs for each image."""
    lenet5 = Run("cnn", "b", CnnConfiguration(), 0, None, None, tmp_path, {})
    before = process_bytes(lenet5, dataset)
    wide = Architecture("wide", lambda *_: Wide(), "conv", "made up")
    monkeypatch.setattr(cnn, "load_architecture", lambda _: wide)
    assert parameters(lenet5.configuration) == 48_010
    # 6 copies of the outputs of 128 images, against LeNet-5's 8,094 values.
    more_outputs = 6 * 4 * 128 * (2_400 * 784 + 2_400 + 10 - 8_094)
    more_weights = 20 * 4 * (48_010 - 61_706)
    assert process_bytes(lenet5, dataset) - before == more_outputs + more_weights


def runs(root: Path, count: int, **settings: Any) -> list[Run]:
    return [Run("ffnn", "b", FfnnConfiguration(**settings), seed, None, None, root, {}) for seed in range(count)]


@pytest.fixture
def dataset() -> Dataset:
    """Data of another size: 3,000 images to train on, 2,000 and 4,000 others, 20×20 pixels, three classes."""
    parts = {"train": 3_000, "validation": 2_000, "test": 4_000}
    images = {f"{part}_images": np.zeros((count, 20, 20), np.uint8) for part, count in parts.items()}
    labels = {f"{part}_labels": np.zeros(count, np.int64) for part, count in parts.items()}
    names = ("a", "b", "c")
    return Dataset("idx-0", "nowhere", False, names, {}, "", **images, **labels)


def free(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr(resources.shutil, "disk_usage", lambda _: SimpleNamespace(free=size))


def test_a_study_that_does_not_fit_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dataset: Dataset
) -> None:
    """By hand: in each of 10 finished runs weights twice, label and three scores of 9,000 images, and 128 kiB.

    Weights ten times more in 2 that are under way.
    """
    study = runs(tmp_path, 10, hidden_sizes=(1285,))
    weights = 4 * parameters(study[0].configuration)
    beside = 9_000 * (8 + 3 * 4) + MIB // 8
    needed = 10 * (2 * weights + beside) + 2 * 10 * weights + 32 * MIB
    free(monkeypatch, needed)
    check_disk(study, 2, tmp_path, dataset)
    free(monkeypatch, needed - 1)
    with pytest.raises(UserError, match=r"10 runs need about 0\.2\d? GB, 0\.2\d? GB are free; make room") as caught:
        check_disk(study, 2, tmp_path, dataset)
    assert "\n" not in str(caught.value)


def test_what_is_done_needs_no_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dataset: Dataset) -> None:
    """A finished study can be reported on a full disk as far as its runs go."""
    study = runs(tmp_path, 2)
    free(monkeypatch, 0)
    for run in study:
        with pytest.raises(UserError):
            check_disk(study, 1, tmp_path, dataset)
        run.directory.path.mkdir(parents=True)
        write_json(run.directory.result, {})
    check_disk(study, 1, tmp_path, dataset)


def test_memory_of_a_process_by_hand(tmp_path: Path, dataset: Dataset) -> None:
    """Libraries, the images, those that are normalised, weights with what trains them, a batch's outputs."""
    (run,) = runs(tmp_path, 1, hidden_sizes=(5,))
    normalised = 3_000 + 3_000 + 2_000 + 4_000
    weights = 784 * 5 + 5 + 5 * 10 + 10
    images = 400 * (9_000 + 4 * normalised)
    assert process_bytes(run, dataset) == 60 * MIB + images + 20 * 4 * weights + 6 * 4 * 128 * (5 + 10)
    fewer = replace(run, training_images=100)
    assert process_bytes(run, dataset) - process_bytes(fewer, dataset) == 400 * 4 * 2_900 + 6 * 4 * 28 * (5 + 10)


MEASURED = """
import re, sys
from pathlib import Path
from fashion_compare.classifier.configuration import CONFIGURATIONS
from fashion_compare.data.sources import resolve
from fashion_compare.runs.run import Run, data_identity
from fashion_compare.runs.execute import dataset_of, execute

model, settings = sys.argv[1], eval(sys.argv[2])
source = resolve("data", any_idx=True)
dataset = dataset_of(source)
configuration = CONFIGURATIONS[model](epochs=1, **settings)
run = Run(model, "b", configuration, 0, None, source, Path("."), data_identity(dataset))
execute(run)
# The counter of getrusage would start with what the parent had.
peak = 1024 * int(re.search(r"VmHWM:\\s*(\\d+) kB", Path("/proc/self/status").read_text())[1])
from fashion_compare.execution.resources import process_bytes
print(peak, process_bytes(run, dataset))
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize(
    ("model", "settings"),
    [("ffnn", {}), ("cnn", {}), ("cnn", {"batch_size": 2048}), ("ffnn", {"hidden_sizes": (3000, 2000)})],
)
def test_memory_of_a_process_is_about_what_was_estimated(model: str, settings: dict[str, Any], tmp_path: Path) -> None:
    """A worker's peak in an epoch on few images lies within a fifth above the estimate, and not below half of it."""
    write_drawn(tmp_path / "data", 4_000, 1_000)
    words = [sys.executable, "-c", MEASURED, model, repr(settings)]
    done = subprocess.run(
        words,
        cwd=tmp_path,
        env=os.environ | WORKER_ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=240,
        check=True,
    )
    peak, estimated = map(int, done.stdout.split())
    assert 0.5 * estimated < peak < 1.2 * estimated


@pytest.mark.parametrize(("share", "fit"), [(100, 8), (3, 3), (2.999, 2), (0.001, 1)])
def test_no_more_runs_side_by_side_than_fit_into_memory(
    share: float, fit: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dataset: Dataset
) -> None:
    """As many as their estimates add up to what is free, the largest of them at once, and one at least."""
    largest = runs(tmp_path, 8, hidden_sizes=(2000, 2000))
    available = round(share * process_bytes(largest[0], dataset))
    monkeypatch.setattr(resources.psutil, "virtual_memory", lambda: SimpleNamespace(available=available))
    assert fitting_side_by_side(8, runs(tmp_path, 20) + largest, dataset) == fit


def test_few_runs_leave_the_number_as_it_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dataset: Dataset
) -> None:
    """Where all runs of a study fit at once, nothing is taken away from what was asked for."""
    study = runs(tmp_path, 2)
    monkeypatch.setattr(
        resources.psutil, "virtual_memory", lambda: SimpleNamespace(available=2 * process_bytes(study[0], dataset))
    )
    assert fitting_side_by_side(16, study, dataset) == 16


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
    root = tmp_path / "out" / "full-disk-synthetic"
    begun = [path for path in root.glob("ffnn/baseline/seed-*") if (path / "metrics.jsonl").exists()]
    assert len(begun) <= 1
    assert not list(root.rglob("*.tmp"))
    assert list(study_status(root)[0].runs)
