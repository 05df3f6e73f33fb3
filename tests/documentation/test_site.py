"""The site is built without a warning and loads nothing from elsewhere; links in README and docs lead somewhere."""

import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.documentation.pages import DOCS, LANGUAGES, PAGES, ROOT, anchors, blocks, links, name_of

CONFIGURATION = tomllib.loads((ROOT / "zensical.toml").read_text(encoding="utf-8"))["project"]


def build(home: Path) -> "subprocess.CompletedProcess[str]":
    words = [str(Path(sys.executable).with_name("zensical")), "build", "--strict", "--clean"]
    return subprocess.run(words, cwd=home, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """What the site is made from, in a directory of its own."""
    pytest.importorskip("zensical", reason="needs the extra 'docs'")
    shutil.copy(ROOT / "zensical.toml", tmp_path)
    shutil.copytree(DOCS, tmp_path / "docs")
    return tmp_path


def test_the_site_is_built_without_a_warning(copy: Path) -> None:
    """Every page has its own in the site, and no page loads or embeds anything from another address."""
    done = build(copy)
    assert (done.returncode, "No issues found" in done.stdout + done.stderr) == (0, True), done.stdout + done.stderr
    site = copy / "build" / "site"
    made = {path.relative_to(site).with_suffix(".md").as_posix() for path in site.rglob("*.html")} - {"404.md"}
    assert made == {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")}
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert not re.findall(r"<(?:script|img|iframe|source)[^>]*\ssrc=\"?(?:https?:)?//[^>]*>", text), page
        assert not re.findall(
            r"<link[^>]*rel=\"?(?:stylesheet|preconnect|icon)[^>]*href=\"?(?:https?:)?//[^>]*>", text
        ), page


@pytest.mark.parametrize("text", ["[x](nowhere.md)", "[x](results.md#nowhere)"])
def test_a_link_that_leads_nowhere_stops_the_build(copy: Path, text: str) -> None:
    """A page and an anchor that are not there."""
    (copy / "docs" / "planted.md").write_text(f"# Planted\n\n{text}\n", encoding="utf-8")
    assert build(copy).returncode != 0


def navigated(part: list[dict[str, object]]) -> Iterator[str]:
    for entry in part:
        for inner in entry.values():
            yield from navigated(inner) if isinstance(inner, list) else [str(inner)]


def test_the_navigation_has_every_page() -> None:
    """Once, and none that is not there."""
    assert sorted(navigated(CONFIGURATION["nav"])) == sorted(p.relative_to(DOCS).as_posix() for p in DOCS.rglob("*.md"))


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_leads_somewhere(page: Path) -> None:
    """To a file of the repository, and to a heading of it where one is named."""
    for link in links(page):
        if link.startswith("https://"):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.is_relative_to(ROOT), link
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_block_says_its_language(page: Path) -> None:
    """So that it is known which are executed."""
    assert {block.language for block in blocks(page)} <= LANGUAGES


def test_the_readme_leads_to_every_page() -> None:
    """From its list of documentation, through the pages that it names."""
    seen: set[Path] = set()
    waiting = [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page not in seen:
            seen.add(page)
            targets = [(page.parent / link.partition("#")[0]).resolve() for link in links(page) if "://" not in link]
            waiting += [target for target in targets if target.suffix == ".md"]
    assert set(PAGES) <= seen
