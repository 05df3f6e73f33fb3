"""Time a study on the engine beside the same runs one after the other, and say what of it was training and evaluation.

    python benchmarks/scheduler.py [STUDY] [--workers 2] [--out DIRECTORY]

Each way is a process of its own: `alone-1` trains all runs in one process with one thread, `alone-2` in one process
with two threads, `engine` on worker processes with one thread each. Work is what the classifiers spend in training
epochs and logits, and the metrics' time; overhead is the rest of what the workers had: starting, reading the data,
checkpoints, waiting for each other.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits

from fashion_compare import training
from fashion_compare.classifier import build
from fashion_compare.data import sources
from fashion_compare.data.dataset import dataset_of
from fashion_compare.evaluation import metrics
from fashion_compare.execution import scheduler
from fashion_compare.execution.plan import plan
from fashion_compare.execution.process_pool import WORKER_ENVIRONMENT
from fashion_compare.runs.execute import execute
from fashion_compare.runs.run import Run, data_identity
from fashion_compare.store import read_json, write_json
from fashion_compare.study import spec
from fashion_compare.study.context import StudyContext

ALONE = {"alone-1": 1, "alone-2": 2}


class Clock:
    """Adds up the seconds spent in what it wraps."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def timed(self, function: Any) -> Any:
        """Return `function` with its seconds added up here."""

        def run(*args: Any, **kwargs: Any) -> Any:
            started = time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                self.seconds += time.perf_counter() - started

        return run


def timed_execute(run: Run, threads: int = 1) -> dict[str, Any]:
    """Execute a run as the engine does, and leave beside its files how long the work in it took."""
    clock = Clock()

    def timed_build(*args: Any, **kwargs: Any) -> Any:
        classifier = build(*args, **kwargs)
        if threads > 1:
            threadpool_limits(threads)
            if run.model == "cnn":
                import torch

                torch.set_num_threads(threads)
        for name in ("preprocess", "train_epoch", "logits"):
            setattr(classifier, name, clock.timed(getattr(classifier, name)))
        return classifier

    scores = metrics.scores
    training.build, metrics.scores = timed_build, clock.timed(scores)
    try:
        entry = execute(run)
    finally:
        training.build, metrics.scores = build, scores
    write_json(run.directory.path / "work.json", clock.seconds)
    return entry


def measure(way: str, study: str, workers: int, out: Path) -> dict[str, Any]:
    """Do all runs of a study one way, and return the seconds they took."""
    resolved = spec.load_study(study)
    started = time.perf_counter()
    source = sources.resolve()
    dataset = dataset_of(source)
    runs = plan(StudyContext(resolved, data_identity(dataset), out, source))
    if way in ALONE:
        for run in runs:
            timed_execute(run, ALONE[way])
    else:
        scheduler.execute = timed_execute
        outcome = scheduler.run_all(runs, workers=workers)
        assert not outcome.failures, outcome.failures
    wall = time.perf_counter() - started
    work = sum(read_json(run.directory.path / "work.json") for run in runs)
    available = wall * (1 if way in ALONE else workers)
    return {"way": way, "runs": len(runs), "wall_s": wall, "work_s": work, "overhead": 1 - work / available}


def main() -> None:
    """Measure each way in a process of its own, and print a line of JSON for each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", nargs="?", default="default")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, help="where runs are kept; default a temporary directory")
    parser.add_argument("--way", choices=[*ALONE, "engine"], help="this way alone, in this process")
    arguments = parser.parse_args()
    if arguments.way:
        out = arguments.out / arguments.way
        print(json.dumps(measure(arguments.way, arguments.study, arguments.workers, out)), flush=True)
        return
    with tempfile.TemporaryDirectory(prefix="fashion-compare-") as scratch:
        for way in ("engine", *ALONE):
            threads = {name: str(ALONE.get(way, 1)) for name in WORKER_ENVIRONMENT if name.endswith("_THREADS")}
            command = [sys.executable, __file__, arguments.study, "--workers", str(arguments.workers), "--way", way]
            command += ["--out", str(arguments.out or scratch)]
            subprocess.run(command, env=os.environ | WORKER_ENVIRONMENT | threads, check=True)  # noqa: S603


if __name__ == "__main__":
    main()
