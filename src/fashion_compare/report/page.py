"""Turn a study's results and files into figures and one self-contained page."""

import csv
import io
import json
import re
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from markdown_it import MarkdownIt
from markupsafe import Markup

from fashion_compare.analysis.explanations import CELL_IMAGES, read_confused, read_gallery, read_playground
from fashion_compare.analysis.faithfulness import ALIKE
from fashion_compare.explanation.attribution import INTEGRATED, METHODS
from fashion_compare.report.figures.style import RenderedFigure, Rows, standalone
from fashion_compare.report.images import png_uri
from fashion_compare.report.inputs import ReportInputs, read_inputs
from fashion_compare.report.policy import classes_for_styles, content_security_policy
from fashion_compare.report.sections import SECTIONS
from fashion_compare.report.study_diff import diff_studies
from fashion_compare.report.templating import make_environment
from fashion_compare.report.widgets import charts
from fashion_compare.report.widgets.gallery import gallery_by_class
from fashion_compare.report.widgets.playground import playground_content
from fashion_compare.results.schema import Results
from fashion_compare.store import make_directory, write_text

_SHOWN_FIRST = {"ffnn": INTEGRATED, "cnn": METHODS["cnn"][0]}
_SCRIPTS = ("page.js", "charts.js", "picture.js", "playground.js")
_HEADINGS = {"ffnn": "A network from scratch", "cnn": "An established CNN"}
# Stands where a figure comes, until all figures are known: no text from a study can look like it.
_PLACE = re.compile(r"<!--figure ([a-z0-9-]+)-->")


def write_report(results: Results, root: Path, other: Results | None = None) -> Path:
    """Draw the figures into ``figures/`` (SVG, and the data behind each as CSV) and write ``report.html``.

    Args:
        results: of the study.
        root: the study's directory.
        other: another study's results, to compare with.

    Returns:
        The page's path.
    """
    text, drawn = _render(results, root, other)
    make_directory(root / "figures")
    for drawing in drawn.values():
        write_text(root / "figures" / f"{drawing.name}.svg", standalone(drawing.svg))
        write_text(root / "figures" / f"{drawing.name}.csv", _csv(drawing.rows, results.dataset.name))
    page = root / "report.html"
    write_text(page, text)
    return page


def _render(results: Results, root: Path, other: Results | None) -> tuple[str, dict[str, RenderedFigure]]:
    """Return the page, and the figures that its sections have drawn."""
    inputs = read_inputs(results, root)
    drawn: dict[str, RenderedFigure] = {}

    def figure(drawing: RenderedFigure) -> Markup:
        drawn[drawing.name] = drawing
        caption = Markup("<figcaption>{}</figcaption>").format(drawing.caption)
        return Markup("<figure><!--figure {}-->{}</figure>").format(drawing.name, caption)

    environment = make_environment(results, inputs, root, figure)
    heading = "A network from scratch against an established CNN"
    environment.globals |= {
        "heading": heading if len(results.models) > 1 else _HEADINGS[next(iter(results.models))],
        "gallery": gallery_by_class(read_gallery(results.gallery, root), results.gallery, results.dataset.class_names),
        "methods": METHODS,
        "shown_first": _SHOWN_FIRST,
        "alike": ALIKE,
        "findings": _by_model(results),
        "playground": _playground(results, root),
        "hardest": _hardest_class(results),
        "diff": diff_studies(results, other) if other else None,
        "challenges": Markup(MarkdownIt("commonmark").render(challenges())),  # noqa: S704 - CommonMark of our own file
    }
    bodies = [
        (section, environment.get_template(f"sections/{section.id}.html.j2").render().strip()) for section in SECTIONS
    ]
    svgs, classes = classes_for_styles({name: drawing.svg for name, drawing in drawn.items()})
    widgets = resources.files("fashion_compare.report") / "widgets"
    style = (widgets / "page.css").read_text(encoding="utf-8") + classes
    script = "\n".join((widgets / name).read_text(encoding="utf-8") for name in _SCRIPTS)
    page = environment.get_template("page.html.j2").render(
        sections=[(section, Markup(body)) for section, body in bodies if body],  # noqa: S704 - rendered, so escaped
        explore=_explore(results, inputs, root),
        policy=content_security_policy(script, style),
        style=Markup(style),  # noqa: S704 - our own file, and what Matplotlib wrote
        script=Markup(script),  # noqa: S704 - our own files
    )
    return _PLACE.sub(lambda place: svgs[place[1]], page), drawn


def challenges() -> str:
    """Return the hand-written page on obstacles: the wheel's copy, or the source checkout's file."""
    packaged = resources.files("fashion_compare.report") / "challenges.md"
    if packaged.is_file():
        return packaged.read_text(encoding="utf-8")
    return (Path(__file__).resolve().parents[3] / "docs" / "challenges.md").read_text(encoding="utf-8")


def _playground(results: Results, root: Path) -> Markup | None:
    """Return both networks and some test images as JSON for the page to run; None where they are not cached."""
    arrays = read_playground(results.gallery, root)
    if not arrays or results.gallery is None:
        return None
    settings = {
        model: results.models[model].configurations[network.configuration].settings
        for model, network in results.gallery.networks.items()
    }
    return _json(playground_content(settings, arrays, results.dataset.class_names))


def _explore(results: Results, inputs: ReportInputs, root: Path) -> Markup:
    """Return what the pictures that answer to the pointer hold, as JSON."""
    content: dict[str, Any] = {
        "classes": results.dataset.class_names,
        "curves": charts.curves_for_page(inputs.histories),
        "roc": charts.roc_for_page(inputs.roc),
    }
    behind = read_confused(results.gallery, root)
    if behind and results.gallery is not None:
        content["confusions"] = charts.confusions_for_page(behind, list(results.gallery.networks), CELL_IMAGES) | {
            "sheet": png_uri(charts.sheet(behind["images"]))
        }
    return _json(content)


def _json(content: Mapping[str, Any]) -> Markup:
    """Return JSON that can stand within a script element: only "<" could end it, and JSON can write it otherwise."""
    return Markup(json.dumps(content).replace("<", "\\u003c"))  # noqa: S704 - JSON, without the one character that matters


def _by_model(results: Results) -> dict[str, list[str]]:
    """Return the findings' texts under 'both models' and under each model."""
    grouped: dict[str, list[str]] = {}
    for finding in sorted(results.findings, key=lambda finding: finding.model is not None):
        grouped.setdefault(finding.model or "both models", []).append(finding.text)
    return grouped


def _hardest_class(results: Results) -> int:
    """Return the class with the smallest area under the ROC curve, over the models' best configurations."""
    areas = []
    for model, best in results.best.items():
        configuration = results.configuration(model, best.configuration)
        scores = configuration.mean.per_class if configuration else []
        areas += [(entry.auc, c) for c, entry in enumerate(scores) if entry.auc is not None]
    return min(areas)[1] if areas else 0


def _csv(rows: Rows, dataset: str) -> str:
    """Return the data behind a figure; each line names the data set, for synthetic data must be known as such."""
    out = io.StringIO()
    if rows:
        writer = csv.DictWriter(out, [*rows[0], "dataset"], lineterminator="\n")
        writer.writeheader()
        writer.writerows({**row, "dataset": dataset} for row in rows)
    return out.getvalue()
