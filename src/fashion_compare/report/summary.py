"""The summary that ends a run on the terminal: what stands at the top of the report."""

from collections.abc import Mapping
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text


def summary_table(results: Mapping[str, Any]) -> Table:
    """Return a table of every configuration: test scores, the difference from the baseline, and the verdict."""
    title = f"{results['study']['name']} on {results['dataset']['name']}"
    if results["dataset"]["is_stand_in"]:
        title += " - a STAND-IN, not Fashion-MNIST"
    elif results["dataset"]["name"] != "fashion-mnist":
        title += " - other data, not Fashion-MNIST"
    seeds = len(results["study"]["seeds"])
    unfinished = len(results["missing"]) + len(results["failures"])
    table = Table(
        title=title,
        caption=f"test set, mean over {seeds} seed{'s' if seeds > 1 else ''} ± half of the 95% interval, in percent"
        f"{f'; unfinished runs: {unfinished}' if unfinished else ''}\n"
        "* the model's best by validation; change from the baseline in points",
        title_justify="left",
        caption_justify="left",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    # On a narrow terminal words wrap; a number is never cut.
    table.add_column("configuration", overflow="fold")
    for column in ("accuracy", "F1", "AUC", "change"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    accuracy = {
        (row["a"]["model"], row["a"]["configuration"]): row
        for row in results["comparisons"]
        if row["metric"] == "accuracy"
    }
    for model, held in results["models"].items():
        table.add_section()
        best = results["best"].get(model, {}).get("configuration")
        for name, configuration in held["configurations"].items():
            label = Text(f"{model} {name}{' *' if name == best else ''}")
            if not configuration["runs"]:
                failed = any((held["model"], held["configuration"]) == (model, name) for held in results["failures"])
                table.add_row(label, "failed" if failed else "not finished", "", "", "", "")
                continue
            interval = configuration["interval"]["test"]
            low, high = interval["accuracy"]["interval"]
            row = accuracy.get((model, name))
            table.add_row(
                label,
                f"{100 * interval['accuracy']['mean']:.2f} ±{50 * (high - low):.2f}",
                f"{100 * interval['f1_macro']['mean']:.2f}",
                f"{100 * interval['auc_macro_ovr']['mean']:.2f}",
                f"{100 * row['mean']:+.2f}" if row else "",
                row["verdict"] if row else "",
            )
    return table
