"""README and docs as the tests look at them: pages, code blocks, command lines, links, anchors."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
# The languages that a block may be in: what is none of them would be looked at by no test.
LANGUAGES = {"bash", "python", "yaml", "text"}
_BLOCK = re.compile(r"^```(.*?)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced block of code."""

    page: str
    language: str
    title: str | None
    text: str


def name_of(page: Path) -> str:
    """A page's path in the repository."""
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page, in order."""
    found = []
    for information, text in _BLOCK.findall(page.read_text(encoding="utf-8")):
        language, _, rest = information.partition(" ")
        title = re.fullmatch(r'title="(.*)"', rest)
        found.append(Block(name_of(page), language, title and title[1], text))
    return found


def commands(block: Block) -> Iterator[str]:
    """The commands of a bash block, without comments; those joined by && are one each."""
    for line in block.text.splitlines():
        for part in line.split(" && "):
            command = shlex.join(shlex.split(part, comments=True))
            if command:
                yield command


def prose(page: Path) -> str:
    """A page without its fenced blocks."""
    return _BLOCK.sub("", page.read_text(encoding="utf-8"))


def mentioned(page: Path) -> list[str]:
    """The program's commands that stand in prose, as inline code or indented."""
    inline = re.findall(r"`(fashion-compare [^`]+)`", prose(page))
    return [
        " ".join(text.split()) for text in inline + re.findall(r"^    (fashion-compare .+)$", prose(page), re.MULTILINE)
    ]


def links(page: Path) -> list[str]:
    """Where a page's links and images lead, code left out."""
    text = re.sub(r"`[^`\n]*`", "", prose(page))
    return re.findall(r"\]\(([^)\s]+)\)", text)


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub and the site's builder both make them."""
    headings = re.findall(r"^#{1,6} (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}
