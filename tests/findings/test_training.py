"""Every rule makes its sentence when the numbers call for it, and none when they do not."""

from typing import Any

import pytest
from tests.builders import build

from fashion_compare.comparison.head_to_head import HeadToHead
from fashion_compare.comparison.hyperparameters import ParameterSensitivity
from fashion_compare.comparison.learning_curves import CurveDiagnosis
from fashion_compare.evaluation.metrics import METRIC
from fashion_compare.findings import training as rules
from fashion_compare.findings import with_findings, wording
from fashion_compare.results.schema import (
    ConfigurationResults,
    Finding,
    FinishedConfiguration,
    Results,
    RunFailure,
)

NAMES = {"ffnn": "the MLP", "cnn": "LeNet-5"}

CLASSES = ["T-shirt/top", "Trouser", "Shirt"]
SCORES = dict.fromkeys(METRIC, 0.5)
CLEAN = [[98.0, 1.0, 1.0], [0.0, 100.0, 0.0], [1.0, 0.0, 99.0]]
FIT = {
    "epochs": 15,
    "gap": 0.081,
    "lowest_loss_epoch": 6,
    "loss_increase": 0.25,
    "still_improving": False,
    "training_accuracy": 0.97,
    "validation_accuracy": 0.889,
    "overfitting": False,
    "underfitting": False,
    "late_gain": 0.01,
    "plateau": False,
}


def base(**fit: Any) -> dict[str, Any]:
    """Return a configuration of the results."""
    return {
        "runs": [],
        "curves": FIT | fit,
        "mean": {"confusion": CLEAN, "train": SCORES, "validation": SCORES, "test": SCORES},
        "interval": {},
        "settings": {"learning_rate": 0.001, "architecture": "lenet5"},
    }


def finished(entry: dict[str, Any], name: str = "baseline", model: str = "ffnn") -> FinishedConfiguration:
    """Return the same as a finished configuration."""
    models = {model: {"configurations": {name: entry}}}
    found = build(Results, dataset={"name": "fashion-mnist"}, models=models).configuration(model, name)
    assert found is not None
    return found


def confused(confusion: list[list[float]]) -> dict[str, Any]:
    """Return a configuration with this confusion matrix."""
    entry = base()
    entry["mean"]["confusion"] = confusion
    return entry


def curves(**fit: Any) -> CurveDiagnosis:
    return build(CurveDiagnosis, **FIT | fit)


def findings(**parts: Any) -> list[Finding]:
    """Return what all rules say of an ffnn's baseline about which there is nothing to say, with parts replaced."""
    plain = {
        "dataset": {"name": "fashion-mnist", "class_names": CLASSES},
        "models": {"ffnn": {"configurations": {"baseline": base()}}},
    }
    return with_findings(build(Results, **plain | parts)).findings


def one(found: list[Finding], rule: str) -> str:
    """Return the text of the only finding, which is of that rule."""
    assert [finding.id for finding in found] == [rule]
    assert found[0].model_dump().keys() == {"id", "model", "text", "values"}
    return str(found[0].text)


def test_nothing_to_say_is_said_in_no_words() -> None:
    """No rule fires on results without anything remarkable."""
    assert findings() == []


def test_overfitting_is_said_with_its_numbers() -> None:
    """It fires on the flag alone, and prints gap, epochs and rise."""
    text = one(rules.overfitting("ffnn", curves(overfitting=True)), "overfitting")
    for number in ("epoch 15", "97.0%", "88.9%", "+8.1 percentage points", "epoch 6", "25%"):
        assert number in text
    assert rules.overfitting("ffnn", curves()) == []


@pytest.mark.parametrize(
    ("rise", "said"), [(None, "risen from exactly 0 since"), (4e9, "risen by more than 1000% since")]
)
def test_a_rise_that_is_no_usable_share_is_said_otherwise(rise: float | None, said: str) -> None:
    """From a loss of 0 no rise is a share of it, and from next to nothing the share says nothing."""
    assert said in one(rules.overfitting("ffnn", curves(overfitting=True, loss_increase=rise)), "overfitting")


def test_underfitting_is_said_with_its_numbers() -> None:
    """It fires on the flag alone, and advises more epochs."""
    text = one(rules.underfitting("cnn", curves(underfitting=True, gap=0.004)), "underfitting")
    for number in ("(15)", "97.0%", "+0.4 percentage points", "More epochs"):
        assert number in text
    assert rules.underfitting("cnn", curves()) == []


def test_influence_prints_every_value_that_was_tried() -> None:
    """It names the baseline's value, and each other's change with its interval, and the span."""
    entry = {
        "parameter": "learning_rate",
        "range": 0.0123,
        "points": [
            {"value": 0.0003, "changed_together": {}, "change": {"mean": -0.01, "interval": [-0.02, 0.001]}},
            {"value": 0.001, "changed_together": {}, "change": None},
            {"value": 0.003, "changed_together": {}, "change": {"mean": 0.0023, "interval": [0.0011, 0.0035]}},
        ],
    }
    text = one(rules.sensitivity("ffnn", build(ParameterSensitivity, **entry)), "sensitivity")
    assert text.startswith("Learning rate (baseline 0.001)")
    assert "0.0003: −1.00 [−2.00, +0.10]; 0.003: +0.23 [+0.11, +0.35]" in text
    assert "Range over tested values: 1.23" in text


@pytest.mark.parametrize(
    ("parameter", "gap", "word"),
    [("l2", 0.05, "narrows"), ("l1", 0.10, "widens"), ("dropout", 0.07, "narrows")],
)
def test_regularisation_that_moved_the_gap(parameter: str, gap: float, word: str) -> None:
    """A variation of L1, L2 or dropout that moved the gap by half a point or more is said to narrow or widen it."""
    held = base(gap=gap) | {"change": {"parameter": parameter}}
    text = one(rules.regularisation(finished(held, "strong"), finished(base())), "regularisation")
    assert f"“strong” {word} the gap" in text
    assert f"from 8.1 to {100 * gap:.1f} percentage points" in text


@pytest.mark.parametrize(("parameter", "gap"), [("l2", 0.078), ("l2", 0.0855), ("batch_size", 0.01)])
def test_regularisation_that_did_not(parameter: str, gap: float) -> None:
    """Less than half a point, or a parameter that is no regularisation, makes no sentence."""
    held = base(gap=gap) | {"change": {"parameter": parameter}}
    assert rules.regularisation(finished(held, "weak"), finished(base())) == []


def test_the_hardest_pair_is_counted_both_ways() -> None:
    """T-shirt for shirt 12 times, shirt for T-shirt 8 times: 10% of 200 images; 9 of 200 are not worth words."""
    confusion = [[86.0, 2.0, 12.0], [4.0, 96.0, 0.0], [8.0, 0.0, 92.0]]
    found = rules.hardest_pair(finished(confused(confusion), model="cnn"), CLASSES)
    assert "T-shirt/top and Shirt: 10.0%" in one(found, "hardest_pair")
    assert found[0].values == {"classes": [0, 2], "share": pytest.approx(0.10)}
    confusion[0][2], confusion[2][0] = 5.0, 4.0
    confusion[0][0], confusion[2][2] = 93.0, 96.0
    assert rules.hardest_pair(finished(confused(confusion), model="cnn"), CLASSES) == []


def test_the_hardest_pair_at_its_threshold() -> None:
    """Exactly 5% of two classes' images is worth a sentence."""
    confusion = [[90.0, 10.0], [0.0, 100.0]]
    assert rules.hardest_pair(finished(confused(confusion), model="cnn"), CLASSES) != []


def test_a_pair_without_images_is_no_pair() -> None:
    """Two classes that no image belongs to are no confusion, and no division by zero."""
    nothing = [[0.0] * 3, [0.0] * 3, [0.0, 0.0, 7.0]]
    assert rules.hardest_pair(finished(confused(nothing), model="ffnn"), CLASSES) == []


def head_to_head(verdict: str, seeds: int) -> dict[str, Any]:
    """Return a pairing's entry with its accuracy comparison second."""
    row = {
        "metric": "accuracy",
        "mean": 0.0123,
        "interval": [0.01, 0.0146],
        "a": {"model": "cnn", "configuration": "baseline"},
        "b": {"model": "ffnn", "configuration": "l2"},
        "verdict": verdict,
        "seeds": list(range(seeds)),
    }
    return {"best": {"comparisons": [row | {"metric": "loss", "mean": -0.5}, row]}}


@pytest.mark.parametrize(
    ("verdict", "seeds", "words"),
    [
        ("better", 3, "LeNet-5 is better, by +1.23 percentage points"),
        ("worse", 3, "LeNet-5 is worse, by"),
        ("inconclusive", 4, "inconclusive with 4 seeds; +1.23 percentage points"),
        ("not tested", 1, "not tested"),
        ("not tested", 2, "not tested"),
    ],
)
def test_the_winner_is_said_as_sure_as_it_is(verdict: str, seeds: int, words: str) -> None:
    """A decided comparison names the model, an undecided one says so, without a verdict it says why there is none."""
    text = one(rules.winner("best", build(HeadToHead, **head_to_head(verdict, seeds)["best"]), NAMES), "winner")
    assert text.startswith("LeNet-5 (baseline) vs MLP (l2): ")
    assert words in text
    assert "[+1.00, +1.46]" in text
    assert ("is better" in text) == (verdict == "better")


def test_without_a_pairing_there_is_no_winner() -> None:
    """A study of one model says nothing about two."""
    assert [found for found in findings() if found.id == "winner"] == []


def test_a_failure_is_a_finding() -> None:
    """Each failed run is named with its reason, for the model it belongs to."""
    failure = {"model": "ffnn", "run": "ffnn/l2/seed-0", "reason": "diverged", "configuration": "l2"}
    found = findings(failures=[failure])
    assert one(found, "failure") == "ffnn/l2/seed-0 failed: diverged"
    assert found[0].model == "ffnn"


def test_all_rules_together() -> None:
    """Findings of a whole study come from every rule that its numbers call for, each for its model."""
    variation = base(gap=0.02) | {"change": {"parameter": "l2"}}
    entry = {"parameter": "l2", "range": 0.0, "points": [{"value": 0.0, "changed_together": {}, "change": None}]}
    found = findings(
        models={
            "ffnn": {
                "configurations": {
                    "baseline": base(overfitting=True),
                    "l2": variation,
                    "unfinished": {"change": {"parameter": "l1"}},
                }
            },
            "cnn": {"configurations": {"baseline": base(underfitting=True)}},
        },
        sensitivity={"ffnn": [entry]},
        head_to_head=head_to_head("better", 3),
    )
    assert [(finding.id, finding.model) for finding in found] == [
        ("overfitting", "ffnn"),
        ("underfitting", "cnn"),
        ("regularisation", "ffnn"),
        ("sensitivity", "ffnn"),
        ("winner", None),
    ]


def test_a_model_whose_baseline_did_not_finish_is_passed_over() -> None:
    """Without a finished baseline nothing is said about a model, and the others are not affected."""
    models = {
        "ffnn": {"configurations": {"baseline": {}, "l2": base(overfitting=True)}},
        "cnn": {"configurations": {"baseline": base(overfitting=True)}},
    }
    assert [finding.model for finding in findings(models=models)] == ["cnn"]


@pytest.mark.parametrize(("value", "text"), [(0.0123, "+1.23"), (-0.0123, "−1.23"), (0.0, "+0.00"), (-0.1, "−10.00")])
def test_points_carry_their_sign(value: float, text: str) -> None:
    """A difference is printed in percentage points with a sign, the minus as typography has it."""
    assert wording.points(value) == text
    assert wording.percent(0.1234) == "12.3%"
    assert wording.parameter_name("learning_rate") == "learning rate"
    assert wording.parameter_name("weight_decay") == "weight decay"
    assert wording.parameter_name("batch_size") == "batch size"
    assert wording.parameter_name("l1") == "L1 penalty"


@pytest.mark.parametrize(
    ("metric", "interval", "score", "difference"),
    [
        ("accuracy", (-1.42, 2.42), (0.0, 1.0), (-1.0, 1.0)),
        ("auc_macro_ovr", (0.9, 1.1), (0.9, 1.0), (0.9, 1.0)),
        ("f1_macro", (0.2, 0.8), (0.2, 0.8), (0.2, 0.8)),
        ("ece", (-0.1, 0.3), (0.0, 0.3), (-0.1, 0.3)),
        ("brier", (-0.5, 2.5), (0.0, 2.0), (-0.5, 2.0)),
        ("loss", (-0.5, 7.5), (0.0, 7.5), (-0.5, 7.5)),
        ("nll", (-69.1, 87.4), (0.0, 87.4), (-69.1, 87.4)),
    ],
)
def test_intervals_are_shown_as_far_as_values_can_be(
    metric: str, interval: tuple[float, float], score: tuple[float, float], difference: tuple[float, float]
) -> None:
    """Shares from 0 to 1, Brier's sum over classes to 2, a log loss without end; differences of shares 1 either way."""
    assert wording.score_interval(interval, metric) == score
    assert wording.difference_interval(interval, metric) == difference


def test_findings_print_no_impossible_difference() -> None:
    """Of intervals beyond 100 points: in what a setting did, in who won, and, at 200, between two changes."""
    held = head_to_head("inconclusive", 3)
    row = held["best"]["comparisons"][1]
    row["mean"], row["interval"] = 0.03, [-1.89, 1.95]
    assert "+3.00 percentage points of test accuracy, 95% interval [−100.00, +100.00]" in one(
        rules.winner("best", build(HeadToHead, **held["best"]), NAMES), "winner"
    )
    points = [
        {"value": 0.1, "change": {"mean": -0.5, "interval": [-2.42, 1.42]}, "changed_together": {}},
        {"value": 0.01, "change": None, "changed_together": {}},
    ]
    entry = {"parameter": "learning_rate", "range": 0.5, "points": points, "not_worse_than_best": [0.01]}
    assert "0.1: −50.00 [−100.00, +100.00]" in one(
        rules.sensitivity("ffnn", build(ParameterSensitivity, **entry)), "sensitivity"
    )
    assert wording.change_interval((-3.0, 1.5)) == (-2.0, 1.5)


@pytest.mark.parametrize(("value", "text"), [(0.254, "0.25"), (-0.254, "−0.25"), (-0.004, "0.00"), (0.0, "0.00")])
def test_correlations_have_two_digits(value: float, text: str) -> None:
    """With the minus as typography has it, and none before zero."""
    assert wording.correlation(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "none"), ([256, 128], "256-128"), (0.0001, "0.0001"), (1.0, "1"), (128, "128"), ("adam", "adam")],
)
def test_settings_are_said_as_people_write_them(value: Any, text: str) -> None:
    """Nothing is none, layers are joined, a number has no more digits than it needs."""
    assert wording.setting(value) == text


def test_what_moves_along_is_said_with_at_most_three() -> None:
    """None is no words, three are listed, of four the last two are counted."""
    moved = {"l1": 0.001, "batch_size": 64, "optimizer": "adam", "dropout": 0.5}
    assert wording.along({}) == ""
    assert wording.along({"l1": 0.001}) == " with L1 penalty 0.001"
    assert wording.along(dict(list(moved.items())[:3])) == " with L1 penalty 0.001, batch size 64, optimizer adam"
    assert wording.along(moved) == " with L1 penalty 0.001, batch size 64, 2 more settings"


def test_a_plateau_is_said_with_its_numbers() -> None:
    """It fires on the flag alone: which epochs brought how little."""
    text = one(rules.plateau("ffnn", curves(plateau=True, late_gain=0.0004)), "plateau")
    for number in ("last 5 of 15", "+0.04 percentage points"):
        assert number in text
    assert rules.plateau("ffnn", curves()) == []


CONFIGURATIONS = {
    "baseline": {"settings": {"learning_rate": 0.001}},
    "higher": {"settings": {"learning_rate": 0.1}},
    "lower": {"settings": {"learning_rate": 0.0001}},
}


def failure(configuration: str, reason: str = "diverged: non-finite loss", model: str = "ffnn") -> dict[str, Any]:
    return {"model": model, "configuration": configuration, "reason": reason, "run": f"{model}/{configuration}/seed-0"}


def test_divergence_is_said_by_learning_rate() -> None:
    """Runs of variations and of grids count together, by their learning rate, ascending."""
    failures = [failure("higher"), failure("learning_rate=0.1"), failure("learning_rate=0.03")]
    text = one(
        rules.divergence(
            "ffnn",
            [build(RunFailure, **one_failure) for one_failure in failures],
            {name: build(ConfigurationResults, **entry) for name, entry in CONFIGURATIONS.items()},
        ),
        "divergence",
    )
    assert "above the baseline's 0.001: 0.03 (1 run), 0.1 (2 runs)" in text


@pytest.mark.parametrize(
    "failures",
    [
        [],
        [failure("higher", reason="the disk is full")],
        [failure("lower")],
        [failure("baseline")],
        [failure("higher", model="cnn")],
        [failure("design-0003"), failure("batch_size=512")],
    ],
    ids=["none", "another reason", "a lower rate", "the baseline's rate", "another model", "no known rate"],
)
def test_other_failures_are_no_divergence(failures: list[dict[str, Any]]) -> None:
    """Only runs of this model that diverged at a higher learning rate speak of it."""
    assert (
        rules.divergence(
            "ffnn",
            [build(RunFailure, **one_failure) for one_failure in failures],
            {name: build(ConfigurationResults, **entry) for name, entry in CONFIGURATIONS.items()},
        )
        == []
    )


def test_other_rules_are_asked_too() -> None:
    """A plateau, a divergence, a pair of classes, explanations and the audit: what there is to say is said."""
    confusion = [[90.0, 0.0, 10.0], [0.0, 100.0, 0.0], [0.0, 0.0, 100.0]]
    point = {"amount": 2, "accuracy": {"mean": 0.5}, "change": {"mean": -0.3, "interval": [-0.31, -0.29]}}
    found = findings(
        models={"ffnn": {"configurations": {"baseline": confused(confusion) | {"curves": FIT | {"plateau": True}}}}},
        failures=[failure("learning_rate=0.1")],
        robustness={
            "ffnn": {
                "seeds": [0, 1, 2],
                "perturbations": [{"perturbation": "shift", "points": [point]}],
                "linear_probes": [],
            }
        },
        data_quality={"duplicated_test_images": 3, "neighbours": {"test": {"labels_differ": 0}}, "label_errors": None},
    )
    assert [held.id for held in found] == [
        "plateau", "divergence", "hardest_pair", "failure", "translation", "duplicates",
    ]  # fmt: skip
