"""Commands about a study: run it, study its sensitivity, rebuild its report, say how far it is, copy a shipped one."""

from pathlib import Path
from typing import Annotated

import typer

from fashion_compare.commands import options
from fashion_compare.commands.execution_options import ExecutionOptions
from fashion_compare.commands.finish_study import collect_results, finish, read_context
from fashion_compare.commands.run_study import SENSITIVITY, TUNING, run_study
from fashion_compare.errors import UsageError, UserError


def run(
    study: options.StudyName = "default",
    data: options.Data = "auto",
    any_idx: options.AnyIdx = False,
    out: options.Out = Path("runs"),
    seeds: options.Seeds = None,
    experiments: Annotated[
        bool, typer.Option("--experiments", help="Add the experiments of 'full' to a study that declares none.")
    ] = False,
    workers: options.Workers = None,
    device: options.Device = "auto",
    engine: options.Engine = "local",
    scheduler: options.Scheduler = None,
    tls_ca: options.TlsCa = None,
    tls_cert: options.TlsCert = None,
    tls_key: options.TlsKey = None,
    tensorboard: options.TensorBoard = False,
    keep: Annotated[
        Path | None,
        typer.Option(help="Keep the study here as one file too, such as on a mounted drive, and go on from it."),
    ] = None,
    keep_minutes: Annotated[float, typer.Option(min=0.01, help="How often it is written there.")] = 5.0,
    quiet: options.Quiet = False,
) -> None:
    """Run a study: train what is not done yet, compare, and write the report. Resumes by itself."""
    from fashion_compare.study import overrides, spec

    where = ExecutionOptions(
        engine, workers, scheduler, (tls_ca, tls_cert, tls_key), tensorboard, quiet, device, keep, keep_minutes
    )
    resolved = spec.load_study(study)
    resolved = overrides.with_experiments(resolved) if experiments else resolved
    if seeds is not None:
        resolved = resolved.with_seeds(seeds)
        spec.check_spaces(resolved, f"--seeds {seeds}")
    run_study(resolved, (data, any_idx), out, where)


def sensitivity(
    study: options.StudyName = "default",
    data: options.Data = "auto",
    any_idx: options.AnyIdx = False,
    out: options.Out = Path("runs"),
    workers: options.Workers = None,
    device: options.Device = "auto",
    engine: options.Engine = "local",
    scheduler: options.Scheduler = None,
    tls_ca: options.TlsCa = None,
    tls_cert: options.TlsCert = None,
    tls_key: options.TlsKey = None,
    tensorboard: options.TensorBoard = False,
    quiet: options.Quiet = False,
) -> None:
    """Find out what every setting does, one at a time and all over the space. Resumes by itself.

    Trains the baselines, and the grids and the design that the study declares (those of 'full' where it declares none).
    """
    from fashion_compare.study import overrides, spec

    where = ExecutionOptions(engine, workers, scheduler, (tls_ca, tls_cert, tls_key), tensorboard, quiet, device)
    resolved = overrides.with_full(spec.load_study(study)).model_copy(update={"tuning": None})
    run_study(resolved, (data, any_idx), out, where, frozenset({SENSITIVITY}))


def tune(
    study: options.StudyName = "default",
    trials: Annotated[
        int | None, typer.Option(min=1, max=1000, help="Of each model; default the study's, or 30.")
    ] = None,
    data: options.Data = "auto",
    any_idx: options.AnyIdx = False,
    out: options.Out = Path("runs"),
    workers: options.Workers = None,
    device: options.Device = "auto",
    engine: options.Engine = "local",
    scheduler: options.Scheduler = None,
    tls_ca: options.TlsCa = None,
    tls_cert: options.TlsCert = None,
    tls_key: options.TlsKey = None,
    tensorboard: options.TensorBoard = False,
    quiet: options.Quiet = False,
) -> None:
    """Search the best configuration of each model, with equal budgets. Resumes by itself.

    The winners are trained with the study's seeds as a configuration each, and compared with the baselines. The
    space is the study's, or that of 'full' where it declares none; choices are made by validation alone.
    """
    from fashion_compare.study import overrides, spec

    where = ExecutionOptions(engine, workers, scheduler, (tls_ca, tls_cert, tls_key), tensorboard, quiet, device)
    resolved = spec.load_study(study)
    tuning = overrides.with_full(resolved).tuning
    assert tuning is not None
    tuning = tuning if trials is None else tuning.model_copy(update={"trials": trials})
    run_study(resolved.model_copy(update={"tuning": tuning}), (data, any_idx), out, where, frozenset({TUNING}))


def report(
    directory: options.StudyDirectory,
    markdown: Annotated[
        Path | None,
        typer.Option(help="Write the results as a Markdown file as well, figures and study.yaml beside it."),
    ] = None,
    compare: Annotated[
        Path | None, typer.Option(help="Put another study's results beside these, from its directory.")
    ] = None,
    pdf: Annotated[bool, typer.Option("--pdf", help="Print the page to report.pdf as well, by Chromium.")] = False,
    show: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
) -> None:
    """Rebuild results.json, results.csv, the figures and report.html from run directories. Trains nothing."""
    if markdown is not None and markdown.suffix != ".md":
        raise UsageError(f"--markdown {markdown}: expected a file that ends in .md")
    from fashion_compare import console
    from fashion_compare.results.files import read_results

    options.check_study_directory(directory)
    other = None if compare is None else read_results(compare)
    results, page = finish(collect_results(*read_context(directory), {}), directory, other)
    # Behind all that is read: the report takes its time to import.
    if markdown is not None:
        from fashion_compare.report.markdown import write_markdown

        console.tell(f"Text:    {write_markdown(results, directory, markdown)}")
    if pdf:
        from fashion_compare.report.pdf import write_pdf

        console.tell(f"PDF:     {write_pdf(page)}")
    if show:
        import webbrowser

        if not webbrowser.open(page.resolve().as_uri()):
            raise UserError(f"--open found no browser on this machine; open {page} yourself")


def status(directory: options.StudyDirectory) -> None:
    """Tell how far a study is, from its files: from outside, while it runs, or after it was stopped."""
    from fashion_compare import console
    from fashion_compare.results.status import study_status
    from fashion_compare.store.lock import holder

    options.check_study_directory(directory)
    snapshot, trials_to_come = study_status(directory)
    for line in console.status_lines(snapshot, holder(directory), trials_to_come):
        console.tell(line)


def init(
    study: options.StudyName = "default",
    output: Annotated[Path | None, typer.Option(help="File to write; default STUDY.yaml here.")] = None,
) -> None:
    """Copy a shipped study to a file to edit and run."""
    from fashion_compare import console
    from fashion_compare.store import make_directory, write_text
    from fashion_compare.study import spec

    text = spec.study_text(study)
    path = output or Path(f"{study}.yaml")
    if path.exists():
        raise UsageError(f"{path} exists already; choose another name with --output")
    make_directory(path.parent, parents=True)
    write_text(path, text)
    console.tell(f"{path} written. Give it a name of its own (name: …), edit it, then: fashion-compare run {path}")
