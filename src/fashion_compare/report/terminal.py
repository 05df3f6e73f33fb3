"""The summary that ends a run on the terminal: what stands at the top of the report."""

from fashion_compare.comparison.statistics import Estimate
from fashion_compare.findings.wording import score_interval
from fashion_compare.report.console_table import ConsoleTable, Row
from fashion_compare.results.schema import Results


def summary_table(results: Results) -> ConsoleTable:
    """Return a table of every configuration: test scores, the difference from the baseline, and the verdict."""
    title = f"{results.study.name} on {results.dataset.name}"
    if results.dataset.is_synthetic:
        title += " - SYNTHETIC data, not Fashion-MNIST"
    elif results.dataset.name != "fashion-mnist":
        title += " - other data, not Fashion-MNIST"
    seeds = len(results.study.seeds)
    unfinished = len(results.missing) + len(results.failures)
    sections = [_rows(results, model) for model in results.models]
    caption = (
        f"test set, mean over {seeds} seed{'s' if seeds > 1 else ''} ± half of the 95% interval, in percent"
        f"{f'; unfinished runs: {unfinished}' if unfinished else ''}\n"
        "* the model's best by validation; change from the baseline in percentage points"
    )
    if any("[" in row[1] for rows in sections for row in rows):
        caption += "\nboth ends of an interval where it is cut off at 0 or 100"
    return ConsoleTable(title, ("configuration", "accuracy", "F1", "AUC", "change", "verdict"), sections, caption)


def _rows(results: Results, model: str) -> list[Row]:
    differences = {
        row.a.configuration: row for row in results.comparisons if row.a.model == model and row.metric == "accuracy"
    }
    rows: list[Row] = []
    for name in results.models[model].configurations:
        best = model in results.best and results.best[model].configuration == name
        label = f"{model} {name}{' *' if best else ''}"
        configuration = results.configuration(model, name)
        if configuration is None:
            failed = any((one.model, one.configuration) == (model, name) for one in results.failures)
            rows.append((label, "failed" if failed else "not finished", "", "", "", ""))
            continue
        test, row = configuration.interval["test"], differences.get(name)
        rows.append(
            (
                label,
                _accuracy(test["accuracy"]),
                f"{100 * test['f1_macro'].mean:.2f}",
                f"{100 * test['auc_macro_ovr'].mean:.2f}",
                f"{100 * row.mean:+.2f}" if row else "",
                row.verdict if row else "",
            )
        )
    return rows


def _accuracy(estimate: Estimate) -> str:
    """Return a mean with half of its interval, in percent, or with both ends where one of them is 0 or 100."""
    low, high = score_interval(estimate.interval)
    if (low, high) == estimate.interval:
        return f"{100 * estimate.mean:.2f} ±{50 * (high - low):.2f}"
    return f"{100 * estimate.mean:.2f} [{100 * low:.2f}, {100 * high:.2f}]"
