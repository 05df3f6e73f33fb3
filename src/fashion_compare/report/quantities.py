"""Single quantities as the report prints them: scores, differences, counts, seconds and what measured them."""

from collections.abc import Iterable, Sequence

from fashion_compare.analysis.read import ScoredRun
from fashion_compare.classifier.interface import LayerComplexity
from fashion_compare.evaluation.metrics import METRIC


def trained_on(runs: Iterable[ScoredRun]) -> str:
    """Say on what their seconds were measured: "one thread", or the GPU by its name, or all that there were."""
    devices = {run.environment["device"].removeprefix("cuda, ") for run in runs}
    return " and ".join(sorted("one thread" if device == "cpu" else device for device in devices))


def epoch_seconds(runs: Iterable[ScoredRun]) -> str | None:
    """Return the seconds of an epoch, of the fastest seed; None where none was trained."""
    known = [run.seconds_per_epoch for run in runs if run.seconds_per_epoch is not None]
    return f"{min(known):.2f}" if known else None


def dense_parameters(layers: Sequence[LayerComplexity]) -> int:
    """Return how many parameters the dense layers hold."""
    return sum(layer.parameters for layer in layers if layer.kind.startswith("dense"))


def number(value: float, metric: str) -> str:
    """Return a score with sensible digits: shares in percent, losses as they are."""
    return METRIC[metric].format(value)


def signed(value: float, metric: str) -> str:
    """Return a difference with its sign: percentage points, or the loss's own unit."""
    return METRIC[metric].format_difference(value)


def count(value: float) -> str:
    """Return how many images on average: whole numbers without a decimal."""
    return f"{value:.0f}" if value == round(value) else f"{value:.1f}"
