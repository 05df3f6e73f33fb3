"""Execute one run, in whichever process: train, and write its record."""

import shutil
import statistics
from collections.abc import Callable, Sequence

from fashion_compare.data.dataset import Dataset, dataset_of, training_subset
from fashion_compare.data.variants import held_out, permuted_pixels
from fashion_compare.device import choose_device, device_name
from fashion_compare.errors import DataError
from fashion_compare.runs.environment import environment
from fashion_compare.runs.record import RunRecord, read_record
from fashion_compare.runs.run import RUN_FORMAT, Run, data_identity
from fashion_compare.store import write_json
from fashion_compare.training import Epoch, best_epoch, train


def execute(run: Run, on_epoch: Callable[[Epoch], None] = lambda _: None, dataset: Dataset | None = None) -> RunRecord:
    """Train `run`, unless it is done already, and return its record.

    Args:
        run: what to train.
        on_epoch: called with each epoch's line of metrics.
        dataset: the data, where it need not be read from the run's source.

    Raises:
        UserError: the run diverged, its directory holds another run, or the data or the disk failed.
    """
    directory = run.directory
    run.claim()
    if directory.is_done:
        return read_record(directory)
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
    train(
        run.configuration,
        run.seed,
        images,
        directory,
        on_epoch,
        notes.append,
        pruning_thresholds=dict(run.pruning_thresholds),
        device=device,
    )
    record = record_of(run, device, notes)
    write_json(directory.result, record.model_dump())
    shutil.rmtree(directory.checkpoint.parent, ignore_errors=True)
    return record


def record_of(run: Run, device: str = "cpu", notes: Sequence[str] = ()) -> RunRecord:
    """Return the record of a finished training, from its files, and where it was trained."""
    history = run.directory.read_metrics()
    seconds = [line["seconds"] for line in history[1:]]
    return RunRecord(
        format=RUN_FORMAT,
        dataset=run.data["name"],
        model=run.configuration.model,
        configuration=run.name,
        seed=run.seed,
        epochs=len(history) - 1,
        best_epoch=best_epoch(history),
        seconds=sum(seconds),
        seconds_per_epoch=statistics.median(seconds) if seconds else None,
        last={name: value for name, value in history[-1].items() if name != "seconds"},
        notes=list(notes),
        environment=environment(device_name(device)),
    )
