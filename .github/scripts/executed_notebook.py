"""Fails when a cell of an executed notebook failed: Colab's command line goes on with the next, and exits with 0."""

import argparse
import sys
from pathlib import Path
from typing import Any

import nbformat


def failures(notebook: Any) -> list[str]:
    """Return a line for each code cell that raised an error, and one when no cell has any output."""
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    if not any(cell.outputs for cell in cells):
        return ["no cell has an output: nothing was executed"]
    return [
        f"cell {number} of {len(cells)}: {output.ename}: {output.evalue}"
        for number, cell in enumerate(cells, start=1)
        for output in cell.outputs
        if output.output_type == "error"
    ]


def main() -> int:
    """Print what failed; status 1 when anything did."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("notebook", type=Path)
    path = parser.parse_args().notebook
    found = failures(nbformat.read(path, as_version=4))
    for line in found:
        print(f"{path}: {line}", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
