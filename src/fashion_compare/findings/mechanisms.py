"""Findings about mechanisms: perturbations, permuted pixels, fewer images, calibration, faithfulness.

A rule fires when the evidence decides: verdicts where models are compared, 95% intervals for a single one. Below three
seeds none does.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from fashion_compare.analysis.faithfulness import KINDS, Faithfulness
from fashion_compare.analysis.robustness import Robustness, RobustnessDifference
from fashion_compare.comparison.ablations import ModelDifference, SizeDifference
from fashion_compare.comparison.calibration import Calibration
from fashion_compare.comparison.paired import Comparison
from fashion_compare.comparison.statistics import MINIMUM_SEEDS, Estimate
from fashion_compare.findings.wording import (
    Rule,
    capitalised,
    change_interval,
    correlation,
    difference_interval,
    display_names,
    finding,
    p_value,
    percent,
    points,
)
from fashion_compare.results.schema import Finding, Results

_TO_PERTURBATION = {
    "shift": "translation",
    "rotation": "rotation",
    "scale": "scaling",
    "noise": "noise",
    "blur": "blur",
    "contrast": "reduced contrast",
    "occlusion": "occlusion",
}
_Part = TypeVar("_Part")
_DECIDED = ("better", "worse")
# Below this change of accuracy, half a point, there is nothing worth a sentence.
_WORTH_SAYING = 0.005
# How far the temperature has to be from 1.
_TEMPERATURE = 0.05
# Pixels of shift that the rule on translation looks at.
_SHIFT = 2


def translation(model: str, robustness: Robustness) -> list[Finding]:
    """Fires when images shifted by two pixels cost accuracy."""
    curve = next((curve for curve in robustness.perturbations if curve.perturbation == "shift"), None)
    point = next((point for point in curve.points if point.amount == _SHIFT), None) if curve else None
    if point is None or point.change is None or not _enough(robustness.seeds) or point.change.high > -_WORTH_SAYING:
        return []
    text = (
        f"Shifting test images by {_SHIFT} pixels changes the baseline's accuracy by {_shown(point.change, points)} "
        f"percentage points, to {percent(point.accuracy.mean)}."
    )
    values = {"pixels": _SHIFT, "change": point.change.mean, "accuracy": point.accuracy.mean}
    return [finding("translation", model, text, values)]


def linear_probe(model: str, robustness: Robustness) -> list[Finding]:
    """Fires when a linear probe of the last hidden layer beats one of the pixels."""
    layers = robustness.linear_probes
    if len(layers) < 3 or not _enough(robustness.seeds):
        return []
    pixels, hidden = layers[0], layers[-2]
    if hidden.accuracy.low <= pixels.accuracy.high:
        return []
    text = (
        f"A linear probe on the last hidden layer ({hidden.layer}) reaches {percent(hidden.accuracy.mean)} accuracy, "
        f"one on the pixels {percent(pixels.accuracy.mean)}."
    )
    return [finding("linear_probe", model, text, {"hidden": hidden.accuracy.mean, "pixels": pixels.accuracy.mean})]


def robustness_difference(row: RobustnessDifference, names: Mapping[str, str]) -> list[Finding]:
    """Fires for a perturbation that costs one model more accuracy than the other."""
    if row.verdict not in _DECIDED or abs(row.mean) < _WORTH_SAYING:
        return []
    better, other = _ahead(row)
    low, high = _ends(row, better)
    text = (
        f"{capitalised(names[better])} is more robust to {_TO_PERTURBATION[row.perturbation]}: mean over all amounts, "
        f"it loses {100 * abs(row.mean):.2f} percentage points less accuracy than {names[other]}, 95% interval "
        f"[{low:.2f}, {high:.2f}] ({_evidence(row)})."
    )
    values = {"perturbation": row.perturbation, "better": better, "cnn_minus_ffnn": row.mean}
    return [finding("robustness_difference", None, text, values)]


def permuted(model: str, row: Comparison) -> list[Finding]:
    """Fires when the order of the pixels is shown to matter to a model, or shown not to."""
    change = f"{_shown(row, points)} percentage points of test accuracy over {len(row.seeds)} seeds"
    if row.verdict in _DECIDED:
        text = (
            f"Trained and tested on one fixed random permutation of all pixels, the model gets {row.verdict}: {change}."
        )
    elif row.equivalence_bound is not None:
        text = (
            "The order of the pixels does not matter: trained and tested on one fixed random permutation of all "
            "pixels, "
            f"test accuracy is equivalent within ±{100 * row.equivalence_bound:.2f} percentage points ({change})."
        )
    else:
        return []
    return [finding("permuted", model, text, {"mean": row.mean, "interval": list(row.interval)})]


def permutation_gap(gap: ModelDifference | None, names: Mapping[str, str]) -> list[Finding]:
    """Fires when the order of the pixels is worth more to one model than to the other."""
    if gap is None or gap.verdict not in _DECIDED:
        return []
    # Who changes for the worse by more lives on the order of the pixels.
    less, more = _ahead(gap)
    low, high = _ends(gap, less)
    text = (
        f"The spatial order of the pixels is worth {100 * abs(gap.mean):.2f} percentage points of test accuracy more "
        f"to {names[more]} than to {names[less]}, 95% interval [{low:.2f}, {high:.2f}] ({_evidence(gap)})."
    )
    return [finding("permutation_gap", None, text, {"cnn_minus_ffnn": gap.mean, "interval": list(gap.interval)})]


def training_set_size(rows: Sequence[SizeDifference], names: Mapping[str, str]) -> list[Finding]:
    """Fires when the model that is ahead with few training images is not the one that is ahead with many."""
    decided = [row for row in rows if row.verdict in _DECIDED]
    if not decided or decided[0].verdict == decided[-1].verdict:
        return []
    few, many = decided[0], decided[-1]
    ahead, later = _ahead(few)
    text = (
        f"Few training images favour {names[ahead]}, many {names[later]}: with {few.images:,} images {names[ahead]} "
        f"leads by {100 * abs(few.mean):.2f} percentage points ({_evidence(few)}), with {many.images:,} "
        f"{names[later]} by {100 * abs(many.mean):.2f} ({_evidence(many)})."
    )
    values = {"few": few.images, "many": many.images, "differences": [few.mean, many.mean]}
    return [finding("training_set_size", None, text, values)]


def calibration(model: str, result: Calibration) -> list[Finding]:
    """Fires when a temperature away from 1, fitted on validation, lowers the test loss."""
    temperature = sum(result.temperatures) / len(result.temperatures)
    if not _enough(result.seeds) or abs(temperature - 1) < _TEMPERATURE or result.loss_change.high >= 0:
        return []
    text = (
        f"“{result.configuration}” is {'overconfident' if temperature > 1 else 'underconfident'}: temperature scaling "
        f"(T = {temperature:.2f}, fitted on validation) changes the test log loss from {result.before.loss:.3f} to "
        f"{result.after.loss:.3f} and the expected calibration error from {percent(result.before.ece)} to "
        f"{percent(result.after.ece)}; predicted labels stay."
    )
    values = {"temperature": temperature, "before": result.before.ece, "after": result.after.ece}
    return [finding("calibration", model, text, values)]


def faithfulness(model: str, tests: Faithfulness) -> list[Finding]:
    """Say which methods beat every control in deletion and in insertion, and which do not."""
    if not _enough(tests.seeds):
        return []
    controls = len(tests.controls)
    groups: dict[str, dict[str, str]] = {"passed": {}, "failed": {}, "inconclusive": {}}
    for method in tests.methods:
        against = {"deletion": method.deletion, "insertion": method.insertion}
        beats = [len(against[kind].beats) for kind in KINDS]
        behind = any(difference.high < 0 for one in against.values() for difference in one.differences.values())
        group = "passed" if min(beats) == controls else "failed" if behind else "inconclusive"
        groups[group][method.method] = (
            f"{method.method} ({beats[0]}/{controls} on deletion, {beats[1]}/{controls} on insertion)"
        )
    parts = [
        (f"{_listed(list(groups['passed'].values()))} beat" if groups["passed"] else "no method beats")
        + " every control in both"
    ]
    if groups["failed"]:
        parts.append(f"not faithful, worse than at least one control: {_listed(list(groups['failed'].values()))}")
    if groups["inconclusive"]:
        parts.append(f"inconclusive: {_listed(list(groups['inconclusive'].values()))}")
    text = f"Deletion and insertion against {controls} model-independent controls: {'; '.join(parts)}."
    return [finding("faithfulness", model, text, {group: list(members) for group, members in groups.items()})]


def randomization(model: str, tests: Faithfulness) -> list[Finding]:
    """Say which methods' maps change when the weights become random, which do not, and which are inconclusive."""
    if not _enough(tests.seeds):
        return []
    outcome = {True: "passed", False: "failed", None: "inconclusive"}
    groups: dict[str, list[str]] = {name: [] for name in outcome.values()}
    for method in tests.methods:
        last = method.cascading_randomization[-1].correlation
        assert method.seed_to_seed_correlation is not None, "there are seeds enough"
        between = correlation(method.seed_to_seed_correlation)
        groups[outcome[method.passes_randomization]].append(
            f"{method.method} ({_shown(last, correlation)}; seed-to-seed {between})"
        )
    parts = [f"{name}: {_listed(methods)}" for name, methods in groups.items() if methods]
    text = (
        "Model randomization test, rank correlation of the maps with those of the trained network: "
        f"{'; '.join(parts)}. Passing is necessary, not sufficient."
    )
    values = {method.method: outcome[method.passes_randomization] for method in tests.methods}
    return [finding("randomization", model, text, values)]


def _enough(seeds: Sequence[int]) -> bool:
    """Return whether there are seeds enough for a verdict."""
    return len(seeds) >= MINIMUM_SEEDS


def _ahead(row: ModelDifference) -> tuple[str, str]:
    """Return which model a decided difference favours, and the other."""
    return ("cnn", "ffnn") if row.verdict == "better" else ("ffnn", "cnn")


def _evidence(row: ModelDifference) -> str:
    """Return what a verdict on a difference rests on."""
    assert row.p_holm is not None, "there is a verdict"
    return f"{len(row.seeds)} seeds; p (Holm, m = {row.family}) = {p_value(row.p_holm)}".replace("= <", "<")


def _ends(row: ModelDifference, ahead: str) -> tuple[float, float]:
    """Return the interval of a difference in points, low to high, seen from the model that is ahead."""
    sign = 100 if ahead == "cnn" else -100
    low, high = sorted(sign * end for end in change_interval(row.interval))
    return low, high


def _listed(names: list[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]


def _shown(estimate: Estimate, shown: Callable[[float], str]) -> str:
    low, high = difference_interval(estimate.interval)
    return f"{shown(estimate.mean)} [{shown(low)}, {shown(high)}]"


def _of_each(
    section: Callable[[Results], Mapping[str, _Part]], state: Callable[[str, _Part], list[Finding]]
) -> Callable[[Results], list[Finding]]:
    """Return a rule's function of results from one of a model's part of a section, for every model that has it."""
    return lambda results: [found for model, part in section(results).items() for found in state(model, part)]


def _permutation_gap(results: Results) -> list[Finding]:
    gap = results.ablations.permutation.cnn_minus_ffnn if results.ablations else None
    return permutation_gap(gap, display_names(results))


def _training_set_size(results: Results) -> list[Finding]:
    rows = results.ablations.differences_by_size if results.ablations else []
    return training_set_size(rows, display_names(results))


RULES = (
    Rule("translation", "perturbations", _of_each(lambda results: results.robustness, translation)),
    Rule(
        "robustness_difference",
        "perturbations",
        lambda results: [
            found
            for row in results.robustness_differences
            for found in robustness_difference(row, display_names(results))
        ],
    ),
    Rule("linear_probe", "linear-probes", _of_each(lambda results: results.robustness, linear_probe)),
    Rule(
        "permuted",
        "permutation",
        _of_each(lambda results: results.ablations.permutation.changes if results.ablations else {}, permuted),
    ),
    Rule("permutation_gap", "permutation", _permutation_gap),
    Rule("training_set_size", "training-sizes", _training_set_size),
    Rule("calibration", "calibration", _of_each(lambda results: results.calibration, calibration)),
    Rule("faithfulness", "faithfulness", _of_each(lambda results: results.faithfulness, faithfulness)),
    Rule("randomization", "faithfulness", _of_each(lambda results: results.faithfulness, randomization)),
)
