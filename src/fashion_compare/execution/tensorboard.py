"""A study's curves and settings as TensorBoard reads them, mirrored from the run directories while it goes on."""

import shutil
from pathlib import Path
from typing import Any

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.hparams import plugin_data_pb2
from tensorboard.plugins.hparams.metadata import SESSION_START_INFO_TAG, create_summary_metadata
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from fashion_compare.execution.progress import RunProgress, Snapshot
from fashion_compare.runs.run import Run


class TensorBoardMirror:
    """Writes each run's epochs to ``tensorboard/<model>/<configuration>/seed-<n>`` in the study's directory, once."""

    def __init__(self, root: Path) -> None:
        self.directory = root / "tensorboard"
        # Written again from the run directories, which have everything: so nothing is ever there twice.
        shutil.rmtree(self.directory, ignore_errors=True)
        self._written: dict[str, int] = {}

    def update(self, snapshot: Snapshot) -> None:
        """Write the epochs that came since the last call."""
        for progress in snapshot.runs:
            if progress.line is not None and progress.line["epoch"] >= self._written.get(progress.run.label, 0):
                self._mirror(progress)

    def _mirror(self, progress: RunProgress) -> None:
        run = progress.run
        begun = self._written.get(run.label, 0)
        writer = EventFileWriter(str(self.directory / run.label))
        try:
            if begun == 0:
                writer.add_event(Event(summary=_settings(run)))
            for line in run.directory.read_metrics()[begun:]:
                values = {name: value for name, value in line.items() if name != "epoch" and value is not None}
                scalars = [Summary.Value(tag=name, simple_value=value) for name, value in values.items()]
                writer.add_event(Event(step=line["epoch"], summary=Summary(value=scalars)))
                self._written[run.label] = line["epoch"] + 1
        finally:
            writer.close()


def _settings(run: Run) -> Any:
    """Return the run's configuration as TensorBoard's table of hyperparameters knows it."""
    start = plugin_data_pb2.SessionStartInfo(group_name=run.label)
    for name, value in (run.configuration.model_dump(mode="json") | {"seed": run.seed}).items():
        if isinstance(value, int | float):
            start.hparams[name].number_value = value
        else:
            start.hparams[name].string_value = str(value)
    metadata = create_summary_metadata(plugin_data_pb2.HParamsPluginData(session_start_info=start))
    return Summary(value=[Summary.Value(tag=SESSION_START_INFO_TAG, metadata=metadata)])
