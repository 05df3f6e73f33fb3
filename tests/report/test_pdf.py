"""The page is printed by a real Chromium, or one line says why not."""

import os
import stat
from pathlib import Path

import pytest

from fashion_compare.errors import UserError
from fashion_compare.report.pdf import BROWSERS, write_pdf
from tests.report.conftest import CHROMIUM


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="needs Debian's package 'chromium' on the PATH")
def test_the_page_is_printed(root: Path) -> None:
    """A whole PDF of many pages beside the page, and nothing else left behind."""
    before = {path.name for path in root.iterdir()}
    path = write_pdf(root / "report.html")
    content = path.read_bytes()
    assert content.startswith(b"%PDF-")
    assert b"%%EOF" in content[-1024:]
    assert content.count(b"/Type /Page\n") + content.count(b"/Type/Page") > 10
    assert {entry.name for entry in root.iterdir()} - before == {"report.pdf"}
    path.unlink()


def test_without_a_browser_one_line_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It names what was looked for."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="needs Chromium or Chrome") as caught:
        write_pdf(tmp_path / "report.html")
    assert "\n" not in str(caught.value)


def test_a_browser_that_fails_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it said last is passed on, and an older PDF stays."""
    fake = tmp_path / BROWSERS[0]
    fake.write_text("#!/bin/sh\necho first >&2\necho 'cannot open display' >&2\nexit 3\n")
    fake.chmod(fake.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    (tmp_path / "report.pdf").write_text("old")
    with pytest.raises(UserError, match="cannot open display") as caught:
        write_pdf(tmp_path / "report.html")
    assert "\n" not in str(caught.value)
    assert (tmp_path / "report.pdf").read_text() == "old"
