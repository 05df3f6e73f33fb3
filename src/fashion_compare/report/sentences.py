"""The report's sentences that are made from numbers: each function takes results and returns what they say."""

import math
import shlex
from collections.abc import Mapping, Sequence

from fashion_compare.analysis.hyperparameters import GlobalSensitivity, TuningResults
from fashion_compare.comparison.head_to_head import HeadToHead
from fashion_compare.comparison.hyperparameters import Change, ParameterSensitivity
from fashion_compare.comparison.learning_curves import CurveDiagnosis
from fashion_compare.comparison.model_selection import BestConfiguration, RankedConfiguration
from fashion_compare.comparison.paired import Comparison
from fashion_compare.comparison.per_class import ClassDifference, ConfusionChange
from fashion_compare.evaluation.metrics import COMPARED, METRIC
from fashion_compare.findings.wording import (
    along,
    capitalised,
    difference_interval,
    display_names,
    p_value,
    parameter_name,
    percent,
    points,
    score_interval,
    setting,
    test_set_caveat,
)
from fashion_compare.results.schema import DatasetDescription, Results

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


def data_notice(data: DatasetDescription) -> str:
    """Return what has to be said wherever numbers are that are not about Fashion-MNIST; empty where they are."""
    if data.is_synthetic:
        return "These numbers are NOT about Fashion-MNIST. The study ran on “garments”, synthetic data drawn by code."
    if data.name != "fashion-mnist":
        return (
            "These numbers are NOT about Fashion-MNIST. The study ran on other data in its format, "
            f"{data.name}, known by its hashes alone."
        )
    return ""


def run_command(study_file: str, data: DatasetDescription) -> str:
    """Return the command that makes the runs again, on the same data."""
    command = f"fashion-compare run {shlex.quote(study_file)}"
    if data.is_synthetic:
        return f"{command} --data synthetic"
    return command if data.name == "fashion-mnist" else f"{command} --data DIR --any-idx"


def headline(results: Results) -> str:
    """Return the answer in one or two sentences."""
    names = display_names(results)
    compared = results.head_to_head.get("best") or results.head_to_head.get("baseline")
    if compared is None:
        chosen = (best_in_words(names[model], best) for model, best in results.best.items())
        return " ".join([*chosen, _no_match(results, names)])
    row = next(row for row in compared.comparisons if row.metric == "accuracy")
    what = "the best configurations by validation" if "best" in results.head_to_head else "the baselines"
    low, high = difference_interval(row.interval)
    ahead, behind = (row.a, row.b) if row.mean >= 0 else (row.b, row.a)
    accuracy = {}
    for side in (ahead, behind):
        configuration = results.configuration(side.model, side.configuration)
        assert configuration is not None, "it has been compared"
        accuracy[side.model] = percent(configuration.interval["test"]["accuracy"].mean, 2)
    if row.mean == 0:
        return (
            f"{capitalised(names[row.a.model])} and {names[row.b.model]} have the same test accuracy: "
            f"{accuracy[row.a.model]} each, a difference of {points(0)} percentage points [{points(low)}, "
            f"{points(high)}] (95% interval), comparing {what} over {seeds(row)}."
        )
    low, high = (low, high) if row.mean >= 0 else (-high, -low)
    said = (
        f"test accuracy {accuracy[ahead.model]} vs {accuracy[behind.model]}, a difference of {points(abs(row.mean))} "
        f"percentage points [{points(low)}, {points(high)}] (95% interval), comparing {what}"
    )
    first, second = capitalised(names[ahead.model]), names[behind.model]
    if row.verdict in ("better", "worse"):
        return f"{first} outperforms {second}{test_set_caveat(row.interval)}: {said} over {seeds(row)}."
    reason = (
        f"inconclusive with {seeds(row)}"
        if row.verdict == "inconclusive"
        else f"not tested, since {seeds(row)} cannot show how much of that is chance"
    )
    return f"{first} is ahead of {second}, {said}; {reason}."


def _no_match(results: Results, names: Mapping[str, str]) -> str:
    """Return why there is no comparison of the two models."""
    if len(results.models) == 1:
        return "The study has one model, so there are none to compare."
    unfinished = [names[model] for model in results.models if model not in results.best]
    if unfinished:
        return f"{capitalised(' and '.join(unfinished))} has no finished run, so the models cannot be compared yet."
    return "The two models' finished runs have no seed in common, so they cannot be compared yet."


def seeds(row: Comparison) -> str:
    """Return how many seeds a comparison rests on, in words."""
    n = len(row.seeds)
    return "1 seed" if n == 1 else f"{n} seeds"


def verdict(row: Comparison) -> str:
    """Return the verdict of one comparison, in a few words."""
    if row.verdict in ("better", "worse"):
        return f"{row.verdict}{test_set_caveat(row.interval)}"
    if row.verdict == "not tested":
        return f"not tested (n = {len(row.seeds)})"
    if _without_difference(row):
        return "no difference in any seed"
    if row.equivalence_bound is not None:
        return f"equivalent within ±{METRIC[row.metric].format_size(row.equivalence_bound)}"
    needed = f"; ≈ {row.seeds_needed} seeds for 50% power" if row.seeds_needed else ""
    return f"inconclusive (n = {len(row.seeds)}{needed})"


def evidence(row: Comparison) -> str:
    """Return everything that a claim about one comparison has to show, in one line."""
    smallest = f"smallest possible with {seeds(row)}: {p_value(row.smallest_sign_flip_p)}"
    if row.verdict == "not tested":
        return f"{seeds(row)}: a verdict needs at least 3; sign-flip permutation p, {smallest}"
    parts = [seeds(row)]
    if row.p is not None:
        parts.append(f"paired t-test p = {p_value(row.p)}")
    if row.p_holm is not None:
        parts.append(f"p (Holm, m = {row.family}) = {p_value(row.p_holm)}")
    if row.p_sign_flip is not None:
        limit = "" if row.sign_flip_can_reject else ", not below 0.05 after correction"
        parts.append(f"sign-flip permutation p = {p_value(row.p_sign_flip)} ({smallest}{limit})")
    better = row.probability_of_improvement * len(row.seeds)
    parts.append(f"better in {better:g} of {seeds(row)}")
    if _without_difference(row):
        return "; ".join(parts).replace("= <", "<")
    if row.verdict == "inconclusive":
        detectable = row.minimum_detectable_difference
        metric = METRIC[row.metric]
        if detectable is not None:
            possible = not metric.percent or detectable <= 1
            parts.append(
                f"minimum detectable difference {metric.format_size(detectable) if possible else 'out of range'}"
            )
        parts.append(
            f"≈ {row.seeds_needed} seeds for 50% power, if mean and spread stay as they are"
            if row.seeds_needed
            else "seeds for 50% power: unknown, or over 1,000"
        )
    elif test_set_caveat(row.interval):
        parts.append("holds for this test set: the interval over seeds and images includes zero")
    return "; ".join(parts).replace("= <", "<")


def _without_difference(row: Comparison) -> bool:
    """Return whether both sides have the same score with every seed, from which no spread and no limit follows."""
    return row.verdict == "inconclusive" and row.mean == 0 and row.interval == (0, 0)


def change_in_words(rows: Sequence[Comparison]) -> str:
    """Return what a variation improved and what it made worse, metric by metric."""
    groups = {"improved": "better", "got worse": "worse", "inconclusive": "inconclusive", "not tested": "not tested"}
    said = []
    for group, verdict_word in groups.items():
        names = [
            METRIC_NAMES[row.metric] + (test_set_caveat(row.interval) if verdict_word in ("better", "worse") else "")
            for row in rows
            if row.verdict == verdict_word
        ]
        if names:
            said.append(f"{group}: {', '.join(names)}")
    return "; ".join(said)


def classes_in_words(rows: Sequence[ClassDifference], class_names: Sequence[str]) -> str:
    """Return in which classes F1 differs, or the largest difference where all are inconclusive."""
    f1 = [row for row in rows if row.metric == "f1"]
    said = []
    for verdict_word in ("better", "worse"):
        names = [
            f"{class_names[row.class_index]} {points(row.mean)}{test_set_caveat(row.interval)}"
            for row in f1
            if row.verdict == verdict_word
        ]
        if names:
            said.append(f"F1 {verdict_word} in {', '.join(names)}")
    if said:
        return "; ".join(said)
    largest = max(f1, key=lambda row: abs(row.mean))
    if largest.mean == 0:
        return "F1 is the same in every class"
    low, high = difference_interval(largest.interval)
    return (
        f"{largest.verdict} for every class; largest change of F1 in {class_names[largest.class_index]}, "
        f"{points(largest.mean)} [{points(low)}, {points(high)}]"
    )


def confusions_in_words(rows: Sequence[ConfusionChange], class_names: Sequence[str]) -> str:
    """Return the confusions that changed most, those with a verdict marked."""
    changed = [row for row in rows if row.rate_a != row.rate_b]
    return (
        "; ".join(
            f"{class_names[row.class_index]} misclassified as {class_names[row.predicted]} {percent(row.rate_b)} → "
            f"{percent(row.rate_a)}{f' ({row.verdict})' if row.verdict in ('fixed', 'introduced') else ''}"
            for row in changed[:3]
        )
        or "no confusion differs"
    )


def agreement_in_words(compared: HeadToHead, names: Mapping[str, str]) -> str:
    """Return where two models agree, mean over seeds, and what averaging both gains."""
    a, b = (names[side.model] for side in (compared.comparisons[0].a, compared.comparisons[0].b))
    rates = compared.agreement_rates
    over_a, over_b = (row for row in compared.ensemble if row.metric == "accuracy")
    return (
        f"Both predict {percent(rates.both_right)} of the test images correctly, only {a} {percent(rates.only_a_right)}"
        f", only {b} {percent(rates.only_b_right)}, neither {percent(rates.both_wrong)} (mean over seeds). Averaging "
        f"both models' probabilities (ensemble) changes accuracy by {points(over_a.mean)} percentage points over {a} "
        f"({verdict(over_a)}) and by {points(over_b.mean)} over {b} ({verdict(over_b)})."
    )


def sensitivity_in_words(entries: Sequence[ParameterSensitivity]) -> str:
    """Return a model's parameters by range, each with the values not significantly worse than the best."""
    said = [
        f"{parameter_name(entry.parameter)} {100 * entry.range:.2f} (not significantly worse than the best: "
        f"{', '.join(setting(value) for value in entry.not_worse_than_best)})"
        for entry in entries
    ]
    # What changes together is named beside its value: where anything does, these need not hold.
    alone = {entry.parameter for entry in entries if not any(point.changed_together for point in entry.points)}
    notes = [note for parameter, note in _CAVEATS.items() if parameter in alone]
    what = "Range of mean validation accuracy over the tested values, in percentage points, all else as in the baseline"
    if len(alone) < len(entries):
        what += " except settings changed together"
    return " ".join([f"{what}: {'; '.join(said)}.", *notes])


def global_in_words(found: GlobalSensitivity) -> str:
    """Return what a design over the whole space says, and how far its surrogate can be trusted."""
    main = max(found.indices, key=lambda entry: entry.first.mean)
    pair = max(found.pairs, key=lambda entry: entry.second.mean, default=None)
    images = f"{found.training_images:,} training images" if found.training_images else "all training images"
    text = (
        f"{found.points} of {found.planned} runs with {images}, spread over {len(found.indices)} settings at once: "
        f"validation accuracy from {percent(found.lowest)} to {percent(found.highest)}. The largest first-order share "
        f"of the variance, {percent(main.first.mean, 0)}, is that of {parameter_name(main.parameter)}"
    )
    if pair is not None and pair.second.interval[0] > 0:
        names = " and ".join(parameter_name(name) for name in pair.parameters)
        text += f"; the strongest interaction is {names}, {percent(pair.second.mean, 0)}"
    return (
        f"{text}. Shares are of the surrogate's variance; it predicts runs that it has not seen with R² {found.r2:.2f} "
        "(cross-validated), the rest is chance or too fine for it."
    )


def tuning_in_words(tuning: TuningResults) -> str:
    """Return what tuning chose, and what it gained over the best configuration made by hand; or why it chose none."""
    if tuning.winner is None or tuning.settings is None:
        failed = [trial for trial in tuning.trials if trial.state == "failed"]
        if len(failed) < tuning.planned:
            return "Nothing is chosen yet: no trial has ended well, and others are to come."
        return f"Nothing was chosen, for all {tuning.planned} trials failed. The first: {failed[0].failure}."
    settings = ", ".join(f"{parameter_name(name)} {setting(value)}" for name, value in tuning.settings.items())
    winner = tuning.trials[tuning.winner]
    assert winner.validation_accuracy is not None, "it has won"
    text = f"Trial {winner.number + 1} won, {percent(winner.validation_accuracy, 2)} on validation: {settings}."
    if (row := tuning.gain) is not None:
        low, high = difference_interval(row.interval)
        text += (
            f" Trained with the study's seeds it gains {points(row.mean)} percentage points of test accuracy "
            f"[{points(low)}, {points(high)}] over “{row.b.configuration}”, the best by hand: {verdict(row)}."
        )
    return text


def change(changed: Change | None) -> str:
    """Return what a variation changes."""
    if changed is None:
        return "–"
    if changed.parameter == "tuning":
        return ", ".join(f"{parameter_name(name)} {setting(value)}" for name, value in changed.changed_together.items())
    return (
        f"{parameter_name(changed.parameter)} {setting(changed.baseline_value)} → {setting(changed.value)}"
        f"{along(changed.changed_together)}"
    )


def best_in_words(name: str, best: BestConfiguration) -> str:
    """Return which configuration was chosen, and whether the choice is more than the best mean.

    Args:
        name: what running text calls the model.
        best: its best configuration.
    """
    first = best.ranking[0]
    low, high = score_interval(first.validation_accuracy.interval)
    tied = [f"“{row.configuration}”" for row in best.ranking[1:] if _tied(row, first)]
    text = f"For {name}, “{best.configuration}” has the highest mean validation accuracy"
    text += f" (as {' and '.join(tied)}, of no lower validation loss)" if tied else ""
    text += f": {percent(first.validation_accuracy.mean, 2)} [{percent(low, 2)}, {percent(high, 2)}]."
    if not best.evidence:
        return f"{text} There was nothing to choose from."
    if not best.not_significantly_worse:
        return f"{text} It is significantly better than every other configuration."
    if best.evidence[0].verdict == "not tested":
        return f"{text} With {seeds(best.evidence[0])} the difference from the others is not tested."
    names = ", ".join(f"“{row}”" for row in best.not_significantly_worse)
    return f"{text} Not significantly better than {names}."


def _tied(row: RankedConfiguration, first: RankedConfiguration) -> bool:
    """Return whether a configuration has the best one's accuracy, but for the order in which seeds were added up."""
    return math.isclose(row.validation_accuracy.mean, first.validation_accuracy.mean, abs_tol=1e-10)


def diagnosis(curves: CurveDiagnosis) -> str:
    """Return how a configuration fits, in a few words."""
    if curves.overfitting:
        return f"overfits from epoch {curves.lowest_loss_epoch} on"
    if curves.underfitting:
        return "still improving: underfits"
    return "still improving" if curves.still_improving else "no clear sign"
