"""What people see while a study runs: live on a terminal, a plain line per finished run elsewhere."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from fashion_compare import console
from fashion_compare.classifier.configuration import FfnnConfiguration
from fashion_compare.store import write_json
from fashion_compare.study.plan import Run
from fashion_compare.study.progress import Snapshot, snapshot


def study(root: Path, *, epochs: list[int]) -> Snapshot:
    """Runs of four epochs of a second each, of which so many are done; -1 for one that has not begun."""
    runs = [
        Run("ffnn", "baseline", FfnnConfiguration(epochs=4), seed, None, None, root, {}) for seed in range(len(epochs))
    ]
    for run, done in zip(runs, epochs, strict=True):
        losses = {
            "train_accuracy": 0.9,
            "penalty": 0.0,
            "train_loss": 0.25,
            "validation_loss": 0.5,
            "validation_accuracy": 0.875,
        }
        run.directory.path.mkdir(parents=True, exist_ok=True)
        if done >= 0:
            run.directory.write_metrics([{"epoch": e, "seconds": float(e > 0), **losses} for e in range(done + 1)])
        if done == 4:
            write_json(run.directory.result, {})
    return snapshot(runs, {})


def shown(monkeypatch: pytest.MonkeyPatch, snapshots: list[Snapshot], *, terminal: bool, quiet: bool = False) -> str:
    """What appears on stderr when these snapshots are shown, a second apart."""
    out = io.StringIO()
    monkeypatch.setattr(console, "progress_console", Console(file=out, force_terminal=terminal, width=100))
    seconds = iter(range(100))
    monkeypatch.setattr(console.time, "monotonic", lambda: next(seconds))
    with console.study_progress(2, quiet=quiet) as show:
        for one in snapshots:
            show(one)
    return out.getvalue()


def test_live(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A line for each run under way with epoch, losses and accuracy; above them runs, time left and throughput."""
    looks = [study(tmp_path, epochs=epochs) for epochs in ([0, -1, -1], [4, 2, -1])]
    text = shown(monkeypatch, looks, terminal=True)
    assert "ffnn/baseline/seed-1" in text
    assert "epoch 2/4" in text
    assert "loss 0.250/0.500" in text
    assert "validation 87.5%" in text
    assert "1/3 runs" in text
    # Two epochs of one run and four of another are left, at a second each, and cannot be shared further.
    assert "about 4 s left" in text
    # Six epochs in the second between the two looks.
    assert "360 epochs a minute" in text


def test_plain(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without a terminal a line says what was done before, then one each run that ended."""
    looks = [study(tmp_path, epochs=epochs) for epochs in ([4, -1, -1], [4, 4, 1], [4, 4, 4], [4, 4, 4])]
    lines = shown(monkeypatch, looks, terminal=False).splitlines()
    assert lines == [
        "1 of 3 runs were done before",
        "[2/3] ffnn/baseline/seed-1 done in 4 s, validation accuracy 87.50%; about 3 s left",
        "[3/3] ffnn/baseline/seed-2 done in 4 s, validation accuracy 87.50%",
    ]


def test_quiet(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Asked for no progress, there is none."""
    assert shown(monkeypatch, [study(tmp_path, epochs=[4, 1])], terminal=True, quiet=True) == ""
