"""The page as a PDF, printed by Chromium."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from fashion_compare.errors import UserError

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome", "msedge")
_SECONDS = 180


def write_pdf(page: Path) -> Path:
    """Print `page`, an ``.html``, to a ``.pdf`` beside it.

    Raises:
        UserError: there is no such browser, or it did not print.
    """
    browser = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if browser is None:
        raise UserError(
            f"--pdf needs Chromium or Chrome on the PATH ({', '.join(BROWSERS)}); or print {page} from any browser"
        )
    target = page.with_suffix(".pdf")
    # A profile of its own: one that is open elsewhere would take the order and do nothing.
    with tempfile.TemporaryDirectory(dir=page.parent) as scratch:
        printed = Path(scratch) / target.name
        command = [browser, "--headless", "--disable-gpu", "--no-first-run", "--no-pdf-header-footer",
                   "--disable-background-networking", "--disable-component-update", "--disable-sync",
                   f"--user-data-dir={scratch}/profile", f"--print-to-pdf={printed}"]  # fmt: skip
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            # Chromium refuses to run as root with its sandbox; the page is our own, and loads nothing.
            command.append("--no-sandbox")
        try:
            done = subprocess.run(  # noqa: S603 - a browser from the PATH, our own page, no shell
                [*command, page.resolve().as_uri()], capture_output=True, text=True, timeout=_SECONDS, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise UserError(f"{browser} did not print {page}: {error}") from error
        if not printed.exists():
            said = done.stderr.strip().splitlines()
            raise UserError(f"{browser} did not print {page}: {said[-1] if said else f'exit status {done.returncode}'}")
        printed.replace(target)
    return target
