"""Class by class: where one configuration differs from another, and which confusions it mends or makes."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fashion_compare.comparison.paired import ConfigurationScores, verdict_of
from fashion_compare.comparison.statistics import holm, mean_interval, paired_t_p
from fashion_compare.evaluation.influence import CLASS_METRICS, class_influence

# How many confusions a comparison names, the largest changes first.
CONFUSIONS = 6


def class_differences(a: ConfigurationScores, b: ConfigurationScores) -> list[dict[str, Any]]:
    """Return a's difference from b in precision, recall and F1 of each class on the test set.

    Holm's correction runs over the classes, for each metric by itself.
    """
    seeds = _common(a, b)
    labels, classes = b.labels, b.classes
    assert labels is not None
    of_a, of_b = ([class_influence(labels, held.answers[seed], classes) for seed in seeds] for held in (a, b))
    images = np.maximum(np.bincount(labels, minlength=classes), 1)
    rows = []
    for metric in CLASS_METRICS:
        columns = np.stack([x[metric] - y[metric] for x, y in zip(of_a, of_b, strict=True)])
        p_holm = _corrected(columns.mean(axis=1), 1 / images)
        for c in range(classes):
            interval = mean_interval(list(columns[:, :, c]))
            rows.append(
                {
                    "class": c,
                    "metric": metric,
                    "mean": interval.mean,
                    "interval": [interval.low, interval.high],
                    "p_holm": p_holm[c],
                    "verdict": verdict_of(interval.mean, p_holm[c], len(seeds)),
                }
            )
    return rows


def confusion_changes(a: ConfigurationScores, b: ConfigurationScores) -> list[dict[str, Any]]:
    """Return the confusions (images of one class called another) that differ most between a and b on the test set.

    Numbers are shares of the images of the confused class. A difference below zero is a confusion that a mends, one
    above zero that it makes. Holm's correction runs over all pairs of classes that either confuses at all, for the
    largest were chosen among them.
    """
    seeds = _common(a, b)
    labels, classes = b.labels, b.classes
    assert labels is not None
    counts = [np.stack([_counts(labels, held.answers[seed], classes) for seed in seeds]) for held in (a, b)]
    images = np.maximum(np.bincount(labels, minlength=classes), 1)
    shares_a, shares_b = (held / images[:, None] for held in counts)
    seen = (counts[0] + counts[1]).sum(axis=0) > 0
    np.fill_diagonal(seen, val=False)
    pairs = np.argwhere(seen)
    differences = (shares_a - shares_b)[:, seen]
    p_holm = _corrected(differences, 1 / images[pairs[:, 0]])
    largest = np.argsort(-np.abs(differences.mean(axis=0)), kind="stable")[:CONFUSIONS]
    rows = []
    for k in largest:
        label, answer = (int(c) for c in pairs[k])
        of_class = labels == label
        columns = [
            (a.answers[seed][of_class] == answer).astype(float) - (b.answers[seed][of_class] == answer)
            for seed in seeds
        ]
        # One image of a class says nothing of the spread over others.
        interval = mean_interval(columns) if of_class.sum() > 1 else None
        verdict = verdict_of(-float(differences[:, k].mean()), p_holm[k], len(seeds))
        rows.append(
            {
                "class": label,
                "answer": answer,
                "share_a": float(shares_a[:, label, answer].mean()),
                "share_b": float(shares_b[:, label, answer].mean()),
                "mean": float(differences[:, k].mean()),
                "interval": None if interval is None else [interval.low, interval.high],
                "p_holm": p_holm[k],
                "verdict": {"better": "mended", "worse": "made"}.get(verdict, verdict),
            }
        )
    return rows


def _common(a: ConfigurationScores, b: ConfigurationScores) -> list[int]:
    return sorted(set(a.seeds()) & set(b.seeds()))


def _counts(labels: NDArray[np.integer], answers: NDArray[np.integer], classes: int) -> NDArray[np.int64]:
    """Return how many images of each class (rows) got each answer (columns)."""
    pairs = labels.astype(np.int64) * classes + answers
    return np.bincount(pairs, minlength=classes * classes).reshape(classes, classes)


def _corrected(differences: NDArray[np.float64], resolution: NDArray[np.float64]) -> list[float | None]:
    """Return Holm's p of each column of (seeds, comparisons); None below two seeds.

    One image of a class is worth its `resolution`, (comparisons,).
    """
    raw = [paired_t_p(list(column), resolution=one) for column, one in zip(differences.T, resolution, strict=True)]
    known = [p for p in raw if p is not None]
    return list(holm(known)) if len(known) == len(raw) else [None] * len(raw)
