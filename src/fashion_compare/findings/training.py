"""Findings in words, each made from measured numbers by a rule: no number, no sentence."""

from collections.abc import Mapping
from typing import Any

from fashion_compare.findings.data import audit_findings
from fashion_compare.findings.mechanisms import mechanism_findings
from fashion_compare.findings.wording import (
    Finding,
    along,
    difference_interval,
    finding,
    parameter_name,
    percent,
    points,
    relative_rise,
    setting,
    test_set_caveat,
)

# Confusions below this share of two classes' images are not worth a sentence.
_CONFUSION = 0.05
# A change of the gap between training and validation accuracy that is worth a sentence: half a point.
_GAP_CHANGE = 0.005


def findings(results: Mapping[str, Any]) -> list[Finding]:
    """Return what the results say about each model and about the two together.

    Each finding has an `id` (what rule made it), the `model` it is about (None for both), its `text`, and the
    `values` in it.
    """
    found: list[Finding] = []
    class_names = results["dataset"]["class_names"]
    for model, part in results["models"].items():
        base = part["configurations"].get("baseline")
        if base is None or not base["runs"]:
            continue
        found += overfitting(model, base["fitting"])
        found += underfitting(model, base["fitting"])
        found += plateau(model, base["fitting"])
        found += divergence(model, results["failures"], part["configurations"])
        for entry in results["sensitivity"].get(model, []):
            found += influence(model, entry)
        for name, held in part["configurations"].items():
            if name != "baseline" and held["runs"]:
                found += regularisation(model, name, held, base)
        found += hardest_pair(model, base, class_names)
    for failure in results["failures"]:
        found.append(finding("failure", failure["model"], f"{failure['run']} failed: {failure['reason']}", {}))
    found += winner(results["head_to_head"])
    return found + mechanism_findings(results) + audit_findings(results["audit"], class_names)


def overfitting(model: str, fit: Mapping[str, Any]) -> list[Finding]:
    """Fires when the training curve has left the validation curve behind and the validation loss rises."""
    if not fit["overfitting"]:
        return []
    lowest = f"validation loss was lowest at epoch {fit['lowest_loss_epoch']} and has risen"
    if fit["rise"] is None:
        lowest += " from exactly 0"
    else:
        lowest += f" by {relative_rise(fit['rise'], 0)}"
    return [
        finding(
            "overfitting",
            model,
            f"The baseline overfits: after epoch {fit['epochs']} it is right on {percent(fit['training_accuracy'])} of "
            f"training images but {percent(fit['validation_accuracy'])} of validation images, a gap of "
            f"{points(fit['gap'], 1)} points; {lowest} since. Keeping the best epoch by validation limits the damage.",
            {key: fit[key] for key in ("gap", "lowest_loss_epoch", "rise", "epochs")},
        )
    ]


def underfitting(model: str, fit: Mapping[str, Any]) -> list[Finding]:
    """Fires when validation loss still falls at the last epoch and training is hardly ahead."""
    if not fit["underfitting"]:
        return []
    return [
        finding(
            "underfitting",
            model,
            f"The baseline is not trained out: its validation loss is lowest at its last epoch ({fit['epochs']}) and "
            f"training accuracy ({percent(fit['training_accuracy'])}) is only {points(fit['gap'], 1)} points from "
            f"validation ({percent(fit['validation_accuracy'])}). More epochs should help.",
            {key: fit[key] for key in ("gap", "epochs", "training_accuracy", "validation_accuracy")},
        )
    ]


def plateau(model: str, fit: Mapping[str, Any]) -> list[Finding]:
    """Fires when the last third of the epochs brought next to nothing on validation."""
    if not fit["plateau"]:
        return []
    return [
        finding(
            "plateau",
            model,
            f"The baseline has reached a plateau: the last {fit['epochs'] // 3} of {fit['epochs']} epochs brought "
            f"{points(fit['late_gain'])} points of validation accuracy over the best before them. More of the same "
            "epochs would not help.",
            {key: fit[key] for key in ("late_gain", "epochs")},
        )
    ]


def divergence(model: str, failures: list[dict[str, Any]], configurations: Mapping[str, Any]) -> list[Finding]:
    """Fires when runs with a learning rate above the baseline's diverged."""
    base = configurations["baseline"]["config"]["learning_rate"]
    diverged: dict[float, int] = {}
    for failure in failures:
        rate = _learning_rate(failure["configuration"], configurations)
        if failure["model"] == model and "diverged" in failure["reason"] and rate is not None and rate > base:
            diverged[rate] = diverged.get(rate, 0) + 1
    if not diverged:
        return []
    runs = ", ".join(
        f"{setting(rate)} ({count} run{'s' if count > 1 else ''})" for rate, count in sorted(diverged.items())
    )
    return [
        finding(
            "divergence",
            model,
            f"Training diverged at learning rates above the baseline's {setting(base)}: {runs}.",
            {"baseline": base, "diverged": [[rate, count] for rate, count in sorted(diverged.items())]},
        )
    ]


def _learning_rate(name: str, configurations: Mapping[str, Any]) -> float | None:
    """Return the learning rate of a configuration of the study or of its grid; None for others, as of a design."""
    if name in configurations:
        return float(configurations[name]["config"]["learning_rate"])
    parameter, _, value = name.partition("=")
    return float(value) if parameter == "learning_rate" else None


def influence(model: str, entry: Mapping[str, Any]) -> list[Finding]:
    """Say what the values tried of one parameter did to validation accuracy; always fires, for all are results."""
    parts = []
    for point in entry["points"]:
        if point["change"] is None:
            continue
        low, high = difference_interval(point["change"]["interval"])
        change = f"{points(point['change']['mean'])} points [{points(low)}, {points(high)}]"
        parts.append(f"{setting(point['value'])}{along(point['together'])}: {change}")
    base = next(point for point in entry["points"] if point["change"] is None)
    return [
        finding(
            "influence",
            model,
            f"{parameter_name(entry['parameter']).capitalize()} (baseline {setting(base['value'])}), change of "
            f"validation accuracy: {'; '.join(parts)}. The values tried span {100 * entry['span']:.2f} points.",
            {"parameter": entry["parameter"], "span": entry["span"]},
        )
    ]


def regularisation(model: str, name: str, held: Mapping[str, Any], base: Mapping[str, Any]) -> list[Finding]:
    """Fires for a variation that regularises and moved the gap between training and validation accuracy."""
    if held["change"]["parameter"] not in ("l1", "l2", "weight_decay", "dropout", "label_smoothing"):
        return []
    before, after = base["fitting"]["gap"], held["fitting"]["gap"]
    if abs(after - before) < _GAP_CHANGE:
        return []
    moved = "narrows" if after < before else "widens"
    return [
        finding(
            "regularisation",
            model,
            f"“{name}” {moved} the gap between training and validation accuracy at the last epoch from "
            f"{100 * before:.1f} to {100 * after:.1f} points.",
            {"before": before, "after": after},
        )
    ]


def hardest_pair(model: str, base: Mapping[str, Any], class_names: list[str]) -> list[Finding]:
    """Fires when two classes are taken for each other, both ways together, in 5% of their images or more."""
    confusion = base["mean"]["confusion"]
    classes = range(len(confusion))

    def share(i: int, j: int) -> float:
        images = sum(confusion[i]) + sum(confusion[j])
        return float((confusion[i][j] + confusion[j][i]) / images) if images else 0.0

    i, j = max(((i, j) for i in classes for j in classes if i < j), key=lambda pair: share(*pair))
    if share(i, j) < _CONFUSION:
        return []
    return [
        finding(
            "hardest_pair",
            model,
            f"The hardest pair on the test set is {class_names[i]} and {class_names[j]}: {percent(share(i, j))} of "
            f"their images are taken for the other (baseline, mean over seeds).",
            {"classes": [i, j], "share": share(i, j)},
        )
    ]


def winner(head_to_head: Mapping[str, Any]) -> list[Finding]:
    """Say who is ahead on test accuracy and how sure it is, for the pairings that were run."""
    found = []
    for pairing, held in head_to_head.items():
        row = next(row for row in held["comparisons"] if row["metric"] == "accuracy")
        low, high = difference_interval(row["interval"])
        difference = f"{points(row['mean'])} points of test accuracy, 95% interval [{points(low)}, {points(high)}]"
        a, b = row["a"], row["b"]
        names = f"{a['model']} ({a['configuration']}) against {b['model']} ({b['configuration']})"
        if row["verdict"] in ("better", "worse"):
            where = test_set_caveat(row["interval"])
            text = (
                f"{names}: the {a['model']} is {row['verdict']}{where}, by {difference} over {len(row['seeds'])} seeds."
            )
        elif row["verdict"] == "undecided":
            text = f"{names}: not decided with {len(row['seeds'])} seeds; {difference}."
        else:
            text = f"{names}: {difference}; no verdict below three seeds."
        found.append(finding(f"winner_{pairing}", None, text, {"mean": row["mean"], "interval": row["interval"]}))
    return found
