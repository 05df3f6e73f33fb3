"""The templates' environment: what each of them can show, and the figures that it draws."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jinja2

from fashion_compare.analysis.explanations import read_averages
from fashion_compare.architectures import load_architecture
from fashion_compare.classifier.configuration import MODEL_NAMES
from fashion_compare.comparison.learning_curves import GAP, RISE
from fashion_compare.comparison.paired import Comparison
from fashion_compare.evaluation.metrics import COMPARED, METRICS
from fashion_compare.findings import RULES
from fashion_compare.findings.wording import (
    along,
    correlation,
    difference_interval,
    display_names,
    parameter_name,
    percent,
    points,
    relative_increase,
    score_interval,
    setting,
)
from fashion_compare.report import figures, quantities, sentences
from fashion_compare.report.figures.style import RenderedFigure
from fashion_compare.report.inputs import ReportInputs
from fashion_compare.results.schema import Finding, Results
from fashion_compare.study.spec import BASELINE

_FILTERS: dict[str, Callable[..., Any]] = {
    "percent": percent,
    "points": points,
    "increase": relative_increase,
    "number": quantities.number,
    "signed": quantities.signed,
    "parameter": parameter_name,
    "setting": setting,
    "along": along,
    "thousands": lambda value: f"{value:,}",
    "count": quantities.count,
    "correlation": correlation,
    "score_interval": score_interval,
    "difference_interval": difference_interval,
}


def make_environment(
    results: Results, inputs: ReportInputs, root: Path, figure: Callable[[RenderedFigure], str]
) -> jinja2.Environment:
    """Return the environment in which the templates of one study are filled.

    Args:
        results: of the study.
        inputs: what is read beside them.
        root: the study's directory.
        figure: called with each figure that a template draws; returns what stands in its place.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("fashion_compare.report"),
        # Names and texts come from study files, and must stay text.
        autoescape=jinja2.select_autoescape(("html.j2",)),
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= _FILTERS
    chosen = {model: results.configuration(model, best.configuration) for model, best in results.best.items()}
    environment.globals |= {
        "results": results,
        "data": results.dataset,
        "models": results.models,
        "single": len(results.study.seeds) == 1,
        "inputs": inputs,
        "figure": figure,
        "draw": figures,
        "findings_in": lambda place: findings_in(results, place),
        "sentences": sentences,
        "quantities": quantities,
        "metrics": COMPARED,
        "listed": [metric for metric in METRICS if metric.listed],
        "metric_names": sentences.METRIC_NAMES,
        "names": display_names(results),
        "full_names": _full_names(results),
        "comparisons": _by_configuration(results),
        "environments": _environments(results),
        "baselines": {
            model: {BASELINE: runs[BASELINE]} for model, runs in inputs.histories.items() if BASELINE in runs
        },
        "complexities": {model: of_model.complexity for model, of_model in results.models.items()},
        "chosen": chosen,
        "averages": read_averages(results.gallery, root),
        "gap": GAP,
        "rise": RISE,
    }
    return environment


def findings_in(results: Results, place: str) -> list[Finding]:
    """Return the findings that belong to one place of the page.

    Raises:
        KeyError: no rule has its findings there.
    """
    rules = {rule.id for rule in RULES if rule.place == place}
    if not rules:
        raise KeyError(place)
    return [finding for finding in results.findings if finding.id in rules]


def _full_names(results: Results) -> dict[str, str]:
    """Return what headings call each model: a cnn by its baseline's architecture."""
    names = dict(MODEL_NAMES)
    if "cnn" in results.models:
        architecture = results.models["cnn"].configurations[BASELINE].settings["architecture"]
        names["cnn"] = f"{load_architecture(architecture).label} (PyTorch)"
    return names


def _by_configuration(results: Results) -> Mapping[str, Mapping[str, Mapping[str, Comparison]]]:
    """Return model → variation → metric → its comparison with the baseline."""
    found: dict[str, dict[str, dict[str, Comparison]]] = {model: {} for model in results.models}
    for row in results.comparisons:
        found[row.a.model].setdefault(row.a.configuration, {})[row.metric] = row
    return found


def _environments(results: Results) -> list[dict[str, Any]]:
    """Return each environment that runs were made in, once: a study may come from several machines."""
    found: list[dict[str, Any]] = []
    for configuration in results.finished():
        for run in configuration.runs:
            if run.environment not in found:
                found.append(run.environment)
    return found
