"""What `bench scratch` says is arithmetic on what it measured, and every contestant does the same work."""

import itertools
import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from fashion_compare import benchmark
from fashion_compare.benchmark import OURS, SIZES, compare_training, operations_per_image

NAMES = [OURS, "torch eager, fused Adam", "torch with DataLoader", "scikit-learn MLPClassifier"]


def test_the_arithmetic_is_torchs():
    """Forward and backward of the network on one image cost what torch counts for it."""
    layers = [torch.nn.Linear(a, b) for a, b in itertools.pairwise(SIZES)]
    module = torch.nn.Sequential(layers[0], torch.nn.ReLU(), layers[1], torch.nn.ReLU(), layers[2])
    with FlopCounterMode(display=False) as counter:
        module(torch.zeros(1, SIZES[0])).sum().backward()
    assert operations_per_image() == counter.get_total_flops()


def test_the_numbers_follow_from_the_seconds(tiny_dataset, monkeypatch):
    """Ratios are taken round by round, shares are arithmetic at the sgemm rate ÷ seconds; no warm-up counts."""
    clock = iter(np.arange(1.0, 1000.0) ** 1.5)
    rates = iter([1e9, 2e9, 3e9, 4e9])
    monkeypatch.setattr(benchmark, "sgemm_rate", lambda: next(rates))
    monkeypatch.setattr(benchmark.time, "perf_counter", lambda: next(clock))
    said = []
    found = compare_training(
        tiny_dataset.train_images, tiny_dataset.train_labels, batch_sizes=(100,), rounds=3, on_round=said.append
    )
    assert said == ["batch 100: warming up", *(f"batch 100: round {i} of 3" for i in (1, 2, 3))]
    (batch,) = found["batches"]
    assert (found["network"], found["images"], found["threads"], batch["batch_size"]) == (list(SIZES), 400, 1, 100)
    ticks = np.diff(np.arange(1.0, 33.0) ** 1.5)[::2].reshape(4, 4)[1:]
    np.testing.assert_allclose(batch["sgemm_gflops"]["values"], [2, 3, 4])
    assert list(batch["contestants"]) == NAMES
    for i, held in enumerate(batch["contestants"].values()):
        np.testing.assert_allclose(held["seconds"]["values"], ticks[:, i])
        np.testing.assert_allclose(held["times_ours"]["values"], ticks[:, i] / ticks[:, 0])
        expected = operations_per_image() * 400 / np.array([2e9, 3e9, 4e9]) / ticks[:, i]
        np.testing.assert_allclose(held["share_of_sgemm"]["values"], expected)
        assert held["seconds"]["median"] == pytest.approx(np.median(ticks[:, i]))
        assert held["seconds"]["quartiles"] == pytest.approx(np.percentile(ticks[:, i], [25, 75]).tolist())


def test_every_contestant_learns(tiny_dataset):
    """Ten epochs take each one's answers for the training images from chance to better than 80%, and say so."""
    found = compare_training(tiny_dataset.train_images, tiny_dataset.train_labels, batch_sizes=(20,), rounds=9)
    accuracies = {name: held["accuracy"] for name, held in found["batches"][0]["contestants"].items()}
    assert list(accuracies) == NAMES
    assert min(accuracies.values()) > 0.8
    untrained = benchmark._contestants(tiny_dataset.train_images, tiny_dataset.train_labels, 20)
    for name, contestant in untrained.items():
        if not name.startswith("scikit"):
            assert np.mean(contestant.predict() == tiny_dataset.train_labels) < 0.4


def test_the_command_prints_a_table_and_json():
    """`bench scratch` ends with one line of JSON, after a table with a row for each contestant and batch size."""
    words = ["bench", "scratch", "--data", "synthetic", "--images=1000", "--rounds=2", "--batch-size=250"]
    words.append("--batch-size=500")
    done = subprocess.run(
        [sys.executable, "-m", "fashion_compare", *words], capture_output=True, text=True, timeout=200, check=False
    )
    assert done.returncode == 0, done.stderr
    *table, line = done.stdout.splitlines()
    found = json.loads(line)
    assert [batch["batch_size"] for batch in found["batches"]] == [250, 500]
    assert found["images"] == 1000
    for name in NAMES:
        assert sum(name in row for row in table) == 2
    assert "batch 250: round 2 of 2" in done.stderr


def test_an_unknown_benchmark_is_refused():
    """One line that names what there is, exit 2."""
    done = subprocess.run(
        [sys.executable, "-m", "fashion_compare", "bench", "speed"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert "unknown benchmark 'speed': valid: scratch" in done.stderr
