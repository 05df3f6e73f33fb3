"""How far a study is, from the files in its directory alone."""

from pathlib import Path

from fashion_compare.execution.designs import all_runs
from fashion_compare.execution.progress import Snapshot, snapshot
from fashion_compare.execution.tuning import tuners, with_winners
from fashion_compare.results.files import known_failures, read_dataset_description
from fashion_compare.study.context import StudyContext
from fashion_compare.study.spec import written_study


def study_status(root: Path) -> tuple[Snapshot, int]:
    """Return how far each run of the study in `root` is, and how many trials of its tuning are not yet proposed.

    Raises:
        UserError: a file of the study cannot be read or is not what it should be.
    """
    context = StudyContext(written_study(root), read_dataset_description(root).identity, root)
    study_tuners = tuners(context)
    trials = [trial for tuner in study_tuners for trial in tuner.trials()]
    failed = {trial.run.label: trial.failure for trial in trials if trial.failure is not None}
    tuning = context.study.tuning
    to_come = len(study_tuners) * (tuning.trials if tuning else 0) - len(trials)
    context = with_winners(context)
    runs = all_runs(context) + [trial.run for trial in trials]
    return snapshot(runs, known_failures(context) | failed), to_come
