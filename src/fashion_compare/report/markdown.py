"""The results as one Markdown file with its figures, for a repository or a wiki."""

import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fashion_compare.comparison.learning_curves import GAP, RISE
from fashion_compare.errors import UserError
from fashion_compare.report.figures import draw_all
from fashion_compare.report.inputs import read_saved
from fashion_compare.report.page import fill
from fashion_compare.store import make_directory, write_text


def write_document(results: Mapping[str, Any], root: Path, path: Path) -> Path:
    """Write the results' numbers and sentences to `path`, and its figures and the study to a folder beside it.

    Only figures of aggregates: none shows an image of the data set.

    Args:
        results: the content of results.json.
        root: the study's directory, in which `write_report` has drawn the figures.
        path: ends in ``.md``; figures and ``study.yaml`` go to the folder of that name without the ending.

    Raises:
        UserError: it cannot be written.
    """
    folder = path.with_suffix("")
    known = {name: drawing.caption for name, drawing in draw_all(results, read_saved(results, root), root).items()}
    text = fill("results.md.j2", results, figures=known, folder=folder.name, gap=GAP, rise=RISE)
    # Blocks that are left out leave their blank lines.
    make_directory(path.parent, parents=True)
    write_text(path, re.sub(r"\n{3,}", "\n\n", text).strip() + "\n")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in sorted(set(re.findall(rf"\({re.escape(folder.name)}/([a-z-]+)\.svg\)", text))):
            shutil.copyfile(root / "figures" / f"{name}.svg", folder / f"{name}.svg")
        shutil.copyfile(root / "study.yaml", folder / "study.yaml")
    except OSError as error:
        raise UserError(f"cannot write figures to {folder}: {error.strerror}; check space and rights") from error
    return path
