"""How far a study is, read from its files alone: the same answer for its own process and for any other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fashion_compare.runs.run import EPOCH_COST, Run


@dataclass(frozen=True)
class RunProgress:
    """One run: the last finished epoch's line of metrics, if any."""

    run: Run
    done: bool
    failed: bool
    line: dict[str, Any] | None
    seconds: float

    @property
    def epochs_done(self) -> int:
        """Epochs trained so far."""
        return int(self.line["epoch"]) if self.line else 0

    @property
    def epochs_left(self) -> int:
        """Epochs still to train."""
        return 0 if self.done or self.failed else self.run.configuration.epochs - self.epochs_done

    @property
    def active(self) -> bool:
        """Whether it was begun and has not ended."""
        return self.line is not None and not self.done and not self.failed


@dataclass(frozen=True)
class Snapshot:
    """All runs of a study at one moment."""

    runs: tuple[RunProgress, ...]

    @property
    def finished(self) -> int:
        """Runs that ended, well or not."""
        return sum(run.done or run.failed for run in self.runs)

    @property
    def epochs_done(self) -> int:
        """Epochs trained so far, of all runs."""
        return sum(p.epochs_done for p in self.runs)

    @property
    def work_done(self) -> float:
        """Share of all epochs, weighted by the models' cost, from 0 to 1."""
        total = sum(p.run.epoch_cost * p.run.configuration.epochs for p in self.runs)
        left = sum(p.run.epoch_cost * p.epochs_left for p in self.runs)
        return 1 - left / total if total else 1.0

    def seconds_left(self, workers: int) -> float | None:
        """Return the time left from the speeds measured so far; None before the first epoch of any run.

        A model without an epoch yet is judged by the other's speed and the models' relative cost.
        """
        measured = {model: self._seconds_per_cost(model) for model in EPOCH_COST}
        known = [seconds for seconds in measured.values() if seconds is not None]
        if not known:
            return None
        unit = sum(known) / len(known)
        left = [p.epochs_left * p.run.epoch_cost * (measured[p.run.model] or unit) for p in self.runs]
        # The last runs cannot be shared among workers: no less than the longest of them.
        return max(sum(left) / workers, max(left, default=0.0))

    def _seconds_per_cost(self, model: str) -> float | None:
        timed = [p for p in self.runs if p.run.model == model and p.epochs_done]
        cost = sum(p.epochs_done * p.run.epoch_cost for p in timed)
        return sum(p.seconds for p in timed) / cost if cost else None


def snapshot(runs: Sequence[Run], failures: Mapping[str, str]) -> Snapshot:
    """Read how far each run is."""
    return Snapshot(tuple(_progress(run, run.label in failures) for run in runs))


class Tracker:
    """Follows a study's runs, and reads the files of those alone that may have moved on: a study can have thousands."""

    def __init__(self, runs: Sequence[Run]) -> None:
        self._held = {run.label: _progress(run, failed=False) for run in runs}

    def update(self, run: Run, *, failed: bool = False) -> None:
        """Read again how far one run is."""
        self._held[run.label] = _progress(run, failed)

    def snapshot(self) -> Snapshot:
        """Return all runs as they were last seen."""
        return Snapshot(tuple(self._held.values()))


def _progress(run: Run, failed: bool) -> RunProgress:
    history = run.directory.read_metrics()
    return RunProgress(
        run=run,
        done=run.directory.is_done,
        failed=failed,
        line=history[-1] if history else None,
        seconds=sum(line["seconds"] for line in history),
    )
