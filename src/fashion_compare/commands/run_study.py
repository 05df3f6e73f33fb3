"""What every command does that has a study's runs done: find the data, run, collect, explain, report."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from fashion_compare.commands.execution_options import (
    ExecutionOptions,
    announce,
    check_keep,
    executor,
    followed,
    open_archive,
)
from fashion_compare.commands.finish_study import collect_results, explain_and_finish
from fashion_compare.commands.options import check_inside, check_writable, complain, load_data
from fashion_compare.device import device_for
from fashion_compare.errors import UsageError

if TYPE_CHECKING:
    from fashion_compare.data.dataset import Dataset
    from fashion_compare.execution.backup import Archive
    from fashion_compare.execution.scheduler import OpenPool, Outcome
    from fashion_compare.execution.tuning import Tuner
    from fashion_compare.results.schema import DatasetDescription
    from fashion_compare.runs.run import Run
    from fashion_compare.study.context import StudyContext
    from fashion_compare.study.spec import Study

VARIATIONS, SENSITIVITY, TUNING, EXPERIMENTS = "variations", "sensitivity", "tuning", "experiments"
ALL = frozenset({VARIATIONS, SENSITIVITY, TUNING, EXPERIMENTS})


def run_study(
    study: "Study", data: tuple[str, bool], out: Path, engine: ExecutionOptions, parts: frozenset[str] = ALL
) -> None:
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
    from fashion_compare.results.collect import describe_dataset
    from fashion_compare.runs.run import data_identity
    from fashion_compare.store import refuse_links_out
    from fashion_compare.store.lock import exclusive
    from fashion_compare.study import spec
    from fashion_compare.study.context import StudyContext

    source, dataset = load_data(*data, synthetic_allowed=True)
    # Behind the data, for it may import torch. Machines elsewhere answer for themselves.
    device = device_for(study.models, engine.device) if engine.scheduler is None else engine.device
    root = root_of(out, study.name, dataset)
    context = StudyContext(study, data_identity(dataset), root, source)
    described = describe_dataset(dataset, study)
    total = Outcome()
    check_inside(root, out)
    check_keep(engine, root)
    runs = _planned(context, parts)
    _check_images(runs, dataset)
    count = _side_by_side(engine, runs, dataset)
    with exclusive(root) as check, ExitStack() as stack:
        refuse_links_out(root)
        archive = open_archive(engine, root, check, stack)
        width, open_pool = executor(engine, count, dataset, stack)

        batches = _Batches(engine, device, root, count, width, open_pool, check, archive)

        def run_trials(runs: "list[Run]") -> Outcome:
            """Run trials, of which one that fails is a result like another: it fails nothing else."""
            outcome = batches.run(runs)
            total.add(replace(outcome, failures={}))
            return outcome

        resources.check_disk(runs, count, root, dataset)
        _claim(runs, tuning.tuners(context))
        whole = context.with_study(_described(context, described))
        announce(f"{len(runs)} runs in {root}", count, study, engine, device)
        total.add(batches.run(runs))
        tuners = tuning.tuners(context) if TUNING in parts else []
        if tuners:
            tuning.tune(tuners, run_trials, console.say)
            tuned = plan(tuning.with_winners(context))
            total.add(batches.run([run for run in tuned if spec.is_tuned(run.name)]))
        whole = tuning.with_winners(whole)
        results = collect_results(whole, described, total.failures)
        if archive:
            # Every run is done, and explaining them takes minutes.
            archive.save()
        explain_and_finish(whole, results, dataset)
    _conclude(total, tuners)


@dataclass(frozen=True)
class _Batches:
    """Runs batches of one study's runs, each the same way."""

    engine: ExecutionOptions
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
                on_progress=followed(show, self.engine, self.root, self.check, self.archive),
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


def _side_by_side(engine: ExecutionOptions, runs: "list[Run]", dataset: "Dataset") -> int:
    """Return how many runs to do at a time: as many as there are cores, or as asked for, and as memory allows here."""
    from fashion_compare import console
    from fashion_compare.execution.process_pool import available_cores
    from fashion_compare.execution.resources import fitting_side_by_side

    wished = engine.workers or available_cores()
    count = wished if engine.scheduler else fitting_side_by_side(wished, runs, dataset)
    if count < wished:
        console.say(f"Memory is free for {count} of {wished} runs side by side: {count} at a time.")
    return count


def _planned(context: "StudyContext", parts: frozenset[str]) -> "list[Run]":
    """Return the runs of some parts of a study that are known from the start; the baselines are always among them."""
    from fashion_compare.execution import ablation_runs, designs
    from fashion_compare.execution.plan import plan
    from fashion_compare.study import spec

    runs = [run for run in plan(context) if VARIATIONS in parts or run.name == spec.BASELINE]
    if SENSITIVITY in parts:
        runs += designs.sensitivity_runs(context)
    if EXPERIMENTS in parts:
        runs += ablation_runs.experiment_runs(context)
    return runs


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


def _described(context: "StudyContext", data: "DatasetDescription") -> "Study":
    """Write what the directory holds, and return it: this study, and what was done there before."""
    from fashion_compare.store import write_json, write_text
    from fashion_compare.study import overrides, spec

    root = context.root
    whole = overrides.with_earlier(context.study, root)
    write_text(root / "study.yaml", spec.to_yaml(whole))
    write_json(root / "dataset.json", data.model_dump())
    return whole
