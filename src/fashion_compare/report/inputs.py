"""What the report reads beside the results: learning curves and ROC curves, from the runs' own files."""

from dataclasses import dataclass
from pathlib import Path

from fashion_compare.classifier.functional import softmax
from fashion_compare.evaluation.roc import RocCurve, one_vs_rest_curves
from fashion_compare.results.schema import Results
from fashion_compare.runs.record import read_predictions
from fashion_compare.runs.run import run_directory
from fashion_compare.training import Epoch

# Model → configuration → the finished runs' metrics, an epoch a line.
Histories = dict[str, dict[str, list[list[Epoch]]]]


@dataclass(frozen=True)
class ReportInputs:
    """Learning curves of all finished runs; ROC curves, a class each, of the first run of each best configuration."""

    histories: Histories
    roc: dict[str, list[RocCurve | None]]


def read_inputs(results: Results, root: Path) -> ReportInputs:
    """Read all of it from the study's directory."""
    histories: Histories = {model: {} for model in results.models}
    for configuration in results.finished():
        model, name = configuration.model, configuration.name
        histories[model][name] = [
            run_directory(root, model, name, run.seed).read_metrics() for run in configuration.runs
        ]
    roc = {}
    for model, best in results.best.items():
        chosen = results.configuration(model, best.configuration)
        assert chosen is not None, "it was chosen for its runs"
        test = read_predictions(run_directory(root, model, chosen.name, chosen.runs[0].seed))["test"]
        roc[model] = one_vs_rest_curves(test.labels, softmax(test.logits))
    return ReportInputs(histories, roc)
