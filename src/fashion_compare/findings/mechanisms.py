"""Findings about mechanisms: what changed images, permuted pixels, fewer images and explanations say, by a rule each.

A rule fires when the evidence decides: verdicts where models are compared, 95% intervals where one is looked at. Below
three seeds none does.
"""

from collections.abc import Callable, Mapping
from typing import Any

from fashion_compare.comparison.statistics import MINIMUM_SEEDS
from fashion_compare.findings.wording import (
    Finding,
    chance,
    correlation,
    difference_interval,
    finding,
    lead_interval,
    percent,
    points,
)

_PROBES = {
    "shift": "shifts",
    "rotation": "rotation",
    "scale": "another size",
    "noise": "noise",
    "blur": "blur",
    "contrast": "weaker contrast",
    "occlusion": "covered patches",
}
_DECIDED = ("better", "worse")
# Below this change of accuracy, half a point, there is nothing worth a sentence.
_WORTH_SAYING = 0.005
# How far the temperature has to be from 1.
_TEMPERATURE = 0.05
# Pixels of shift of which the shift's finding speaks.
_SHIFT = 2


def mechanism_findings(results: Mapping[str, Any]) -> list[Finding]:
    """Return what the study's experiments and explanations say."""
    found = []
    for model, held in results["mechanisms"].items():
        found += shifted(model, held)
        found += last_layer(model, held)
    found += probe_leads(results["probe_leads"])
    experiments = results["experiments"]
    if experiments is not None:
        for model, row in experiments["permutation"]["changes"].items():
            found += permuted(model, row)
        found += permutation_gap(experiments["permutation"]["cnn_minus_ffnn"])
        found += data_hunger(experiments["lead_of_the_cnn"])
    for model, held in results["calibration"].items():
        found += confidence(model, held)
    for model, held in results["faithfulness"].items():
        found += faithful(model, held)
        found += randomised(model, held)
    return found


def shifted(model: str, held: Mapping[str, Any]) -> list[Finding]:
    """Fires when images shifted by two pixels cost accuracy."""
    curve = next((curve for curve in held["probes"] if curve["probe"] == "shift"), None)
    point = next((point for point in curve["points"] if point["amount"] == _SHIFT), None) if curve else None
    if point is None or not _enough(held) or point["change"]["interval"][1] > -_WORTH_SAYING:
        return []
    return [
        finding(
            "shifted",
            model,
            f"Shifting test images by {_SHIFT} pixels changes the baseline's accuracy by "
            f"{_interval(point['change'], points)} points, to {percent(point['accuracy']['mean'])}.",
            {"pixels": _SHIFT, "change": point["change"]["mean"], "accuracy": point["accuracy"]["mean"]},
        )
    ]


def last_layer(model: str, held: Mapping[str, Any]) -> list[Finding]:
    """Fires when a linear readout of the last hidden layer is ahead of one of the pixels."""
    layers = held["layers"]
    if len(layers) < 3 or not _enough(held):
        return []
    pixels, hidden = layers[0], layers[-2]
    if hidden["accuracy"]["interval"][0] <= pixels["accuracy"]["interval"][1]:
        return []
    return [
        finding(
            "last_layer",
            model,
            f"A straight line tells {percent(hidden['accuracy']['mean'])} of test images apart in the last hidden "
            f"layer ({hidden['layer']}), {percent(pixels['accuracy']['mean'])} in the pixels: what the network adds.",
            {"hidden": hidden["accuracy"]["mean"], "pixels": pixels["accuracy"]["mean"]},
        )
    ]


def probe_leads(leads: list[dict[str, Any]]) -> list[Finding]:
    """Fires for each way to change images that costs the one model more accuracy than the other."""
    found = []
    for held in leads:
        if held["verdict"] not in _DECIDED or abs(held["lead"]["mean"]) < _WORTH_SAYING:
            continue
        better, other = ("cnn", "ffnn") if held["verdict"] == "better" else ("ffnn", "cnn")
        low, high = _ends(held, better)
        found.append(
            finding(
                "probe_lead",
                None,
                f"{_PROBES[held['probe']].capitalize()}: the {better} stands it better. Over all amounts tried it "
                f"loses {100 * abs(held['lead']['mean']):.2f} points less accuracy than the {other}, 95% interval "
                f"[{low:.2f}, {high:.2f}] ({_evidence(held)}).",
                {"probe": held["probe"], "better": better, "lead_of_the_cnn": held["lead"]["mean"]},
            )
        )
    return found


def permuted(model: str, row: Mapping[str, Any]) -> list[Finding]:
    """Fires when the order of the pixels is shown to matter to a model, or shown not to."""
    change = f"{_interval(row, points)} points of test accuracy over {len(row['seeds'])} seeds"
    if row["verdict"] in ("better", "worse"):
        text = f"With all pixels in one other random order, trained anew, the {model} gets {row['verdict']}: {change}."
    elif row["equivalence_bound"] is not None:
        text = (
            f"The order of the pixels does not matter to the {model}: with all of them in one other random order, "
            f"trained anew, no difference larger than {100 * row['equivalence_bound']:.2f} points ({change})."
        )
    else:
        return []
    return [finding("permuted", model, text, {"mean": row["mean"], "interval": row["interval"]})]


def permutation_gap(gap: Mapping[str, Any] | None) -> list[Finding]:
    """Fires when the order of the pixels is worth more to one model than to the other."""
    if gap is None or gap["verdict"] not in _DECIDED:
        return []
    # Who changes for the worse by more lives on the order of the pixels.
    more, less = ("cnn", "ffnn") if gap["verdict"] == "worse" else ("ffnn", "cnn")
    low, high = _ends(gap, less)
    return [
        finding(
            "permutation_gap",
            None,
            f"Neighbourhood is worth {100 * abs(gap['lead']['mean']):.2f} points of test accuracy more to the {more} "
            f"than to the {less}, 95% interval [{low:.2f}, {high:.2f}] ({_evidence(gap)}): that much more is lost "
            "when pixels are permuted.",
            {"cnn_minus_ffnn": gap["lead"]["mean"], "interval": gap["lead"]["interval"]},
        )
    ]


def data_hunger(leads: list[dict[str, Any]]) -> list[Finding]:
    """Fires when the model that is ahead with few training images is not the one that is ahead with many."""
    decided = [held for held in leads if held["verdict"] in _DECIDED]
    if not decided or decided[0]["verdict"] == decided[-1]["verdict"]:
        return []
    few, many = decided[0], decided[-1]
    ahead, later = ("cnn", "ffnn") if few["verdict"] == "better" else ("ffnn", "cnn")
    return [
        finding(
            "data_hunger",
            None,
            f"Few images favour the {ahead}, many the {later}: with {few['images']:,} training images the {ahead} "
            f"leads by {100 * abs(few['lead']['mean']):.2f} points ({_evidence(few)}), with {many['images']:,} the "
            f"{later} by {100 * abs(many['lead']['mean']):.2f} ({_evidence(many)}).",
            {"few": few["images"], "many": many["images"], "leads": [few["lead"]["mean"], many["lead"]["mean"]]},
        )
    ]


def confidence(model: str, held: Mapping[str, Any]) -> list[Finding]:
    """Fires when a temperature away from 1, fitted on validation, lowers the test loss."""
    temperature = sum(held["temperatures"]) / len(held["temperatures"])
    if not _enough(held) or abs(temperature - 1) < _TEMPERATURE or held["loss_change"]["interval"][1] >= 0:
        return []
    sure = "too sure of itself" if temperature > 1 else "not sure enough of itself"
    return [
        finding(
            "confidence",
            model,
            f"“{held['configuration']}” is {sure}: divided by a temperature of {temperature:.2f} (fitted on "
            f"validation), its logits give a test log loss of {held['after']['loss']:.3f} instead of "
            f"{held['before']['loss']:.3f}, and a calibration error of {percent(held['after']['ece'])} instead of "
            f"{percent(held['before']['ece'])}.",
            {"temperature": temperature, "before": held["before"]["ece"], "after": held["after"]["ece"]},
        )
    ]


def faithful(model: str, held: Mapping[str, Any]) -> list[Finding]:
    """Say which methods beat every control in deletion and in insertion, which lose to one, and which are undecided."""
    if not _enough(held):
        return []
    controls = len(held["controls"])
    groups: dict[str, dict[str, str]] = {"passed": {}, "failed": {}, "undecided": {}}
    for m in held["methods"]:
        method, ahead = m["method"], [len(m[kind]["beats"]) for kind in ("deletion", "insertion")]
        behind = any(
            lead["interval"][1] < 0 for kind in ("deletion", "insertion") for lead in m[kind]["leads"].values()
        )
        group = "passed" if min(ahead) == controls else "failed" if behind else "undecided"
        groups[group][method] = f"{method} (ahead of {ahead[0]} and {ahead[1]} of them)"
    passed = list(groups["passed"])
    text = "Deletion and insertion, against controls that know nothing of the network: "
    text += f"{_listed(passed)} passed, ahead of all {controls} in both" if passed else "no method passed"
    if groups["failed"]:
        text += f"; {_listed(list(groups['failed'].values()))} failed, behind at least one"
    if groups["undecided"]:
        text += f"; {_listed(list(groups['undecided'].values()))} undecided"
    return [finding("faithful", model, f"{text}.", {group: list(members) for group, members in groups.items()})]


def randomised(model: str, held: Mapping[str, Any]) -> list[Finding]:
    """Say which methods' maps change when the weights become random, which do not, and which are undecided."""
    if not _enough(held):
        return []
    names = {True: "passed", False: "failed", None: "undecided"}
    groups: dict[str, list[str]] = {name: [] for name in names.values()}
    for m in held["methods"]:
        last = m["randomised"][-1]["correlation"]
        said = f"{m['method']} ({_interval(last, correlation)}; between trainings {correlation(m['trained_again'])})"
        groups[names[m["passes_randomisation"]]].append(said)
    parts = [f"{_listed(methods)} {name}" for name, methods in groups.items() if methods]
    text = f"Random weights, rank correlation of the maps with those of the trained network: {'; '.join(parts)}."
    values = {m["method"]: names[m["passes_randomisation"]] for m in held["methods"]}
    return [finding("randomised", model, text, values)]


def _enough(held: Mapping[str, Any]) -> bool:
    """Return whether there are seeds enough for a verdict."""
    return len(held["seeds"]) >= MINIMUM_SEEDS


def _evidence(held: Mapping[str, Any]) -> str:
    """Return what a verdict on a lead rests on."""
    return f"{len(held['seeds'])} seeds, Holm over {held['family']}: {chance(held['p_holm'])}"


def _ends(held: Mapping[str, Any], ahead: str) -> tuple[float, float]:
    """Return the interval of a lead in points, low to high, seen from the model that is ahead."""
    sign = 100 if ahead == "cnn" else -100
    low, high = sorted(sign * end for end in lead_interval(held["lead"]["interval"]))
    return low, high


def _listed(names: list[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]


def _interval(held: Mapping[str, Any], shown: Callable[[float], str]) -> str:
    low, high = difference_interval(held["interval"])
    return f"{shown(held['mean'])} [{shown(low)}, {shown(high)}]"
