"""Takes the commands out of the GitHub workflows, and runs here what can run without GitHub.

python .ci/workflow_steps.py          lists every command: whether it runs here, and if not, why
python .ci/workflow_steps.py --run    runs them in a copy of this checkout, job by job; stops at the first that fails
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

PROJECT = Path(__file__).parents[1]
WORKFLOWS = PROJECT / ".github" / "workflows"

_INSTALLS = "installs what the environment that runs this has already"
_GITHUB = "needs GitHub"
_COLAB = "needs an account at Colab"
_SLOW = "takes long, and .ci/run has it"
# By the step's name: what does not run here, and why.
NOT_HERE = {
    "Install": _INSTALLS,
    "Install with the development tools": _INSTALLS,
    "Install with the development tools and pip-audit": _INSTALLS,
    "Install with the tests' needs": _INSTALLS,
    "Install the build tool": _INSTALLS,
    "Make the environment": _INSTALLS,
    "Known vulnerabilities of what is installed": "asks a service on the network about every package",
    "The README's test command": _SLOW,
    "Slow tests, among them every command of README and docs": _SLOW,
    "Execute it on the synthetic data": _SLOW,
    "The runner has a Chromium": "is about GitHub's runner",
    "Fetch Fashion-MNIST": "downloads; what follows runs on the synthetic data here",
    "The README's run command": "is the main job, on data that is downloaded",
    "It left the report of the default study": "is about the main job",
    "Fetch the notebook": _GITHUB,
    "Let git use the job's token": _GITHUB,
    "Fetch what was built": _GITHUB,
    "Make the release": _GITHUB,
    "Install Google's command line for Colab": _COLAB,
    "Sign in": _COLAB,
    "Run every cell on Colab": _COLAB,
    "Leave no session open": _COLAB,
    "No cell failed": "is about the notebook that comes from Colab",
}
# By the step's name: variables that make it small enough.
SMALLER = {"Run the changed studies and main's": {"MAIN_STUDY": "small.yaml", "DATA": "synthetic", "SEEDS": "1"}}
_ADDED = "experiments/wider.yaml"
_STUDY = """
name: {name}
seeds: 1
training_images: 300
models:
  ffnn: {{baseline: {{hidden_sizes: [16], epochs: 1}}, variations: {{l1: {{l1: 0.0001}}}}}}
"""
_EXPRESSION = re.compile(r"\$\{\{\s*(.*?)\s*\}\}")
_EXPRESSIONS = {"vars.TORCH_INDEX_URL": os.environ.get("TORCH_INDEX_URL", ""), "github.token": ""}


@dataclass(frozen=True)
class Step:
    """A command of a workflow, with the variables that it sees."""

    workflow: str
    job: str
    name: str
    command: str
    variables: dict[str, str]

    @property
    def where(self) -> str:
        """Its place in words."""
        return f"{self.workflow}, {self.job}: {self.name}"


def steps(directory: Path = WORKFLOWS) -> Iterator[Step]:
    """Yield every command of every workflow, in order."""
    for path in sorted(directory.glob("*.yml")):
        workflow = yaml.safe_load(path.read_text(encoding="utf-8"))
        for job_name, job in workflow["jobs"].items():
            for step in job["steps"]:
                if "run" in step:
                    parts = (workflow.get("env", {}), job.get("env", {}), step.get("env", {}))
                    variables = {name: str(value) for part in parts for name, value in part.items()}
                    yield Step(path.name, job_name, step.get("name", step["run"]), step["run"], variables)


def checkout(place: Path) -> Path:
    """Return a repository with this checkout's files as `main`, a remote, and a branch that adds an experiment."""
    copy = place / "checkout"
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(listed, cwd=PROJECT, check=True, capture_output=True, text=True).stdout.split("\0")
    for name in filter(None, names):
        # This checkout may be such a copy itself.
        if (PROJECT / name).is_file() and name != _ADDED:
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(PROJECT / name, copy / name)
    (copy / "small.yaml").write_text(_STUDY.format(name="small"), encoding="utf-8")
    (copy / "CHANGELOG.md").write_text(_released((copy / "CHANGELOG.md").read_text(encoding="utf-8")), encoding="utf-8")
    git = ["git", "-c", "user.name=local", "-c", "user.email=local@localhost"]
    for command in (
        ["git", "init", "--quiet", "--bare", str(place / "origin.git")],
        ["git", "init", "--quiet", "--initial-branch=main", "."],
        ["git", "remote", "add", "origin", str(place / "origin.git")],
        ["git", "add", "--all"],
        [*git, "commit", "--quiet", "--message", "main"],
        ["git", "push", "--quiet", "origin", "main"],
        ["git", "checkout", "--quiet", "-b", "experiment/small"],
    ):
        subprocess.run(command, cwd=copy, check=True)
    (copy / _ADDED).parent.mkdir(exist_ok=True)
    (copy / _ADDED).write_text(_STUDY.format(name="wider"), encoding="utf-8")
    subprocess.run(["git", "add", "--all"], cwd=copy, check=True)
    subprocess.run([*git, "commit", "--quiet", "--message", "experiment"], cwd=copy, check=True)
    (copy / ".venv").symlink_to(sys.prefix)
    return copy


def _version() -> str:
    found = re.search(r'^version = "(.+)"$', (PROJECT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)
    assert found is not None
    return found[1]


def _released(changelog: str) -> str:
    """The changelog as the commit that is tagged would have it."""
    known = re.search(rf"^## \[?{re.escape(_version())}", changelog, re.MULTILINE)
    return changelog if known else changelog.replace("## Unreleased", f"## {_version()}", 1)


def run(step: Step, copy: Path) -> None:
    """Run a command as a runner does.

    Raises:
        subprocess.CalledProcessError: it failed.
        KeyError: it uses an expression that has no value here.
    """
    given = {k: _EXPRESSION.sub(lambda found: _EXPRESSIONS[found[1]], text) for k, text in step.variables.items()}
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=copy, check=True, capture_output=True, text=True).stdout
    github = {
        "GITHUB_SHA": head.strip(),
        "GITHUB_REPOSITORY": "OWNER/fashion-compare",
        "GITHUB_REF_NAME": f"v{_version()}" if step.workflow == "release.yml" else "experiment/small",
        "GITHUB_STEP_SUMMARY": str(copy.parent / "summary.md"),
        # The installed package is that of another checkout: this one's comes first.
        "PYTHONPATH": str(copy / "src"),
        "PATH": os.pathsep.join([str(copy / ".venv" / "bin"), os.environ["PATH"]]),
    }
    environment = os.environ | github | given | SMALLER.get(step.name, {})
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step.command]
    subprocess.run(command, cwd=copy, env=environment, check=True)


def run_all(place: Path) -> list[Step]:
    """Run what can run here, the same command once, in a copy below `place`, and return what ran."""
    copy = checkout(place)
    done: list[Step] = []
    for step in steps():
        if step.name not in NOT_HERE and step.command not in [other.command for other in done]:
            print(f"== {step.where}", flush=True)
            run(step, copy)
            done.append(step)
    return done


def main() -> int:
    """List or run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", action="store_true")
    parser.add_argument("--place", type=Path, help="an empty directory that keeps the copy; default a temporary one")
    arguments = parser.parse_args()
    if not arguments.run:
        for step in steps():
            print(f"{step.where}: {NOT_HERE.get(step.name, 'RUNS HERE')}")
        return 0
    try:
        with tempfile.TemporaryDirectory() as temporary:
            done = run_all(arguments.place or Path(temporary))
    except subprocess.CalledProcessError as error:
        print(f"exit {error.returncode}: {error.cmd[-1]}", file=sys.stderr)
        return 1
    print(f"{len(done)} commands ran")
    return 0


if __name__ == "__main__":
    sys.exit(main())
