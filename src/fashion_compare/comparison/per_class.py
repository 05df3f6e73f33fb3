"""Class by class: where one configuration differs from another, and which confusions it fixes or introduces."""

from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from fashion_compare.comparison.paired import ConfigurationScores, Verdict, common_seeds, verdict_of
from fashion_compare.comparison.statistics import Estimate, holm, mean_interval, paired_t_p
from fashion_compare.evaluation.influence import CLASS_METRICS, class_influence
from fashion_compare.json_record import JsonRecord

# How many confusions a comparison names, the largest changes first.
CONFUSIONS = 6


class ClassDifference(Estimate):
    """The difference a - b for one class on the test set; Holm's correction runs over the classes."""

    class_index: int
    metric: Literal["precision", "recall", "f1"]
    p_holm: float | None
    verdict: Verdict


class ConfusionChange(JsonRecord):
    """How often images of one class are predicted as another, as a share of the class, under a and under b."""

    class_index: Annotated[int, Field(description="the true class")]
    predicted: Annotated[int, Field(description="the predicted class")]
    rate_a: float
    rate_b: float
    mean: Annotated[float, Field(description="a - b")]
    interval: Annotated[tuple[float, float] | None, Field(description="None with one image of the class")]
    p_holm: Annotated[float | None, Field(description="over all confusions that occur")]
    verdict: Literal["fixed", "introduced", "inconclusive", "not tested"]


_CONFUSION_VERDICTS: dict[Verdict, Literal["fixed", "introduced", "inconclusive", "not tested"]] = {
    "better": "fixed",
    "worse": "introduced",
    "inconclusive": "inconclusive",
    "not tested": "not tested",
}


def class_differences(a: ConfigurationScores, b: ConfigurationScores) -> list[ClassDifference]:
    """Return a's difference from b in precision, recall and F1 of each class on the test set.

    Holm's correction runs over the classes, for each metric by itself.
    """
    seeds = common_seeds(a, b)
    labels, classes = b.labels, b.classes
    assert labels is not None
    of_a, of_b = ([class_influence(labels, held.predicted_labels[seed], classes) for seed in seeds] for held in (a, b))
    images = np.maximum(np.bincount(labels, minlength=classes), 1)
    rows = []
    for metric in CLASS_METRICS:
        columns = np.stack([x[metric] - y[metric] for x, y in zip(of_a, of_b, strict=True)])
        p_holm = _corrected(columns.mean(axis=1), 1 / images)
        for c in range(classes):
            interval = mean_interval(list(columns[:, :, c]))
            rows.append(
                ClassDifference(
                    **dict(interval),
                    class_index=c,
                    metric=metric,
                    p_holm=p_holm[c],
                    verdict=verdict_of(interval.mean, p_holm[c], len(seeds)),
                )
            )
    return rows


def confusion_changes(a: ConfigurationScores, b: ConfigurationScores) -> list[ConfusionChange]:
    """Return the confusions (one class predicted as another) that differ most between a and b on the test set.

    Numbers are shares of the images of the confused class. A difference below zero is a confusion that a fixes, one
    above zero that it introduces. Holm's correction runs over all pairs of classes that either confuses at all, for the
    largest were chosen among them.
    """
    seeds = common_seeds(a, b)
    labels, classes = b.labels, b.classes
    assert labels is not None
    counts = [np.stack([_counts(labels, held.predicted_labels[seed], classes) for seed in seeds]) for held in (a, b)]
    images = np.maximum(np.bincount(labels, minlength=classes), 1)
    rates_a, rates_b = (held / images[:, None] for held in counts)
    seen = (counts[0] + counts[1]).sum(axis=0) > 0
    np.fill_diagonal(seen, val=False)
    pairs = np.argwhere(seen)
    differences = (rates_a - rates_b)[:, seen]
    p_holm = _corrected(differences, 1 / images[pairs[:, 0]])
    largest = np.argsort(-np.abs(differences.mean(axis=0)), kind="stable")[:CONFUSIONS]
    rows = []
    for k in largest:
        label, predicted = (int(c) for c in pairs[k])
        of_class = labels == label
        columns = [
            (a.predicted_labels[seed][of_class] == predicted).astype(float)
            - (b.predicted_labels[seed][of_class] == predicted)
            for seed in seeds
        ]
        # One image of a class says nothing of the spread over others.
        interval = mean_interval(columns) if of_class.sum() > 1 else None
        verdict = verdict_of(-float(differences[:, k].mean()), p_holm[k], len(seeds))
        rows.append(
            ConfusionChange(
                class_index=label,
                predicted=predicted,
                rate_a=float(rates_a[:, label, predicted].mean()),
                rate_b=float(rates_b[:, label, predicted].mean()),
                mean=float(differences[:, k].mean()),
                interval=None if interval is None else interval.interval,
                p_holm=p_holm[k],
                verdict=_CONFUSION_VERDICTS[verdict],
            )
        )
    return rows


def _counts(labels: NDArray[np.integer], predicted: NDArray[np.integer], classes: int) -> NDArray[np.int64]:
    """Return how many images of each class (rows) got each predicted label (columns)."""
    pairs = labels.astype(np.int64) * classes + predicted
    return np.bincount(pairs, minlength=classes * classes).reshape(classes, classes)


def _corrected(differences: NDArray[np.float64], resolution: NDArray[np.float64]) -> list[float | None]:
    """Return Holm's p of each column of (seeds, comparisons); None below two seeds.

    One image of a class is worth its `resolution`, (comparisons,).
    """
    raw = [paired_t_p(list(column), resolution=one) for column, one in zip(differences.T, resolution, strict=True)]
    known = [p for p in raw if p is not None]
    return list(holm(known)) if len(known) == len(raw) else [None] * len(raw)
