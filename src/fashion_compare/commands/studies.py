"""Commands about a study: run it, rebuild its report, say how far it is, copy a shipped one."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fashion_compare.commands.options import (
    Data,
    Out,
    Quiet,
    StudyDirectory,
    StudyName,
    check_study_directory,
    check_writable,
    complain,
    load_data,
)
from fashion_compare.errors import UsageError, nearest

if TYPE_CHECKING:
    from fashion_compare.console import Show
    from fashion_compare.data.dataset import Dataset
    from fashion_compare.study.engine import OpenPool
    from fashion_compare.study.progress import Snapshot


def run(
    study: StudyName = "default",
    data: Data = "auto",
    out: Out = Path("runs"),
    seeds: Annotated[
        int | None, typer.Option(min=1, max=1000, help="Use seeds 0 … N-1 instead of the study's.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, max=256, help="Runs side by side; default one per core.")
    ] = None,
    engine: Annotated[str, typer.Option(help="Where runs are done: local, or dask (with the extra 'dask').")] = "local",
    scheduler: Annotated[
        str | None, typer.Option(help="dask's, tcp://HOST:PORT or tls://HOST:PORT; default a local cluster.")
    ] = None,
    tls_ca: Annotated[Path | None, typer.Option(help="PEM file of the authority, for tls://.")] = None,
    tls_cert: Annotated[Path | None, typer.Option(help="PEM file of the certificate, for tls://.")] = None,
    tls_key: Annotated[Path | None, typer.Option(help="PEM file of its key, for tls://.")] = None,
    tensorboard: Annotated[bool, typer.Option("--tensorboard", help="Mirror curves (with its extra).")] = False,
    quiet: Quiet = False,
) -> None:
    """Run a study: train what is not done yet, compare, and write the report. Resumes by itself."""
    from fashion_compare.study import spec

    if engine not in ("local", "dask"):
        raise UsageError(f"--engine {engine}: {nearest(engine, ['local', 'dask'])}")
    if scheduler is not None and (engine != "dask" or not scheduler.startswith(("tcp://", "tls://"))):
        raise UsageError(f"--scheduler {scheduler}: expected tcp://HOST:PORT or tls://HOST:PORT, with --engine dask")
    resolved = spec.load_study(study)
    if seeds is not None:
        resolved = resolved.with_seeds(seeds)
    check_writable(out)
    from fashion_compare import console
    from fashion_compare.lock import exclusive
    from fashion_compare.store import write_json, write_text
    from fashion_compare.study import plan, results
    from fashion_compare.study.engine import run_all
    from fashion_compare.study.local import available_cores

    source, dataset = load_data(data, stand_in_allowed=True)
    root = plan.study_root(out, resolved, dataset)
    runs = plan.plan(resolved, source, plan.data_identity(dataset), root)
    described = results.describe_dataset(dataset, resolved)
    count = workers or available_cores()
    with exclusive(root):
        for one in runs:
            one.directory.claim(one.identity)
        write_text(root / "study.yaml", spec.to_yaml(resolved))
        write_json(root / "dataset.json", described)
        where = f"{count} side by side" if scheduler is None else f"on the workers of {scheduler}"
        console.say(f"{len(runs)} runs in {root}, {where}, one thread each")
        with console.study_progress(count, quiet=quiet) as show:
            width, open_pool = _executor(engine, scheduler, (tls_ca, tls_cert, tls_key), count, dataset)
            watch = _mirrored(show, root) if tensorboard else show
            outcome = run_all(runs, workers=width, open_pool=open_pool, on_progress=watch, on_note=console.say)
        for label, reason in outcome.failures.items():
            complain(f"{label} failed: {reason}")
        found = results.collect(resolved, described, root, outcome.failures)
        found = _explain(resolved, found, dataset, root)
        _finish(found, root)
    print(f"{len(outcome.trained)} trained, {len(outcome.done_before)} done before, {len(outcome.failures)} failed")
    if outcome.failures:
        raise typer.Exit(1)


def report(directory: StudyDirectory) -> None:
    """Rebuild results.json, results.csv, the figures and report.html from run directories. Trains nothing."""
    from fashion_compare.store import read_json
    from fashion_compare.study import results, spec
    from fashion_compare.study.schema import check_dataset

    check_study_directory(directory)
    study = spec.load_study(str(directory / "study.yaml"))
    dataset = read_json(directory / "dataset.json")
    check_dataset(dataset, directory / "dataset.json")
    found = results.collect(study, dataset, directory, results.known_failures(study, directory))
    _finish(found, directory)


def status(directory: StudyDirectory) -> None:
    """Tell how far a study is, from its files: from outside, while it runs, or after it was stopped."""
    from fashion_compare import console
    from fashion_compare.lock import holder
    from fashion_compare.study.status import study_status

    check_study_directory(directory)
    for line in console.status_lines(study_status(directory), holder(directory)):
        print(line)


def init(
    study: StudyName = "default",
    output: Annotated[Path | None, typer.Option(help="File to write; default STUDY.yaml here.")] = None,
) -> None:
    """Copy a shipped study to a file to edit and run."""
    from fashion_compare.store import write_text
    from fashion_compare.study import spec

    text = spec.study_text(study)
    path = output or Path(f"{study}.yaml")
    if path.exists():
        raise UsageError(f"{path} exists already; choose another name with --output")
    write_text(path, text)
    print(f"{path} written. Give it a name of its own (name: …), edit it, then: fashion-compare run {path}")


def _executor(
    engine: str, scheduler: str | None, tls: tuple[Path | None, ...], workers: int, dataset: "Dataset"
) -> "tuple[int, OpenPool]":
    """Return how many runs to hand over at a time, and what makes the executor."""
    if engine == "local":
        from fashion_compare.study.local import local_pool

        return workers, local_pool
    try:
        from fashion_compare.study.cluster import IN_FLIGHT, Scheduler, dask_pool
    except ModuleNotFoundError as error:
        raise UsageError("--engine dask needs the extra 'dask': pip install 'fashion-compare[dask]'") from error
    named = None if scheduler is None else Scheduler(scheduler, *tls)
    return IN_FLIGHT, partial(dask_pool, dataset=dataset, scheduler=named, workers=workers)


def _mirrored(show: "Show", root: Path) -> "Show":
    """Return `show`, followed by writing what is new for TensorBoard."""
    try:
        from fashion_compare.study.tracking import TensorBoardMirror
    except ModuleNotFoundError as error:
        raise UsageError("--tensorboard needs its extra: pip install 'fashion-compare[tensorboard]'") from error
    mirror = TensorBoardMirror(root)

    def watch(snapshot: "Snapshot") -> None:
        show(snapshot)
        mirror.update(snapshot)

    return watch


def _explain(study: Any, found: Mapping[str, Any], dataset: "Dataset", root: Path) -> dict[str, Any]:
    """Make the explanations and return the results with what they say about them."""
    from fashion_compare import console
    from fashion_compare.study.explain import explain

    if "cnn" in study.models:
        console.say("Explaining the cnn with Grad-CAM …")
    return {**found, "gradcam": explain(study, found, dataset, root)}


def _finish(found: Mapping[str, Any], root: Path) -> None:
    """Write results and report, and print the summary."""
    from fashion_compare import console
    from fashion_compare.report.page import write_report
    from fashion_compare.report.summary import summary_table
    from fashion_compare.study.results import write_results

    console.say("Writing the report …")
    write_results(found, root)
    page = write_report(found, root)
    console.result_console.print(summary_table(found))
    print(f"Report:  {page}")
    print(f"Numbers: {root / 'results.json'}, {root / 'results.csv'}")
