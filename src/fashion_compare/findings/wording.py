"""How numbers, settings, models and findings are put into words, everywhere the same."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fashion_compare.architectures import load_architecture
from fashion_compare.evaluation.metrics import METRIC
from fashion_compare.results.schema import Finding, Results

# What cuts an interval off where no value can be.
Cut = Callable[[Sequence[float]], tuple[float, float]]

# Of a loss near 0 an increase can be of any size, and says no more beyond this.
_LARGEST_INCREASE = 10.0

_PARAMETERS = {
    "learning_rate": "learning rate",
    "batch_size": "batch size",
    "l1": "L1 penalty",
    "l2": "L2 penalty",
    "hidden_sizes": "hidden layers",
}


@dataclass(frozen=True)
class Rule:
    """A rule that turns results into findings.

    Attributes:
        id: of its findings.
        place: where the page shows them.
        apply: results → findings; none where its condition does not hold.
    """

    id: str
    place: str
    apply: Callable[[Results], list[Finding]]


def display_names(results: Results) -> dict[str, str]:
    """Return how running text calls each model: the MLP, and a cnn by the one architecture that all of it has."""
    names = {"ffnn": "the MLP", "cnn": "the CNN"}
    if "cnn" in results.models:
        used = {held.settings["architecture"] for held in results.models["cnn"].configurations.values()}
        if len(used) == 1:
            names["cnn"] = load_architecture(used.pop()).label
    return {model: names[model] for model in results.models}


def capitalised(text: str) -> str:
    """Return a text as the beginning of a sentence."""
    return text[:1].upper() + text[1:]


def points(value: float, digits: int = 2) -> str:
    """Return a difference of shares in percentage points, with its sign."""
    return f"{100 * value:+.{digits}f}".replace("-", "−")


def correlation(value: float) -> str:
    """Return a correlation with two digits, and no minus before zero."""
    return f"{round(value, 2) + 0.0:.2f}".replace("-", "−")


def p_value(p: float) -> str:
    """Return a p-value as it is printed."""
    return "< 0.0001" if p < 0.0001 else f"{p:.4f}" if p < 0.01 else f"{p:.3g}"


def percent(value: float, digits: int = 1) -> str:
    """Return a share in percent."""
    return f"{100 * value:.{digits}f}%"


def relative_increase(value: float | None, digits: int = 1) -> str:
    """Return an increase as a share of where it began; a dash where that is 0, of which nothing is a share."""
    if value is None:
        return "–"
    return percent(value, digits) if value <= _LARGEST_INCREASE else f"more than {percent(_LARGEST_INCREASE, 0)}"


def parameter_name(name: str) -> str:
    """Return a setting's name as people say it."""
    return _PARAMETERS.get(name, name.replace("_", " "))


def setting(value: Any) -> str:
    """Return a setting's value as people write it."""
    if value is None:
        return "none"
    if isinstance(value, list):
        return "-".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def score_interval(interval: Sequence[float], metric: str = "accuracy") -> tuple[float, float]:
    """Return a score's interval as it is shown: cut off where no score can be, which Student's t does not know of."""
    return max(interval[0], METRIC[metric].smallest), min(interval[1], METRIC[metric].largest)


def difference_interval(interval: Sequence[float], metric: str = "accuracy") -> tuple[float, float]:
    """Return the interval of a difference of two scores as it is shown; correlations, from -1 to 1, are cut alike.

    Zero is in it if it was before, so that a verdict and its interval agree.
    """
    return _within(interval, METRIC[metric].largest - METRIC[metric].smallest)


def change_interval(interval: Sequence[float]) -> tuple[float, float]:
    """Return the interval of a difference between two changes of a share as it is shown: at most 2 either way."""
    return _within(interval, 2.0)


def _within(interval: Sequence[float], furthest: float) -> tuple[float, float]:
    return max(interval[0], -furthest), min(interval[1], furthest)


def along(changed_together: Mapping[str, Any]) -> str:
    """Return what else moves with a parameter, as the end of a sentence; mostly nothing, never more than three."""
    moved = [f"{parameter_name(name)} {setting(value)}" for name, value in changed_together.items()]
    if len(moved) > 3:
        moved[2:] = [f"{len(moved) - 2} more settings"]
    return f" with {', '.join(moved)}" if moved else ""


def finding(rule: str, model: str | None, text: str, values: dict[str, Any]) -> Finding:
    """Return a finding: the rule that made it, the model it is about (None for both), its text, the values in it."""
    return Finding(id=rule, model=model, text=text, values=values)


def test_set_caveat(interval: Sequence[float]) -> str:
    """Return the caveat for a verdict, which the seeds decide, whose interval over seeds and images includes zero."""
    return " on these images" if interval[0] <= 0 <= interval[1] else ""
