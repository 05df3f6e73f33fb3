"""The difference of two studies: what both measured, each with its own interval."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from fashion_compare.comparison.statistics import Estimate
from fashion_compare.findings.wording import Cut, change_interval, difference_interval, percent, points, score_interval
from fashion_compare.report.sentences import METRIC_NAMES
from fashion_compare.results.schema import Results


@dataclass(frozen=True)
class DiffRow:
    """One quantity that both studies measured.

    Attributes:
        what: it is.
        first: the estimate of the page's own study, in words.
        second: that of the other one.
        note: seeds and settings, or verdicts.
    """

    what: str
    first: str
    second: str
    note: str


@dataclass(frozen=True)
class StudyDiff:
    """What two studies have in common: the other one's name, whether both are of the same data, and their numbers."""

    name: str
    same_data: bool
    scores: list[DiffRow]
    differences: list[DiffRow]


def diff_studies(first: Results, second: Results) -> StudyDiff:
    """Return what two studies' results have in common, for the page of the first."""
    return StudyDiff(
        name=second.study.name,
        same_data=first.dataset.sha256 == second.dataset.sha256
        and first.study.training_images == second.study.training_images,
        scores=list(_scores(first, second)),
        differences=list(_differences(first, second)),
    )


def _scores(first: Results, second: Results) -> Iterator[DiffRow]:
    """Test accuracy of the configurations that both studies have runs of."""
    for one in first.finished():
        other = second.configuration(one.model, one.name)
        if other is not None:
            estimates = (one.interval["test"]["accuracy"], other.interval["test"]["accuracy"])
            seeds = f"{len(one.runs)} and {len(other.runs)} seeds"
            note = seeds if one.settings == other.settings else f"{seeds}; other settings"
            yield _row(f"{one.model} {one.name}", estimates, score_interval, lambda value: percent(value, 2), note)


def _differences(first: Results, second: Results) -> Iterator[DiffRow]:
    """The differences of the two models that both studies measured, each with its verdict."""
    for pairing, compared in first.head_to_head.items():
        others = second.head_to_head[pairing].comparisons if pairing in second.head_to_head else []
        for row in compared.comparisons:
            for other in others:
                if row.metric == other.metric == "accuracy":
                    what = f"{pairing}, test {METRIC_NAMES['accuracy']}"
                    note = f"{row.verdict}; {other.verdict}"
                    yield _row(what, (row, other), difference_interval, points, note)
    for change in first.robustness_differences:
        for other_change in second.robustness_differences:
            if change.perturbation == other_change.perturbation:
                what, note = f"robustness: {change.perturbation}", f"{change.verdict}; {other_change.verdict}"
                yield _row(what, (change, other_change), change_interval, points, note)
    gaps = [results.ablations and results.ablations.permutation.cnn_minus_ffnn for results in (first, second)]
    if gaps[0] and gaps[1]:
        note = f"{gaps[0].verdict}; {gaps[1].verdict}"
        yield _row("change with permuted pixels", (gaps[0], gaps[1]), change_interval, points, note)


def _row(
    what: str, estimates: tuple[Estimate, Estimate], cut: Cut, shown: Callable[[float], str], note: str
) -> DiffRow:
    words = []
    for estimate in estimates:
        low, high = cut(estimate.interval)
        words.append(f"{shown(estimate.mean)} [{shown(low)}, {shown(high)}]")
    return DiffRow(what, words[0], words[1], note)
