"""The local executor: a pool of processes with one thread each, that leaves signals to its parent and ends with it."""

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing.context import SpawnContext, SpawnProcess
from typing import Any

from fashion_compare.errors import UserError
from fashion_compare.runs.run import Run
from fashion_compare.signals import ignore_signals, signals_blocked

# glibc hands freed memory back after every large tensor and faults it in again for the next, a tenth of the cnn's
# time; keeping it costs nothing, for a worker's peak is the same. Other C libraries ignore the names.
WORKER_ENVIRONMENT = {"MALLOC_TRIM_THRESHOLD_": "1000000000", "MALLOC_MMAP_THRESHOLD_": "1000000000"}
# One thread from the first import on: limits set later leave a library's threads started.
WORKER_ENVIRONMENT |= {
    f"{library}_THREADS": "1" for library in ("OMP_NUM", "OPENBLAS_NUM", "MKL_NUM", "VECLIB_MAXIMUM")
}

Entry = dict[str, Any]
Execute = Callable[[Run], Entry]


def available_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def local_pool(workers: int) -> Iterator[Executor]:
    """Yield a pool of so many processes; left by an exception, they are stopped where they are."""
    others = set(multiprocessing.active_children())
    with environment_put_back():
        os.environ.update(WORKER_ENVIRONMENT)
        # Its locks start a process of multiprocessing's own.
        with signals_blocked():
            pool = _Pool(max_workers=workers, mp_context=_Context(), initializer=_start_worker)
        try:
            yield pool
            pool.shutdown()
        except BaseException:
            # A signal, or nothing that could go on.
            pool.shutdown(wait=False, cancel_futures=True)
            for child in set(multiprocessing.active_children()) - others:
                child.terminate()
            raise


@contextmanager
def environment_put_back() -> Iterator[None]:
    """Leave this process's environment as it was, whatever workers needed to inherit when they started."""
    before = dict(os.environ)
    try:
        yield
    finally:
        for name in os.environ.keys() - before.keys():
            del os.environ[name]
        os.environ.update(before)


class _Worker(SpawnProcess):
    """A process that ignores SIGTERM, and can be stopped by its parent and by its executor all the same."""

    def terminate(self) -> None:
        """Stop it where it is: the files of finished epochs are whole at any moment."""
        self.kill()


class _Context(SpawnContext):
    Process = _Worker


class _Pool(ProcessPoolExecutor):
    """Starts its processes, which it does when work is handed over, deaf to the signals that end the program."""

    def submit(self, execute: Execute, run: Run) -> Future[Entry]:  # type: ignore[override]
        """Start a run whose directory is claimed."""
        with signals_blocked():
            return super().submit(_execute_claimed, execute, run)


def _execute_claimed(execute: Execute, run: Run) -> Entry:
    """Do a run, unless its directory was deleted since it was claimed: made again, it would be all of a study."""
    if not run.directory.config.exists():
        raise UserError(f"{run.directory.path} was deleted or moved while its study ran; give the command again")
    return execute(run)


def _start_worker() -> None:
    """Leave signals to the parent, and end when the parent is gone, however it went."""
    ignore_signals()
    parent = multiprocessing.parent_process()
    assert parent is not None

    def follow() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()
