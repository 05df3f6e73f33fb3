"""What TensorBoard reads of a study is what its run directories say, each epoch once."""

from pathlib import Path

import pytest

pytest.importorskip("tensorboard", reason="needs the extra 'tensorboard'")

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from fashion_compare.data.dataset import dataset_of
from fashion_compare.data.sources import Source
from fashion_compare.execution.plan import plan
from fashion_compare.execution.scheduler import run_all
from fashion_compare.execution.tensorboard import TensorBoardMirror
from fashion_compare.runs.run import data_identity
from fashion_compare.study.context import StudyContext
from fashion_compare.study.spec import parse_study

SOURCE = Source("synthetic", None, "the synthetic data, for tests")
TEXT = """
name: tiny
seeds: 2
training_images: 200
models:
  ffnn:
    baseline: {hidden_sizes: [16], epochs: 3}
"""


def test_the_mirror_shows_every_epoch_once(tmp_path: Path) -> None:
    """Scalars of all epochs and the settings, for each run; begun again, nothing is there twice."""
    runs = plan(StudyContext(parse_study(TEXT, "tiny"), data_identity(dataset_of(SOURCE)), tmp_path, SOURCE))
    mirror = TensorBoardMirror(tmp_path)
    assert not run_all(runs, workers=1, on_progress=mirror.update).failures
    again = TensorBoardMirror(tmp_path)
    run_all(runs, workers=1, on_progress=again.update)
    for run in runs:
        events = EventAccumulator(str(tmp_path / "tensorboard" / run.label))
        events.Reload()
        history = run.directory.read_metrics()
        assert set(events.Tags()["scalars"]) == set(history[0]) - {"epoch"}
        for name in ("validation_accuracy", "train_loss"):
            found = [(event.step, event.value) for event in events.Scalars(name)]
            assert [step for step, _ in found] == [0, 1, 2, 3]
            assert [value for _, value in found] == pytest.approx([line[name] for line in history], rel=1e-6)
        # Before training there is no objective.
        assert [event.step for event in events.Scalars("objective")] == [1, 2, 3]
        assert "_hparams_/session_start_info" in events.summary_metadata
