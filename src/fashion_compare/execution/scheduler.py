"""Run many runs side by side on an executor; what is done already is not done again, and no failure stops the rest."""

import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from fashion_compare.errors import UserError
from fashion_compare.execution.process_pool import local_pool
from fashion_compare.execution.progress import Snapshot, Tracker
from fashion_compare.runs.execute import execute
from fashion_compare.runs.record import RunRecord
from fashion_compare.runs.run import Run
from fashion_compare.store import DiskError
from fashion_compare.training import DivergedError

_POLL_SECONDS = 0.5
# A run that ran out of memory or lost its worker is tried again, alone, this often.
RETRIES = 2
# A GPU has one run at a time, so that its times are its own; runs on the CPU go on beside it.
GPU_RUNS = 1

OpenPool = Callable[[int], AbstractContextManager[Executor]]


@dataclass
class Outcome:
    """What a call of `run_all` did: labels of the runs trained, runs done before, and reasons of failures."""

    trained: list[str] = field(default_factory=list)
    done_before: list[str] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)
    # Of the failures those that would come again wherever and whenever: divergence, or too little memory even alone.
    by_its_settings: set[str] = field(default_factory=set)

    def add(self, other: "Outcome") -> None:
        """Count what another call did as well."""
        self.trained += other.trained
        self.done_before += other.done_before
        self.failures |= other.failures
        self.by_its_settings |= other.by_its_settings


def run_all(
    runs: Sequence[Run],
    *,
    workers: int,
    open_pool: OpenPool = local_pool,
    gpu_runs: int = GPU_RUNS,
    on_progress: Callable[[Snapshot], None] = lambda _: None,
    on_note: Callable[[str], None] = lambda _: None,
) -> Outcome:
    """Run what is not done, in the order given, `workers` at a time.

    A run that diverged or met an error is recorded with its reason and the others go on. One that ran out of memory, or
    whose worker died, is tried again with nothing beside it, `RETRIES` times, before that is its reason.

    Args:
        runs: from `plan.plan`.
        workers: how many runs at a time.
        open_pool: makes an executor of so many workers; closed, its workers are gone.
        gpu_runs: how many of them may be on a GPU at a time.
        on_progress: called about twice a second with how far each run is.
        on_note: called with what people should know.

    Raises:
        UserError: a directory holds another run.
        DiskError: the disk takes nothing more.
        KeyboardInterrupt: after the workers were stopped; finished epochs are kept.
    """
    outcome = Outcome()
    todo = []
    for run in runs:
        run.claim()
        if run.directory.is_done:
            outcome.done_before.append(run.label)
        else:
            todo.append(run)
    work = _Session(outcome, on_note, Tracker(runs), on_progress)
    waiting = deque(todo)
    while waiting or work.retry_queue:
        # Suspects first and one by one: a run that takes its worker down would take others along.
        queue = deque([work.retry_queue.popleft()]) if work.retry_queue else waiting
        width = min(workers, len(queue))
        with open_pool(width) as pool:
            _work_through(queue, pool, width, gpu_runs, work)
    work.show()
    return outcome


@dataclass
class _Session:
    """How runs ended, and the retry_queue among them: those whose worker died or that ran out of memory."""

    outcome: Outcome
    on_note: Callable[[str], None]
    tracker: Tracker
    on_progress: Callable[[Snapshot], None]
    retry_queue: deque[Run] = field(default_factory=deque)
    losses: Counter[str] = field(default_factory=Counter)

    def show(self, in_flight: Iterable[Run] = ()) -> None:
        """Look at the runs in flight, and report on all."""
        for run in in_flight:
            self.tracker.update(run)
        self.on_progress(self.tracker.snapshot())

    def _retry_or_fail(self, run: Run, reason: str, *, by_its_settings: bool = True) -> None:
        """Put a run among the suspects, or give it up."""
        self.losses[run.label] += 1
        if self.losses[run.label] > RETRIES:
            if by_its_settings:
                self.outcome.by_its_settings.add(run.label)
            self.outcome.failures[run.label] = (
                f"{reason} {self.losses[run.label]} times, at last with nothing beside it"
            )
        else:
            self.on_note(f"{run.label}: {reason}; trying again alone")
            self.retry_queue.append(run)

    def settle(self, run: Run, future: "Future[RunRecord]") -> bool:
        """Record how a run ended; return whether it was lost, so that its pool should get no more."""
        lost = self._record(run, future)
        self.tracker.update(run, failed=run.label in self.outcome.failures)
        return lost

    def _record(self, run: Run, future: "Future[RunRecord]") -> bool:
        try:
            record = future.result()
        except BrokenProcessPool:
            self._retry_or_fail(run, "its worker process died (out of memory?)")
            return True
        except DiskError:
            # The others would meet it as well, an epoch later; finished epochs are kept.
            raise
        except UserError as error:
            self.outcome.failures[run.label] = str(error)
            if isinstance(error, DivergedError):
                self.outcome.by_its_settings.add(run.label)
        except Exception as error:  # noqa: BLE001 - whatever one run meets, the others go on, and the reason is kept
            # torch has no exception of its own for the processor's memory.
            if isinstance(error, MemoryError) or "allocate memory" in str(error) or "out of memory" in str(error):
                self._retry_or_fail(run, "it ran out of memory")
                return True
            if "CUDA error" in str(error):
                # It stays with the process, which the local pool ends: every later run of it would meet the same.
                self._retry_or_fail(run, "its GPU failed", by_its_settings=False)
                return True
            self.outcome.failures[run.label] = f"unexpected {type(error).__name__}: {UserError(str(error))}"
        else:
            self.outcome.trained.append(run.label)
            for note in record.notes:
                self.on_note(f"{run.label}: {note}")
        return False


def _work_through(queue: deque[Run], pool: Executor, width: int, gpu_runs: int, work: _Session) -> None:
    """Keep `width` runs going until the queue is empty or one was lost, then wait for the others.

    No more are handed over than there are workers, so that those in flight when a worker dies are all retry_queue.
    """
    in_flight: dict[Future[RunRecord], Run] = {}
    lost = False
    work.show()
    shown = time.monotonic()
    while in_flight or (queue and not lost):
        while not lost and len(in_flight) < width:
            gpu_free = sum(run.device == "cuda" for run in in_flight.values()) < gpu_runs
            run = next((run for run in queue if gpu_free or run.device != "cuda"), None)
            if run is None:
                break
            try:
                future = pool.submit(execute, run)
            except BrokenProcessPool:
                lost = True
            else:
                queue.remove(run)
                in_flight[future] = run
        finished, _ = wait(in_flight, timeout=_POLL_SECONDS, return_when=FIRST_COMPLETED)
        for future in finished:
            lost = work.settle(in_flight.pop(future), future) or lost
        if time.monotonic() - shown >= _POLL_SECONDS:
            work.show(in_flight.values())
            shown = time.monotonic()
