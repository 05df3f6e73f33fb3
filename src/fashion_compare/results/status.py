"""How far a study is, from the files in its directory alone."""

from pathlib import Path

from fashion_compare.execution.designs import all_runs
from fashion_compare.execution.progress import Snapshot, snapshot
from fashion_compare.execution.tuning import tuners, with_winners
from fashion_compare.results.files import known_failures
from fashion_compare.results.schema import check_dataset
from fashion_compare.runs.run import described_identity
from fashion_compare.store import read_json
from fashion_compare.study.spec import written_study


def study_status(root: Path) -> tuple[Snapshot, int]:
    """Return how far each run of the study in `root` is, and how many trials of its tuning are not yet proposed.

    Raises:
        UserError: a file of the study cannot be read or is not what it should be.
    """
    study = written_study(root)
    dataset = read_json(root / "dataset.json")
    check_dataset(dataset, root / "dataset.json")
    data = described_identity(dataset)
    held = tuners(study, None, data, root)
    trials = [trial for tuner in held for trial in tuner.trials()]
    failed = {trial.run.label: trial.failure for trial in trials if trial.failure is not None}
    study = with_winners(study, data, root)
    runs = all_runs(study, None, data, root) + [trial.run for trial in trials]
    to_come = len(held) * (study.tuning.trials if study.tuning else 0) - len(trials)
    return snapshot(runs, known_failures(study, root) | failed), to_come
