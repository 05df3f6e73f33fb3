"""Turn a study's results and files into figures and one self-contained page."""

import base64
import csv
import io
import json
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import PIL.Image
from markdown_it import MarkdownIt
from markupsafe import Markup
from numpy.typing import NDArray

from fashion_compare.analysis.explanations import CELL_IMAGES, read_confused, read_gallery, read_playground
from fashion_compare.analysis.faithfulness import ALIKE
from fashion_compare.architectures import load_architecture
from fashion_compare.classifier.configuration import MODEL_NAMES
from fashion_compare.comparison.learning_curves import GAP, RISE
from fashion_compare.data.picture import LEAST_CONTRAST, OUTLINED_SHARE
from fashion_compare.evaluation.metrics import COMPARED, METRICS
from fashion_compare.explanation.attribution import INTEGRATED, METHODS
from fashion_compare.explanation.gallery import Gallery
from fashion_compare.findings.wording import (
    along,
    correlation,
    difference_interval,
    parameter_name,
    percent,
    points,
    relative_rise,
    score_interval,
    setting,
)
from fashion_compare.report import sentences
from fashion_compare.report.figures import draw_all
from fashion_compare.report.figures.style import RenderedFigure, standalone
from fashion_compare.report.inputs import Saved, read_saved
from fashion_compare.report.policy import classes_for_styles, content_security_policy
from fashion_compare.report.study_diff import beside
from fashion_compare.report.widgets import charts
from fashion_compare.report.widgets.playground import network_for_page, pictures
from fashion_compare.store import make_directory, write_text

_SHOWN_FIRST = {"ffnn": INTEGRATED, "cnn": METHODS["cnn"][0]}
_SCRIPTS = ("page.js", "charts.js", "picture.js", "playground.js")


def write_report(results: Mapping[str, Any], root: Path, other: Mapping[str, Any] | None = None) -> Path:
    """Draw the figures into ``figures/`` (SVG, and the data behind each as CSV) and write ``report.html``.

    Args:
        results: the content of results.json.
        root: the study's directory.
        other: the content of another study's results.json, to stand beside it.

    Returns:
        The page's path.
    """
    runs = read_saved(results, root)
    drawings = draw_all(results, runs, root)
    make_directory(root / "figures")
    for drawing in drawings.values():
        write_text(root / "figures" / f"{drawing.name}.svg", standalone(drawing.svg))
        write_text(root / "figures" / f"{drawing.name}.csv", _csv(drawing.rows, results["dataset"]["name"]))
    page = root / "report.html"
    write_text(page, _render(results, drawings, runs, root, other))
    return page


def fill(template: str, results: Mapping[str, Any], **more: Any) -> str:
    """Fill one of the templates with the results, and with what else it needs.

    Args:
        template: its file name.
        results: the content of results.json.
        more: names in the template → values.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("fashion_compare.report"),
        # Names and texts come from study files, and must stay text.
        autoescape=jinja2.select_autoescape(("html.j2",)),
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {
        "percent": percent,
        "points": points,
        "rise": relative_rise,
        "number": sentences.number,
        "signed": sentences.signed,
        "parameter": parameter_name,
        "setting": setting,
        "along": along,
        "thousands": lambda value: f"{value:,}",
        "count": sentences.count,
        "correlation": correlation,
        "score_interval": score_interval,
        "difference_interval": difference_interval,
    }
    return environment.get_template(template).render(
        results=results,
        sentences=sentences,
        metrics=COMPARED,
        listed=[metric for metric in METRICS if metric.listed],
        metric_names=sentences.METRIC_NAMES,
        model_names=_model_names(results),
        comparisons=_by_configuration(results),
        environments=_environments(results),
        **more,
    )


def _playground(results: Mapping[str, Any], root: Path) -> Markup | None:
    """Return both networks and some test images as JSON for the page to run; None where they were not kept."""
    arrays = read_playground(results, root)
    if not arrays:
        return None
    networks = {}
    for model, network in results["gallery"]["networks"].items():
        prefix = f"weights/{model}/"
        weights = {name.removeprefix(prefix): value for name, value in arrays.items() if name.startswith(prefix)}
        config = results["models"][model]["configurations"][network["configuration"]]["config"]
        networks[model] = network_for_page(model, config, weights)
    content = {
        "classes": results["dataset"]["class_names"],
        "networks": networks,
        "pictures": pictures(arrays["images"], arrays["label"], arrays["index"]),
        "place": arrays["place"].tolist() if "place" in arrays else None,
        "least_contrast": LEAST_CONTRAST,
        "outlined_share": OUTLINED_SHARE,
    }
    return _json(content)


def _explore(results: Mapping[str, Any], runs: Saved, root: Path) -> Markup:
    """Return what the pictures that answer to the pointer hold, as JSON."""
    content: dict[str, Any] = {
        "classes": results["dataset"]["class_names"],
        "curves": charts.curves_for_page(runs.histories),
        "roc": charts.roc_for_page(runs.roc),
    }
    behind = read_confused(results, root)
    if behind:
        models = list(results["gallery"]["networks"])
        content["confusions"] = charts.confusions_for_page(behind, models, CELL_IMAGES) | {
            "sheet": _png_uri(charts.sheet(behind["images"]))
        }
    return _json(content)


def _json(content: Mapping[str, Any]) -> Markup:
    """Return JSON that can stand within a script element: only "<" could end it, and JSON can write it otherwise."""
    return Markup(json.dumps(content).replace("<", "\\u003c"))  # noqa: S704 - JSON, without the one character that matters


def _render(
    results: Mapping[str, Any],
    drawings: Mapping[str, RenderedFigure],
    runs: Saved,
    root: Path,
    other: Mapping[str, Any] | None,
) -> str:
    package = resources.files("fashion_compare.report") / "widgets"
    svgs, classes = classes_for_styles({name: drawing.svg for name, drawing in drawings.items()})
    style = (package / "page.css").read_text(encoding="utf-8") + classes
    script = "\n".join((package / name).read_text(encoding="utf-8") for name in _SCRIPTS)
    return fill(
        "page.html.j2",
        results,
        figures={name: {"svg": Markup(svgs[name]), "caption": d.caption} for name, d in drawings.items()},  # noqa: S704 - our own SVG
        gallery=_gallery_items(read_gallery(results, root), results),
        methods=METHODS,
        shown_first=_SHOWN_FIRST,
        alike=ALIKE,
        findings=_by_model(results),
        gap=GAP,
        rise=RISE,
        playground=_playground(results, root),
        explore=_explore(results, runs, root),
        hardest=_hardest_class(results),
        beside=beside(results, other) if other else None,
        challenges=Markup(MarkdownIt("commonmark").render(challenges())),  # noqa: S704 - CommonMark of our own file
        policy=content_security_policy(script, style),
        style=Markup(style),  # noqa: S704 - our own file, and what Matplotlib wrote
        script=Markup(script),  # noqa: S704 - our own files
    )


def challenges() -> str:
    """Return the hand-written page on obstacles: the wheel's copy, or the source checkout's file."""
    packaged = resources.files("fashion_compare.report") / "challenges.md"
    if packaged.is_file():
        return packaged.read_text(encoding="utf-8")
    return (Path(__file__).resolve().parents[3] / "docs" / "challenges.md").read_text(encoding="utf-8")


def _model_names(results: Mapping[str, Any]) -> dict[str, str]:
    """Return what the page calls each model: a cnn by its baseline's architecture."""
    names = dict(MODEL_NAMES)
    if "cnn" in results["models"]:
        baseline = results["models"]["cnn"]["configurations"]["baseline"]["config"]
        names["cnn"] = f"{load_architecture(baseline['architecture']).label} (PyTorch)"
    return names


def _by_configuration(results: Mapping[str, Any]) -> dict[str, dict[str, dict[str, Any]]]:
    """Return model → variation → metric → its comparison with the baseline."""
    found: dict[str, dict[str, dict[str, Any]]] = {model: {} for model in results["models"]}
    for row in results["comparisons"]:
        found[row["a"]["model"]].setdefault(row["a"]["configuration"], {})[row["metric"]] = row
    return found


def _by_model(results: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the findings' texts under 'both models' and under each model."""
    grouped: dict[str, list[str]] = {}
    for finding in sorted(results["findings"], key=lambda finding: finding["model"] is not None):
        grouped.setdefault(finding["model"] or "both models", []).append(finding["text"])
    return grouped


def _hardest_class(results: Mapping[str, Any]) -> int:
    """Return the class with the smallest area under the ROC curve, over the models' best configurations."""
    areas = [
        (entry["auc"], c)
        for model, best in results["best"].items()
        for c, entry in enumerate(
            results["models"][model]["configurations"][best["configuration"]]["mean"]["per_class"]
        )
        if entry["auc"] is not None
    ]
    return min(areas)[1] if areas else 0


def _environments(results: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return each environment that runs were made in, once: a study may come from several machines."""
    found: list[dict[str, Any]] = []
    for held in results["models"].values():
        for configuration in held["configurations"].values():
            for run in configuration["runs"]:
                if run["environment"] not in found:
                    found.append(run["environment"])
    return found


def _gallery_items(gallery: Gallery | None, results: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return what the page shows of each class: its images, and each model's maps of them.

    The maps of one image by one method share a scale, so that those for the answer and for the right class compare.
    """
    if gallery is None or results["gallery"] is None:
        return []
    class_names = results["dataset"]["class_names"]
    items: dict[str, list[dict[str, Any]]] = {}
    for i, described in enumerate(results["gallery"]["images"]):
        answers = {
            model: answer
            | {
                "predicted": class_names[answer["predicted"]],
                "right": answer["predicted"] == described["label"],
                "maps": [_map_item(gallery, model, held, i) for held in answer["maps"]],
            }
            for model, answer in described["answers"].items()
        }
        items.setdefault(class_names[described["label"]], []).append(
            described | {"answers": answers, "image": _image_uri(gallery.images[i])}
        )
    return [{"label": label, "images": images} for label, images in items.items()]


def _map_item(gallery: Gallery, model: str, described: Mapping[str, Any], i: int) -> dict[str, Any]:
    """Return a method's map of image i for the model's answer, and where that is wrong for the right class."""
    method = described["method"]
    maps = [gallery.maps[model][method][i]]
    if gallery.predicted[model][i] != gallery.label[i]:
        maps.append(gallery.maps_of_label[model][method][i])
    peak = max(float(np.abs(held).max()) for held in maps) or 1.0
    return {**described, "heat": [_heat_uri(held / peak) for held in maps]}


def _image_uri(pixels: NDArray[np.uint8]) -> str:
    """Return an image dark on light, and never so dark that heat over it could not be seen."""
    grey = (255 - 0.6 * pixels).astype(np.uint8)
    return _png_uri(np.repeat(grey[:, :, None], 3, axis=2))


def _heat_uri(heat: NDArray[np.floating[Any]]) -> str:
    """Return heat in -1 … 1 as a see-through layer: orange speaks for the class, blue against it."""
    layer = np.where(heat[..., None] >= 0, (214, 56, 20, 0), (31, 111, 180, 0)).astype(np.uint8)
    layer[..., 3] = np.round(255 * 0.9 * np.clip(np.abs(heat), 0, 1))
    return _png_uri(layer)


def _png_uri(pixels: NDArray[np.uint8]) -> str:
    out = io.BytesIO()
    PIL.Image.fromarray(pixels).save(out, format="png", optimize=True)
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()


def _csv(rows: list[dict[str, Any]], dataset: str) -> str:
    """Return the data behind a figure; each line names the data set, for a stand-in must be known as one."""
    out = io.StringIO()
    if rows:
        writer = csv.DictWriter(out, [*rows[0], "dataset"], lineterminator="\n")
        writer.writeheader()
        writer.writerows({**row, "dataset": dataset} for row in rows)
    return out.getvalue()
