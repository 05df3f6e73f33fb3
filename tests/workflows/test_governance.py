"""What contributors read: no link leads nowhere, and the version is one."""

import re
import tomllib

import pytest
import yaml

from fashion_compare import __version__
from tests.workflows.loading import ROOT

PAGES = ["CONTRIBUTING.md", "CODE_OF_CONDUCT.md"]


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    """To a file of the repository, and to a heading of it where they name one."""
    links = re.findall(r"\]\((?!https:)([^)#]*)(?:#([^)]*))?\)", (ROOT / page).read_text(encoding="utf-8"))
    assert links
    for path, anchor in links:
        text = (ROOT / path).read_text(encoding="utf-8")
        lines = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
        headings = {re.sub(r"[^\w -]", "", line).lower().replace(" ", "-") for line in lines}
        assert not anchor or anchor in headings


def test_scripts_and_branches_that_contributors_read_about_exist() -> None:
    """Commands name scripts that are there; the branches are those that workflows listen to."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    scripts = set(re.findall(r"\.(?:ci|github)/[\w/]+(?:\.py|\.sh)?", text))
    assert {".ci/run", ".ci/workflow_steps.py", ".github/scripts/experiment.py"} <= scripts
    assert [script for script in scripts if not (ROOT / script).exists()] == []
    listens = yaml.safe_load((ROOT / ".github/workflows/experiment.yml").read_text(encoding="utf-8"))[True]
    assert listens == {"push": {"branches": ["experiment/**"]}}
    assert "`experiment/<name>`" in text


def test_the_version_is_one() -> None:
    """Of the package, the project and the citation: a release changes all three."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert project["version"] == __version__ == citation["version"]
