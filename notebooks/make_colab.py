"""Makes colab.ipynb, so that the notebook never drifts from its one source, which is this file.

python notebooks/make_colab.py                     writes notebooks/colab.ipynb, which takes the branch main
python notebooks/make_colab.py --commit SHA        one that installs exactly this commit
python notebooks/make_colab.py --check             writes nothing; exit 1 when the file differs
"""

import argparse
import json
import sys
from pathlib import Path
from string import Template
from typing import Any

FILE = Path(__file__).with_name("colab.ipynb")
REPOSITORY = "OWNER/fashion-compare"

# In the order of the cells: Markdown begins with '#' or '[', everything else is code.
CELLS = [
    """\
[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]\
(https://colab.research.google.com/github/$repository/blob/colab/notebooks/colab.ipynb)

# Fashion-MNIST: a network from scratch beside an established CNN

Trains both models with their variations, compares them with intervals and tests, and shows the report. Run the cells
from top to bottom (*Runtime*, *Run all*). After a disconnect run them again: with Drive mounted, the study goes on
where it stopped.

For a faster CNN choose a GPU first: *Runtime*, *Change runtime type*. A TPU brings nothing here.""",
    """\
# What to run

`STUDY` is `quick` (a first look in minutes), `default` (half an hour on two cores), `full` (hours), or a file that
`fashion-compare init` wrote. `DATA` is `auto` (finds or downloads Fashion-MNIST), `synthetic` (synthetic data drawn by
code) or a directory.""",
    """\
import os

STUDY = os.environ.get("FASHION_COMPARE_STUDY", "default")
DATA = os.environ.get("FASHION_COMPARE_DATA", "auto")
DEVICE = os.environ.get("FASHION_COMPARE_DEVICE", "auto")
KEEP_MINUTES = os.environ.get("FASHION_COMPARE_KEEP_MINUTES", "5")  # between two copies to Drive
PACKAGE = os.environ.get("FASHION_COMPARE_PACKAGE", "git+https://github.com/$repository@$commit")""",
    """\
# Install

The package alone first, then those of its requirements that this machine lacks. PyTorch and NumPy stay as they are.""",
    """\
import subprocess
import sys

if PACKAGE:  # empty: what is installed already
    options = ["--quiet", "--no-deps", "--force-reinstall"]  # a later commit may have the same version
    subprocess.run([sys.executable, "-m", "pip", "install", *options, PACKAGE], check=True)

from fashion_compare.notebook import install_missing

install_missing()""",
    "# The processor",
    """\
from fashion_compare.device import describe_device

print(describe_device(DEVICE))""",
    """\
# Drive, if you like

Keeps the study in one file in your Drive, so that it outlives this machine. Without this cell, or when you decline,
everything else works the same and results go with the machine.""",
    """\
from pathlib import Path

from fashion_compare.notebook import mount_drive

KEEP = os.environ.get("FASHION_COMPARE_KEEP") or mount_drive()""",
    """\
# Run, and go on after a disconnect

Results are written on this machine, and copied to Drive every few minutes, after the last run and in the end. The same
cell goes on. To start afresh, delete the study's `.tar` in Drive. Drive uploads a little after that: leave the machine
connected for a minute.""",
    """\
from fashion_compare.notebook import command

OUT = Path("runs")
kept = ["--keep", str(KEEP), "--keep-minutes", KEEP_MINUTES] if KEEP else []
command("run", STUDY, "--data", DATA, "--device", DEVICE, "--out", str(OUT), *kept)""",
    "# The report",
    """\
from fashion_compare.notebook import newest_study, show_report

root = newest_study(OUT)
show_report(root)""",
    "# The results",
    """\
from fashion_compare.notebook import show_table

show_table(root)""",
]


def notebook(commit: str, repository: str) -> dict[str, Any]:
    """Return the notebook that installs `commit` of `repository`: no outputs, the same ids every time."""
    names = {"commit": commit, "repository": repository}
    cells = []
    for i, text in enumerate(CELLS):
        lines = Template(text).substitute(names).splitlines(keepends=True)
        cell: dict[str, Any] = {"cell_type": "markdown", "id": f"cell-{i:02d}", "metadata": {}, "source": lines}
        if not text.startswith(("#", "[")):
            cell |= {"cell_type": "code", "execution_count": None, "outputs": []}
        cells.append(cell)
    metadata = {
        "accelerator": "GPU",
        "colab": {"provenance": []},
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    return {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def main() -> int:
    """Write the notebook, or with --check say whether it would differ."""
    parser = argparse.ArgumentParser(description="Make colab.ipynb.")
    parser.add_argument("--commit", default="main", help="what the notebook installs: a commit, tag or branch")
    parser.add_argument("--repository", default=REPOSITORY, help="OWNER/NAME on GitHub")
    parser.add_argument("--output", type=Path, default=FILE, help="file to write or to check")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when the file differs")
    options = parser.parse_args()
    text = json.dumps(notebook(options.commit, options.repository), indent=1, ensure_ascii=False, sort_keys=True) + "\n"
    if not options.check:
        options.output.write_text(text, encoding="utf-8")
        return 0
    if options.output.is_file() and options.output.read_text(encoding="utf-8") == text:
        return 0
    print(f"{options.output} is not what {Path(__file__).name} makes; run it without --check", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
