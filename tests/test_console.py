"""What people see while a study runs: live on a terminal, a plain line per finished run elsewhere."""

import io
import re
from pathlib import Path

import pytest
from rich.console import Console

from fashion_compare import console
from fashion_compare.classifier.configuration import FfnnConfiguration
from fashion_compare.execution.progress import Snapshot, snapshot
from fashion_compare.report.console_table import ConsoleTable
from fashion_compare.runs.run import Run
from fashion_compare.store import write_json


def study(root: Path, *, epochs: list[int], name: str = "baseline") -> Snapshot:
    """Runs of four epochs of a second each, of which so many are done; -1 for one that has not begun."""
    runs = [Run("ffnn", name, FfnnConfiguration(epochs=4), seed, None, None, root, {}) for seed in range(len(epochs))]
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


def shown(
    monkeypatch: pytest.MonkeyPatch,
    snapshots: list[Snapshot],
    *,
    terminal: bool,
    quiet: bool = False,
    width: int = 100,
) -> str:
    """What appears on stderr when these snapshots are shown, a second apart."""
    out = io.StringIO()
    monkeypatch.setattr(console, "progress_console", Console(file=out, force_terminal=terminal, width=width))
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


@pytest.mark.parametrize("width", [30, 40, 60])
def test_live_on_a_narrow_terminal(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, width: int) -> None:
    """The label of a run is whole, over two lines where it is longer than one, and so is every number."""
    looks = [study(tmp_path, epochs=epochs, name="a-name-of-30-characters-for-it") for epochs in ([0, -1], [2, 3])]
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown(monkeypatch, looks, terminal=True, width=width))
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= width
    lines = "".join(text.splitlines())
    for label in ("ffnn/a-name-of-30-characters-for-it/seed-0", "ffnn/a-name-of-30-characters-for-it/seed-1"):
        assert label in lines
    for words in ("epoch 2/4", "epoch 3/4", "loss 0.250/0.500", "0/2 runs", "about 2 s left", "300 epochs"):
        assert words in " ".join(text.split())


@pytest.mark.parametrize("width", [30, 40, 60, 100])
def test_a_download_on_a_narrow_terminal(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    """The file's name is whole and no markup, and so is how much of it is there."""
    out = io.StringIO()
    monkeypatch.setattr(console, "progress_console", Console(file=out, force_terminal=True, width=width, markup=False))
    with console.download_progress() as show:
        show(13_200_000, 26_400_000, "images-[red]-[/x]-ubyte.gz")
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", out.getvalue())
    assert "images-[red]-[/x]-ubyte.gz\n" in text
    assert " 13.2/26.4 MB " in text


NAMES = ["T-shirt [/top]", "Top [red]", ":shirt:", "[bold]", "C:\\[a]\\b", "[link=x]"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("terminal", [True, False])
def test_names_are_printed_as_they_are(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, name: str, terminal: bool
) -> None:
    """Lines on stdout and stderr, and every text of a table: nothing in a name is markup."""
    for one in (console.result_console, console.progress_console):
        monkeypatch.setattr(one, "_force_terminal", terminal)
        monkeypatch.setattr(one, "_color_system", None)
    console.tell(f"Report: {name}")
    console.say(f"{name} failed")
    table = ConsoleTable(
        f"on {name}", (f"n {name}", f"x {name}", "last"), [[(f"cell {name}", f"is {name}", "")]], f"by {name}"
    )
    console.tell(table)
    out, err = capsys.readouterr()
    assert err == f"{name} failed\n"
    for words in ("Report: ", "on ", "n ", "x ", "cell ", "is ", "by "):
        assert words + name in out


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
