"""The workflows' commands are the ones that run here, as far as they can."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.workflows.loading import ROOT, load

steps = load(".ci/workflow_steps.py")


def test_every_command_has_a_name_and_a_place() -> None:
    """It runs here, or its name is among those that do not; and none is listed that is gone."""
    found = list(steps.steps())
    names = {step.name for step in found}
    assert all(step.name != step.command for step in found)
    assert set(steps.NOT_HERE) | set(steps.SMALLER) <= names
    here = {step.name for step in found if step.name not in steps.NOT_HERE}
    assert here == {
        "Lint",
        "Types",
        "Workflows",
        "Build the sdist, and the wheel from it",
        "Use the wheel without development packages",
        "Pin the notebook to the commit",
        "Push branch colab",
        "Run the changed studies and main's",
        "Take the notes from the CHANGELOG",
    }


def test_one_name_is_one_command() -> None:
    """Otherwise a reason would be given for a command that it is not about."""
    commands: dict[str, set[str]] = {}
    for step in steps.steps():
        commands.setdefault(step.name, set()).add(step.command)
    assert {name for name, found in commands.items() if len(found) > 1} == set()


def test_scripts_that_are_named_exist() -> None:
    """Every script of .github/scripts is used, and every one that is used is there."""
    commands = " ".join(step.command for step in steps.steps())
    texts = commands + " ".join(path.read_text(encoding="utf-8") for path in (ROOT / ".github/scripts").glob("*.sh"))
    for path in (ROOT / ".github/scripts").iterdir():
        if path.is_file():
            assert path.name in texts
    for word in commands.split():
        if word.startswith((".github/", ".ci/")):
            assert (ROOT / word).is_file()


def test_a_command_that_fails_is_named(tmp_path: Path) -> None:
    """A failure stops the run; the rest of a pipe does not hide it."""
    subprocess.run(["git", "init", "--quiet", "."], cwd=tmp_path, check=True)
    identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run(["git", *identity, "commit", "--quiet", "--allow-empty", "-m", "a"], cwd=tmp_path, check=True)
    steps.run(steps.Step("ci.yml", "a", "b", 'test "$WORD" = here', {"WORD": "here"}), tmp_path)
    with pytest.raises(subprocess.CalledProcessError):
        steps.run(steps.Step("ci.yml", "a", "b", "false | cat", {}), tmp_path)
    with pytest.raises(KeyError):
        steps.run(steps.Step("ci.yml", "a", "b", "true", {"WORD": "${{ secrets.OURS }}"}), tmp_path)


@pytest.mark.slow
@pytest.mark.skipif("RUN_WORKFLOWS" not in os.environ, reason="a quarter of an hour: RUN_WORKFLOWS=1 has it run")
@pytest.mark.timeout(1800)
def test_what_can_run_here_runs(tmp_path: Path) -> None:
    """In a copy of this checkout: lint, types, package and its use, an experiment beside main, notebook, notes."""
    words = [sys.executable, str(ROOT / ".ci" / "workflow_steps.py"), "--run", "--place", str(tmp_path)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-5000:]
    assert done.stdout.splitlines()[-1] == "9 commands ran"
    copy = tmp_path / "checkout"
    assert sorted(path.name for path in (copy / "dist").iterdir()) == [
        "fashion_compare-0.1.0-py3-none-any.whl",
        "fashion_compare-0.1.0.tar.gz",
    ]
    assert (copy / "notes.md").read_text(encoding="utf-8").strip()
    # The experiment's page and the job summary have both studies; a job summary shows no figures.
    [report] = (copy / "runs" / "wider").glob("*/report.html")
    summary = (tmp_path / "summary.md").read_text(encoding="utf-8")
    for text in (report.read_text(encoding="utf-8"), summary):
        assert "wider" in text
        assert "small" in text
    baselines = [line for line in summary.splitlines() if line.startswith("| ffnn baseline | ")]
    assert baselines[0].count("%") == 6
    assert "![" not in summary
