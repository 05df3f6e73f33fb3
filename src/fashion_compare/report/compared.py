"""What `fashion-compare compare` prints: two models side by side, from their predictions alone."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from fashion_compare.comparison.wording import percent, points
from fashion_compare.report import words


def comparison_text(found: Mapping[str, Any], class_names: Sequence[str], images: int) -> Group:
    """Return tables of scores, classes and confusions, and sentences on evidence and agreement.

    Args:
        found: from `compare_predictions`.
        class_names: index is the label.
        images: how many were predicted.
    """
    parts: list[RenderableType] = [_scores(found, images), *_evidence(found), _classes(found, class_names)]
    if found["confusions"]:
        parts.append(_confusions(found, class_names))
    return Group(*parts, *_agreement(found, images))


def _scores(found: Mapping[str, Any], images: int) -> Table:
    runs = len(found["a"]["runs"])
    title = f"A against B: {images:,} images, {runs} file{'s' if runs > 1 else ''} of each"
    caption = "means over files with 95% intervals; in percent, log loss in nats"
    table = _table(title, "", "A is", caption)
    for row in found["comparisons"]:
        metric = row["metric"]
        low, high = (words.signed(bound, metric) for bound in row["interval"])
        means = [words.number(found[side]["interval"][metric]["mean"], metric) for side in ("a", "b")]
        table.add_row(
            words.METRIC_NAMES[metric],
            *means,
            f"{words.signed(row['mean'], metric)}\n[{low}, {high}]",
            words.verdict(row),
        )
    return table


def _table(title: str, first: str, last: str, caption: str | None = None) -> Table:
    """Return an empty table with both models and their difference between its first and last column."""
    table = Table(title=title, caption=caption, box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), title_justify="left",
                  caption_justify="left")  # fmt: skip
    # On a narrow terminal words wrap; a number is never cut.
    table.add_column(first, overflow="fold")
    for column in ("A", "B", "A − B"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column(last, overflow="fold")
    return table


def _evidence(found: Mapping[str, Any]) -> list[Text]:
    return [Text(f"{words.METRIC_NAMES[row['metric']]}: {words.evidence(row)}.") for row in found["comparisons"]]


def _classes(found: Mapping[str, Any], class_names: Sequence[str]) -> Table:
    table = _table("\nF1 by class", "class", "A is (Holm over classes)")
    for row in found["classes"]:
        if row["metric"] != "f1":
            continue
        c = row["class"]
        means = [_mean([run["per_class"][c]["f1"] for run in found[side]["runs"]]) for side in ("a", "b")]
        low, high = row["interval"]
        difference = f"{points(row['mean'])}\n[{points(low)}, {points(high)}]"
        table.add_row(class_names[c], *(f"{100 * mean:.2f}" for mean in means), difference, row["verdict"])
    return table


def _confusions(found: Mapping[str, Any], class_names: Sequence[str]) -> Table:
    table = _table(
        "\nConfusions that differ most, share of the class", "class taken for another", "by A (Holm over pairs)"
    )
    for row in found["confusions"]:
        table.add_row(
            f"{class_names[row['class']]} → {class_names[row['answer']]}",
            percent(row["share_a"], 2),
            percent(row["share_b"], 2),
            points(row["mean"]),
            row["verdict"],
        )
    return table


def _agreement(found: Mapping[str, Any], images: int) -> list[Text]:
    rows = found["agreement"]
    share = {
        key: percent(_mean([row[key] for row in rows]) / images)
        for key in ("both_right", "only_a_right", "only_b_right", "both_wrong")
    }
    split = f"both right {share['both_right']}, only A {share['only_a_right']}, only B {share['only_b_right']}"
    lines = [f"\nOf the images: {split}, both wrong {share['both_wrong']}."]
    if len(rows) == 1:
        lines.append(
            f"McNemar's exact p for this one pair: {rows[0]['mcnemar_p']:.2g}; it knows nothing of other runs."
        )
    against_a, against_b = (row for row in found["ensemble"] if row["metric"] == "accuracy")
    accuracy = _mean([run["accuracy"] for run in found["a"]["runs"]]) + against_a["mean"]
    lines.append(
        f"The mean of their probabilities: accuracy {percent(accuracy, 2)}, {points(against_a['mean'])} points from A "
        f"({words.verdict(against_a)}), {points(against_b['mean'])} from B ({words.verdict(against_b)})."
    )
    return [Text(line) for line in lines]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
