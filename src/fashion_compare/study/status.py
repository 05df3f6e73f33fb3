"""How far a study is, from the files in its directory alone."""

from pathlib import Path

from fashion_compare.store import read_json
from fashion_compare.study.designs import all_runs
from fashion_compare.study.progress import Snapshot, snapshot
from fashion_compare.study.results import known_failures
from fashion_compare.study.schema import check_dataset
from fashion_compare.study.spec import load_study
from fashion_compare.study.tuning import tuners, with_winners


def study_status(root: Path) -> Snapshot:
    """Return how far each run of the study in `root` is.

    Raises:
        UserError: a file of the study cannot be read or is not what it should be.
    """
    study = load_study(str(root / "study.yaml"))
    dataset = read_json(root / "dataset.json")
    check_dataset(dataset, root / "dataset.json")
    data = {name: dataset[name] for name in ("name", "sha256", "split_sha256")}
    study = with_winners(study, data, root)
    trials = [trial for tuner in tuners(study, None, data, root) for trial in tuner.trials()]
    failed = {trial.run.label: trial.failure for trial in trials if trial.failure is not None}
    runs = all_runs(study, None, data, root) + [trial.run for trial in trials]
    return snapshot(runs, known_failures(study, root) | failed)
