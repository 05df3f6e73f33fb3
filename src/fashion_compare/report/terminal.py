"""The summary that ends a run on the terminal: what stands at the top of the report."""

from collections.abc import Mapping
from typing import Any

from fashion_compare.findings.wording import score_interval
from fashion_compare.report.console_table import ConsoleTable, Row


def summary_table(results: Mapping[str, Any]) -> ConsoleTable:
    """Return a table of every configuration: test scores, the difference from the baseline, and the verdict."""
    title = f"{results['study']['name']} on {results['dataset']['name']}"
    if results["dataset"]["is_synthetic"]:
        title += " - a STAND-IN, not Fashion-MNIST"
    elif results["dataset"]["name"] != "fashion-mnist":
        title += " - other data, not Fashion-MNIST"
    seeds = len(results["study"]["seeds"])
    unfinished = len(results["missing"]) + len(results["failures"])
    accuracy = {
        (row["a"]["model"], row["a"]["configuration"]): row
        for row in results["comparisons"]
        if row["metric"] == "accuracy"
    }
    sections: list[list[Row]] = []
    for model, held in results["models"].items():
        rows: list[Row] = []
        best = results["best"].get(model, {}).get("configuration")
        for name, configuration in held["configurations"].items():
            label = f"{model} {name}{' *' if name == best else ''}"
            if not configuration["runs"]:
                failed = any((held["model"], held["configuration"]) == (model, name) for held in results["failures"])
                rows.append((label, "failed" if failed else "not finished", "", "", "", ""))
                continue
            interval = configuration["interval"]["test"]
            row = accuracy.get((model, name))
            rows.append(
                (
                    label,
                    _accuracy(interval["accuracy"]),
                    f"{100 * interval['f1_macro']['mean']:.2f}",
                    f"{100 * interval['auc_macro_ovr']['mean']:.2f}",
                    f"{100 * row['mean']:+.2f}" if row else "",
                    row["verdict"] if row else "",
                )
            )
        sections.append(rows)
    caption = (
        f"test set, mean over {seeds} seed{'s' if seeds > 1 else ''} ± half of the 95% interval, in percent"
        f"{f'; unfinished runs: {unfinished}' if unfinished else ''}\n"
        "* the model's best by validation; change from the baseline in points"
    )
    if any("[" in row[1] for rows in sections for row in rows):
        caption += "\nboth ends of an interval where it is cut off at 0 or 100"
    return ConsoleTable(title, ("configuration", "accuracy", "F1", "AUC", "change", "verdict"), sections, caption)


def _accuracy(held: Mapping[str, Any]) -> str:
    """Return a mean with half of its interval, in percent, or with both ends where one of them is 0 or 100."""
    low, high = held["interval"]
    shown = score_interval(held["interval"])
    if shown == (low, high):
        return f"{100 * held['mean']:.2f} ±{50 * (high - low):.2f}"
    return f"{100 * held['mean']:.2f} [{100 * shown[0]:.2f}, {100 * shown[1]:.2f}]"
