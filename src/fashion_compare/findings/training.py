"""Findings about training: over- and underfitting, hyperparameters, hard classes, failures, and who wins."""

from collections.abc import Callable, Mapping, Sequence

from fashion_compare.comparison.head_to_head import HeadToHead
from fashion_compare.comparison.hyperparameters import ParameterSensitivity
from fashion_compare.comparison.learning_curves import CurveDiagnosis
from fashion_compare.findings.wording import (
    Rule,
    along,
    capitalised,
    difference_interval,
    display_names,
    finding,
    parameter_name,
    percent,
    points,
    relative_increase,
    setting,
    test_set_caveat,
)
from fashion_compare.results.schema import (
    ConfigurationResults,
    Finding,
    FinishedConfiguration,
    Results,
    RunFailure,
)
from fashion_compare.study.spec import BASELINE

# Confusions below this share of two classes' images are not worth a sentence.
_CONFUSION = 0.05
# A change of the gap between training and validation accuracy that is worth a sentence: half a point.
_GAP_CHANGE = 0.005
_REGULARISERS = ("l1", "l2", "weight_decay", "dropout", "label_smoothing")


def overfitting(model: str, curves: CurveDiagnosis) -> list[Finding]:
    """Fires when the training curve has left the validation curve behind and the validation loss rises."""
    if not curves.overfitting:
        return []
    lowest = f"validation loss was lowest at epoch {curves.lowest_loss_epoch} and has risen"
    if curves.loss_increase is None:
        lowest += " from exactly 0"
    else:
        lowest += f" by {relative_increase(curves.loss_increase, 0)}"
    text = (
        f"The baseline overfits: after epoch {curves.epochs} training accuracy is {percent(curves.training_accuracy)} "
        f"and validation accuracy {percent(curves.validation_accuracy)}, a gap of {points(curves.gap, 1)} percentage "
        f"points; {lowest} since. Selecting the best epoch by validation limits the damage."
    )
    values = curves.model_dump(include={"gap", "lowest_loss_epoch", "loss_increase", "epochs"})
    return [finding("overfitting", model, text, values)]


def underfitting(model: str, curves: CurveDiagnosis) -> list[Finding]:
    """Fires when validation loss still falls at the last epoch and training is hardly ahead."""
    if not curves.underfitting:
        return []
    text = (
        f"The baseline underfits: its validation loss is lowest at its last epoch ({curves.epochs}) and training "
        f"accuracy ({percent(curves.training_accuracy)}) is only {points(curves.gap, 1)} percentage points from "
        f"validation ({percent(curves.validation_accuracy)}). More epochs should help."
    )
    values = curves.model_dump(include={"gap", "epochs", "training_accuracy", "validation_accuracy"})
    return [finding("underfitting", model, text, values)]


def plateau(model: str, curves: CurveDiagnosis) -> list[Finding]:
    """Fires when the last third of the epochs brought next to nothing on validation."""
    if not curves.plateau:
        return []
    text = (
        f"The baseline has reached a plateau: the last {curves.epochs // 3} of {curves.epochs} epochs gained "
        f"{points(curves.late_gain)} percentage points of validation accuracy over the best before them. More of the "
        "same epochs would not help."
    )
    return [finding("plateau", model, text, curves.model_dump(include={"late_gain", "epochs"}))]


def divergence(
    model: str, failures: Sequence[RunFailure], configurations: Mapping[str, ConfigurationResults]
) -> list[Finding]:
    """Fires when runs with a learning rate above the baseline's diverged."""
    base = configurations[BASELINE].settings["learning_rate"]
    diverged: dict[float, int] = {}
    for failure in failures:
        rate = _learning_rate(failure.configuration, configurations)
        if failure.model == model and "diverged" in failure.reason and rate is not None and rate > base:
            diverged[rate] = diverged.get(rate, 0) + 1
    if not diverged:
        return []
    runs = ", ".join(
        f"{setting(rate)} ({count} run{'s' if count > 1 else ''})" for rate, count in sorted(diverged.items())
    )
    text = f"Training diverged at learning rates above the baseline's {setting(base)}: {runs}."
    values = {"baseline": base, "diverged": [[rate, count] for rate, count in sorted(diverged.items())]}
    return [finding("divergence", model, text, values)]


def _learning_rate(name: str, configurations: Mapping[str, ConfigurationResults]) -> float | None:
    """Return the learning rate of a configuration of the study or of its grid; None for others, as of a design."""
    if name in configurations:
        return float(configurations[name].settings["learning_rate"])
    parameter, _, value = name.partition("=")
    return float(value) if parameter == "learning_rate" else None


def sensitivity(model: str, entry: ParameterSensitivity) -> list[Finding]:
    """Say what the tested values of one parameter did to validation accuracy; always fires, for all are results."""
    parts = []
    baseline = None
    for point in entry.points:
        if point.change is None:
            baseline = point.value
            continue
        low, high = difference_interval(point.change.interval)
        change = f"{points(point.change.mean)} [{points(low)}, {points(high)}]"
        parts.append(f"{setting(point.value)}{along(point.changed_together)}: {change}")
    text = (
        f"{capitalised(parameter_name(entry.parameter))} (baseline {setting(baseline)}), change of validation accuracy "
        f"in percentage points: {'; '.join(parts)}. Range over tested values: {100 * entry.range:.2f}."
    )
    return [finding("sensitivity", model, text, entry.model_dump(include={"parameter", "range"}))]


def regularisation(variation: FinishedConfiguration, base: FinishedConfiguration) -> list[Finding]:
    """Fires for a variation that regularises and moved the gap between training and validation accuracy."""
    if variation.change is None or variation.change.parameter not in _REGULARISERS:
        return []
    before, after = base.curves.gap, variation.curves.gap
    if abs(after - before) < _GAP_CHANGE:
        return []
    text = (
        f"“{variation.name}” {'narrows' if after < before else 'widens'} the gap between training and validation "
        f"accuracy at the last epoch from {100 * before:.1f} to {100 * after:.1f} percentage points."
    )
    return [finding("regularisation", variation.model, text, {"before": before, "after": after})]


def hardest_pair(base: FinishedConfiguration, class_names: Sequence[str]) -> list[Finding]:
    """Fires when two classes are confused with each other, both ways together, in 5% of their images or more."""
    confusion = base.mean.confusion
    classes = range(len(confusion))

    def share(i: int, j: int) -> float:
        images = sum(confusion[i]) + sum(confusion[j])
        return float((confusion[i][j] + confusion[j][i]) / images) if images else 0.0

    i, j = max(((i, j) for i in classes for j in classes if i < j), key=lambda pair: share(*pair))
    if share(i, j) < _CONFUSION:
        return []
    text = (
        f"The hardest pair of classes on the test set is {class_names[i]} and {class_names[j]}: {percent(share(i, j))} "
        "of their images are misclassified as the other (baseline, mean over seeds)."
    )
    return [finding("hardest_pair", base.model, text, {"classes": [i, j], "share": share(i, j)})]


def failure(failed: RunFailure) -> list[Finding]:
    """Fires for every run that failed."""
    return [finding("failure", failed.model, f"{failed.run} failed: {failed.reason}", {})]


def winner(pairing: str, compared: HeadToHead, names: Mapping[str, str]) -> list[Finding]:
    """Say which model has the higher test accuracy, and with what evidence."""
    row = next(row for row in compared.comparisons if row.metric == "accuracy")
    low, high = difference_interval(row.interval)
    difference = f"{points(row.mean)} percentage points of test accuracy, 95% interval [{points(low)}, {points(high)}]"
    sides = " vs ".join(f"{names[side.model].removeprefix('the ')} ({side.configuration})" for side in (row.a, row.b))
    if row.verdict in ("better", "worse"):
        text = (
            f"{sides}: {names[row.a.model]} is {row.verdict}{test_set_caveat(row.interval)}, by {difference} over "
            f"{len(row.seeds)} seeds."
        )
    elif row.verdict == "inconclusive":
        text = f"{sides}: inconclusive with {len(row.seeds)} seeds; {difference}."
    else:
        text = f"{sides}: {difference}; not tested below three seeds."
    values = {"pairing": pairing, "mean": row.mean, "interval": list(row.interval)}
    return [finding("winner", None, text, values)]


def _baselines(state: Callable[[FinishedConfiguration, Results], list[Finding]]) -> Callable[[Results], list[Finding]]:
    """Return a rule's function of results from one of a model's baseline, for every model that has one."""
    return lambda results: [
        found
        for model in results.models
        if (base := results.configuration(model)) is not None
        for found in state(base, results)
    ]


def _regularisation(base: FinishedConfiguration, results: Results) -> list[Finding]:
    return [
        found
        for variation in results.finished()
        if variation.model == base.model
        for found in regularisation(variation, base)
    ]


RULES = (
    Rule("overfitting", "fitting", _baselines(lambda base, _: overfitting(base.model, base.curves))),
    Rule("underfitting", "fitting", _baselines(lambda base, _: underfitting(base.model, base.curves))),
    Rule("plateau", "fitting", _baselines(lambda base, _: plateau(base.model, base.curves))),
    Rule("regularisation", "fitting", _baselines(_regularisation)),
    Rule(
        "divergence",
        "challenges",
        _baselines(
            lambda base, results: divergence(base.model, results.failures, results.models[base.model].configurations)
        ),
    ),
    Rule(
        "sensitivity",
        "challenges",
        lambda results: [
            found
            for model, entries in results.sensitivity.items()
            for entry in entries
            for found in sensitivity(model, entry)
        ],
    ),
    Rule(
        "hardest_pair", "challenges", _baselines(lambda base, results: hardest_pair(base, results.dataset.class_names))
    ),
    Rule("failure", "challenges", lambda results: [found for failed in results.failures for found in failure(failed)]),
    Rule(
        "winner",
        "challenges",
        lambda results: [
            found
            for pairing, compared in results.head_to_head.items()
            for found in winner(pairing, compared, display_names(results))
        ],
    ),
)
