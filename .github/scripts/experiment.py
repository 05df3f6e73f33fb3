"""Runs the study files that an experiment branch changed, and puts each one's results beside those of main.

Main's study is run by main's own code, from a second working tree: both sides of the comparison come from one machine.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from fashion_compare.report.study_diff import diff_studies
from fashion_compare.results.files import read_results
from fashion_compare.results.schema import Results
from fashion_compare.study.spec import load_study

PLACES = ("experiments", "src/fashion_compare/study/presets")
_PROJECT = Path(__file__).parents[2]
# With its caption, as `report --markdown` writes it.
_FIGURE = re.compile(r"^!\[.*\]\(.*\)\n\n\*.*\*\n", re.MULTILINE)


def changed_studies(base: str) -> list[str]:
    """Return the study files that differ from where the branch left `base`, but for deleted ones."""
    words = ["git", "diff", "--name-only", "--diff-filter=d", f"{base}...HEAD", "--"]
    words += [f":(glob){place}/*.yaml" for place in PLACES]
    return subprocess.run(words, cwd=_PROJECT, check=True, capture_output=True, text=True).stdout.splitlines()


def run_study(study: str, source: Path, out: Path, data: str, seeds: int) -> Path:
    """Run a study with the code in `source` and so many seeds, and return its directory.

    Raises:
        RuntimeError: it left no results.
    """
    command = [sys.executable, "-m", "fashion_compare", "run", study, "--data", data, "--out", str(out), "--quiet"]
    environment = os.environ | {"PYTHONPATH": str(source / "src")}
    done = subprocess.run([*command, "--seeds", str(seeds)], cwd=source, env=environment, check=False)
    found = [path.parent for path in out.glob("*/results.json")]
    if done.returncode not in (0, 1) or len(found) != 1:
        raise RuntimeError(f"{study}: the run left no results (exit {done.returncode})")
    return found[0]


def summary(document: str, results: Results, mains: Results) -> str:
    """Return the text of a study's results with main's beside them; a job summary shows no figures.

    Args:
        document: what `report --markdown` wrote.
        results: of the study.
        mains: those of main's study.
    """
    compared = diff_studies(results, mains)
    table = [f"## Compared with main's study “{compared.name}”", ""]
    if not compared.same_data:
        table += ["**The two are not of the same data, or not of as much of it.**", ""]
    table += [f"| | {results.study.name} | main: {compared.name} | |", "|---|---:|---:|---|"]
    rows = [*compared.scores, *compared.differences]
    table += [f"| {row.what} | {row.first} | {row.second} | {row.note} |" for row in rows]
    return "\n".join([*table, "", _FIGURE.sub("", document), ""])


def write_summary(text: str) -> None:
    """Append to the job summary, or print where there is none."""
    path = os.environ.get("GITHUB_STEP_SUMMARY")
    if path is None:
        print(text)
    else:
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(text)


def run_experiments(studies: Sequence[str], arguments: argparse.Namespace, main_tree: Path) -> int:
    """Run main's study and then each of the branch's; return how many runs failed."""
    mains = run_study(arguments.main_study, main_tree, arguments.out / "main", arguments.data, arguments.seeds)
    # By this version, which may write another schema than main's.
    subprocess.run([sys.executable, "-m", "fashion_compare", "report", str(mains)], check=True)
    failed = 0
    for name in studies:
        seeds = min(arguments.seeds, len(load_study(str(_PROJECT / name)).seeds))
        root = run_study(name, _PROJECT, arguments.out / Path(name).stem, arguments.data, seeds)
        document = root / "summary.md"
        words = ["report", str(root), "--compare", str(mains), "--markdown", str(document)]
        subprocess.run([sys.executable, "-m", "fashion_compare", *words], check=True)
        results = read_results(root)
        write_summary(summary(document.read_text(encoding="utf-8"), results, read_results(mains)))
        failed += len(results.failures)
    return failed


def main() -> int:
    """Run what changed; status 1 when a run failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--base", default="origin/main", help="what the branch is compared with")
    parser.add_argument("--main-study", default="default", help="the study of main to compare with")
    parser.add_argument("--seeds", type=int, default=3, help="of main's study, and at most of the branch's")
    parser.add_argument("--data", default="auto")
    parser.add_argument("--out", type=Path, default=Path("runs"))
    arguments = parser.parse_args()
    arguments.out = arguments.out.resolve()
    studies = changed_studies(arguments.base)
    if not studies:
        write_summary(f"No study file in {' or '.join(PLACES)} differs from {arguments.base}: nothing was run.\n")
        return 0
    with tempfile.TemporaryDirectory() as place:
        tree = Path(place) / "main"
        subprocess.run(["git", "worktree", "add", "--detach", str(tree), arguments.base], cwd=_PROJECT, check=True)
        try:
            failed = run_experiments(studies, arguments, tree)
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", str(tree)], cwd=_PROJECT, check=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
