"""Each rule about the data makes its sentence when the audit calls for it, and none when it does not."""

from typing import Any

from tests.builders import build

from fashion_compare.analysis.data_audit import LabelErrors, NearNeighbours, SuspectedTestLabels
from fashion_compare.findings import data as rules
from fashion_compare.results.schema import Finding, Results

CLASSES = ["T-shirt/top", "Trouser", "Shirt"]
NEAR = {"images": 100, "threshold": 8.0, "near": 5, "labels_differ": 0}


def errors(suspected: int, **more: Any) -> dict[str, Any]:
    pairs = [{"given": 2, "suggested": 0, "images": 7}, {"given": 0, "suggested": 2, "images": 3}]
    return {
        "models": ["ffnn", "cnn"],
        "folds": 5,
        "train": {"suspected": suspected, "pairs": pairs, "estimated_share": 0.043},
        "test": None,
    } | more


def findings(quality: dict[str, Any] | None) -> list[Finding]:
    """Return what every rule says of data with these quality checks."""
    results = build(
        Results,
        dataset={"name": "fashion-mnist", "class_names": CLASSES},
        data_quality=quality,
    )
    return [found for rule in rules.RULES for found in rule.apply(results)]


def audit(**parts: Any) -> dict[str, Any]:
    clean = {
        "class_counts": {"train": [400, 300, 300]},
        "duplicated_test_images": 0,
        "neighbours": {"test": NEAR},
        "label_errors": None,
    }
    return clean | parts


def test_nothing_to_say_is_said_in_no_words() -> None:
    """Clean data have no finding, and neither has a study without an audit."""
    assert findings(audit()) == []
    assert findings(None) == []


def test_copies_across_the_test_set_are_said() -> None:
    """Test images that repeat a training or validation image are counted; without any there is no finding."""
    (found,) = rules.duplicates(7)
    assert found.id == "duplicates"
    assert "7 test images" in found.text
    assert rules.duplicates(0) == []


def test_near_copies_with_other_labels_are_said() -> None:
    """It fires when one label differs, with both counts; agreeing labels say nothing."""
    (found,) = rules.near_duplicates(build(NearNeighbours, **NEAR | {"labels_differ": 2}))
    assert "Of 5 test images" in found.text
    assert "2 have another label" in found.text
    assert "8 grey levels" in found.text
    assert rules.near_duplicates(build(NearNeighbours, **NEAR)) == []


def test_suspected_labels_are_said_from_one_in_a_thousand_on() -> None:
    """With the share, the pair of classes that leads, and who suspects; one image less stays silent."""
    (found,) = rules.label_errors(build(LabelErrors, **errors(2)), 2000, CLASSES)
    for words in (
        "2 of 2,000",
        "0.1%",
        "ffnn and cnn",
        "5-fold cross-validation",
        "estimates 4.3% of wrong labels",
        "labelled Shirt, predicted T-shirt/top (7)",
    ):
        assert words in found.text
    assert rules.label_errors(build(LabelErrors, **errors(1)), 2000, CLASSES) == []


def test_accuracy_without_suspects_is_a_secondary_figure() -> None:
    """Both accuracies of each model stand there, called biased; without suspects there is nothing to leave out."""
    accuracy = {"cnn": {"all": {"mean": 0.9}, "without_suspected": {"mean": 0.93}}}
    (found,) = rules.without_suspected(build(SuspectedTestLabels, suspected=12, accuracy=accuracy))
    for words in ("12 suspected", "cnn 93.00% instead of 90.00%", "biased upwards"):
        assert words in found.text
    assert rules.without_suspected(build(SuspectedTestLabels, suspected=0, accuracy=accuracy)) == []


def test_where_everything_is_suspected_there_is_no_accuracy_without() -> None:
    """Networks that are surely wrong about every image leave nothing to be right about."""
    accuracy = {"cnn": {"all": {"mean": 0.0}, "without_suspected": None}}
    (found,) = rules.without_suspected(build(SuspectedTestLabels, suspected=1200, accuracy=accuracy))
    assert found.text.startswith("The baselines suspect all test images but one at most, 1,200 of them: ")


def test_all_rules_are_asked() -> None:
    """A data set with everything wrong has every finding, each once."""
    accuracy = {"cnn": {"all": {"mean": 0.9}, "without_suspected": {"mean": 0.93}}}
    held = audit(
        duplicated_test_images=3,
        neighbours={"test": NEAR | {"labels_differ": 1}},
        label_errors=errors(10, test={"suspected": 3, "accuracy": accuracy}),
    )
    assert [found.id for found in findings(held)] == [
        "duplicates", "near_duplicates", "label_errors", "without_suspected",
    ]  # fmt: skip
