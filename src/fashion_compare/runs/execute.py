"""What one run does from start to end, in whichever process: train, score, and leave its result behind."""

import shutil
import statistics
from collections.abc import Callable
from typing import Any

from fashion_compare.data.dataset import Dataset, dataset_of, training_subset
from fashion_compare.data.variants import held_out, permuted_pixels
from fashion_compare.device import choose_device, device_name
from fashion_compare.errors import DataError
from fashion_compare.evaluation.predictions import load_predictions
from fashion_compare.runs.environment import environment
from fashion_compare.runs.record import read_result
from fashion_compare.runs.run import RUN_FORMAT, Run, data_identity
from fashion_compare.store import write_json
from fashion_compare.training import Epoch, best_epoch, train


def execute(
    run: Run, on_epoch: Callable[[Epoch], None] = lambda _: None, dataset: Dataset | None = None
) -> dict[str, Any]:
    """Train and score `run`, unless it is done already, and return its entry of results.json.

    Args:
        run: what to train.
        on_epoch: called with each epoch's line of metrics.
        dataset: the data, where it need not be read from the run's source.

    Raises:
        UserError: the run diverged, its directory holds another run, or the data or the disk failed.
    """
    directory = run.directory
    directory.claim(run.identity)
    if directory.is_done:
        return read_result(directory)
    directory.remove_leftovers()
    notes: list[str] = []
    if dataset is None:
        assert run.source is not None
        dataset = dataset_of(run.source)
    if data_identity(dataset) != run.data:
        raise DataError(f"the data changed while the study ran ({dataset.source}); start it again")
    images = training_subset(dataset, run.training_images)
    images = permuted_pixels(images) if run.permuted else images
    images = held_out(images, *run.fold) if run.fold else images
    device = choose_device(run.device) if run.model == "cnn" else "cpu"
    train(run.configuration, run.seed, images, directory, on_epoch, notes.append, bar=dict(run.bar), device=device)
    entry = result_entry(run, device) | {"notes": notes}
    write_json(directory.result, entry)
    shutil.rmtree(directory.checkpoint.parent, ignore_errors=True)
    return entry


def result_entry(run: Run, device: str = "cpu") -> dict[str, Any]:
    """Make a finished run's entry from its files, and where it was trained."""
    # scikit-learn, with what it imports by itself, takes 100 MB: after training there is room for it.
    from fashion_compare.evaluation.metrics import scores

    history = run.directory.read_metrics()
    best = best_epoch(history)
    seconds = [line["seconds"] for line in history[1:]]
    parts: dict[str, Any] = {
        part: scores(p.labels, p.logits) for part, p in load_predictions(run.directory.predictions).items()
    }
    # By class and answer the test set alone is of interest; the others are there to choose by.
    detail = {part: (numbers.pop("per_class"), numbers.pop("confusion")) for part, numbers in parts.items()}
    per_class, confusion = detail["test"]
    return {
        "format": RUN_FORMAT,
        "dataset": run.data["name"],
        "model": run.model,
        "configuration": run.name,
        "seed": run.seed,
        "epochs": len(history) - 1,
        "best_epoch": best,
        "seconds": sum(seconds),
        "seconds_per_epoch": statistics.median(seconds) if seconds else None,
        **parts,
        "per_class": per_class,
        "confusion": confusion,
        "last": {name: value for name, value in history[-1].items() if name != "seconds"},
        "environment": environment(device_name(device)),
    }
