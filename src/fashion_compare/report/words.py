"""The report's sentences that are made from numbers: each function takes results and returns what they say."""

from collections.abc import Mapping
from typing import Any

from fashion_compare.comparison.findings import along, parameter_name, percent, points, setting

METRIC_NAMES = {
    "accuracy": "accuracy",
    "f1_macro": "macro F1",
    "auc_macro_ovr": "macro AUC",
    "loss": "log loss",
}


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
    ahead, behind = (row["a"], row["b"]) if row["mean"] >= 0 else (row["b"], row["a"])
    low, high = row["interval"] if row["mean"] >= 0 else (-row["interval"][1], -row["interval"][0])
    what = "the best configurations by validation" if pairing == "best" else "the baselines"
    said = (
        f"{percent(shares[ahead['model']]['mean'], 2)} against {percent(shares[behind['model']]['mean'], 2)} "
        f"of the test images right, {points(abs(row['mean']))} points [{points(low)}, {points(high)}] at 95%, "
        f"comparing {what}"
    )
    if row["verdict"] in ("better", "worse"):
        return f"The {ahead['model']} beats the {behind['model']}: {said} over {seeds(row)}."
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


def evidence(row: Mapping[str, Any]) -> str:
    """Return everything that a claim about one comparison has to show, in one line."""
    if row["verdict"] == "no verdict":
        return f"{seeds(row)}: too few to see how much differences vary, so no verdict; 3 or more give one"
    parts = [seeds(row)]
    if row["p"] is not None:
        parts.append(f"paired t-test p = {_p(row['p'])}")
    if row["p_holm"] is not None:
        parts.append(f"Holm over {row['family']}: {_p(row['p_holm'])}")
    if row["p_sign_flip"] is not None:
        floor = f"sign-flip p = {_p(row['p_sign_flip'])}, which cannot fall below {_p(row['sign_flip_floor'])}"
        parts.append(floor + ("" if row["sign_flip_can_decide"] else " and so cannot decide under Holm"))
    parts.append(f"ahead in {percent(row['probability_better'], 0)} of seeds")
    if row["verdict"] == "undecided":
        if row["smallest_difference_shown"] is not None:
            parts.append(f"these seeds could have shown {_size(row['smallest_difference_shown'], row['metric'])}")
        needed = row["seeds_needed"]
        parts.append(
            f"{needed} seeds would settle this one if nothing else changed"
            if needed
            else "how many seeds would settle this one cannot be said, or is over 1,000"
        )
    return "; ".join(parts)


def change_in_words(rows: list[Mapping[str, Any]]) -> str:
    """Return what a variation improved and what it made worse, metric by metric, with how sure that is."""
    better = [METRIC_NAMES[row["metric"]] for row in rows if row["verdict"] == "better"]
    worse = [METRIC_NAMES[row["metric"]] for row in rows if row["verdict"] == "worse"]
    open_ = [METRIC_NAMES[row["metric"]] for row in rows if row["verdict"] in ("undecided", "no verdict")]
    said = []
    if better:
        said.append(f"improved: {', '.join(better)}")
    if worse:
        said.append(f"got worse: {', '.join(worse)}")
    if open_:
        said.append(f"{'not decided' if rows[0]['verdict'] != 'no verdict' else 'no verdict'}: {', '.join(open_)}")
    return "; ".join(said)


def change(held: Mapping[str, Any]) -> str:
    """Return what a variation changes."""
    change = held["change"]
    return (
        "–"
        if change is None
        else f"{parameter_name(change['parameter'])} {setting(change['from'])} → {setting(change['to'])}"
        f"{along(change['together'])}"
    )


def best_in_words(model: str, best: Mapping[str, Any]) -> str:
    """Return which configuration was chosen, and whether the choice is more than the best mean."""
    first = best["ranking"][0]
    low, high = first["interval"]
    text = (
        f"For the {model}, “{best['configuration']}” has the highest mean validation accuracy: "
        f"{percent(first['validation_accuracy'], 2)} [{percent(low, 2)}, {percent(high, 2)}]."
    )
    if not best["evidence"]:
        return f"{text} There was nothing to choose from."
    if not best["indistinguishable"]:
        return f"{text} Its lead over every other configuration is statistically clear."
    if best["evidence"][0]["verdict"] == "no verdict":
        return f"{text} With {seeds(best['evidence'][0])} nothing says that the lead is more than chance."
    names = ", ".join(f"“{name}”" for name in best["indistinguishable"])
    return f"{text} The evidence does not separate it from {names}: among those it was chosen by the mean alone."


def fitting_in_words(fit: Mapping[str, Any]) -> str:
    """Return how a configuration fits, in a few words."""
    if fit["overfitting"]:
        return f"overfits from epoch {fit['lowest_loss_epoch']} on"
    if fit["underfitting"]:
        return "still improving: underfits"
    return "still improving" if fit["still_improving"] else "neither shows clearly"


def dense_parameters(layers: list[Mapping[str, Any]]) -> int:
    """Return how many parameters the dense layers hold."""
    return sum(layer["parameters"] for layer in layers if layer["kind"].startswith("dense"))


def number(value: float, metric: str) -> str:
    """Return a score with sensible digits: shares in percent, losses as they are."""
    return f"{value:.4f}" if metric in ("loss", "nll", "brier", "ece") else f"{100 * value:.2f}"


def signed(value: float, metric: str) -> str:
    """Return a difference with its sign: percentage points, or the loss's own unit."""
    return f"{value:+.4f}".replace("-", "−") if metric == "loss" else points(value)


def _size(value: float, metric: str) -> str:
    return f"{value:.4f}" if metric == "loss" else f"{100 * value:.2f} points"


def _p(value: float) -> str:
    return "< 0.0001" if value < 0.0001 else f"{value:.4f}" if value < 0.01 else f"{value:.3g}"
