"""Findings about the data: copies across parts, near copies with other labels, suspected label errors."""

from collections.abc import Mapping, Sequence
from typing import Any

from fashion_compare.findings.wording import Finding, finding, percent

# Fewer suspected training images are not worth a sentence.
_SUSPECTED = 0.001


def audit_findings(audit: Mapping[str, Any] | None, class_names: Sequence[str]) -> list[Finding]:
    """Return what the audit says; nothing where there was none."""
    if audit is None:
        return []
    found = copies(audit["repeated_test_images"]) + near_copies(audit["neighbours"]["test"])
    if audit["label_errors"] is not None:
        found += label_errors(audit["label_errors"], sum(audit["class_counts"]["train"]), class_names)
        if audit["label_errors"]["test"] is not None:
            found += without_suspected(audit["label_errors"]["test"])
    return found


def copies(images: int) -> list[Finding]:
    """Fires when test images repeat ones that are trained on or chosen by, plain or mirrored."""
    if not images:
        return []
    text = (
        f"{images:,} test images repeat one of the training or validation images, plain or mirrored: on these a score "
        "measures memory."
    )
    return [finding("copies", None, text, {"images": images})]


def near_copies(held: Mapping[str, Any]) -> list[Finding]:
    """Fires when test images all but equal a training image that has another label."""
    if not held["labels_differ"]:
        return []
    return [
        finding(
            "near_copies",
            None,
            f"Of {held['near']:,} test images that all but equal one of the training set (within {held['threshold']:g} "
            f"grey levels a pixel), {held['labels_differ']:,} have another label: no network can be right about both.",
            {"near": held["near"], "labels_differ": held["labels_differ"]},
        )
    ]


def label_errors(held: Mapping[str, Any], images: int, class_names: Sequence[str]) -> list[Finding]:
    """Fires when one training image in a thousand, or more, is suspected of a wrong label."""
    suspected = held["train"]["suspected"]
    if suspected < _SUSPECTED * images:
        return []
    pair = held["train"]["pairs"][0]
    return [
        finding(
            "label_errors",
            None,
            f"{suspected:,} of {images:,} training images ({percent(suspected / images)}) are confidently of another "
            f"class than their label says, to networks that did not see them ({' and '.join(held['models'])}, "
            f"{held['folds']} folds). Confident learning, which takes hard images for wrong ones, would put the share "
            f"of wrong labels at {percent(held['train']['estimated_share'])}. Most often a "
            f"{class_names[pair['given']]} that looks like a {class_names[pair['suggested']]} ({pair['images']:,}). "
            "They are suspects, wrong or merely hard; nothing was left out for them.",
            {"suspected": suspected, "images": images},
        )
    ]


def without_suspected(held: Mapping[str, Any]) -> list[Finding]:
    """Fires when test images are suspected; a secondary figure, for the networks that suspect them are also judged."""
    if not held["suspected"]:
        return []
    if any(both["without_suspected"] is None for both in held["accuracy"].values()):
        text = (
            f"The baselines suspect all test images but one at most, {held['suspected']:,} of them: networks that are "
            "so surely wrong say nothing about the labels."
        )
    else:
        gains = ", ".join(
            f"{model} {percent(both['without_suspected']['mean'], 2)} instead of {percent(both['all']['mean'], 2)}"
            for model, both in held["accuracy"].items()
        )
        text = (
            f"Without the {held['suspected']:,} suspected test images the baselines' accuracy would be {gains}: biased "
            "upwards, for these networks' own confident errors are what is left out, and no bound on what wrong labels "
            "cost."
        )
    return [finding("without_suspected", None, text, {"suspected": held["suspected"]})]
