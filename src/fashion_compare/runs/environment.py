"""What a result was obtained with: versions, commit, processor, threads."""

import platform
import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from fashion_compare import __version__

_LIBRARIES = ("numpy", "torch", "scikit-learn", "scipy", "captum")


@cache
def environment(device: str = "cpu") -> dict[str, Any]:
    """Return versions, git commit (None outside a checkout), processor, threads per run, and device, as given."""
    return {
        "fashion_compare": __version__,
        "python": platform.python_version(),
        "libraries": {name: _version(name) for name in _LIBRARIES},
        "git_commit": _git_commit(),
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "threads_per_run": 1,
        "device": device,
    }


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _git_commit() -> str | None:
    """Return the commit of the source checkout, with '+changes' when files differ from it."""
    root = Path(__file__).resolve().parents[3]
    if not (root / ".git").exists():
        return None
    try:
        commit = _git(root, "rev-parse", "HEAD")
        return f"{commit}+changes" if _git(root, "status", "--porcelain", "--untracked-files=no") else commit
    except (OSError, subprocess.SubprocessError):
        return None


def _git(root: Path, *words: str) -> str:
    done = subprocess.run(["git", *words], cwd=root, capture_output=True, text=True, timeout=10, check=True)  # noqa: S603, S607
    return done.stdout.strip()


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or "unknown"
