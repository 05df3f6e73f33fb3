"""The workflows fit GitHub's schemas, and nothing in them is known to be unsafe."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.workflows.loading import ROOT

GITHUB = ROOT / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
PINNED = re.compile(r"uses: [\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$")
TOOLS = Path(sys.executable).parent
SCHEMAS = {
    "vendor.github-workflows": WORKFLOWS,
    "custom.github-workflows-require-timeout": WORKFLOWS,
    "vendor.dependabot": [GITHUB / "dependabot.yml"],
    "vendor.github-issue-forms": [GITHUB / "ISSUE_TEMPLATE" / name for name in ("bug.yml", "experiment.yml")],
    "vendor.github-issue-config": [GITHUB / "ISSUE_TEMPLATE" / "config.yml"],
    "vendor.citation-file-format": [ROOT / "CITATION.cff"],
}


def tool(name: str) -> str:
    found = shutil.which(name, path=str(TOOLS)) or shutil.which(name)
    if found is None:
        pytest.skip(f"needs the extra 'workflows' ({name})")
    return found


def findings(place: Path) -> list[dict[str, Any]]:
    """What zizmor finds above low, without asking the network."""
    words = ["--offline", "--no-ignores", "--strict-collection", "--min-severity", "medium", "--format", "json"]
    done = subprocess.run([tool("zizmor"), *words, str(place)], capture_output=True, text=True, check=False)
    # 11 to 14 stand for findings; 1 to 3 for an audit that did not take place.
    assert done.returncode in (0, 11, 12, 13, 14), done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def fits(schema: str, paths: list[Path]) -> subprocess.CompletedProcess[str]:
    words = [tool("check-jsonschema"), "--builtin-schema", schema, *map(str, paths)]
    return subprocess.run(words, capture_output=True, text=True, check=False)


def jobs() -> Iterator[tuple[str, dict[str, Any]]]:
    for path in WORKFLOWS:
        for name, job in yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"].items():
            yield f"{path.name}, {name}", job


def test_all_of_them_are_looked_at() -> None:
    """The four workflows are there, and every file that GitHub reads is in the table of schemas."""
    assert [path.name for path in WORKFLOWS] == ["ci.yml", "colab.yml", "experiment.yml", "release.yml"]
    assert {path for paths in SCHEMAS.values() for path in paths} >= set(GITHUB.rglob("*.yml"))


@pytest.mark.parametrize("schema", SCHEMAS)
def test_they_fit_their_schema(schema: str) -> None:
    """As check-jsonschema ships it: GitHub's for workflows, forms and Dependabot, that of CFF for the citation."""
    done = fits(schema, SCHEMAS[schema])
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_schema_check_can_fail(tmp_path: Path) -> None:
    """A job without a machine to run on does not fit."""
    broken = tmp_path / "broken.yml"
    broken.write_text("on: push\njobs: {a: {steps: [{run: ls}]}}\n")
    assert fits("vendor.github-workflows", [broken]).returncode == 1


def test_zizmor_finds_nothing_above_low() -> None:
    """In workflows and Dependabot's configuration, with no finding ignored."""
    assert findings(ROOT) == []


def test_zizmor_can_find_something(tmp_path: Path) -> None:
    """A pull request's title in a command, and an action by its tag, are findings."""
    place = tmp_path / ".github" / "workflows"
    place.mkdir(parents=True)
    text = WORKFLOWS[0].read_text(encoding="utf-8")
    text = text.replace("run: .venv/bin/mypy", "run: echo ${{ github.event.pull_request.title }}")
    (place / "ci.yml").write_text(re.sub(r"checkout@\w+ # v", "checkout@v", text), encoding="utf-8")
    assert {"template-injection", "unpinned-uses"} <= {finding["ident"] for finding in findings(tmp_path)}


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_every_action_is_pinned(path: Path) -> None:
    """By a commit's full hash, with the version that it is in a comment; the same version everywhere."""
    uses = [
        line.strip().removeprefix("- ") for line in path.read_text(encoding="utf-8").splitlines() if "uses:" in line
    ]
    assert uses
    assert [line for line in uses if not PINNED.fullmatch(line)] == []


def test_an_action_is_at_one_version() -> None:
    """Whichever workflow uses it."""
    used = {line for path in WORKFLOWS for line in re.findall(r"uses: (\S+)", path.read_text(encoding="utf-8"))}
    names = [line.partition("@")[0] for line in used]
    assert len(names) == len(set(names))


def test_rights_are_given_job_by_job() -> None:
    """A workflow as a whole has none; who may write is listed here, so that a change is seen."""
    for path in WORKFLOWS:
        assert yaml.safe_load(path.read_text(encoding="utf-8"))["permissions"] == {}
    writers = {name: {k for k, v in job["permissions"].items() if v == "write"} for name, job in jobs()}
    assert {name: rights for name, rights in writers.items() if rights} == {
        "colab.yml, publish": {"contents"},
        "release.yml, publish": {"attestations", "contents", "id-token"},
    }


def test_no_expression_is_in_a_command() -> None:
    """Commands take what GitHub knows from variables: nobody's text becomes a part of a script."""
    commands = [(name, step["run"]) for name, job in jobs() for step in job["steps"] if "run" in step]
    assert commands
    assert [command for command in commands if "${{" in command[1]] == []


def test_no_checkout_leaves_the_token_behind() -> None:
    """Later steps find no credentials in the checkout."""
    checkouts = [step for _, job in jobs() for step in job["steps"] if "actions/checkout@" in step.get("uses", "")]
    assert checkouts
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)
