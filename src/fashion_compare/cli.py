"""The command line: thin commands over the rooms below. Heavy imports wait until a command needs them."""

import os
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fashion_compare import __version__
from fashion_compare.errors import UsageError, UserError, nearest

if TYPE_CHECKING:
    from fashion_compare.console import Show
    from fashion_compare.data.dataset import Dataset
    from fashion_compare.data.sources import Source
    from fashion_compare.study.engine import OpenPool
    from fashion_compare.study.progress import Snapshot

app = typer.Typer(
    name="fashion-compare",
    help="Compare a neural network written from scratch with an established CNN on Fashion-MNIST.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

_INTERRUPTED = 130

StudyName = Annotated[
    str, typer.Argument(metavar="[STUDY]", help="A shipped study (best-ffnn, default, quick) or a .yaml file.")
]
Data = Annotated[str, typer.Option(help="Where Fashion-MNIST is: auto, synthetic (the stand-in), or a directory.")]
Out = Annotated[Path, typer.Option(help="Directory that results are written to.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress.")]


def main() -> None:
    """Run the command line: results on stdout, progress on stderr, one line per error, exit 0, 1, 2 or 130."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot print a character gets a '?', not an exception.
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    try:
        code = app(standalone_mode=False)
    except UserError as error:
        sys.exit(_fail(str(error), error.exit_code))
    except KeyboardInterrupt:
        code = _INTERRUPTED
    except typer.Exit as stop:
        sys.exit(stop.exit_code)
    except typer.exceptions.TyperException as error:
        sys.exit(_fail(f"{error.format_message()} ('fashion-compare --help' lists what there is)", 2))
    # Typer turns Ctrl-C within a command into this exit code.
    if code == _INTERRUPTED:
        _fail("stopped; finished epochs are kept, the same command goes on from there", code)
    sys.exit(code or 0)


def _fail(message: str, code: int) -> int:
    print(f"fashion-compare: {message}", file=sys.stderr)
    return code


@app.callback(invoke_without_command=True)
def _options(
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    if version:
        print(__version__)
        raise typer.Exit


@app.command()
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
    _check_writable(out)
    from fashion_compare import console
    from fashion_compare.lock import exclusive
    from fashion_compare.store import write_json, write_text
    from fashion_compare.study import plan, results
    from fashion_compare.study.engine import run_all
    from fashion_compare.study.local import available_cores

    source, dataset = _load(data, stand_in_allowed=True)
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
            _fail(f"{label} failed: {reason}", 1)
        found = results.collect(resolved, described, root, outcome.failures)
        found = _explain(resolved, found, dataset, root)
        _finish(found, root)
    print(f"{len(outcome.trained)} trained, {len(outcome.done_before)} done before, {len(outcome.failures)} failed")
    if outcome.failures:
        raise typer.Exit(1)


@app.command()
def report(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="A study's directory, such as runs/default.")],
) -> None:
    """Rebuild results.json, results.csv, the figures and report.html from run directories. Trains nothing."""
    from fashion_compare.store import read_json
    from fashion_compare.study import results, spec
    from fashion_compare.study.schema import check_dataset

    _check_study_directory(directory)
    study = spec.load_study(str(directory / "study.yaml"))
    dataset = read_json(directory / "dataset.json")
    check_dataset(dataset, directory / "dataset.json")
    found = results.collect(study, dataset, directory, results.known_failures(study, directory))
    _finish(found, directory)


@app.command()
def status(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="A study's directory, such as runs/default.")],
) -> None:
    """Tell how far a study is, from its files: from outside, while it runs, or after it was stopped."""
    from fashion_compare import console
    from fashion_compare.lock import holder
    from fashion_compare.study.status import study_status

    _check_study_directory(directory)
    for line in console.status_lines(study_status(directory), holder(directory)):
        print(line)


@app.command()
def train(
    model: Annotated[str, typer.Argument(help="ffnn or cnn.")],
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="FIELD=VALUE", help="Change a setting, repeatable.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Of weights, batch order and dropout.")] = 0,
    data: Data = "auto",
    out: Out = Path("runs"),
    quiet: Quiet = False,
) -> None:
    """Train one model once, with live progress. Resumes by itself."""
    from fashion_compare import console
    from fashion_compare.lock import exclusive
    from fashion_compare.study import plan, spec
    from fashion_compare.study.worker import execute

    changes = spec.parse_settings(settings or [])
    configuration = spec.configuration(model, changes, f"train {model}")
    _check_writable(out)
    source, dataset = _load(data)
    name = ",".join(f"{key}={value}" for key, value in sorted(changes.items())).replace("/", "_") or spec.BASELINE
    root = out / ("train-stand-in" if dataset.is_stand_in else "train")
    one = plan.Run(model, name, configuration, seed, None, source, root, plan.data_identity(dataset))
    with exclusive(one.directory.path):
        entry = execute(one, (lambda _: None) if quiet else (lambda line: console.say(console.epoch_line(line))))
    for note in entry.get("notes", []):
        console.say(note)
    test = entry["test"]
    print(
        f"{one.label}: best epoch {entry['best_epoch']} of {entry['epochs']} by validation; test accuracy "
        f"{test['accuracy']:.4f}, macro F1 {test['f1_macro']:.4f}, macro AUC {test['auc_macro_ovr']:.4f}; "
        f"{entry['seconds']:.1f} s of training"
    )
    print(f"Files: {one.directory.path}")


@app.command()
def bench(
    what: Annotated[str, typer.Argument(help="scratch: the network from scratch, beside torch and scikit-learn.")],
    data: Data = "auto",
    threads: Annotated[int, typer.Option(min=1, max=256, help="Of every contestant alike.")] = 1,
    rounds: Annotated[int, typer.Option(min=1, max=1000, help="Epochs of each contestant that count.")] = 9,
    batch_size: Annotated[
        list[int] | None, typer.Option(min=1, max=60_000, help="Images per step, repeatable; default 128 and 256.")
    ] = None,
    images: Annotated[int | None, typer.Option(min=1, max=55_000, help="Images per epoch; default all.")] = None,
    quiet: Quiet = False,
) -> None:
    """Measure how fast the network from scratch trains. Prints a table, then the same and more as JSON."""
    if what != "scratch":
        raise UsageError(f"unknown benchmark '{what}': {nearest(what, ['scratch'])}")
    import json

    from fashion_compare import console
    from fashion_compare.benchmark import compare_training

    _, dataset = _load(data)
    available = len(dataset.train_labels[:images])
    if max(batch_size or [1]) > available:
        raise UsageError(f"--batch-size {max(batch_size or [1])}: expected at most the {available} images of an epoch")
    measured = compare_training(
        dataset.train_images[:images],
        dataset.train_labels[:images],
        batch_sizes=tuple(batch_size or (128, 256)),
        rounds=rounds,
        threads=threads,
        on_round=(lambda _: None) if quiet else console.say,
    )
    console.result_console.print(console.benchmark_table(measured))
    print(json.dumps(measured))


@app.command()
def data(data: Data = "auto") -> None:
    """Find Fashion-MNIST (download it if need be), verify it, and say what it is."""
    import numpy as np

    source, dataset = _load(data)
    print(f"{dataset.name}, {dataset.source}" + (f": {source.directory}" if source.directory else ""))
    for part in ("train", "validation", "test"):
        labels = getattr(dataset, f"{part}_labels")
        counts = np.bincount(labels, minlength=len(dataset.class_names))
        print(f"{part:>10}: {len(labels):>6} images, {counts.min()} to {counts.max()} of each class")
    for name, digest in dataset.sha256.items():
        print(f"{digest}  {name}")
    print(f"{dataset.split_sha256}  validation indices")


@app.command()
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


def _load(data: str, *, stand_in_allowed: bool = False) -> "tuple[Source, Dataset]":
    """Find, verify and read the data."""
    from fashion_compare import console
    from fashion_compare.data import sources
    from fashion_compare.study.worker import dataset_of

    with console.download_progress() as progress:
        source = sources.resolve(data, stand_in_allowed=stand_in_allowed, announce=console.say, progress=progress)
    return source, dataset_of(source)


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


def _check_study_directory(directory: Path) -> None:
    if not (directory / "study.yaml").is_file() or not (directory / "dataset.json").is_file():
        known = sorted(str(path.parent) for path in directory.glob("*/study.yaml"))
        hint = f"such as {known[0]}" if known else "as 'fashion-compare run' makes it"
        raise UsageError(
            f"{directory} is not a study's directory; expected one with study.yaml and dataset.json, {hint}"
        )


def _check_writable(out: Path) -> None:
    """Find out before the work, not after it, whether results can be written."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"--out {out}: {error.strerror}; choose a directory that can be written") from error
    if not os.access(out, os.W_OK | os.X_OK):
        raise UsageError(f"--out {out}: no right to write there; choose another directory")
