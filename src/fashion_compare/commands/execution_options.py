"""Where and how runs are done, as the options say: the executor, what is announced, and what follows progress."""

from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from fashion_compare.commands.options import check_writable
from fashion_compare.device import check_device, describe_device, has_tpu
from fashion_compare.errors import UsageError, nearest

if TYPE_CHECKING:
    from fashion_compare.console import Show
    from fashion_compare.data.dataset import Dataset
    from fashion_compare.execution.backup import Archive
    from fashion_compare.execution.progress import Snapshot
    from fashion_compare.execution.scheduler import OpenPool
    from fashion_compare.study.spec import Study


@dataclass(frozen=True)
class ExecutionOptions:
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


def check_keep(options: ExecutionOptions, root: Path) -> None:
    """Refuse to keep a study in itself, or where nothing can be written."""
    if options.keep is None:
        return
    if options.keep.resolve().is_relative_to(root.resolve()):
        raise UsageError(f"--keep {options.keep} is inside the study; name a directory elsewhere")
    check_writable(options.keep, "--keep")


def open_archive(
    options: ExecutionOptions, root: Path, check: Callable[[], None], stack: ExitStack
) -> "Archive | None":
    """Take over what is kept elsewhere, and keep the study there however it ends; None when nothing is to be kept."""
    if options.keep is None:
        return None
    from fashion_compare import console
    from fashion_compare.execution.backup import Archive

    archive = Archive(root, options.keep, 60 * options.keep_minutes, console.say, check)
    archive.restore()
    stack.callback(archive.close)
    return archive


def executor(options: ExecutionOptions, workers: int, dataset: "Dataset", stack: ExitStack) -> "tuple[int, OpenPool]":
    """Return how many runs to hand over at a time, and what makes the executor."""
    if options.name == "local":
        from fashion_compare.execution.process_pool import local_pool

        return workers, local_pool
    from fashion_compare import console

    try:
        from fashion_compare.execution.dask_pool import IN_FLIGHT, dask_pool
        from fashion_compare.execution.dask_scheduler import Scheduler
    except ModuleNotFoundError as error:
        raise UsageError("--engine dask needs the extra 'dask': pip install 'fashion-compare[dask]'") from error
    named = None if options.scheduler is None else Scheduler(options.scheduler, *options.tls)
    held: list[Executor] = []

    def open_pool(width: int) -> AbstractContextManager[Executor]:
        """Connect once, so that the images travel once, however many batches of runs follow each other."""
        if not held:
            opened = dask_pool(width, dataset=dataset, scheduler=named, workers=workers, on_note=console.say)
            held.append(stack.enter_context(opened))
        return nullcontext(held[0])

    return IN_FLIGHT, open_pool


def announce(runs: str, workers: int, study: "Study", options: ExecutionOptions, device: str) -> None:
    """Say how many runs are done where, and on what device."""
    from fashion_compare import console

    if options.scheduler is not None:
        console.say(f"{runs}, on the workers of {options.scheduler}, one thread each")
        return
    console.say(f"{runs}, {workers} side by side, one thread each")
    if "cnn" in study.models and (device == "cuda" or (options.device == "auto" and has_tpu())):
        console.say(describe_device(options.device))


def followed(
    show: "Show", options: ExecutionOptions, root: Path, check: Callable[[], None], archive: "Archive | None"
) -> "Show":
    """Return `show`, followed by whatever else is to happen whenever there is news of the runs."""
    watch = _mirrored(show, root) if options.tensorboard else show
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
