"""What ends every command that has a study's results: explanations, results, report and summary."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fashion_compare.data.dataset import Dataset
    from fashion_compare.results.schema import DatasetDescription, Results
    from fashion_compare.study.context import StudyContext


def read_context(root: Path) -> "tuple[StudyContext, DatasetDescription]":
    """Return the study that lies in `root`, with what tuning chose, and the data that it is about.

    Raises:
        UserError: a file of the study cannot be read or is not what it should be.
    """
    from fashion_compare.execution.tuning import with_winners
    from fashion_compare.results.files import read_dataset_description
    from fashion_compare.study.context import StudyContext
    from fashion_compare.study.spec import written_study

    study, described = written_study(root), read_dataset_description(root)
    return with_winners(StudyContext(study, described.identity, root)), described


def collect_results(context: "StudyContext", described: "DatasetDescription", failures: dict[str, str]) -> "Results":
    """Return the results of the study's run directories, whatever version wrote its results.json before.

    Args:
        context: the study.
        described: its data.
        failures: label of a run → why it failed just now.
    """
    from fashion_compare import console
    from fashion_compare.results.collect import collect
    from fashion_compare.results.files import is_of_earlier_schema, known_failures

    path = context.root / "results.json"
    if is_of_earlier_schema(path):
        console.say(f"{path} was written by an earlier version: results are collected anew from the run directories")
    return collect(context, described, known_failures(context) | failures)


def explain_and_finish(context: "StudyContext", results: "Results", dataset: "Dataset") -> None:
    """Make the explanations and data quality checks that are not cached, then write results and report with them.

    Args:
        context: the study.
        results: from `collect_results`.
        dataset: the data.
    """
    from fashion_compare import console
    from fashion_compare.analysis.data_audit import make_audit
    from fashion_compare.analysis.explanations import make_explanations
    from fashion_compare.findings import with_findings
    from fashion_compare.report.page import write_report
    from fashion_compare.results.collect import with_explanations
    from fashion_compare.results.files import write_results

    # Explaining takes minutes, and may be stopped: numbers and page are there before.
    results = with_findings(results)
    write_results(results, context.root)
    if results.gallery is None:
        write_report(results, context.root)
    make_explanations(context, results.best, dataset, console.say)
    make_audit(context, dataset, console.say)
    finish(with_explanations(results, context), context.root)


def finish(results: "Results", root: Path, other: "Results | None" = None) -> "tuple[Results, Path]":
    """Write results with their findings and the report, and print the summary.

    Args:
        results: of the study.
        root: its directory.
        other: another study's results, to compare with.

    Returns:
        The results with findings, and the page.
    """
    from fashion_compare import console
    from fashion_compare.findings import with_findings
    from fashion_compare.report.page import write_report
    from fashion_compare.report.terminal import summary_table
    from fashion_compare.results.files import write_results

    console.say("Writing the report …")
    results = with_findings(results)
    write_results(results, root)
    page = write_report(results, root, other)
    console.tell(summary_table(results))
    console.tell(f"Report:  {page}")
    console.tell(f"Numbers: {root / 'results.json'}, {root / 'results.csv'}")
    return results, page
