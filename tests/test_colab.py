"""The Colab notebook is what its script makes, and survives a lost machine."""

import ast
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import threading
import time
from importlib.metadata import requires, version
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from fashion_compare.errors import UserError
from fashion_compare.notebook import install_missing, missing_packages, mount_drive, newest_study

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
COLAB = NOTEBOOKS / "colab.ipynb"
STUDY = """
name: drill
seeds: 1
training_images: 2000
models:
  ffnn:
    baseline: {hidden_sizes: [64], epochs: 3, dropout: 0.2}
    variations:
      longer: {epochs: 800}
  cnn:
    baseline: {epochs: 6, dropout: 0.2}
"""
MINUTES = 4


def make(*words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, str(NOTEBOOKS / "make_colab.py"), *words], capture_output=True, text=True, check=False
    )


def code() -> list[str]:
    return [cell.source for cell in nbformat.read(COLAB, as_version=4).cells if cell.cell_type == "code"]


def test_the_committed_notebook_is_what_its_script_makes(tmp_path: Path) -> None:
    """To the byte; a file that differs, or none, fails the check with one line that says what to do."""
    assert make("--check").returncode == 0
    other = tmp_path / "other.ipynb"
    assert make("--check", "--output", str(other)).returncode == 1
    other.write_text(COLAB.read_text().replace("cell-00", "cell-99"))
    done = make("--check", "--output", str(other))
    assert (done.returncode, done.stdout) == (1, "")
    assert len(done.stderr.splitlines()) == 1
    assert "run it without --check" in done.stderr


def test_it_can_be_pinned_to_a_commit(tmp_path: Path) -> None:
    """The commit is what it installs, the repository what badge and installation point to, and nothing else differs."""
    pinned = tmp_path / "colab.ipynb"
    assert make("--commit", "0123abc", "--repository", "someone/somewhere", "--output", str(pinned)).returncode == 0
    nbformat.validate(nbformat.read(pinned, as_version=4))
    text = pinned.read_text()
    assert "git+https://github.com/someone/somewhere@0123abc" in text
    assert "githubusercontent" not in text
    assert (
        text.replace("someone/somewhere@0123abc", "OWNER/fashion-compare@main").replace(
            "someone/somewhere", "OWNER/fashion-compare"
        )
        == COLAB.read_text()
    )


def test_it_defines_nothing() -> None:
    """It imports the package: no function, no class, no lambda in any cell; Drive has a cell of its own."""
    trees = [ast.parse(source) for source in code()]
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
    assert [node for tree in trees for node in ast.walk(tree) if isinstance(node, kinds)] == []
    (drive,) = [source for source in code() if "mount_drive" in source]
    assert "command" not in drive
    assert "--no-deps" in "".join(code())


def test_only_what_is_missing_is_installed() -> None:
    """The package's own requirements are all met here; of made-up ones those that are not, never those of extras."""
    assert missing_packages() == []
    assert any("extra ==" in text for text in requires("fashion-compare") or [])
    held = [f"torch>={version('torch').split('+')[0]}", f"typer<={version('typer')}"]
    lacking = ["fashion-compare-lacks-this>=1", "jinja2>=999"]
    foreign = ["fashion-compare-lacks-that; extra == 'test'", "fashion-compare-lacks-that; python_version < '3'"]
    assert missing_packages(held + lacking + foreign) == lacking


@pytest.mark.parametrize("text", ["torch>=999", "numpy<1"])
def test_torch_and_numpy_are_never_replaced(text: str) -> None:
    """A machine whose own do not fit is refused in one line."""
    with pytest.raises(UserError, match=rf"this machine has .*expected {text}: choose another runtime"):
        missing_packages([text])


def test_where_nothing_is_missing_nothing_is_installed(capsys: pytest.CaptureFixture[str]) -> None:
    """And that is said."""
    install_missing()
    assert capsys.readouterr().out == "Every package that is needed is there.\n"


def test_outside_colab_there_is_no_drive(capsys: pytest.CaptureFixture[str]) -> None:
    """Said plainly, and no error."""
    assert mount_drive() is None
    assert "not Colab" in capsys.readouterr().out


@pytest.mark.parametrize("declined", [False, True])
def test_a_drive_is_mounted_or_declined(
    declined: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On a machine that has Colab's module: the folder in the drive, or a sentence that says where results stay."""
    package = tmp_path / "google" / "colab"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    does = "raise ValueError('mount failed')" if declined else "pass"
    (package / "drive.py").write_text(f"def mount(at):\n    {does}\n")
    monkeypatch.syspath_prepend(tmp_path)
    for name in [name for name in sys.modules if name == "google" or name.startswith("google.")]:
        monkeypatch.delitem(sys.modules, name)
    kept = mount_drive(at=str(tmp_path / "drive"))
    for name in [name for name in sys.modules if name.startswith("google")]:
        monkeypatch.delitem(sys.modules, name)
    said = capsys.readouterr().out
    assert kept == (None if declined else tmp_path / "drive" / "MyDrive" / "fashion-compare")
    assert ("not mounted (mount failed)" in said) == declined


def test_a_folder_without_a_report_is_refused(tmp_path: Path) -> None:
    """With what to do."""
    with pytest.raises(UserError, match="run the study first"):
        newest_study(tmp_path)


def execute(home: Path, kept: Path) -> nbformat.NotebookNode:
    """Run the notebook on a machine whose files are in `home`."""
    home.mkdir()
    study = home.parent / "drill.yaml"
    study.write_text(STUDY)
    told = {"STUDY": str(study), "DATA": "synthetic", "PACKAGE": "", "KEEP": str(kept), "KEEP_MINUTES": "0.02"}
    notebook = nbformat.read(COLAB, as_version=4)
    client = NotebookClient(notebook, timeout=1200, kernel_name="python3", resources={"metadata": {"path": str(home)}})
    client.execute(env=os.environ | {f"FASHION_COMPARE_{name}": value for name, value in told.items()})
    return notebook


def results_of(home: Path) -> object:
    """Every number of the results, but for times and what the machine is called."""
    found = json.loads((home / "runs" / "drill-synthetic" / "results.json").read_text())

    def without_times(value: object) -> object:
        if isinstance(value, dict):
            return {
                k: without_times(v)
                for k, v in value.items()
                if "seconds" not in k and k not in {"environment", "notes"}
            }
        return [without_times(item) for item in value] if isinstance(value, list) else value

    return without_times(found)


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_it_runs_from_top_to_bottom_and_survives_a_lost_machine(tmp_path: Path) -> None:
    """Offline on synthetic data; killed in the middle and run again on an empty machine: the same numbers."""
    began = time.monotonic()
    notebook = execute(tmp_path / "undisturbed", tmp_path / "kept-undisturbed")
    assert time.monotonic() - began < 60 * MINUTES * float(os.environ.get("PATIENCE", "1"))
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    assert not [output for output in outputs if output.output_type == "error"]
    shown = "".join(output.get("data", {}).get("text/html", "") for output in outputs)
    assert "iframe srcdoc" in shown
    last = notebook.cells[-1].outputs
    assert "ffnn longer" in "".join(o.get("text", "") or o.get("data", {}).get("text/plain", "") for o in last)

    home, kept = tmp_path / "lost", tmp_path / "kept"
    failure: list[CellExecutionError] = []

    def lose() -> None:
        try:
            execute(home, kept)
        except CellExecutionError as error:
            failure.append(error)

    losing = threading.Thread(target=lose)
    losing.start()
    archive = kept / "drill-synthetic.tar"
    while losing.is_alive():
        time.sleep(0.1)
        if archive.exists():
            with tarfile.open(archive) as tar:
                done = sum(name.endswith("result.json") for name in tar.getnames())
            if done:
                lock = json.loads((home / "runs" / "drill-synthetic" / ".lock").read_text())
                os.kill(lock["process"], signal.SIGKILL)
                break
    losing.join()
    assert "ended with -9" in str(failure[0])
    assert done < 3
    assert not (home / "runs" / "drill-synthetic" / "results.json").exists()
    shutil.rmtree(home)
    notebook = execute(home, kept)
    texts = (o.get("text", "") for cell in notebook.cells if cell.cell_type == "code" for o in cell.outputs)
    # Lines are wrapped between words, as wide as a cell is.
    shown = " ".join("".join(texts).split())
    assert f"taken over from {archive}" in shown
    assert " 0 done before" not in shown
    assert results_of(home) == results_of(tmp_path / "undisturbed")
