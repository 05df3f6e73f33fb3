"""Sentences made from numbers say what the numbers say."""

from typing import Any

import pytest

from fashion_compare.analysis.hyperparameters import GlobalSensitivity
from fashion_compare.analysis.read import ScoredRun
from fashion_compare.comparison.head_to_head import Agreement, HeadToHead, agreement_rates
from fashion_compare.comparison.hyperparameters import ParameterSensitivity
from fashion_compare.comparison.paired import Comparison
from fashion_compare.comparison.per_class import ClassDifference, ConfusionChange
from fashion_compare.evaluation.metrics import METRIC
from fashion_compare.report import quantities, sentences
from tests.builders import build

SCORED = {split: dict.fromkeys(METRIC, 0.5) for split in ("train", "validation", "test")}
NAMES = ["Bag", "Coat", "Shirt"]


def comparison(**changes: Any) -> Comparison:
    """A comparison of three seeds that decides nothing, some of it changed."""
    inconclusive = {
        "verdict": "inconclusive", "metric": "accuracy", "seeds": [0, 1, 2], "equivalence_bound": None,
        "seeds_needed": 12, "mean": 0.002, "interval": [0.001, 0.003],
    }  # fmt: skip
    return build(Comparison, **inconclusive | changes)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"verdict": "better"}, "better"),
        ({"verdict": "worse"}, "worse"),
        ({"verdict": "better", "interval": [-0.001, 0.005]}, "better on these images"),
        ({"verdict": "worse", "interval": [-0.005, 0.0]}, "worse on these images"),
        ({}, "inconclusive (n = 3; ≈ 12 seeds for 50% power)"),
        ({"seeds_needed": None}, "inconclusive (n = 3)"),
        ({"equivalence_bound": 0.0031}, "equivalent within ±0.31 points"),
        ({"equivalence_bound": 0.008, "metric": "loss"}, "equivalent within ±0.0080"),
        ({"verdict": "not tested", "seeds": [4]}, "not tested (n = 1)"),
        ({"verdict": "not tested", "seeds": [4, 5]}, "not tested (n = 2)"),
    ],
)
def test_verdicts(changes: dict[str, Any], said: str) -> None:
    """Better, worse, no difference larger than so much, or not decidable with so many seeds and how many might.

    A verdict comes from the seeds: where the interval, which knows of the images too, reaches zero, it is theirs alone.
    """
    assert sentences.verdict(comparison(**changes)) == said


@pytest.mark.parametrize(
    ("metric", "smallest", "shown"),
    [
        ("accuracy", 0.0123, "minimum detectable difference 1.23 points;"),
        ("accuracy", 1.96, "minimum detectable difference out of range;"),
        ("loss", 1.96, "minimum detectable difference 1.9600;"),
    ],
)
def test_no_impossible_difference_could_have_been_shown(metric: str, smallest: float, shown: str) -> None:
    """Where seeds spread so much that only more than 100 points would have been decided, none would have been."""
    row = comparison(
        metric=metric, minimum_detectable_difference=smallest, p=0.5, p_holm=0.5, family=5, p_sign_flip=None,
        probability_of_improvement=0.5,
    )  # fmt: skip
    assert shown in sentences.evidence(row)


def difference(c: int, mean: float, verdict: str, metric: str = "f1") -> ClassDifference:
    interval = (mean - 0.01, mean + 0.01)
    return build(ClassDifference, class_index=c, metric=metric, mean=mean, interval=interval, verdict=verdict)


def test_classes_that_are_decided_are_named() -> None:
    """By F1 alone, better and worse apart."""
    rows = [
        difference(0, 0.02, "better"), difference(1, 0.001, "inconclusive"), difference(2, -0.03, "worse"),
        difference(1, 0.3, "better", "recall"),
    ]  # fmt: skip
    assert sentences.classes_in_words(rows, NAMES) == "F1 better in Bag +2.00; F1 worse in Shirt −3.00"


def test_where_no_class_is_decided_the_largest_change_stands() -> None:
    """With its interval, up or down."""
    rows = [difference(0, 0.02, "not tested"), difference(2, -0.03, "not tested")]
    assert sentences.classes_in_words(rows, NAMES) == (
        "not tested for every class; largest change of F1 in Shirt, −3.00 [−4.00, −2.00]"
    )


def test_equal_sides_are_not_said_to_differ() -> None:
    """Where no seed has a difference: no class moved most, no confusion differs, nothing could have been shown."""
    rows = [difference(0, 0.0, "inconclusive"), difference(2, 0.0, "inconclusive")]
    assert sentences.classes_in_words(rows, NAMES) == "F1 is the same in every class"
    same = build(ConfusionChange, class_index=1, predicted=2, rate_a=0.1, rate_b=0.1, verdict="inconclusive")
    assert (
        sentences.confusions_in_words([], NAMES)
        == sentences.confusions_in_words([same], NAMES)
        == "no confusion differs"
    )
    row = comparison(
        mean=0.0, interval=[0.0, 0.0], equivalence_bound=0.0, seeds_needed=None, p=1.0, p_holm=1.0, family=1,
        p_sign_flip=1.0, smallest_sign_flip_p=0.25, sign_flip_can_reject=False, probability_of_improvement=0.5,
        minimum_detectable_difference=None,
    )  # fmt: skip
    assert sentences.verdict(row) == "no difference in any seed"
    assert sentences.evidence(row).endswith("better in 1.5 of 3 seeds")


def test_confusions() -> None:
    """From b's share to a's; a verdict stands where there is one, and three are enough."""
    row = {"class_index": 1, "predicted": 2, "rate_a": 0.04, "rate_b": 0.1, "verdict": "fixed"}
    changes = [row, row | {"class_index": 0, "verdict": "inconclusive"}, row | {"verdict": "introduced"}, row]
    rows = [build(ConfusionChange, **one) for one in changes]
    assert sentences.confusions_in_words(rows, NAMES) == (
        "Coat misclassified as Shirt 10.0% → 4.0% (fixed); Bag misclassified as Shirt 10.0% → 4.0%; "
        "Coat misclassified as Shirt 10.0% → 4.0% (introduced)"
    )


def test_two_models_together() -> None:
    """Agreement is the mean over seeds; the ensemble's difference from each model has its verdict."""
    counts = {"both_right": 80, "only_a_right": 6, "only_b_right": 4, "both_wrong": 10}
    other = {"both_right": 84, "only_a_right": 4, "only_b_right": 2, "both_wrong": 10}
    compared = build(
        HeadToHead,
        agreement_rates=agreement_rates([build(Agreement, **counts), build(Agreement, **other)]),
        comparisons=[comparison(a={"model": "cnn"}, b={"model": "ffnn"})],
        ensemble=[comparison(mean=0.01, verdict="better"), comparison(mean=-0.002), comparison(metric="loss")],
    )
    said = sentences.agreement_in_words(compared, {"cnn": "LeNet-5", "ffnn": "the MLP"})
    assert "Both predict 82.0% of the test images correctly, only LeNet-5 5.0%, only the MLP 3.0%" in said
    assert (
        "changes accuracy by +1.00 percentage points over LeNet-5 (better) and by −0.20 over the MLP (inconclusive"
        in said
    )


def test_usable_values() -> None:
    """Each parameter with its span and the values as good as the best."""
    entries = [
        {"parameter": "learning_rate", "range": 0.0407, "not_worse_than_best": [0.001, 0.003], "points": []},
        {"parameter": "hidden_sizes", "range": 0.01, "not_worse_than_best": ["256-128"], "points": []},
    ]
    said = sentences.sensitivity_in_words([build(ParameterSensitivity, **entry) for entry in entries])
    assert "learning rate 4.07 (not significantly worse than the best: 0.001, 0.003)" in said
    assert "hidden layers 1.00 (not significantly worse than the best: 256-128)" in said


@pytest.mark.parametrize("together", [{}, {"learning_rate": 0.1}])
def test_optimizers_at_one_learning_rate(together: dict[str, float]) -> None:
    """What suits some of them is said, unless the rate moved along."""
    entries = [
        {
            "parameter": "optimizer",
            "range": 0.2,
            "not_worse_than_best": ["adam"],
            "points": [{"changed_together": together}],
        }
    ]
    assert (
        "at the baseline's learning rate"
        in sentences.sensitivity_in_words([build(ParameterSensitivity, **entry) for entry in entries])
    ) is (not together)


@pytest.mark.parametrize(("low", "pair"), [(0.1, True), (-0.1, False)])
def test_the_whole_space(low: float, pair: bool) -> None:
    """The parameter behind most of the spread; a pair only where its interval is above zero; how much is known."""

    def index(mean: float) -> dict[str, Any]:
        return {"mean": mean, "interval": [low, 0.9]}

    found = {
        "points": 120, "planned": 128, "training_images": 10_000, "lowest": 0.5, "highest": 0.9, "r2": 0.812,
        "indices": [{"parameter": name, "first": index(share)} for name, share in (("l2", 0.1), ("dropout", 0.6))],
        "pairs": [{"parameters": ["l2", "dropout"], "second": index(0.2)}],
    }  # fmt: skip
    said = sentences.global_in_words(build(GlobalSensitivity, **found))
    assert "120 of 128 runs with 10,000 training images, spread over 2 settings at once" in said
    assert "The largest first-order share of the variance, 60%, is that of dropout" in said
    assert ("the strongest interaction is L2 penalty and dropout, 20%" in said) is pair
    assert "R² 0.81" in said


@pytest.mark.parametrize(
    ("devices", "said"),
    [
        (["cpu", "cpu"], "one thread"),
        (["cuda, Tesla T4"], "Tesla T4"),
        (["cpu", "cuda, Tesla T4"], "Tesla T4 and one thread"),
    ],
)
def test_what_measured_seconds_is_named(devices: list[str], said: str) -> None:
    """A time on a GPU is never called a thread's."""
    assert (
        quantities.trained_on(build(ScoredRun, environment={"device": device}, **SCORED) for device in devices) == said
    )
