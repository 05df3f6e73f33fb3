"""The executor of many machines: dask's workers, which need no file system in common with this one.

The images travel to each worker once, a finished run's files come back through the scheduler and are written here.
"""

import contextlib
import multiprocessing
import tempfile
import threading
import time
import uuid
import warnings
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import dask
import distributed

from fashion_compare.data.dataset import Dataset
from fashion_compare.errors import UserError
from fashion_compare.execution.dask_scheduler import CONNECT_SECONDS, Scheduler
from fashion_compare.execution.process_pool import WORKER_ENVIRONMENT, environment_put_back
from fashion_compare.runs.run import Run
from fashion_compare.signals import signals_blocked
from fashion_compare.store import RunDirectory, write_bytes

# Handed over at a time: enough for workers that join later, without the scheduler knowing of all the others.
IN_FLIGHT = 256
# How long there may be no worker before people are told, and how often that is looked at.
_PATIENCE_SECONDS = 10
_LOOK_SECONDS = 2
# What workers say after each epoch travels under this name.
_TOPIC = "fashion-compare-epochs"
# torch has one random generator a process, so a worker with several threads trains one run at a time all the same.
_one_at_a_time = threading.Lock()

Entry = dict[str, Any]
Execute = Callable[..., Entry]


@contextmanager
def dask_pool(
    _in_flight: int,
    *,
    dataset: Dataset,
    scheduler: Scheduler | None,
    workers: int,
    on_note: Callable[[str], None] = lambda _: None,
) -> Iterator[Executor]:
    """Yield an executor of the scheduler's workers, or of a local cluster of so many processes when none is named.

    Args:
        dataset: the images, which travel to the workers.
        scheduler: where it is.
        workers: of a local cluster.
        on_note: called with what people should know.

    Raises:
        UserError: no scheduler answers at the address, or it speaks another protocol or wants other certificates.
    """
    environment = {"distributed.nanny.pre-spawn-environ": WORKER_ENVIRONMENT}
    with (
        dask.config.set(environment),
        # dask's nannies set it in this process, for good.
        environment_put_back(),
        tempfile.TemporaryDirectory(prefix="fashion-compare-") as scratch,
        _local_cluster(workers, scratch) if scheduler is None else nullcontext() as cluster,
    ):
        client = distributed.Client(cluster) if scheduler is None else _connect(scheduler)  # type: ignore[no-untyped-call]
        pool = _DaskPool(client, dataset)
        try:
            with _no_worker_told(client, scheduler, on_note):
                yield pool
        finally:
            pool.cancel()
            client.close()


@contextmanager
def _local_cluster(workers: int, scratch: str) -> Iterator[Any]:
    """Yield a cluster of so many processes on this machine; left by an exception, they are stopped where they are."""
    others, cluster = set(multiprocessing.active_children()), None
    try:
        with signals_blocked():
            cluster = distributed.LocalCluster(  # type: ignore[no-untyped-call]
                n_workers=workers,
                threads_per_worker=1,
                processes=True,
                dashboard_address=None,
                local_directory=scratch,
                silence_logs=50,
            )
        yield cluster
    except BaseException:
        if cluster is not None:
            _kill_workers(cluster, others)
        raise
    finally:
        if cluster is not None:
            cluster.close()


def _connect(scheduler: Scheduler) -> Any:
    scheduler.check()
    try:
        return distributed.Client(  # type: ignore[no-untyped-call]
            scheduler.address, security=scheduler.security(), timeout=CONNECT_SECONDS
        )
    except (OSError, TimeoutError) as error:
        raise UserError(f"the dask scheduler at {scheduler.address} did not let us in: {error}") from error


@contextmanager
def _no_worker_told(client: Any, scheduler: Scheduler | None, on_note: Callable[[str], None]) -> Iterator[None]:
    """Tell when there has been no worker for a while, and when there is one again; a local cluster has its own."""
    if scheduler is None:
        yield
        return
    over = threading.Event()

    def watch() -> None:
        last, told = time.monotonic(), False
        while not over.wait(_LOOK_SECONDS):
            # Without the scheduler there is nothing to tell of its workers.
            with contextlib.suppress(Exception):
                if client.nthreads():
                    if told:
                        on_note(f"{scheduler.address} has a worker: going on")
                    last, told = time.monotonic(), False
                elif not told and time.monotonic() - last >= _PATIENCE_SECONDS:
                    on_note(
                        f"{scheduler.address} has no worker: waiting for one; start it with "
                        f"'dask worker {scheduler.address}'"
                    )
                    told = True

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join(_LOOK_SECONDS)


def _kill_workers(cluster: Any, others: Collection[BaseProcess]) -> None:
    """End a local cluster's processes where they are; asked to close, they would train on for seconds."""
    for nanny in cluster.workers.values():
        # It starts no other in place of one that ends.
        nanny.close_gracefully()
    for child in multiprocessing.active_children():
        if child not in others:
            child.kill()


class _DaskPool(Executor):
    """Hands runs to dask, and finishes each once its files are here."""

    def __init__(self, client: Any, dataset: Dataset) -> None:
        self._client = client
        # As a task, which can be done again: data that was scattered is lost with the workers that hold it.
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Sending large graph")
            self._dataset = client.submit(_received, dataset, pure=False)
        self._remote: dict[Future[Entry], Any] = {}
        # Where the metrics of runs under way go, and who writes them: events come on a thread of the client's.
        self._directories: dict[str, RunDirectory] = {}
        self._writing = threading.Lock()
        client.subscribe_topic(_TOPIC, self._on_epoch)

    def submit(self, execute: Execute, run: Run) -> "Future[Entry]":  # type: ignore[override]
        """Start a run somewhere; the future's result is its entry, when its files are in its directory."""
        future: Future[Entry] = Future()
        future.set_running_or_notify_cancel()
        key = f"{run.label}-{uuid.uuid4().hex}"
        self._directories[key] = run.directory
        remote = self._client.submit(_execute_there, execute, run, self._dataset, key, pure=False, key=key)
        self._remote[future] = remote

        def finish(done: Any) -> None:
            with self._writing:
                self._directories.pop(key, None)
            try:
                entry, files = done.result()
                for name, content in files.items():
                    write_bytes(run.directory.path / name, content)
                future.set_result(entry)
            except distributed.KilledWorker:
                future.set_exception(UserError("its worker died again and again, on whichever machine"))
            except BaseException as error:  # noqa: BLE001 - whatever it was belongs to whoever asks for the result
                future.set_exception(error)
            self._remote.pop(future, None)

        remote.add_done_callback(finish)
        return future

    def _on_epoch(self, event: tuple[float, dict[str, Any]]) -> None:
        """Write a line of metrics that a worker sent where its run's will be, for whoever follows the study."""
        key, line = event[1]["run"], event[1]["line"]
        with self._writing, contextlib.suppress(UserError):
            # Events of a run that ended, or of another client's, have no directory here.
            if (directory := self._directories.get(key)) is not None:
                history = directory.read_metrics()[: line["epoch"]]
                directory.write_metrics([*history, line])

    def cancel(self) -> None:
        """Give up what has not finished."""
        self._client.cancel(list(self._remote.values()))


def _received(dataset: Dataset) -> Dataset:
    """Hand the data on: other workers get it from the one that did this, or do it again when that one is gone."""
    return dataset


def _execute_there(execute: Execute, run: Run, dataset: Dataset, key: str) -> tuple[Entry, dict[str, bytes]]:
    """Train a run in a directory of the worker's own; return its entry, and its files with the result last."""
    worker = distributed.get_worker()
    with _one_at_a_time, tempfile.TemporaryDirectory(prefix="fashion-compare-") as scratch:
        there = replace(run, root=Path(scratch), source=None)
        entry = execute(there, lambda line: worker.log_event(_TOPIC, {"run": key, "line": line}), dataset)
        paths = [path for path in there.directory.path.iterdir() if path.is_file()]
        paths.sort(key=lambda path: path == there.directory.result)
        return entry, {path.name: path.read_bytes() for path in paths}
