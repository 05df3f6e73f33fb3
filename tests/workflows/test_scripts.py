"""What the workflows' scripts do: notes of a release, a notebook that failed, the notebook's branch, an experiment."""

import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from tests.workflows.loading import ROOT, load

SCRIPTS = ROOT / ".github" / "scripts"
release_notes = load(".github/scripts/release_notes.py")
executed_notebook = load(".github/scripts/executed_notebook.py")
workflow_steps = load(".ci/workflow_steps.py")

CHANGELOG = "# Changelog\n\n## Unreleased\n\n- c\n\n## 1.1.0 – 2026-01-02\n\n### Added\n\n- b\n\n## [1.1] old\n\n- a\n"


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of this checkout on a branch that adds the study experiments/wider.yaml."""
    copy: Path = workflow_steps.checkout(tmp_path_factory.mktemp("repository"))
    return copy


def git(place: Path, *words: str) -> str:
    return subprocess.run(["git", *words], cwd=place, check=True, capture_output=True, text=True).stdout.strip()


def test_notes_are_the_versions_section() -> None:
    """The text between its heading and the next; a version that another begins with is not mistaken for it."""
    assert release_notes.notes(CHANGELOG, "1.1.0") == "### Added\n\n- b"
    assert release_notes.notes(CHANGELOG, "1.1") == "- a"


@pytest.mark.parametrize("changelog", [CHANGELOG, "# Changelog\n\n## 2.0\n\n## 1.0\n\n- a\n", "# Changelog\n"])
def test_a_version_without_notes_is_refused(changelog: str) -> None:
    """No section, or an empty one: nothing is released without notes."""
    with pytest.raises(ValueError, match=r"expected one section '## 2\.0'"):
        release_notes.notes(changelog, "2.0")


def test_the_tag_is_the_projects_version() -> None:
    """A tag on a commit of another version is refused, in a line that says both."""
    assert release_notes.version_of("v1.1.0", 'name = "x"\nversion = "1.1.0"\n') == "1.1.0"
    with pytest.raises(ValueError, match=r"tag v1\.2\.0: pyproject\.toml says v1\.1\.0"):
        release_notes.version_of("v1.2.0", 'version = "1.1.0"\n')


def test_notes_from_the_command_line(checkout: Path) -> None:
    """As the workflow takes them: the tag alone, text on stdout; a wrong tag is status 1 and one line."""
    script = [sys.executable, str(checkout / ".github/scripts/release_notes.py")]
    done = subprocess.run([*script, "v0.1.0"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "fashion-compare run" in done.stdout
    wrong = subprocess.run([*script, "v99"], capture_output=True, text=True, check=False)
    assert (wrong.returncode, wrong.stdout, wrong.stderr.count("\n")) == (1, "", 1)


def test_a_notebook_whose_cell_failed_is_found(tmp_path: Path) -> None:
    """Executed to its end by a real kernel, in spite of a cell that raised: status 1, and the cell is named."""
    path = tmp_path / "executed.ipynb"
    cells = [nbformat.v4.new_code_cell(source) for source in ("print(1)", "1 / 0", "print(2)")]
    notebook = nbformat.v4.new_notebook(cells=cells)
    nbformat.write(notebook, path)
    script = [sys.executable, str(SCRIPTS / "executed_notebook.py"), str(path)]
    assert subprocess.run(script, capture_output=True, text=True, check=False).returncode == 1
    NotebookClient(notebook, timeout=60, kernel_name="python3", allow_errors=True).execute()
    nbformat.write(notebook, path)
    done = subprocess.run(script, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, f"{path}: cell 2 of 3: ZeroDivisionError: division by zero\n")
    del notebook.cells[1]
    nbformat.write(notebook, path)
    assert subprocess.run(script, check=False).returncode == 0


def test_the_branch_holds_the_notebook_alone(checkout: Path) -> None:
    """One commit without a parent, one file, the notebook's bytes, however often; the checkout stays as it was."""
    before = git(checkout, "status", "--porcelain"), git(checkout, "rev-parse", "HEAD")
    path = checkout / "notebooks" / "from_scratch.ipynb"
    for _ in range(2):
        words = ["bash", str(checkout / ".github/scripts/publish_notebook.sh"), "notebooks/from_scratch.ipynb"]
        subprocess.run(words, cwd=checkout, check=True, capture_output=True)
        origin = checkout.parent / "origin.git"
        assert git(origin, "rev-list", "--count", "colab") == "1"
        assert git(origin, "ls-tree", "-r", "--name-only", "colab") == "notebooks/from_scratch.ipynb"
        assert git(origin, "show", "colab:notebooks/from_scratch.ipynb") == path.read_text(encoding="utf-8").strip()
        assert git(origin, "log", "-1", "--format=%s", "colab") == f"Notebook of {before[1]}"
    assert (git(checkout, "status", "--porcelain"), git(checkout, "rev-parse", "HEAD")) == before


def test_studies_that_the_branch_changed(checkout: Path) -> None:
    """Those that it adds or edits since it left main; not what main did since, nor other files."""
    of_copy = load(str(checkout / ".github/scripts/experiment.py"))
    assert of_copy.changed_studies("origin/main") == ["experiments/wider.yaml"]
    assert of_copy.changed_studies("HEAD") == []


def test_a_branch_without_a_study_runs_nothing(checkout: Path, tmp_path: Path) -> None:
    """The job summary says so, and the job passes: code may be pushed before its study."""
    summary = tmp_path / "summary.md"
    script = [sys.executable, str(checkout / ".github/scripts/experiment.py"), "--base", "HEAD", "--out", str(tmp_path)]
    environment = os.environ | {"GITHUB_STEP_SUMMARY": str(summary)}
    assert subprocess.run(script, env=environment, check=False).returncode == 0
    assert summary.read_text(encoding="utf-8").endswith("differs from HEAD: nothing was run.\n")
    assert list(tmp_path.iterdir()) == [summary]
