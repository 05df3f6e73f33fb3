"""Plan, execute and summarise a study of thousands of simulated runs, and say what of it takes time, memory and files.

    python benchmarks/many_runs.py [--configurations 500] [--seeds 10] [--images 100] [--engine local|dask] [--report]

A run trains nothing for a millisecond and leaves the files of a real one, with predictions of so many images in each
part of the data. Everything else is the program's own: directories claimed, files written durably, metrics computed,
the engine and its executors, the results collected, checked and written, every comparison made.
"""

import argparse
import json
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from fashion_compare.console import study_progress
from fashion_compare.data.dataset import CLASS_NAMES, Dataset
from fashion_compare.execution import scheduler
from fashion_compare.execution.plan import plan
from fashion_compare.execution.process_pool import local_pool
from fashion_compare.report.page import write_report
from fashion_compare.results.collect import collect, describe_dataset
from fashion_compare.results.files import write_results
from fashion_compare.runs.execute import record_of
from fashion_compare.runs.record import RunRecord
from fashion_compare.runs.run import Run, data_identity
from fashion_compare.store import save_arrays, write_atomically, write_json
from fashion_compare.study import spec
from fashion_compare.study.context import StudyContext

# Split of the data → what its arrays' names begin with in predictions.npz.
PREFIXES = ("", "validation_", "train_")


def simulated(
    run: Run, _on_epoch: Callable[[Any], None] = lambda _: None, _dataset: Dataset | None = None, *, images: int
) -> RunRecord:
    """Stand in for `execute`: the files of a run without its training."""
    directory = run.directory
    run.claim()
    directory.remove_leftovers()
    time.sleep(0.001)
    generator = np.random.default_rng(zlib.crc32(run.label.encode()))
    labels = np.arange(images) % len(CLASS_NAMES)
    arrays = {}
    for prefix in PREFIXES:
        logits = generator.standard_normal((images, len(CLASS_NAMES)), dtype=np.float32)
        logits[np.arange(images), labels] += 2
        arrays |= {f"{prefix}labels": labels, f"{prefix}logits": logits}
    epoch = {"objective": 1.0, "seconds": 0.001, "penalty": 0.0}
    measured = {f"{part}_{what}": 0.5 for part in ("train", "validation") for what in ("loss", "accuracy")}
    directory.write_metrics([{"epoch": e, **epoch, **measured} for e in (0, 1)])
    save_arrays(directory.weights, {"weight": np.zeros(10, np.float32)}, {"best_epoch": "0"})
    write_atomically(directory.predictions, lambda file: np.savez(file, **arrays))
    record = record_of(run)
    write_json(directory.result, record.model_dump())
    return record


@contextmanager
def timed(name: str, found: dict[str, Any]) -> Iterator[None]:
    """Say on stderr and in `found` how long a stage took."""
    started = time.perf_counter()
    yield
    found[name] = round(time.perf_counter() - started, 2)
    print(f"{name}: {found[name]} s", file=sys.stderr, flush=True)


def peak_bytes() -> int:
    """Return the most memory this process has had (Linux)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def main() -> None:
    """Print a line of JSON with what was measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--configurations", type=int, default=500, help="of each model")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--images", type=int, default=100, help="in each part of the data")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--engine", choices=("local", "dask"), default="local")
    parser.add_argument("--report", action="store_true", help="make the report as well")
    arguments = parser.parse_args()
    found: dict[str, Any] = vars(arguments) | {}
    with tempfile.TemporaryDirectory(prefix="fashion-compare-") as scratch:
        measure(Path(scratch), arguments, found)
    print(json.dumps(found))


def study_text(configurations: int, seeds: int) -> str:
    """Return a study of both models with so many configurations each, that differ in their learning rate."""
    lines = ["name: many", f"seeds: {seeds}", "models:"]
    for model in ("ffnn", "cnn"):
        lines += [f"  {model}:", "    baseline: {epochs: 1}", "    variations:"]
        lines += [f"      rate-{i}: {{learning_rate: {0.001 + i * 1e-6:.6f}}}" for i in range(1, configurations)]
    return "\n".join(lines)


def measure(root: Path, arguments: argparse.Namespace, found: dict[str, Any]) -> None:
    """Do one study in `root`, and add to `found` what it took."""
    part = np.zeros((arguments.images, 28, 28), np.uint8), np.arange(arguments.images) % len(CLASS_NAMES)
    name = "garments"
    dataset = Dataset(name, "no images", True, CLASS_NAMES, {name: "0" * 64}, "0" * 64, *part, *part, *part)
    with timed("plan_s", found):
        study = spec.parse_study(study_text(arguments.configurations, arguments.seeds), "many")
        runs = plan(StudyContext(study, data_identity(dataset), root))
        described = describe_dataset(dataset, study)
    scheduler.execute = partial(simulated, images=arguments.images)
    width, open_pool = arguments.workers, local_pool
    if arguments.engine == "dask":
        from fashion_compare.execution.dask_pool import IN_FLIGHT, dask_pool

        width = IN_FLIGHT
        open_pool = partial(dask_pool, dataset=dataset, scheduler=None, workers=arguments.workers)
    with timed("execute_s", found), study_progress(width, quiet=False) as show:
        outcome = scheduler.run_all(runs, workers=width, open_pool=open_pool, on_progress=show)
    assert len(outcome.trained) == len(runs), outcome.failures
    with timed("collect_s", found):
        collected = collect(StudyContext(study, described.identity, root), described)
    with timed("write_s", found):
        write_results(collected, root)
    if arguments.report:
        with timed("report_s", found):
            write_report(collected, root)
        found["report_bytes"] = (root / "report.html").stat().st_size
    files = [path for path in root.rglob("*") if path.is_file()]
    found |= {
        "runs": len(runs),
        "peak_bytes": peak_bytes(),
        "files": len(files),
        "files_bytes": sum(path.stat().st_size for path in files),
        "results_bytes": (root / "results.json").stat().st_size,
    }


if __name__ == "__main__":
    main()
