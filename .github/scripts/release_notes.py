"""Prints what CHANGELOG.md says about the version that a tag names: the notes of its release."""

import argparse
import re
import sys
from pathlib import Path

_PROJECT = Path(__file__).parents[2]


def notes(changelog: str, version: str) -> str:
    """Return the section of `version`, without its heading.

    Raises:
        ValueError: there is no such section, or nothing in it.
    """
    sections = re.split(r"^## ", changelog, flags=re.MULTILINE)[1:]
    found = [section.partition("\n") for section in sections]
    texts = [text.strip() for heading, _, text in found if re.match(rf"\[?{re.escape(version)}\]?(\s|$)", heading)]
    if len(texts) != 1 or not texts[0]:
        headings = ", ".join(heading for heading, _, _ in found)
        raise ValueError(f"CHANGELOG.md: expected one section '## {version}' with text in it; it has: {headings}")
    return texts[0]


def version_of(tag: str, pyproject: str) -> str:
    """Return the version that a tag names.

    Raises:
        ValueError: it names another version than pyproject.toml does.
    """
    declared = re.search(r'^version = "(.+)"$', pyproject, flags=re.MULTILINE)
    if declared is None or tag != f"v{declared[1]}":
        expected = "a version" if declared is None else f"v{declared[1]}"
        raise ValueError(f"tag {tag}: pyproject.toml says {expected}; tag the commit that sets the version")
    return declared[1]


def main() -> int:
    """Print the notes; one line and status 1 when the tag does not fit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tag", help="such as v0.1.0")
    tag = parser.parse_args().tag
    try:
        version = version_of(tag, (_PROJECT / "pyproject.toml").read_text(encoding="utf-8"))
        print(notes((_PROJECT / "CHANGELOG.md").read_text(encoding="utf-8"), version))
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
