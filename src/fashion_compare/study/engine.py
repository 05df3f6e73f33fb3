"""Run many runs side by side, one process and one thread each; what is done already is not done again."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import resource_tracker

from fashion_compare.errors import UserError
from fashion_compare.study.plan import Run
from fashion_compare.study.progress import Snapshot, snapshot
from fashion_compare.study.worker import execute

_POLL_SECONDS = 0.5
# glibc hands freed memory back after every large tensor and faults it in again for the next, a tenth of the cnn's
# time; keeping it costs nothing, for a worker's peak is the same. Other C libraries ignore the names.
_WORKER_ENVIRONMENT = {"MALLOC_TRIM_THRESHOLD_": "1000000000", "MALLOC_MMAP_THRESHOLD_": "1000000000"}
# One thread from the first import on: limits set later leave a library's threads started.
_WORKER_ENVIRONMENT |= {
    f"{library}_THREADS": "1" for library in ("OMP_NUM", "OPENBLAS_NUM", "MKL_NUM", "VECLIB_MAXIMUM")
}


@dataclass
class Outcome:
    """What a call of `run_all` did: labels of the runs trained, runs done before, and reasons of failures."""

    trained: list[str] = field(default_factory=list)
    done_before: list[str] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)


def run_all(
    runs: Sequence[Run],
    *,
    workers: int | None = None,
    on_progress: Callable[[Snapshot], None] = lambda _: None,
) -> Outcome:
    """Run what is not done, in the order given, on `workers` processes (default: one per core).

    A run that fails is recorded with its reason and the others go on.

    Args:
        runs: from `plan.plan`.
        workers: processes; None for as many as there are cores to use.
        on_progress: called about twice a second with how far each run is.

    Raises:
        UserError: a directory holds another run, or a worker process died.
        KeyboardInterrupt: after the workers were stopped; finished epochs are kept.
    """
    outcome = Outcome()
    todo = []
    for run in runs:
        run.directory.claim(run.identity)
        if run.directory.is_done:
            outcome.done_before.append(run.label)
        else:
            todo.append(run)
    if not todo:
        return outcome
    others = set(multiprocessing.active_children())
    inherited = {name: os.environ.get(name) for name in _WORKER_ENVIRONMENT}
    os.environ.update(_WORKER_ENVIRONMENT)
    pool = ProcessPoolExecutor(
        max_workers=min(workers or available_cores(), len(todo)),
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_start_worker,
    )
    try:
        with _interrupts_held_back():
            futures = {pool.submit(execute, run): run for run in todo}
        _wait_for(futures, runs, outcome, on_progress)
        pool.shutdown()
    except BaseException:
        # Ctrl-C, or nothing that could go on: the files of finished epochs are whole at any moment.
        pool.shutdown(wait=False, cancel_futures=True)
        for child in set(multiprocessing.active_children()) - others:
            child.terminate()
        raise
    finally:
        for name, value in inherited.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
    return outcome


def available_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _wait_for(
    futures: dict["Future[dict[str, object]]", Run],
    runs: Sequence[Run],
    outcome: Outcome,
    on_progress: Callable[[Snapshot], None],
) -> None:
    pending = set(futures)
    on_progress(snapshot(runs, outcome.failures))
    while pending:
        finished, pending = wait(pending, timeout=_POLL_SECONDS, return_when=FIRST_COMPLETED)
        for future in finished:
            run = futures[future]
            try:
                future.result()
                outcome.trained.append(run.label)
            except UserError as error:
                outcome.failures[run.label] = str(error)
            except MemoryError:
                outcome.failures[run.label] = "out of memory; with --workers 1 the study needs less"
            except BrokenProcessPool as error:
                raise UserError(
                    f"a worker process died while {run.label} waited or ran (out of memory?); "
                    "the same command goes on where it stopped, with --workers 1 it needs less memory"
                ) from error
        on_progress(snapshot(runs, outcome.failures))


@contextmanager
def _interrupts_held_back() -> Iterator[None]:
    """Let a Ctrl-C wait; processes started meanwhile never see one, not even while they import."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    # It unblocks Ctrl-C when it starts, so it has to be there already.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _start_worker() -> None:
    """Leave Ctrl-C to the parent, and end when the parent is gone, however it went."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def follow() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()
