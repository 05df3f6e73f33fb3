"""Nothing is lost: a training that was stopped, killed or met a fault of the disk ends with the same bits."""

import errno
import os
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from fashion_compare.classifier.ffnn import FfnnClassifier
from fashion_compare.errors import UserError
from fashion_compare.store import RunDirectory, load_arrays, save_arrays
from fashion_compare.training import train
from tests.test_training import MODELS, SEED, Stopped, claimed, configure, files_of

# --- interrupted and resumed ---


@pytest.mark.parametrize(
    ("model", "optimizer", "stop"),
    [
        ("ffnn", "adam", 0),
        ("ffnn", "adam", 1),
        ("ffnn", "adam", 3),
        ("ffnn", "momentum", 2),
        ("ffnn", "sgd", 2),
        ("ffnn", "rmsprop", 0),
        ("ffnn", "rmsprop", 2),
        ("cnn", "rmsprop", 2),
        ("cnn", "adam", 0),
        ("cnn", "adam", 1),
        ("cnn", "adam", 3),
        ("cnn", "momentum", 2),
        ("cnn", "sgd", 2),
    ],
)
def test_interrupted_and_resumed_equals_uninterrupted(model, optimizer, stop, tiny_dataset, tmp_path):
    """Stopped after an epoch and started again, dropout on: the same weights file, predictions and metrics.

    With RMSProp also everything else that a training remembers: schedule, moving average, running statistics.
    """
    settings = {"schedule": "one_cycle", "ema_decay": 0.8, "normalization": "batch"} if optimizer == "rmsprop" else {}
    configuration = configure(model, epochs=3, optimizer=optimizer, dropout=0.3, l2=1e-3, **settings)
    whole, broken = claimed(tmp_path / "whole"), claimed(tmp_path / "broken")
    train(configuration, SEED, tiny_dataset, whole)

    def interrupt(line):
        if line["epoch"] == stop:
            raise Stopped

    with pytest.raises(Stopped):
        train(configuration, SEED, tiny_dataset, broken, interrupt)
    assert not broken.weights.exists()
    assert len(broken.read_metrics()) == stop + 1
    # What another process, or another run in this one, would have left in torch's generator.
    torch.manual_seed(12345)
    epochs = []
    train(configuration, SEED, tiny_dataset, broken, lambda line: epochs.append(line["epoch"]))
    assert epochs == list(range(stop + 1, 4))
    assert files_of(broken) == files_of(whole)


@pytest.mark.parametrize("write", range(1, 12))
def test_a_crash_at_any_write_costs_nothing(write, tiny_dataset, tmp_path, monkeypatch):
    """Stopped at the n-th of the run's eleven renames and started again: nothing differs in the end.

    An epoch writes checkpoint and metrics, from the second on it moves the older checkpoint first; the end writes
    metrics, weights and predictions.
    """
    configuration = configure("ffnn", epochs=2, dropout=0.3)
    whole, broken = claimed(tmp_path / "whole"), claimed(tmp_path / "broken")
    writes, original = [], os.replace

    def crash(source, target):
        writes.append(target)
        if len(writes) == write:
            raise Stopped
        original(source, target)

    monkeypatch.setattr(os, "replace", crash)
    with pytest.raises(Stopped):
        train(configuration, SEED, tiny_dataset, broken)
    monkeypatch.undo()
    train(configuration, SEED, tiny_dataset, broken)
    monkeypatch.setattr(os, "replace", lambda source, target: (writes.append(target), original(source, target)))
    writes.clear()
    train(configuration, SEED, tiny_dataset, whole)
    assert len(writes) == 11
    assert files_of(broken) == files_of(whole)


def test_a_finished_run_trained_again_only_writes_again(tiny_dataset, tmp_path, monkeypatch):
    """While its checkpoint is there, nothing is trained a second time, and the files come out the same."""
    directory = claimed(tmp_path)
    train(configure("ffnn"), SEED, tiny_dataset, directory)
    before = files_of(directory)
    monkeypatch.setattr(FfnnClassifier, "train_epoch", None)
    train(configure("ffnn"), SEED, tiny_dataset, directory)
    assert files_of(directory) == before


@pytest.mark.parametrize("keep", [0, 100, -1])
def test_a_damaged_checkpoint_is_the_users_error(keep, tiny_dataset, tmp_path):
    """A cut-off checkpoint is refused in one line that names it; nothing is trained on half of a state."""
    directory = claimed(tmp_path)
    train(configure("ffnn", epochs=0), SEED, tiny_dataset, directory)
    directory.checkpoint.write_bytes(directory.checkpoint.read_bytes()[:keep])
    with pytest.raises(UserError) as caught:
        train(configure("ffnn"), SEED, tiny_dataset, directory)
    assert str(directory.checkpoint) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("arrays", [{"weights/a": np.zeros(1)}, {"other": np.zeros(1)}])
def test_a_foreign_checkpoint_is_the_users_error(arrays, tiny_dataset, tmp_path):
    """As is a whole file of another program in the checkpoint's place."""
    directory = claimed(tmp_path)
    directory.checkpoint.parent.mkdir()
    save_arrays(directory.checkpoint, arrays)
    with pytest.raises(UserError):
        train(configure("ffnn"), SEED, tiny_dataset, directory)


def test_another_runs_checkpoint_is_refused(tiny_dataset, tmp_path):
    """A checkpoint carries the hash of its run: one that lies in another run's directory is not gone on from."""
    directory, other = claimed(tmp_path / "run"), RunDirectory(tmp_path / "other")
    other.claim({"run": "another"})

    def stop(line):
        raise KeyboardInterrupt

    for held in (directory, other):
        with pytest.raises(KeyboardInterrupt):
            train(configure("ffnn"), SEED, tiny_dataset, held, stop)
    other.checkpoint.replace(directory.checkpoint)
    with pytest.raises(UserError, match="is not this run's checkpoint"):
        train(configure("ffnn"), SEED, tiny_dataset, directory)


# --- two generations of checkpoints ---


def stopped_after(epoch, configuration, dataset, directory):
    """Train until that epoch's checkpoint is written, and no further."""

    def stop(line):
        if line["epoch"] == epoch:
            raise Stopped

    with pytest.raises(Stopped):
        train(configuration, SEED, dataset, directory, stop)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("damage", ["cut", "flipped", "gone"])
def test_a_damaged_checkpoint_is_done_without(model, damage, tiny_dataset, tmp_path):
    """The state of the epoch before takes its place, which is said, and in the end nothing differs."""
    configuration = configure(model, epochs=3, dropout=0.3)
    whole, broken = claimed(tmp_path / "whole"), claimed(tmp_path / "broken")
    train(configuration, SEED, tiny_dataset, whole)
    stopped_after(2, configuration, tiny_dataset, broken)
    content = bytearray(broken.checkpoint.read_bytes())
    if damage == "cut":
        broken.checkpoint.write_bytes(content[: len(content) // 2])
    elif damage == "flipped":
        content[-1000] ^= 1
        broken.checkpoint.write_bytes(content)
    else:
        broken.checkpoint.unlink()
    notes, epochs = [], []
    train(configuration, SEED, tiny_dataset, broken, lambda line: epochs.append(line["epoch"]), notes.append)
    assert epochs == [2, 3]
    # One that is not there was never there, as far as anyone can tell.
    assert [note.endswith("the newest state is damaged; went on from epoch 1") for note in notes] == (
        [] if damage == "gone" else [True]
    )
    assert files_of(broken) == files_of(whole)


def test_two_damaged_checkpoints_are_the_users_error(tiny_dataset, tmp_path):
    """When neither can be read, one line names the newest and says what to do."""
    directory = claimed(tmp_path)
    stopped_after(1, configure("ffnn"), tiny_dataset, directory)
    for path in (directory.checkpoint, directory.previous_checkpoint):
        path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(UserError, match=f"^{re.escape(str(directory.checkpoint))}[^\n]*delete[^\n]*$"):
        train(configure("ffnn"), SEED, tiny_dataset, directory)


def test_a_single_flipped_bit_is_noticed_anywhere(tiny_dataset, tmp_path):
    """Header, text or values: no byte of a checkpoint can change without the file being refused."""
    directory = claimed(tmp_path)
    stopped_after(0, configure("ffnn"), tiny_dataset, directory)
    content = directory.checkpoint.read_bytes()
    for place in np.linspace(0, len(content) - 1, 200).astype(int):
        changed = bytearray(content)
        changed[place] ^= 0x10
        directory.checkpoint.write_bytes(changed)
        with pytest.raises(UserError):
            load_arrays(directory.checkpoint)


# --- faults of the disk ---


class Faults:
    """Counts every call with which files are saved, and lets the n-th of them fail."""

    def __init__(self, monkeypatch, at=None, error=None):
        self.calls, self.at, self.error = 0, at, error
        for name in ("fsync", "replace"):
            monkeypatch.setattr(os, name, self.checked(getattr(os, name)))
        monkeypatch.setattr(Path, "open", self.opened(Path.open))

    def check(self):
        self.calls += 1
        if self.calls == self.at:
            raise self.error

    def checked(self, original):
        def call(*arguments):
            self.check()
            return original(*arguments)

        return call

    def opened(self, original):
        def call(path, mode="r", *arguments, **keywords):
            if "x" not in mode:
                return original(path, mode, *arguments, **keywords)
            self.check()
            return FaultyFile(original(path, mode, *arguments, **keywords), self)

        return call


class FaultyFile:
    """A file whose write may fail after half of what it was given, as on a full disk."""

    def __init__(self, file, faults):
        self.file, self.faults = file, faults

    def __getattr__(self, name):
        return getattr(self.file, name)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.file.close()

    def write(self, data):
        try:
            self.faults.check()
        except BaseException:
            self.file.write(bytes(data)[: len(data) // 2])
            raise
        return self.file.write(data)


@pytest.mark.parametrize(
    "error",
    [OSError(errno.ENOSPC, "No space left on device"), OSError(errno.EIO, "Input/output error"), Stopped()],
    ids=["disk full", "input/output error", "crash"],
)
def test_no_fault_at_any_call_of_a_save_costs_anything(error, tiny_dataset, tmp_path, monkeypatch):
    """Opening, writing, fsync and rename of every file fail in turn: a disk fault is one line that names the file.

    Started again after each, the run ends with the same bits, and nothing half written is left.
    """
    configuration = configure("ffnn", epochs=2, dropout=0.3, batch_size=200)
    whole = claimed(tmp_path / "whole")
    with monkeypatch.context() as patch:
        counted = Faults(patch)
        train(configuration, SEED, tiny_dataset, whole)
    expected = files_of(whole)
    assert counted.calls > 50
    for at in range(1, counted.calls + 1):
        directory = claimed(tmp_path / str(at))
        with monkeypatch.context() as patch:
            Faults(patch, at, error)
            with pytest.raises(Stopped if isinstance(error, Stopped) else UserError) as caught:
                train(configuration, SEED, tiny_dataset, directory)
        if isinstance(caught.value, UserError):
            assert re.fullmatch(
                f"cannot write {re.escape(str(directory.path))}[^\n]*{error.strerror}[^\n]*", str(caught.value)
            )
        directory.remove_leftovers()
        train(configuration, SEED, tiny_dataset, directory)
        assert files_of(directory) == expected, at
        assert not list(directory.path.rglob("*.tmp"))
        shutil.rmtree(directory.path)
