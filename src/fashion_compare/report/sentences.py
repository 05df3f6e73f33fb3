"""The report's sentences that are made from numbers: each function takes results and returns what they say."""

import math
import shlex
from collections.abc import Iterable, Mapping
from typing import Any

from fashion_compare.comparison.head_to_head import AGREEMENT
from fashion_compare.evaluation.metrics import COMPARED, METRIC
from fashion_compare.findings.wording import (
    along,
    chance,
    difference_interval,
    parameter_name,
    percent,
    points,
    score_interval,
    setting,
    test_set_caveat,
)

# What a ranking of parameters tried one at a time does not say by itself.
_CAVEATS = {
    "optimizer": "Every optimizer ran at the baseline's learning rate, which does not suit all of them.",
    "epochs": "A run counts with its best epoch, so more epochs at a constant learning rate hardly ever lose.",
}
METRIC_NAMES = {name: METRIC[name].label for name in COMPARED}
# Of a class: what each score is called, and its mean over classes.
CLASS_SCORES = {
    "precision": ("precision", "precision_macro"),
    "recall": ("recall", "recall_macro"),
    "f1": ("F1", "f1_macro"),
    "auc": ("AUC", "auc_macro_ovr"),
}


def data_notice(data: Mapping[str, Any]) -> str:
    """Return what has to be said wherever numbers are that are not about Fashion-MNIST; empty where they are."""
    if data["is_synthetic"]:
        return "These numbers are NOT about Fashion-MNIST. The study ran on “garments”, a stand-in drawn by code."
    if data["name"] != "fashion-mnist":
        return (
            "These numbers are NOT about Fashion-MNIST. The study ran on other data in its format, "
            f"{data['name']}, known by its hashes alone."
        )
    return ""


def run_command(study_file: str, data: Mapping[str, Any]) -> str:
    """Return the command that makes the runs again, on the same data."""
    command = f"fashion-compare run {shlex.quote(study_file)}"
    if data["is_synthetic"]:
        return f"{command} --data synthetic"
    return command if data["name"] == "fashion-mnist" else f"{command} --data DIR --any-idx"


def headline(results: Mapping[str, Any]) -> str:
    """Return the answer in one or two sentences."""
    pairing = "best" if "best" in results["head_to_head"] else "baseline"
    if pairing not in results["head_to_head"]:
        return " ".join([*(best_in_words(model, best) for model, best in results["best"].items()), _no_match(results)])
    rows = results["head_to_head"][pairing]["comparisons"]
    row = next(row for row in rows if row["metric"] == "accuracy")
    shares = {
        side["model"]: results["models"][side["model"]]["configurations"][side["configuration"]]["interval"]["test"][
            "accuracy"
        ]
        for side in (row["a"], row["b"])
    }
    what = "the best configurations by validation" if pairing == "best" else "the baselines"
    if row["mean"] == 0:
        low, high = difference_interval(row["interval"])
        return (
            f"The {row['a']['model']} and the {row['b']['model']} are level: each has "
            f"{percent(shares[row['a']['model']]['mean'], 2)} of the test images right, a difference of "
            f"{points(0)} points [{points(low)}, {points(high)}] at 95%, comparing {what} over {seeds(row)}."
        )
    ahead, behind = (row["a"], row["b"]) if row["mean"] >= 0 else (row["b"], row["a"])
    low, high = difference_interval(row["interval"])
    low, high = (low, high) if row["mean"] >= 0 else (-high, -low)
    said = (
        f"{percent(shares[ahead['model']]['mean'], 2)} against {percent(shares[behind['model']]['mean'], 2)} "
        f"of the test images right, {points(abs(row['mean']))} points [{points(low)}, {points(high)}] at 95%, "
        f"comparing {what}"
    )
    if row["verdict"] in ("better", "worse"):
        where = test_set_caveat(row["interval"])
        return f"The {ahead['model']} beats the {behind['model']}{where}: {said} over {seeds(row)}."
    reason = (
        f"but {seeds(row)} do not decide it"
        if row["verdict"] == "undecided"
        else f"but {seeds(row)} cannot show how much of that is chance, so there is no verdict"
    )
    return f"The {ahead['model']} is ahead, {said}, {reason}."


def _no_match(results: Mapping[str, Any]) -> str:
    """Return why there is no comparison of the two models."""
    if len(results["models"]) == 1:
        return "The study has one model, so there are none to compare."
    unfinished = [model for model in results["models"] if model not in results["best"]]
    if unfinished:
        return f"The {' and the '.join(unfinished)} has no finished run, so the models cannot be compared yet."
    return "The two models' finished runs have no seed in common, so they cannot be compared yet."


def seeds(row: Mapping[str, Any]) -> str:
    """Return how many seeds a comparison rests on, in words."""
    n = len(row["seeds"])
    return "1 seed" if n == 1 else f"{n} seeds"


def verdict(row: Mapping[str, Any]) -> str:
    """Return what one comparison decides, in a few words."""
    if row["verdict"] in ("better", "worse"):
        return f"{row['verdict']}{test_set_caveat(row['interval'])}"
    if row["verdict"] == "no verdict":
        return f"no verdict with {seeds(row)}"
    if _without_difference(row):
        return "no difference in any seed"
    if row["equivalence_bound"] is not None:
        return f"no difference larger than {METRIC[row['metric']].format_size(row['equivalence_bound'])}"
    needed = row["seeds_needed"]
    return f"not decidable with {seeds(row)}" + (f" ({needed} for an even chance)" if needed else "")


def evidence(row: Mapping[str, Any]) -> str:
    """Return everything that a claim about one comparison has to show, in one line."""
    if row["verdict"] == "no verdict":
        return (
            f"{seeds(row)}: too few to see how much differences vary, so no verdict; 3 or more give one; the "
            f"sign-flip p cannot fall below {chance(row['smallest_sign_flip_p'])}"
        )
    parts = [seeds(row)]
    if row["p"] is not None:
        parts.append(f"paired t-test p = {chance(row['p'])}")
    if row["p_holm"] is not None:
        parts.append(f"Holm over {row['family']}: {chance(row['p_holm'])}")
    if row["p_sign_flip"] is not None:
        floor = (
            f"sign-flip p = {chance(row['p_sign_flip'])}, which cannot fall below {chance(row['smallest_sign_flip_p'])}"
        )
        parts.append(floor + ("" if row["sign_flip_can_reject"] else " and so cannot decide under Holm"))
    parts.append(f"ahead in {percent(row['probability_of_improvement'], 0)} of seeds")
    if _without_difference(row):
        return "; ".join(parts)
    if row["verdict"] == "undecided":
        smallest = row["minimum_detectable_difference"]
        if smallest is not None:
            metric = METRIC[row["metric"]]
            possible = not metric.percent or smallest <= 1
            shown = metric.format_size(smallest) if possible else "no difference of any size"
            parts.append(f"these seeds could have shown {shown}")
        needed = row["seeds_needed"]
        parts.append(
            f"with {needed} seeds the chances to settle it would be even, if mean and spread stayed as they are"
            if needed
            else "how many seeds would settle this one cannot be said, or is over 1,000"
        )
    elif test_set_caveat(row["interval"]):
        parts.append("decided for these images; with others it may be nothing, for the interval reaches zero")
    return "; ".join(parts)


def _without_difference(row: Mapping[str, Any]) -> bool:
    """Return whether both sides have the same score with every seed, from which no spread and no limit follows."""
    return row["verdict"] == "undecided" and row["mean"] == 0 and list(row["interval"]) == [0, 0]


def change_in_words(rows: list[Mapping[str, Any]]) -> str:
    """Return what a variation improved and what it made worse, metric by metric, with how sure that is."""
    better = [
        METRIC_NAMES[row["metric"]] + test_set_caveat(row["interval"]) for row in rows if row["verdict"] == "better"
    ]
    worse = [
        METRIC_NAMES[row["metric"]] + test_set_caveat(row["interval"]) for row in rows if row["verdict"] == "worse"
    ]
    open_ = [METRIC_NAMES[row["metric"]] for row in rows if row["verdict"] in ("undecided", "no verdict")]
    said = []
    if better:
        said.append(f"improved: {', '.join(better)}")
    if worse:
        said.append(f"got worse: {', '.join(worse)}")
    if open_:
        said.append(f"{'not decided' if rows[0]['verdict'] != 'no verdict' else 'no verdict'}: {', '.join(open_)}")
    return "; ".join(said)


def classes_in_words(rows: list[Mapping[str, Any]], class_names: list[str]) -> str:
    """Return in which classes F1 differs, or the largest difference where none is decided."""
    f1 = [row for row in rows if row["metric"] == "f1"]
    said = []
    for verdict_word in ("better", "worse"):
        names = [
            f"{class_names[row['class']]} {points(row['mean'])}{test_set_caveat(row['interval'])}"
            for row in f1
            if row["verdict"] == verdict_word
        ]
        if names:
            said.append(f"F1 {verdict_word} in {', '.join(names)}")
    if said:
        return "; ".join(said)
    largest = max(f1, key=lambda row: abs(row["mean"]))
    if largest["mean"] == 0:
        return "F1 is the same in every class"
    low, high = difference_interval(largest["interval"])
    return (
        f"no class decided; F1 moved most in {class_names[largest['class']]}, {points(largest['mean'])} "
        f"[{points(low)}, {points(high)}]"
    )


def confusions_in_words(rows: list[Mapping[str, Any]], class_names: list[str]) -> str:
    """Return the confusions that changed most, those that a verdict stands behind marked."""
    changed = [row for row in rows if row["share_a"] != row["share_b"]]
    return (
        "; ".join(
            f"{class_names[row['class']]} taken for {class_names[row['answer']]} {percent(row['share_b'])} → "
            f"{percent(row['share_a'])}{' (' + row['verdict'] + ')' if row['verdict'] in ('mended', 'made') else ''}"
            for row in changed[:3]
        )
        or "no confusion differs"
    )


def together_in_words(held: Mapping[str, Any]) -> str:
    """Return where two models agree, the mean over seeds, and what they would reach together."""
    a, b = (held["comparisons"][0][side]["model"] for side in ("a", "b"))
    shares = [percent(held["shares"][key]) for key in AGREEMENT]
    of_a, of_b = (row for row in held["ensemble"] if row["metric"] == "accuracy")
    return (
        f"Both are right on {shares[0]} of the test images, only the {a} on {shares[1]}, only the {b} on {shares[2]}, "
        f"both wrong on {shares[3]} (mean over seeds). The mean of their probabilities is "
        f"{points(of_a['mean'])} points of accuracy from the {a} ({verdict(of_a)}) and {points(of_b['mean'])} from the "
        f"{b} ({verdict(of_b)})."
    )


def usable_in_words(entries: list[Mapping[str, Any]]) -> str:
    """Return the ranking of a model's parameters by span, each with the values that are as good as the best."""
    said = [
        f"{parameter_name(entry['parameter'])} {100 * entry['span']:.2f} points (not shown to be worse than the "
        f"best: {', '.join(setting(value) for value in entry['usable'])})"
        for entry in entries
    ]
    # What moves along is named beside its value: where anything does, these need not hold.
    alone = {entry["parameter"] for entry in entries if not any(point["together"] for point in entry["points"])}
    notes = [note for parameter, note in _CAVEATS.items() if parameter in alone]
    what = "Mean validation accuracy from the worst to the best value tried, all else as in the baseline"
    if len(alone) < len(entries):
        what += " but for what moves along"
    return " ".join([f"{what}: {'; '.join(said)}.", *notes])


def global_in_words(found: Mapping[str, Any]) -> str:
    """Return what a design over the whole space says, and how far its surrogate can be trusted."""
    main = max(found["indices"], key=lambda entry: entry["first"]["mean"])
    pair = max(found["pairs"], key=lambda entry: entry["second"]["mean"], default=None)
    first = main["first"]
    images = f"{found['training_images']:,} training images" if found["training_images"] else "all training images"
    text = (
        f"{found['points']} of {found['planned']} runs with {images} spread over {len(found['indices'])} settings at "
        f"once; validation accuracy went from {percent(found['lowest'])} to {percent(found['highest'])}. The largest "
        f"share of the spread, {percent(first['mean'], 0)}, is {parameter_name(main['parameter'])}'s alone"
    )
    if pair is not None and pair["second"]["interval"][0] > 0:
        names = " and ".join(parameter_name(name) for name in pair["parameters"])
        text += f"; of all pairs, {names} add most together, {percent(pair['second']['mean'], 0)}"
    return (
        f"{text}. Shares are of what the surrogate knows, which predicts runs it has not seen with R² "
        f"{found['r2']:.2f}: what is missing to 1 is chance, or too fine for it."
    )


def tuning_in_words(held: Mapping[str, Any]) -> str:
    """Return what tuning chose, and what it gained over the best configuration made by hand; or why it chose none."""
    if held["winner"] is None:
        failed = [trial for trial in held["trials"] if trial["state"] == "failed"]
        if len(failed) < held["planned"]:
            return "Nothing is chosen yet: no trial has ended well, and others are to come."
        return f"Nothing was chosen, for all {held['planned']} trials failed. The first: {failed[0]['failure']}."
    settings = ", ".join(f"{parameter_name(name)} {setting(value)}" for name, value in held["settings"].items())
    winner = held["trials"][held["winner"]]
    text = f"Trial {winner['number'] + 1} won, {percent(winner['validation_accuracy'], 2)} on validation: {settings}."
    if (row := held["gain"]) is not None:
        low, high = difference_interval(row["interval"])
        text += (
            f" Trained with the study's seeds it has {points(row['mean'])} points of test accuracy [{points(low)}, "
            f"{points(high)}] against “{row['b']['configuration']}”, the best by hand: {verdict(row)}."
        )
    return text


def change(held: Mapping[str, Any]) -> str:
    """Return what a variation changes."""
    change = held["change"]
    if change is None:
        return "–"
    if change["parameter"] == "tuning":
        return ", ".join(f"{parameter_name(name)} {setting(value)}" for name, value in change["together"].items())
    return (
        f"{parameter_name(change['parameter'])} {setting(change['from'])} → {setting(change['to'])}"
        f"{along(change['together'])}"
    )


def best_in_words(model: str, best: Mapping[str, Any]) -> str:
    """Return which configuration was chosen, and whether the choice is more than the best mean."""
    first = best["ranking"][0]
    low, high = score_interval(first["interval"])
    tied = [f"“{row['configuration']}”" for row in best["ranking"][1:] if _tied(row, first)]
    text = f"For the {model}, “{best['configuration']}” has the highest mean validation accuracy"
    text += f" (as {' and '.join(tied)}, of no lower validation loss)" if tied else ""
    text += f": {percent(first['validation_accuracy'], 2)} [{percent(low, 2)}, {percent(high, 2)}]."
    if not best["evidence"]:
        return f"{text} There was nothing to choose from."
    if not best["indistinguishable"]:
        return f"{text} Its lead over every other configuration is statistically clear."
    if best["evidence"][0]["verdict"] == "no verdict":
        return f"{text} With {seeds(best['evidence'][0])} nothing says that the lead is more than chance."
    names = ", ".join(f"“{name}”" for name in best["indistinguishable"])
    means = "means of accuracy and then of loss" if tied else "mean"
    return f"{text} The evidence does not separate it from {names}: among those it was chosen by the {means} alone."


def _tied(row: Mapping[str, Any], first: Mapping[str, Any]) -> bool:
    """Return whether a configuration has the best one's accuracy, but for the order in which seeds were added up."""
    return math.isclose(row["validation_accuracy"], first["validation_accuracy"], abs_tol=1e-10)


def fitting_in_words(fit: Mapping[str, Any]) -> str:
    """Return how a configuration fits, in a few words."""
    if fit["overfitting"]:
        return f"overfits from epoch {fit['lowest_loss_epoch']} on"
    if fit["underfitting"]:
        return "still improving: underfits"
    return "still improving" if fit["still_improving"] else "neither shows clearly"


def trained_on(runs: Iterable[Mapping[str, Any]]) -> str:
    """Say on what their seconds were measured: "one thread", or the GPU by its name, or all that there were."""
    devices = {run["environment"]["device"].removeprefix("cuda, ") for run in runs}
    return " and ".join(sorted("one thread" if device == "cpu" else device for device in devices))


def epoch_seconds(runs: Iterable[Mapping[str, Any]]) -> str | None:
    """Return the seconds of an epoch, of the seed that other work disturbed least; None where none was trained."""
    known = [run["seconds_per_epoch"] for run in runs if run["seconds_per_epoch"] is not None]
    return f"{min(known):.2f}" if known else None


def dense_parameters(layers: list[Mapping[str, Any]]) -> int:
    """Return how many parameters the dense layers hold."""
    return sum(layer["parameters"] for layer in layers if layer["kind"].startswith("dense"))


def number(value: float, metric: str) -> str:
    """Return a score with sensible digits: shares in percent, losses as they are."""
    return METRIC[metric].format(value)


def signed(value: float, metric: str) -> str:
    """Return a difference with its sign: percentage points, or the loss's own unit."""
    return METRIC[metric].format_difference(value)


def count(value: float) -> str:
    """Return how many images on average: whole numbers without a decimal."""
    return f"{value:.0f}" if value == round(value) else f"{value:.1f}"
