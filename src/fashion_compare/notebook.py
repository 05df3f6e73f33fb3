"""What a notebook needs besides the commands: missing packages, a drive, live output, the report in a cell.

Only the standard library is imported at the top: on Colab this module comes before what the package needs.
"""

import importlib
import subprocess
import sys
import tempfile
from html import escape
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import TYPE_CHECKING

from fashion_compare.errors import UserError

if TYPE_CHECKING:
    from IPython.display import HTML

# The machine's own stay: they fit its GPU, and all that is installed there was built against them.
KEPT = ("torch", "numpy")


def missing_packages(requirements: list[str] | None = None) -> list[str]:
    """Return the requirements that this machine does not meet, of the package's own without extras.

    Raises:
        UserError: torch or numpy is one of them, which are never replaced.
    """
    from packaging.requirements import Requirement

    missing = []
    for text in (requires("fashion-compare") or []) if requirements is None else requirements:
        requirement = Requirement(text)
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        held = _version(requirement.name)
        if held is not None and requirement.specifier.contains(held, prereleases=True):
            continue
        if requirement.name in KEPT:
            raise UserError(f"this machine has {requirement.name} {held}; expected {text}: choose another runtime")
        missing.append(text)
    return missing


def install_missing() -> None:
    """Install what `missing_packages` returns, with torch and numpy held where they are, and say what it was."""
    missing = missing_packages()
    if not missing:
        print("Every package that is needed is there.")
        return
    with tempfile.TemporaryDirectory() as scratch:
        held = Path(scratch) / "held.txt"
        held.write_text("".join(f"{name}=={_version(name)}\n" for name in KEPT))
        words = ["-m", "pip", "install", "--quiet", "-c", str(held), *missing]
        done = subprocess.run([sys.executable, *words], capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise UserError(f"pip could not install {', '.join(missing)}: {done.stderr}")
    importlib.invalidate_caches()
    print(f"Installed: {', '.join(missing)}")


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def mount_drive(folder: str = "fashion-compare", at: str = "/content/drive") -> Path | None:
    """Mount Google Drive and return the folder to keep studies in; None, said plainly, where there is no Drive."""
    try:
        from google.colab import drive
    except ImportError:
        print("This is not Colab: nothing to mount, results stay in this machine's files.")
        return None
    try:
        drive.mount(at)
    except Exception as error:  # noqa: BLE001 - Colab has a type of its own for every way of declining
        print(f"Drive was not mounted ({error}): results stay on this machine, and go with it.")
        return None
    kept = Path(at) / "MyDrive" / folder
    print(f"Studies are kept in {kept}.")
    return kept


def command(*words: str) -> None:
    """Run a command of fashion-compare in a process of its own, and print its lines as they come.

    Raises:
        UserError: it did not end well.
    """
    program = [sys.executable, "-u", "-m", "fashion_compare", *words]
    with subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:  # noqa: S603
        assert process.stdout is not None
        try:
            for line in process.stdout:
                print(line, end="", flush=True)
        except KeyboardInterrupt:
            # It was interrupted as well, and says how it puts its files in order.
            for line in process.stdout:
                print(line, end="", flush=True)
            raise
    if process.returncode:
        raise UserError(
            f"fashion-compare {' '.join(words)} ended with {process.returncode}, for the reason above; run this cell "
            "again, or, when single runs failed, go on with the next: the report has all others"
        )


def newest_study(out: Path) -> Path:
    """Return the directory of the study in `out` whose report was written last.

    Raises:
        UserError: there is none.
    """
    reports = sorted(out.glob("*/report.html"), key=lambda path: path.stat().st_mtime)
    if not reports:
        raise UserError(f"no report in {out}; run the study first")
    return reports[-1].parent


def show_report(root: Path, height: int = 900) -> "HTML":
    """Return the report as a cell shows it, in a frame: its styles and scripts stay its own."""
    from IPython.display import HTML

    page = escape((root / "report.html").read_text(encoding="utf-8"))
    return HTML(  # type: ignore[no-untyped-call]
        f'<div><iframe srcdoc="{page}" width="100%" height="{height}" style="border:0"></iframe></div>'
    )


def show_table(root: Path) -> None:
    """Print the table of every configuration's results."""
    from fashion_compare.console import tell
    from fashion_compare.report.terminal import summary_table
    from fashion_compare.results.files import read_results

    tell(summary_table(read_results(root)))
