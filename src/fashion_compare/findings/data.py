"""Findings about the data: duplicates across splits, near duplicates with other labels, suspected label errors."""

from collections.abc import Callable, Sequence

from fashion_compare.analysis.data_audit import DataQuality, LabelErrors, NearNeighbours, SuspectedTestLabels
from fashion_compare.findings.wording import Rule, finding, percent
from fashion_compare.results.schema import Finding, Results

# Fewer suspected training images are not worth a sentence.
_SUSPECTED = 0.001


def duplicates(images: int) -> list[Finding]:
    """Fires when test images repeat ones that are trained on or chosen by, plain or mirrored."""
    if not images:
        return []
    text = (
        f"{images:,} test images repeat one of the training or validation images, plain or mirrored: on these a score "
        "measures memory."
    )
    return [finding("duplicates", None, text, {"images": images})]


def near_duplicates(neighbours: NearNeighbours) -> list[Finding]:
    """Fires when test images are nearly equal to a training image that has another label."""
    if not neighbours.labels_differ:
        return []
    text = (
        f"Of {neighbours.near:,} test images that are nearly equal to one of the training set (within "
        f"{neighbours.threshold:g} grey levels a pixel), {neighbours.labels_differ:,} have another label: no network "
        "can be right about both."
    )
    return [finding("near_duplicates", None, text, neighbours.model_dump(include={"near", "labels_differ"}))]


def label_errors(errors: LabelErrors, images: int, class_names: Sequence[str]) -> list[Finding]:
    """Fires when one training image in a thousand, or more, is suspected of a wrong label."""
    suspected = errors.train.suspected
    if suspected < _SUSPECTED * images:
        return []
    pair = errors.train.pairs[0]
    text = (
        f"{suspected:,} of {images:,} training images ({percent(suspected / images)}) are suspected label errors: "
        f"networks that did not see them ({' and '.join(errors.models)}, {errors.folds}-fold cross-validation) predict "
        f"another class with confidence. Confident learning estimates {percent(errors.train.estimated_share)} of wrong "
        f"labels, but takes hard images for wrong ones. Most frequent: labelled {class_names[pair.given]}, predicted "
        f"{class_names[pair.suggested]} ({pair.images:,}). Nothing was removed because of it."
    )
    return [finding("label_errors", None, text, {"suspected": suspected, "images": images})]


def without_suspected(errors: SuspectedTestLabels) -> list[Finding]:
    """Fires when test images are suspected; a secondary figure, for the networks that suspect them are also judged."""
    if not errors.suspected:
        return []
    gains = [
        f"{model} {percent(both.without_suspected.mean, 2)} instead of {percent(both.all.mean, 2)}"
        for model, both in errors.accuracy.items()
        if both.without_suspected is not None
    ]
    if len(gains) < len(errors.accuracy):
        text = (
            f"The baselines suspect all test images but one at most, {errors.suspected:,} of them: networks that are "
            "wrong with such confidence say nothing about the labels."
        )
    else:
        text = (
            f"Without the {errors.suspected:,} suspected test images the baselines' accuracy would be "
            f"{', '.join(gains)}: biased upwards, since these networks' own confident errors are removed, and no bound "
            "on what wrong labels cost."
        )
    return [finding("without_suspected", None, text, {"suspected": errors.suspected})]


def _about(state: Callable[[DataQuality, Results], list[Finding]]) -> Callable[[Results], list[Finding]]:
    """Return a rule's function of results from one of data quality checks, for studies that have them."""
    return lambda results: [] if results.data_quality is None else state(results.data_quality, results)


def _label_errors(quality: DataQuality, results: Results) -> list[Finding]:
    if quality.label_errors is None:
        return []
    return label_errors(quality.label_errors, sum(quality.class_counts["train"]), results.dataset.class_names)


def _without_suspected(quality: DataQuality, _: Results) -> list[Finding]:
    errors = quality.label_errors
    return [] if errors is None or errors.test is None else without_suspected(errors.test)


RULES = (
    Rule("duplicates", "data", _about(lambda quality, _: duplicates(quality.duplicated_test_images))),
    Rule("near_duplicates", "data", _about(lambda quality, _: near_duplicates(quality.neighbours["test"]))),
    Rule("label_errors", "data", _about(_label_errors)),
    Rule("without_suspected", "data", _about(_without_suspected)),
)
