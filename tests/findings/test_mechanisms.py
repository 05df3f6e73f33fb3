"""Each rule about mechanisms makes its sentence when the intervals call for it, and none when they do not."""

from typing import Any

import pytest
from tests.builders import build

from fashion_compare.analysis.faithfulness import Faithfulness
from fashion_compare.analysis.robustness import Robustness, RobustnessDifference
from fashion_compare.comparison.ablations import ModelDifference, SizeDifference
from fashion_compare.comparison.calibration import Calibration
from fashion_compare.comparison.paired import Comparison
from fashion_compare.explanation.perturbations import PERTURBATIONS
from fashion_compare.findings import mechanisms as rules
from fashion_compare.results.schema import Finding, Results

NAMES = {"ffnn": "the MLP", "cnn": "LeNet-5"}


def estimate(mean: float, half: float = 0.01) -> dict[str, Any]:
    return {
        "mean": mean,
        "interval": [mean - half, mean + half],
        "std_over_seeds": 0.001,
        "covers": "seeds and images",
    }


def judged(mean: float, half: float = 0.01, seeds: int = 3) -> dict[str, Any]:
    """Return a difference whose verdict follows its interval."""
    verdict = "better" if mean > half else "worse" if mean < -half else "inconclusive"
    return {
        "seeds": list(range(seeds)),
        **estimate(mean, half),
        "p": 0.01,
        "p_holm": 0.02,
        "family": 7,
        "verdict": verdict if seeds >= 3 else "not tested",
    }


def one(found: list[Finding], rule: str) -> str:
    assert [finding.id for finding in found] == [rule]
    assert found[0].model_dump().keys() == {"id", "model", "text", "values"}
    return str(found[0].text)


def findings(**sections: Any) -> list[Finding]:
    """Return what every rule says of results with these sections."""
    models = {"cnn": {"configurations": {"baseline": {"settings": {"architecture": "lenet5"}}}}, "ffnn": {}}
    results = build(Results, dataset={"name": "fashion-mnist"}, models=models, **sections)
    return [found for rule in rules.RULES for found in rule.apply(results)]


def robustness_differences(rows: list[dict[str, Any]]) -> list[Finding]:
    built = [build(RobustnessDifference, **row) for row in rows]
    return [found for row in built for found in rules.robustness_difference(row, NAMES)]


def training_set_size(rows: list[dict[str, Any]]) -> list[Finding]:
    return rules.training_set_size([build(SizeDifference, **row) for row in rows], NAMES)


def permutation_gap(gap: dict[str, Any] | None) -> list[Finding]:
    return rules.permutation_gap(None if gap is None else build(ModelDifference, **gap), NAMES)


def translation(model: str, section: dict[str, Any]) -> list[Finding]:
    return rules.translation(model, build(Robustness, **section))


def linear_probe(model: str, section: dict[str, Any]) -> list[Finding]:
    return rules.linear_probe(model, build(Robustness, **section))


def permuted(model: str, row: dict[str, Any]) -> list[Finding]:
    return rules.permuted(model, build(Comparison, **row))


def calibration(model: str, section: dict[str, Any]) -> list[Finding]:
    return rules.calibration(model, build(Calibration, **section))


def faithfulness(model: str, section: dict[str, Any]) -> list[Finding]:
    return rules.faithfulness(model, build(Faithfulness, **section))


def randomization(model: str, section: dict[str, Any]) -> list[Finding]:
    return rules.randomization(model, build(Faithfulness, **section))


def test_nothing_to_say_is_said_in_no_words() -> None:
    """Without explanations and ablations, or with ablations that have not begun, there are no findings."""
    assert findings() == []
    assert findings(ablations={"training_sizes": {"cnn": []}}) == []


def shift_curve(change: dict[str, Any]) -> dict[str, Any]:
    points = [
        {"amount": 0, "accuracy": estimate(0.88), "change": None},
        {"amount": 2, "accuracy": estimate(0.57), "change": change},
    ]
    curve = {"perturbation": "shift", "unit": "pixels", "unchanged": 0, "points": points}
    return {"seeds": [0, 1, 2], "perturbations": [curve], "linear_probes": []}


def test_a_costly_shift_is_said() -> None:
    """With change, interval and what is left."""
    text = one(translation("ffnn", shift_curve(estimate(-0.31))), "translation")
    for words in ("2 pixels", "−31.00 [−32.00, −30.00]", "57.0%"):
        assert words in text


@pytest.mark.parametrize("change", [estimate(-0.011, 0.01), estimate(0.1)])
def test_a_shift_without_a_shown_cost_is_not(change: dict[str, Any]) -> None:
    """An interval that comes within half a point of nothing is not enough."""
    assert translation("ffnn", shift_curve(change)) == []
    assert translation("ffnn", {"seeds": [0, 1, 2], "perturbations": []}) == []


def test_a_shift_is_said_from_half_a_point_on() -> None:
    """With all of its interval beyond half a point it is worth a sentence, with an end just short of that it is not."""
    assert translation("ffnn", shift_curve(estimate(-0.0151))) != []
    assert translation("ffnn", shift_curve(estimate(-0.0149))) == []


def test_a_shift_is_two_pixels_of_the_curve_of_shifts() -> None:
    """Other probes and other amounts cost what they may, the sentence has the numbers of two pixels' shift alone."""
    held = shift_curve(estimate(-0.31))
    shifts = held["perturbations"][0]
    one_pixel, three_pixels = (
        {"amount": amount, "accuracy": estimate(accuracy), "change": estimate(accuracy - 0.88)}
        for amount, accuracy in ((1, 0.78), (3, 0.40))
    )
    noise = shifts | {
        "perturbation": "noise",
        "points": [{"amount": 2, "accuracy": estimate(0.1), "change": estimate(-0.7)}],
    }
    curve = shifts | {"points": [one_pixel, three_pixels, *shifts["points"]]}
    assert "57.0%" in one(translation("cnn", held | {"perturbations": [noise, curve]}), "translation")
    assert translation("cnn", held | {"perturbations": [noise]}) == []
    assert translation("cnn", held | {"perturbations": [shifts | {"points": [one_pixel, three_pixels]}]}) == []


def readouts(hidden: float, half: float = 0.01) -> dict[str, Any]:
    names = ("pixels", "dense1", "dense2")
    return {
        "seeds": [0, 1, 2],
        "linear_probes": [
            {"layer": n, "accuracy": estimate(a, half)} for n, a in zip(names, (0.77, hidden, 0.9), strict=True)
        ],
    }


def test_what_layers_add_is_said() -> None:
    """The last hidden layer against the pixels; the scores behind it are no hidden layer."""
    text = one(linear_probe("cnn", readouts(0.86)), "linear_probe")
    for words in ("86.0%", "dense1", "77.0%"):
        assert words in text


def test_layers_that_add_nothing_shown_are_not_said() -> None:
    """Intervals that touch say nothing, and a network without hidden layer has nothing to compare."""
    assert linear_probe("cnn", readouts(0.79)) == []
    assert linear_probe("ffnn", readouts(0.9) | {"linear_probes": readouts(0.9)["linear_probes"][:2]}) == []


def lead(mean: float, half: float = 0.01, probe: str = "noise") -> list[dict[str, Any]]:
    return [{"perturbation": probe, **judged(mean, half)}]


@pytest.mark.parametrize(("mean", "better", "other"), [(0.09, "cnn", "ffnn"), (-0.09, "ffnn", "cnn")])
def test_who_stands_changed_images_better(mean: float, better: str, other: str) -> None:
    """The model that loses less is named, with the size of the lead and its interval, low to high."""
    text = one(robustness_differences(lead(mean)), "robustness_difference")
    evidence = "(3 seeds; p (Holm, m = 7) = 0.02)"
    for words in (
        f"{NAMES[better]} is more robust to noise".removeprefix("the "),
        f"than {NAMES[other]}",
        "9.00 percentage points",
        "[8.00, 10.00]",
        evidence,
    ):
        assert words in text


@pytest.mark.parametrize("held", [lead(0.01, 0.02), lead(-0.01, 0.02), lead(0.004, 0.001), lead(-0.004, 0.001), []])
def test_no_lead_is_claimed_without_a_verdict(held: list[dict[str, Any]]) -> None:
    """Neither where nothing is decided nor where the lead is below half a point."""
    assert robustness_differences(held) == []


def test_a_lead_that_its_family_takes_away_is_not_said() -> None:
    """An interval beyond zero is not enough: the verdict follows p corrected over all ways to change images."""
    assert robustness_differences([held | {"verdict": "inconclusive"} for held in lead(0.09)]) == []
    gap = judged(-0.04) | {"verdict": "inconclusive"}
    assert permutation_gap(gap) == []
    held = [one | {"verdict": "inconclusive"} for one in leads((100, -0.05), (55_000, 0.02))]
    assert training_set_size(held) == []


def test_a_lead_is_said_from_half_a_point_on() -> None:
    """Below that a shown lead is no sentence, on either side."""
    for sign in (1, -1):
        assert robustness_differences(lead(sign * 0.0051, 0.001)) != []
        assert robustness_differences(lead(sign * 0.0049, 0.001)) == []


def test_each_lead_is_judged_for_itself() -> None:
    """One that is open stands in nobody's way, and each that is shown has its sentence."""
    found = robustness_differences(lead(0.0, probe="blur") + lead(0.09, probe="shift") + lead(-0.09, probe="noise"))
    assert [(held.values["perturbation"], held.values["better"]) for held in found] == [
        ("shift", "cnn"),
        ("noise", "ffnn"),
    ]


def test_every_way_to_change_images_has_its_words() -> None:
    """Whatever the explanations probe with, its lead is a sentence of its own."""
    texts = {
        one(robustness_differences(lead(0.09, probe=probe.name)), "robustness_difference")
        .partition(" is more robust to ")[2]
        .partition(":")[0]
        for probe in PERTURBATIONS
    }
    assert len(texts) == len(PERTURBATIONS)


def permutation(verdict: str, mean: float = -0.05, bound: float | None = None) -> dict[str, Any]:
    return estimate(mean) | {"metric": "accuracy", "verdict": verdict, "seeds": [0, 1, 2], "equivalence_bound": bound}


def test_permuted_pixels_that_matter() -> None:
    """A verdict is said with the change and its interval."""
    text = one(permuted("cnn", permutation("worse")), "permuted")
    for words in ("gets worse", "−5.00 [−6.00, −4.00]", "3 seeds"):
        assert words in text
    assert "gets better" in one(permuted("ffnn", permutation("better", 0.05)), "permuted")


def test_permuted_pixels_that_are_shown_not_to_matter() -> None:
    """No difference larger than the bound is a finding too."""
    text = one(permuted("ffnn", permutation("inconclusive", 0.0, 0.004)), "permuted")
    for words in ("does not matter", "equivalent within ±0.40 percentage points"):
        assert words in text
    # Not one answer differs: the bound is nothing, and a finding all the same.
    assert "within ±0.00 percentage points" in one(permuted("cnn", permutation("inconclusive", 0.0, 0.0)), "permuted")


@pytest.mark.parametrize("verdict", ["inconclusive", "not tested"])
def test_an_open_permutation_is_not_said(verdict: str) -> None:
    """Neither shown to matter nor shown not to."""
    assert permuted("ffnn", permutation(verdict)) == []


def test_the_gap_of_the_permutation() -> None:
    """The model that loses more lives on neighbourhood; zero within the interval says nothing."""
    text = one(permutation_gap(judged(-0.04)), "permutation_gap")
    for words in ("4.00 percentage points", "more to LeNet-5 than to the MLP", "[3.00, 5.00]"):
        assert words in text
    assert "more to the MLP than to LeNet-5" in one(permutation_gap(judged(0.04)), "permutation_gap")
    assert permutation_gap(judged(-0.005)) == []
    assert permutation_gap(None) == []


def leads(*pairs: tuple[int, float]) -> list[dict[str, Any]]:
    return [{"images": images, **judged(mean)} for images, mean in pairs]


def test_who_leads_with_few_and_with_many_images() -> None:
    """It fires when the lead changes sides, between the smallest and the largest set that decide."""
    text = one(training_set_size(leads((100, -0.05), (300, 0.001), (55_000, 0.02))), "training_set_size")
    for words in (
        "Few training images favour the MLP, many LeNet-5",
        "100",
        "5.00 percentage points",
        "55,000",
        "2.00",
    ):
        assert words in text
    assert "favour LeNet-5, many the MLP" in one(
        training_set_size(leads((100, 0.05), (300, -0.02))), "training_set_size"
    )


def test_only_sizes_that_decide_are_compared() -> None:
    """Open leads at either end, and decided ones between, are passed over: the first decided one meets the last."""
    held = leads((50, 0.002), (100, -0.05), (300, -0.03), (1000, 0.06), (55_000, 0.001))
    text = one(training_set_size(held), "training_set_size")
    for words in (
        "Few training images favour the MLP, many LeNet-5",
        "with 100 ",
        "5.00 percentage points",
        "with 1,000 ",
        "6.00 (",
    ):
        assert words in text
    assert training_set_size(leads((100, 0.05), (300, -0.03), (1000, 0.06))) == []


@pytest.mark.parametrize(
    "held",
    [
        leads((100, 0.05), (300, 0.02)),
        leads((100, -0.05), (300, -0.02)),
        leads((100, -0.005), (300, 0.02)),
        leads((100, 0.05)),
        [],
    ],
)
def test_a_lead_that_stays_is_not_said(held: list[dict[str, Any]]) -> None:
    """One side throughout, an undecided other side, or one size alone."""
    assert training_set_size(held) == []


def calibrated(temperature: float, change: dict[str, Any]) -> dict[str, Any]:
    return {
        "configuration": "wide",
        "seeds": [0, 1, 2],
        "temperatures": [temperature - 0.1, temperature + 0.1],
        "loss_change": change,
        "before": {"loss": 0.349, "ece": 0.035},
        "after": {"loss": 0.318, "ece": 0.008},
    }


def test_confidence_that_a_temperature_mends() -> None:
    """Too sure above 1, not sure enough below, with loss and error before and after."""
    text = one(calibration("ffnn", calibrated(1.4, estimate(-0.03))), "calibration")
    for words in ("“wide”", "overconfident", "1.40", "from 0.349 to 0.318", "from 3.5% to 0.8%"):
        assert words in text
    assert "underconfident" in one(calibration("ffnn", calibrated(0.8, estimate(-0.03))), "calibration")


@pytest.mark.parametrize(
    "held",
    [
        calibrated(1.04, estimate(-0.03)),
        calibrated(0.96, estimate(-0.03)),
        calibrated(1.4, estimate(-0.005)),
        calibrated(1.4, estimate(-0.01)),
        calibrated(1.4, estimate(0.03)),
    ],
)
def test_confidence_that_needs_no_mending(held: dict[str, Any]) -> None:
    """A temperature near 1, or one that does not lower the test loss for certain, says nothing."""
    assert calibration("ffnn", held) == []


CONTROLS = ["random", "centre Gaussian", "blurred random", "edges"]


def beaten(count: int, *, behind: bool) -> dict[str, Any]:
    rest = estimate(-0.1) if behind else estimate(0.0)
    leads_over = {control: estimate(0.1) if i < count else rest for i, control in enumerate(CONTROLS)}
    return {"area": estimate(0.5), "beats": CONTROLS[:count], "differences": leads_over}


def method(
    name: str, deletion: int, insertion: int, *, passes: bool | None = True, behind: bool = True
) -> dict[str, Any]:
    last = {True: estimate(-0.001), False: estimate(0.6), None: estimate(0.2, 0.1)}[passes]
    return {
        "method": name,
        "deletion": beaten(deletion, behind=behind),
        "insertion": beaten(insertion, behind=False),
        "cascading_randomization": [
            {"layer": "dense3", "correlation": estimate(0.7)},
            {"layer": "conv1", "correlation": last},
        ],
        "seed_to_seed_correlation": 0.26,
        "passes_randomization": passes,
    }


def methods_tried(*methods: dict[str, Any]) -> dict[str, Any]:
    return {"seeds": [0, 1, 2], "controls": [{"control": control} for control in CONTROLS], "methods": list(methods)}


def test_methods_that_beat_all_controls_passed_and_others_failed() -> None:
    """All four in both curves, or it failed, with how many it beats."""
    tried = methods_tried(method("IG", 4, 4), method("CAM", 3, 3), method("X", 0, 4))
    text = one(faithfulness("cnn", tried), "faithfulness")
    assert "IG (4/4 on deletion, 4/4 on insertion) beat every control in both" in text
    assert (
        "not faithful, worse than at least one control: CAM (3/4 on deletion, 3/4 on insertion) and X (0/4 on "
        "deletion, 4/4 on insertion)." in text
    )


def test_a_method_level_with_the_controls_has_not_failed() -> None:
    """Of a network that gives every image the same scores all maps are alike: none is behind another."""
    level = {
        "area": estimate(0.5),
        "beats": [],
        "differences": {control: {"interval": [0.0, 0.0]} for control in CONTROLS},
    }
    tried = methods_tried(method("IG", 0, 0) | {"deletion": level, "insertion": level})
    text = one(faithfulness("cnn", tried), "faithfulness")
    assert "no method beats every control in both; inconclusive: IG (0/4 on deletion, 0/4 on insertion)." in text


def test_a_method_that_is_not_behind_has_not_failed() -> None:
    """Ahead of some controls and not shown to be behind any, it is undecided."""
    tried = methods_tried(method("IG", 4, 4), method("CAM", 3, 4, behind=False), method("X", 3, 4))
    (found,) = faithfulness("cnn", tried)
    assert (
        "not faithful, worse than at least one control: X (3/4 on deletion, 4/4 on insertion); inconclusive: CAM "
        "(3/4 on deletion, 4/4 on insertion)." in found.text
    )
    assert found.values == {"passed": ["IG"], "failed": ["X"], "inconclusive": ["CAM"]}


def test_all_passed_or_none() -> None:
    """Neither sentence mentions an empty group; three of one are a list."""
    three = [method(name, 4, 4) for name in ("IG", "CAM", "occlusion")]
    text = one(faithfulness("cnn", methods_tried(*three)), "faithfulness")
    assert "IG (4/4 on deletion, 4/4 on insertion), CAM (4/4" in text
    assert "not faithful" not in text
    assert "no method beats every control in both; not faithful, worse than at least one control: CAM" in one(
        faithfulness("cnn", methods_tried(method("CAM", 1, 1))), "faithfulness"
    )


def test_the_randomised_weights_check_says_all_three() -> None:
    """Passed, failed and undecided methods, with the interval when all weights are random, and no minus before zero."""
    held = methods_tried(method("IG", 4, 4), method("CAM", 4, 4, passes=False), method("X", 4, 4, passes=None))
    text = one(randomization("cnn", held), "randomization")
    for words in (
        "passed: IG (0.00 [−0.01, 0.01]; seed-to-seed 0.26)",
        "failed: CAM (0.60 [0.59, 0.61]; seed-to-seed 0.26)",
        "inconclusive: X (0.20 [0.10, 0.30]; seed-to-seed 0.26).",
    ):
        assert words in text
    for passes, others in ((True, ("failed", "inconclusive")), (False, ("passed", "inconclusive"))):
        text = one(randomization("cnn", methods_tried(method("IG", 4, 4, passes=passes))), "randomization")
        assert not any(f"{other}:" in text for other in others)


@pytest.mark.parametrize("seeds", [[0], [0, 1]])
def test_below_three_seeds_nothing_is_concluded(seeds: list[int]) -> None:
    """However clear the intervals are, one or two seeds speak of nothing but themselves."""
    held = everything()
    for parts in (held["robustness"], held["calibration"], held["faithfulness"]):
        for of_model in parts.values():
            of_model["seeds"] = seeds
    for lead_of in (*held["robustness_differences"], *held["ablations"]["differences_by_size"]):
        lead_of.update(judged(lead_of["mean"], seeds=len(seeds)))
    experiment = held["ablations"]["permutation"]
    experiment["changes"]["cnn"]["verdict"] = "not tested"
    experiment["cnn_minus_ffnn"] = judged(-0.04, seeds=len(seeds))
    assert findings(**held) == []


def everything() -> dict[str, Any]:
    """Return results with something to say by every rule."""
    return {
        "robustness": {model: shift_curve(estimate(-0.3)) | readouts(0.86) for model in ("ffnn", "cnn")},
        "robustness_differences": lead(0.09),
        "ablations": {
            "permutation": {"changes": {"cnn": permutation("worse")}, "cnn_minus_ffnn": judged(-0.04)},
            "differences_by_size": leads((100, -0.05), (55_000, 0.02)),
        },
        "calibration": {"cnn": calibrated(1.4, estimate(-0.03))},
        "faithfulness": {"cnn": methods_tried(method("IG", 4, 4), method("CAM", 3, 3, passes=False))},
    }


def test_all_rules_are_asked() -> None:
    """Results with something of everything have every finding, for the model that it is about."""
    assert [(finding.id, finding.model) for finding in findings(**everything())] == [
        ("translation", "ffnn"), ("translation", "cnn"), ("robustness_difference", None), ("linear_probe", "ffnn"),
        ("linear_probe", "cnn"),
        ("permuted", "cnn"), ("permutation_gap", None), ("training_set_size", None), ("calibration", "cnn"),
        ("faithfulness", "cnn"), ("randomization", "cnn"),
    ]  # fmt: skip


def test_findings_carry_their_numbers() -> None:
    """What is printed in a sentence stands beside it as numbers, for programs."""
    values = {finding.id: finding.values for finding in findings(**everything())}
    assert values == {
        "translation": {"pixels": 2, "change": -0.3, "accuracy": 0.57},
        "linear_probe": {"hidden": 0.86, "pixels": 0.77},
        "robustness_difference": {"perturbation": "noise", "better": "cnn", "cnn_minus_ffnn": 0.09},
        "permuted": {"mean": -0.05, "interval": pytest.approx([-0.06, -0.04])},
        "permutation_gap": {"cnn_minus_ffnn": -0.04, "interval": pytest.approx([-0.05, -0.03])},
        "training_set_size": {"few": 100, "many": 55_000, "differences": [-0.05, 0.02]},
        "calibration": {"temperature": pytest.approx(1.4), "before": 0.035, "after": 0.008},
        "faithfulness": {"passed": ["IG"], "failed": ["CAM"], "inconclusive": []},
        "randomization": {"IG": "passed", "CAM": "failed"},
    }
