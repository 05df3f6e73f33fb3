"""The results as one Markdown file with its figures, for a repository or a wiki."""

import re
import shutil
from pathlib import Path

from fashion_compare.errors import UserError
from fashion_compare.report.figures.style import RenderedFigure, standalone
from fashion_compare.report.inputs import read_inputs
from fashion_compare.report.templating import make_environment
from fashion_compare.results.schema import Results
from fashion_compare.store import make_directory, write_text


def write_markdown(results: Results, root: Path, path: Path) -> Path:
    """Write the results' numbers and sentences to `path`, and its figures and the study to a folder beside it.

    Only figures of aggregates: none shows an image of the data set.

    Args:
        results: of the study.
        root: the study's directory.
        path: ends in ``.md``; figures and ``study.yaml`` go to the folder of that name without the ending.

    Raises:
        UserError: it cannot be written.
    """
    folder = path.with_suffix("")
    drawn: dict[str, RenderedFigure] = {}

    def figure(drawing: RenderedFigure) -> str:
        drawn[drawing.name] = drawing
        return f"\n![{drawing.caption}]({folder.name}/{drawing.name}.svg)\n\n*{drawing.caption}*\n"

    environment = make_environment(results, read_inputs(results, root), root, figure)
    text = environment.get_template("results.md.j2").render(folder=folder.name)
    # Blocks that are left out leave their blank lines.
    make_directory(path.parent, parents=True)
    write_text(path, re.sub(r"\n{3,}", "\n\n", text).strip() + "\n")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, drawing in drawn.items():
            write_text(folder / f"{name}.svg", standalone(drawing.svg))
        shutil.copyfile(root / "study.yaml", folder / "study.yaml")
    except OSError as error:
        raise UserError(f"cannot write figures to {folder}: {error.strerror}; check space and rights") from error
    return path
