"""What people see while they wait: progress on stderr, live on a terminal, plain lines elsewhere."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TransferSpeedColumn
from rich.progress_bar import ProgressBar
from rich.table import Column, Table
from rich.text import Text

from fashion_compare.report.console_table import ConsoleTable, wrapped
from fashion_compare.transliterate import transliterated

if TYPE_CHECKING:
    # study.progress imports NumPy and pydantic, which `--help` has no need to wait for.
    from fashion_compare.execution.progress import RunProgress, Snapshot

# Names may hold anything, such as "[red]" or ":shirt:": they are no markup.
progress_console = Console(stderr=True, highlight=False, markup=False, emoji=False)
result_console = Console(highlight=False, markup=False, emoji=False)

# Columns that the bar over all runs takes.
_BAR = 24
Show = Callable[["Snapshot"], None]


def say(line: str) -> None:
    """Print one line for people on stderr."""
    _print(progress_console, line)


def tell(result: ConsoleTable | str) -> None:
    """Print a table or one line of a result on stdout."""
    _print(result_console, result)


def _print(console: Console, what: ConsoleTable | Text | str) -> None:
    """Print on a terminal wrapped between words, elsewhere a line as one."""
    if isinstance(what, str):
        text = transliterated(what, console.encoding)
        what = wrapped(text, console.width) if console.is_terminal else Text(text)
        console.print(what, soft_wrap=True)
    else:
        console.print(what, crop=False)


def minutes(seconds: float) -> str:
    """Return a duration as people say it."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


@contextmanager
def study_progress(workers: int, *, quiet: bool) -> Iterator[Show]:
    """Yield a function that shows a snapshot of a study."""
    if quiet:
        yield lambda _: None
    elif progress_console.is_terminal:
        began: list[tuple[float, int]] = []
        with Live(console=progress_console, transient=True, refresh_per_second=4) as live:

            def show(snapshot: "Snapshot") -> None:
                now = time.monotonic(), snapshot.epochs_done
                began[:] = began or [now]
                live.update(_live_view(snapshot, workers, _epochs_per_minute(began[0], now), live.console.width))

            yield show
    else:
        seen: set[str] = set()
        yield lambda snapshot: _print_finished(snapshot, workers, seen)


@contextmanager
def download_progress() -> Iterator[Callable[[int, int, str], None]]:
    """Yield a function that shows how far a download is: (bytes done, bytes in all or 0, file name)."""
    with _Downloads(console=progress_console, transient=True, disable=not progress_console.is_terminal) as bar:
        tasks: dict[str, TaskID] = {}

        def show(done: int, total: int, name: str) -> None:
            if name not in tasks:
                tasks[name] = bar.add_task(name)
            bar.update(tasks[name], completed=done, total=total or None)

        yield show


class _Downloads(Progress):
    """A file's name, and below it how much of it is there: neither takes the other's room."""

    def __init__(self, **options: Any) -> None:
        amounts = DownloadColumn(table_column=Column(no_wrap=True)), TransferSpeedColumn(Column(no_wrap=True))
        super().__init__(BarColumn(bar_width=None), *amounts, **options)

    def get_renderables(self) -> Iterator[RenderableType]:
        for task in self.tasks:
            yield task.description
            yield self.make_tasks_table([task])


def epoch_line(line: dict[str, object]) -> str:
    """Return an epoch's metrics for a live view."""
    return (
        f"epoch {line['epoch']:>3}  loss {line['train_loss']:.4f} train, {line['validation_loss']:.4f} validation  "
        f"validation accuracy {100 * line['validation_accuracy']:.2f}%"  # type: ignore[operator]
    )


def status_lines(snapshot: "Snapshot", holder: str | None, trials_to_come: int = 0) -> list[str]:
    """Return how far a study is: counts and time left, then a line for each run that is under way.

    Args:
        snapshot: of all runs that are known.
        holder: who works on it.
        trials_to_come: trials of its tuning that have yet to be proposed.
    """
    done, failed = sum(p.done for p in snapshot.runs), sum(p.failed for p in snapshot.runs)
    active = [p for p in snapshot.runs if p.active]
    head = f"{done} of {len(snapshot.runs)} runs done, {failed} failed, {len(active)} begun"
    if trials_to_come:
        head += f", {trials_to_come} trials to come"
    if holder is None:
        over = done + failed == len(snapshot.runs) and not trials_to_come
        head += "; nobody works on it" + ("" if over else ", the same command goes on")
    else:
        left = snapshot.seconds_left(max(1, len(active)))
        head += f"; {holder} works on it" + (f", about {minutes(left)} left" if left else "")
    return [head, *(f"{p.run.label}  {epoch_line(p.line)}" for p in active if p.line is not None)]


def benchmark_table(measured: Mapping[str, Any]) -> ConsoleTable:
    """Return a table of what `benchmark.compare_training` measured."""
    threads = "one thread" if measured["threads"] == 1 else f"{measured['threads']} threads"
    headings = ("", "batch", "seconds", "times ours", "share of sgemm")
    sections = []
    for batch in measured["batches"]:
        rows = []
        for name, held in batch["contestants"].items():
            seconds, ratio, share = held["seconds"], held["times_ours"], held["share_of_sgemm"]
            low, high = ratio["quartiles"]
            rows.append(
                (
                    name,
                    str(batch["batch_size"]),
                    f"{seconds['median']:.3f}",
                    f"{ratio['median']:.2f} [{low:.2f}, {high:.2f}]",
                    f"{100 * share['median']:.0f}%",
                )
            )
        sections.append(rows)
    title = f"{'-'.join(map(str, measured['network']))} with Adam, float32, {threads}"
    caption = (
        f"an epoch of {measured['images']:,} images; median of {measured['rounds']} rounds, quartiles in brackets; "
        "sgemm: what 256×784×256 products reach here"
    )
    return ConsoleTable(title, headings, sections, caption)


def _epochs_per_minute(began: tuple[float, int], now: tuple[float, int]) -> float | None:
    """Return the speed of all workers together between two looks; None before the first epoch."""
    seconds, epochs = now[0] - began[0], now[1] - began[1]
    return 60 * epochs / seconds if epochs > 0 and seconds > 0 else None


def _live_view(snapshot: "Snapshot", workers: int, epochs_per_minute: float | None, width: int) -> Group:
    """Return an overall bar with the time left and the throughput, and what each active run does, within `width`."""
    left = snapshot.seconds_left(workers)
    head = f"{snapshot.finished}/{len(snapshot.runs)} runs  "
    head += "estimating the time left" if left is None else f"about {minutes(left)} left"
    head += "" if epochs_per_minute is None else f"  {epochs_per_minute:,.0f} epochs a minute"
    bar = ProgressBar(total=1.0, completed=snapshot.work_done, width=min(_BAR, width))
    active = [
        (
            progress.run.label,
            f"epoch {progress.epochs_done}/{progress.run.configuration.epochs}",
            f"loss {progress.line['train_loss']:.3f}/{progress.line['validation_loss']:.3f}",
            f"validation {100 * progress.line['validation_accuracy']:.1f}%",
        )
        for progress in snapshot.runs
        if progress.active and progress.line is not None
    ]
    top = Table.grid(padding=(0, 1))
    if _BAR + 1 + len(head) <= width:
        top.add_row(bar, head)
        return Group(top, *_active_rows(active, width))
    top.add_row(bar)
    return Group(top, head, *_active_rows(active, width))


def _active_rows(active: Sequence[tuple[str, ...]], width: int) -> list[RenderableType]:
    """Return a line for each run under way; where that is too long, its name, and below it the rest."""
    widths = [max(map(len, column)) + 2 for column in zip(*active, strict=True)]
    if sum(widths) > width:
        return [part for label, *rest in active for part in (Text(label, style="bold"), "  " + "  ".join(rest))]
    rows = Table.grid(padding=(0, 2))
    for label, *rest in active:
        rows.add_row(Text(label, style="bold"), *rest)
    return [rows]


def _print_finished(snapshot: "Snapshot", workers: int, seen: set[str]) -> None:
    """Print a line for each run that ended since the last call; runs that were done before get none."""
    ended = [p for p in snapshot.runs if p.done or p.failed]
    if not seen:
        # The first look: "" marks that it was taken.
        seen.update({"", *(p.run.label for p in ended)})
        if ended:
            say(f"{len(ended)} of {len(snapshot.runs)} runs were done before")
        return
    new = [progress for progress in ended if progress.run.label not in seen]
    left = snapshot.seconds_left(workers) if new else None
    rest = f"; about {minutes(left)} left" if left else ""
    for progress in new:
        seen.add(progress.run.label)
        say(f"[{len(seen) - 1}/{len(snapshot.runs)}] {progress.run.label} {_ending(progress)}{rest}")


def _ending(progress: "RunProgress") -> str:
    if progress.failed or progress.line is None:
        return "failed"
    return f"done in {minutes(progress.seconds)}, validation accuracy {100 * progress.line['validation_accuracy']:.2f}%"
