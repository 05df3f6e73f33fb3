"""The executor of many machines: dask's workers, which need no file system in common with this one.

The images travel to each worker once, a finished run's files come back through the scheduler and are written here.
"""

import contextlib
import multiprocessing
import tempfile
import threading
import uuid
import warnings
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import dask
import distributed
from distributed.security import Security

from fashion_compare.data.dataset import Dataset
from fashion_compare.errors import UsageError, UserError
from fashion_compare.signals import signals_blocked
from fashion_compare.store import RunDirectory, write_bytes
from fashion_compare.study.local import WORKER_ENVIRONMENT, environment_put_back
from fashion_compare.study.plan import Run

# Handed over at a time: enough for workers that join later, without the scheduler knowing of all the others.
IN_FLIGHT = 256
_CONNECT_SECONDS = 30
# What workers say after each epoch travels under this name.
_TOPIC = "fashion-compare-epochs"
# torch has one random generator a process, so a worker with several threads trains one run at a time all the same.
_one_at_a_time = threading.Lock()

Entry = dict[str, Any]
Execute = Callable[..., Entry]


@dataclass(frozen=True)
class Scheduler:
    """Where a scheduler is, ``tcp://host:port`` or ``tls://host:port``, and the PEM files to speak TLS with."""

    address: str
    ca_file: Path | None = None
    certificate: Path | None = None
    key: Path | None = None

    def security(self) -> Security:
        """Return dask's settings; with ``tls://`` both sides have to show a certificate of this authority."""
        if not self.address.startswith("tls://"):
            return Security()  # type: ignore[no-untyped-call]
        files = {"--tls-ca": self.ca_file, "--tls-cert": self.certificate, "--tls-key": self.key}
        for option, path in files.items():
            if path is None or not path.is_file():
                raise UsageError(f"{option} {path}: expected a PEM file, for {self.address} speaks TLS")
        return Security(  # type: ignore[no-untyped-call]
            tls_ca_file=str(self.ca_file),
            tls_client_cert=str(self.certificate),
            tls_client_key=str(self.key),
            require_encryption=True,
        )


@contextmanager
def dask_pool(_in_flight: int, *, dataset: Dataset, scheduler: Scheduler | None, workers: int) -> Iterator[Executor]:
    """Yield an executor of the scheduler's workers, or of a local cluster of so many processes when none is named.

    Raises:
        UserError: no scheduler answers at the address.
    """
    environment = {"distributed.nanny.pre-spawn-environ": WORKER_ENVIRONMENT}
    with (
        dask.config.set(environment),
        # dask's nannies set it in this process, for good.
        environment_put_back(),
        tempfile.TemporaryDirectory(prefix="fashion-compare-") as scratch,
    ):
        others = set(multiprocessing.active_children())
        if scheduler is None:
            with signals_blocked():
                cluster = distributed.LocalCluster(  # type: ignore[no-untyped-call]
                    n_workers=workers,
                    threads_per_worker=1,
                    processes=True,
                    dashboard_address=None,
                    local_directory=scratch,
                    silence_logs=50,
                )
            arguments: dict[str, Any] = {"address": cluster}
        else:
            cluster = None
            arguments = {"address": scheduler.address, "security": scheduler.security()}
        try:
            try:
                client = distributed.Client(**arguments, timeout=_CONNECT_SECONDS)  # type: ignore[no-untyped-call]
            except (OSError, TimeoutError) as error:
                raise UserError(
                    f"no dask scheduler answers at {arguments['address']} within {_CONNECT_SECONDS} s; start one with "
                    "'dask scheduler', and workers with 'dask worker ADDRESS'"
                ) from error
            pool = _DaskPool(client, dataset)
            try:
                yield pool
            except BaseException:
                if cluster is not None:
                    _kill_workers(cluster, others)
                raise
            finally:
                pool.cancel()
                client.close()  # type: ignore[no-untyped-call]
        finally:
            if cluster is not None:
                cluster.close()


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
