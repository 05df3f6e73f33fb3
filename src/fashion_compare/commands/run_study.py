"""What every command does that has a study's runs done: find the data, run, collect, explain, report."""

from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import typer

from fashion_compare.commands.options import check_inside, check_writable, complain, load_data
from fashion_compare.device import check_device, describe_device, device_for, has_tpu
from fashion_compare.errors import UsageError, nearest

if TYPE_CHECKING:
    from fashion_compare.console import Show
    from fashion_compare.data.dataset import Dataset
    from fashion_compare.data.sources import Source
    from fashion_compare.execution.backup import Archive
    from fashion_compare.execution.progress import Snapshot
    from fashion_compare.execution.scheduler import OpenPool, Outcome
    from fashion_compare.execution.tuning import Tuner
    from fashion_compare.runs.run import Run
    from fashion_compare.study.spec import Study

VARIATIONS, SENSITIVITY, TUNING, EXPERIMENTS = "variations", "sensitivity", "tuning", "experiments"
ALL = frozenset({VARIATIONS, SENSITIVITY, TUNING, EXPERIMENTS})


@dataclass(frozen=True)
class Engine:
    """Where and how runs are done, as the options say."""

    name: str
    workers: int | None
    scheduler: str | None
    tls: tuple[Path | None, Path | None, Path | None]
    tensorboard: bool
    quiet: bool
    device: str = "cpu"
    keep: Path | None = None
    keep_minutes: float = 5.0

    def __post_init__(self) -> None:
        check_device(self.device, here=self.scheduler is None)
        if self.name not in ("local", "dask"):
            raise UsageError(f"--engine {self.name}: {nearest(self.name, ['local', 'dask'])}")
        address = self.scheduler
        if address is not None and (self.name != "dask" or not _is_address(address)):
            raise UsageError(f"--scheduler {address}: expected tcp://HOST:PORT or tls://HOST:PORT, with --engine dask")


def _is_address(text: str) -> bool:
    """Return whether this is dask's tcp://HOST:PORT or tls://HOST:PORT."""
    try:
        parts = urlsplit(text)
        whole = f"{parts.scheme}://{parts.netloc}" == text
        return whole and parts.scheme in ("tcp", "tls") and bool(parts.hostname) and bool(parts.port)
    except ValueError:
        # A port that is no number, or none that there is.
        return False


def run_study(study: "Study", data: tuple[str, bool], out: Path, engine: Engine, parts: frozenset[str] = ALL) -> None:
    """Do a study's runs that are not done yet, then collect, explain and report all that are.

    Args:
        study: the resolved study.
        data: where Fashion-MNIST is, and whether other data may be there.
        out: directory that studies lie in.
        engine: where and how.
        parts: what to do of the study besides its baselines, some of `ALL`.

    Raises:
        typer.Exit: a run failed, or all trials of a model did.
    """
    check_writable(out)
    from fashion_compare import console
    from fashion_compare.execution import resources, tuning
    from fashion_compare.execution.plan import plan, root_of
    from fashion_compare.execution.scheduler import Outcome
    from fashion_compare.results.collect import collect, describe_dataset
    from fashion_compare.results.files import known_failures
    from fashion_compare.runs.run import data_identity
    from fashion_compare.store import refuse_links_out
    from fashion_compare.store.lock import exclusive
    from fashion_compare.study import spec

    source, dataset = load_data(*data, stand_in_allowed=True)
    # Behind the data, for it may import torch. Machines elsewhere answer for themselves.
    device = device_for(study.models, engine.device) if engine.scheduler is None else engine.device
    root = root_of(out, study.name, dataset)
    identity = data_identity(dataset)
    described = describe_dataset(dataset, study)
    total = Outcome()
    check_inside(root, out)
    _check_keep(engine, root)
    runs = _planned(study, parts, source, identity, root)
    _check_images(runs, dataset)
    count = _side_by_side(engine, runs, dataset)
    with exclusive(root) as check, ExitStack() as stack:
        refuse_links_out(root)
        archive = _kept(engine, root, check, stack)
        width, open_pool = _executor(engine, count, dataset, stack)

        batches = _Batches(engine, device, root, count, width, open_pool, check, archive)

        def run_trials(runs: "list[Run]") -> Outcome:
            """Run trials, of which one that fails is a result like another: it fails nothing else."""
            outcome = batches.run(runs)
            total.add(replace(outcome, failures={}))
            return outcome

        resources.check_disk(runs, count, root, dataset)
        _claim(runs, tuning.tuners(study, source, identity, root))
        whole = _described(study, described, root)
        _announce(f"{len(runs)} runs in {root}", count, study, engine, device)
        total.add(batches.run(runs))
        tuners = tuning.tuners(study, source, identity, root) if TUNING in parts else []
        if tuners:
            tuning.tune(tuners, run_trials, console.say)
            tuned = plan(tuning.with_winners(study, identity, root), source, identity, root)
            total.add(batches.run([run for run in tuned if spec.is_tuned(run.name)]))
        whole = tuning.with_winners(whole, identity, root)
        found = collect(whole, described, root, known_failures(whole, root) | total.failures)
        if archive:
            # Every run is done, and explaining them takes minutes.
            archive.save()
        explain_and_finish(whole, found, dataset, root)
    _conclude(total, tuners)


@dataclass(frozen=True)
class _Batches:
    """Runs batches of one study's runs, each the same way."""

    engine: Engine
    device: str
    root: Path
    side_by_side: int
    width: int
    open_pool: "OpenPool"
    check: Callable[[], None]
    archive: "Archive | None"

    def run(self, runs: "list[Run]") -> "Outcome":
        """Run these, longest first, and say which failed."""
        from fashion_compare import console
        from fashion_compare.execution.scheduler import GPU_RUNS, run_all

        self.check()
        with console.study_progress(self.side_by_side, quiet=self.engine.quiet) as show:
            runs = [replace(run, device=self.device) if run.model == "cnn" else run for run in runs]
            outcome = run_all(
                sorted(runs, key=lambda run: -run.cost),
                workers=self.width,
                open_pool=self.open_pool,
                gpu_runs=GPU_RUNS if self.engine.scheduler is None else self.width,
                on_progress=_followed(show, self.engine, self.root, self.check, self.archive),
                on_note=console.say,
            )
        for label, reason in outcome.failures.items():
            complain(f"{label} failed: {reason}")
        return outcome


def _conclude(total: "Outcome", tuners: "list[Tuner]") -> None:
    """Say how many runs ended how, and for which models tuning chose nothing; exit 1 where something failed."""
    from fashion_compare import console
    from fashion_compare.execution import tuning

    failed, trials = tuning.trials_failed(tuners)
    of_trials = f"; {failed} of {trials} trials failed" if failed else ""
    console.tell(
        f"{len(total.trained)} trained, {len(total.done_before)} done before, {len(total.failures)} failed{of_trials}"
    )
    nothing_chosen = [line for tuner in tuners if (line := tuner.nothing_chosen())]
    for line in nothing_chosen:
        complain(line)
    if total.failures or nothing_chosen:
        raise typer.Exit(1)


def _side_by_side(engine: Engine, runs: "list[Run]", dataset: "Dataset") -> int:
    """Return how many runs to do at a time: as many as there are cores, or as asked for, and as memory allows here."""
    from fashion_compare import console
    from fashion_compare.execution.process_pool import available_cores
    from fashion_compare.execution.resources import fitting_side_by_side

    wished = engine.workers or available_cores()
    count = wished if engine.scheduler else fitting_side_by_side(wished, runs, dataset)
    if count < wished:
        console.say(f"Memory is free for {count} of {wished} runs side by side: {count} at a time.")
    return count


def _planned(
    study: "Study", parts: frozenset[str], source: "Source", identity: dict[str, Any], root: Path
) -> "list[Run]":
    """Return the runs of some parts of a study that are known from the start; the baselines are always among them."""
    from fashion_compare.execution import ablation_runs, designs
    from fashion_compare.execution.plan import plan
    from fashion_compare.study import spec

    runs = plan(study, source, identity, root)
    runs = [run for run in runs if VARIATIONS in parts or run.name == spec.BASELINE]
    if SENSITIVITY in parts:
        runs += designs.sensitivity_runs(study, source, identity, root)
    if EXPERIMENTS in parts:
        runs += ablation_runs.experiment_runs(study, source, identity, root)
    return runs


def _check_keep(engine: Engine, root: Path) -> None:
    """Refuse to keep a study in itself, or where nothing can be written."""
    if engine.keep is None:
        return
    if engine.keep.resolve().is_relative_to(root.resolve()):
        raise UsageError(f"--keep {engine.keep} is inside the study; name a directory elsewhere")
    check_writable(engine.keep, "--keep")


def _check_images(runs: "list[Run]", dataset: "Dataset") -> None:
    """Refuse runs that ask for more images than the data has: other data may have few."""
    most = max(runs, key=lambda run: run.training_images or 0)
    if (most.training_images or 0) > len(dataset.train_labels):
        raise UsageError(
            f"{most.label} asks for {most.training_images} training images, {dataset.name} has "
            f"{len(dataset.train_labels)}; choose another study, or fewer of them in its file"
        )


def _claim(runs: "list[Run]", tuners: "list[Tuner]") -> None:
    """Refuse a directory that holds another study before anything in it is written."""
    for run in runs:
        run.claim()
    for tuner in tuners:
        tuner.trials()


def _described(study: "Study", data: dict[str, Any], root: Path) -> "Study":
    """Write what the directory holds, and return it: this study, and what was done there before."""
    from fashion_compare.store import write_json, write_text
    from fashion_compare.study import overrides, spec

    whole = overrides.with_earlier(study, root)
    write_text(root / "study.yaml", spec.to_yaml(whole))
    write_json(root / "dataset.json", data)
    return whole


def explain_and_finish(study: "Study", found: dict[str, Any], dataset: "Dataset", root: Path) -> None:
    """Make the explanations and the audit that are not made yet, then write results and report with them.

    Args:
        study: the resolved study.
        found: from `collect`.
        dataset: the data.
        root: the study's directory.
    """
    from fashion_compare import console
    from fashion_compare.analysis.data_audit import make_audit
    from fashion_compare.analysis.explanations import make_explanations
    from fashion_compare.report.page import write_report
    from fashion_compare.results.collect import with_explanations
    from fashion_compare.results.files import write_results

    # Explaining takes minutes, and may be stopped: numbers and page are there before.
    write_results(found, root)
    if found["gallery"] is None:
        write_report(found, root)
    make_explanations(study, found["best"], dataset, root, console.say)
    make_audit(study, dataset, root, console.say)
    finish(with_explanations(found, study, root), root)


def finish(found: Mapping[str, Any], root: Path, other: Mapping[str, Any] | None = None) -> Path:
    """Write results and report (beside another study's results, if given), print the summary, and return the page."""
    from fashion_compare import console
    from fashion_compare.report.page import write_report
    from fashion_compare.report.terminal import summary_table
    from fashion_compare.results.files import write_results

    console.say("Writing the report …")
    write_results(found, root)
    page = write_report(found, root, other)
    console.tell(summary_table(found))
    console.tell(f"Report:  {page}")
    console.tell(f"Numbers: {root / 'results.json'}, {root / 'results.csv'}")
    return page


def _executor(engine: Engine, workers: int, dataset: "Dataset", stack: ExitStack) -> "tuple[int, OpenPool]":
    """Return how many runs to hand over at a time, and what makes the executor."""
    if engine.name == "local":
        from fashion_compare.execution.process_pool import local_pool

        return workers, local_pool
    from fashion_compare import console

    try:
        from fashion_compare.execution.dask_pool import IN_FLIGHT, dask_pool
        from fashion_compare.execution.dask_scheduler import Scheduler
    except ModuleNotFoundError as error:
        raise UsageError("--engine dask needs the extra 'dask': pip install 'fashion-compare[dask]'") from error
    named = None if engine.scheduler is None else Scheduler(engine.scheduler, *engine.tls)
    held: list[Executor] = []

    def open_pool(width: int) -> AbstractContextManager[Executor]:
        """Connect once, so that the images travel once, however many batches of runs follow each other."""
        if not held:
            opened = dask_pool(width, dataset=dataset, scheduler=named, workers=workers, on_note=console.say)
            held.append(stack.enter_context(opened))
        return nullcontext(held[0])

    return IN_FLIGHT, open_pool


def _kept(engine: Engine, root: Path, check: Callable[[], None], stack: ExitStack) -> "Archive | None":
    """Take over what is kept elsewhere, and keep the study there however it ends; None when nothing is to be kept."""
    if engine.keep is None:
        return None
    from fashion_compare import console
    from fashion_compare.execution.backup import Archive

    archive = Archive(root, engine.keep, 60 * engine.keep_minutes, console.say, check)
    archive.restore()
    stack.callback(archive.close)
    return archive


def _announce(runs: str, workers: int, study: "Study", engine: Engine, device: str) -> None:
    from fashion_compare import console

    if engine.scheduler is not None:
        console.say(f"{runs}, on the workers of {engine.scheduler}, one thread each")
        return
    console.say(f"{runs}, {workers} side by side, one thread each")
    if "cnn" in study.models and (device == "cuda" or (engine.device == "auto" and has_tpu())):
        console.say(describe_device(engine.device))


def _followed(show: "Show", engine: Engine, root: Path, check: Callable[[], None], archive: "Archive | None") -> "Show":
    """Return `show`, followed by whatever else is to happen whenever there is news of the runs."""
    watch = _mirrored(show, root) if engine.tensorboard else show
    watch = archive.saving_after(watch) if archive else watch

    def checked(snapshot: "Snapshot") -> None:
        check()
        watch(snapshot)

    return checked


def _mirrored(show: "Show", root: Path) -> "Show":
    """Return `show`, followed by writing what is new for TensorBoard."""
    try:
        from fashion_compare.execution.tensorboard import TensorBoardMirror
    except ModuleNotFoundError as error:
        raise UsageError("--tensorboard needs its extra: pip install 'fashion-compare[tensorboard]'") from error
    mirror = TensorBoardMirror(root)

    def watch(snapshot: "Snapshot") -> None:
        show(snapshot)
        mirror.update(snapshot)

    return watch
