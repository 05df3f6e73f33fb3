"""What `fashion-compare compare` prints: two models side by side, from their predictions alone."""

from collections.abc import Sequence

from fashion_compare.comparison.from_predictions import PredictionComparison
from fashion_compare.findings.wording import difference_interval, percent, points
from fashion_compare.report import quantities, sentences
from fashion_compare.report.console_table import ConsoleTable, Row


def comparison(found: PredictionComparison, class_names: Sequence[str], images: int) -> list[ConsoleTable | str]:
    """Return tables of scores, classes and confusions, and lines on evidence and agreement, in the order to print.

    Args:
        found: from `compare_predictions`.
        class_names: index is the label.
        images: how many were predicted.
    """
    parts: list[ConsoleTable | str] = [_scores(found, images), *_evidence(found), _classes(found, class_names)]
    if found.confusions:
        parts.append(_confusions(found, class_names))
    return [*parts, *_agreement(found)]


def _scores(found: PredictionComparison, images: int) -> ConsoleTable:
    runs = len(found.a.runs)
    title = f"A against B: {images:,} images, {runs} file{'s' if runs > 1 else ''} of each"
    caption = "means over files with 95% intervals; in percent, log loss in nats"
    rows = []
    for row in found.comparisons:
        metric = row.metric
        low, high = (quantities.signed(bound, metric) for bound in difference_interval(row.interval, metric))
        means = [quantities.number(side.interval[metric].mean, metric) for side in (found.a, found.b)]
        difference = f"{quantities.signed(row.mean, metric)}\n[{low}, {high}]"
        rows.append((sentences.METRIC_NAMES[metric], *means, difference, sentences.verdict(row)))
    return _table(title, "", "A is", rows, caption)


def _table(title: str, first: str, last: str, rows: Sequence[Row], caption: str = "") -> ConsoleTable:
    """Return a table with both models and their difference between its first and last column."""
    return ConsoleTable(title, (first, "A", "B", "A − B", last), [rows], caption)


def _evidence(found: PredictionComparison) -> list[str]:
    return [f"{sentences.METRIC_NAMES[row.metric]}: {sentences.evidence(row)}." for row in found.comparisons]


def _classes(found: PredictionComparison, class_names: Sequence[str]) -> ConsoleTable:
    rows = []
    for row in found.classes:
        if row.metric != "f1":
            continue
        c = row.class_index
        means = [_mean([run.per_class[c].f1 for run in side.runs]) for side in (found.a, found.b)]
        low, high = difference_interval(row.interval)
        difference = f"{points(row.mean)}\n[{points(low)}, {points(high)}]"
        rows.append((class_names[c], *(f"{100 * mean:.2f}" for mean in means), difference, row.verdict))
    return _table("\nF1 by class, verdicts by Holm over classes", "class", "A is", rows)


def _confusions(found: PredictionComparison, class_names: Sequence[str]) -> ConsoleTable:
    rows = [
        (
            f"{class_names[row.class_index]} → {class_names[row.predicted]}",
            percent(row.rate_a, 2),
            percent(row.rate_b, 2),
            points(row.mean),
            row.verdict,
        )
        for row in found.confusions
    ]
    title = "\nConfusions that differ most, share of the class, verdicts by Holm over pairs"
    return _table(title, "true → predicted", "by A", rows)


def _agreement(found: PredictionComparison) -> list[str]:
    rates = found.agreement_rates
    lines = [
        (
            f"\nOf the images: both right {percent(rates.both_right)}, only A {percent(rates.only_a_right)}, only B "
            f"{percent(rates.only_b_right)}, both wrong {percent(rates.both_wrong)}."
        )
    ]
    if len(found.agreement) == 1:
        p = found.agreement[0].mcnemar_p
        lines.append(f"McNemar's exact p for this one pair: {p:.2g}; it knows nothing of other runs.")
    over_a, over_b = (row for row in found.ensemble if row.metric == "accuracy")
    accuracy = found.a.interval["accuracy"].mean + over_a.mean
    lines.append(
        f"Ensemble (mean of both models' probabilities): accuracy {percent(accuracy, 2)}, {points(over_a.mean)} "
        f"percentage points over A ({sentences.verdict(over_a)}), {points(over_b.mean)} over B "
        f"({sentences.verdict(over_b)})."
    )
    return lines


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
