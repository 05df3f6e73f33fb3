"""Tuning: equal budgets, proposals that a crash cannot change, stops and winners by validation alone."""

import json
import math
from collections.abc import Callable
from pathlib import Path

import pytest

from fashion_compare.analysis.hyperparameters import read_tuning
from fashion_compare.errors import UsageError, UserError
from fashion_compare.execution.scheduler import Outcome
from fashion_compare.execution.tuning import Tuner, trials_failed, tune, tuners, with_winners
from fashion_compare.runs.execute import record_of
from fashion_compare.runs.run import Run
from fashion_compare.store import write_json
from fashion_compare.study.context import StudyContext
from fashion_compare.study.overrides import with_variation
from fashion_compare.study.search_space import Range
from fashion_compare.study.spec import BASELINE, is_tuned, parse_study
from fashion_compare.training import is_pruned

TEXT = """
name: tiny
seeds: 3
models:
  ffnn: {baseline: {hidden_sizes: [16]}}
  cnn: {baseline: {batch_size: 64}}
tuning:
  trials: 24
  epochs: 6
  batch: 4
  space:
    ffnn:
      learning_rate: {low: 0.0001, high: 0.1, scale: log}
      batch_size: {low: 16, high: 512, scale: log}
      optimizer: [sgd, adam]
      hidden_sizes: [[8], [16, 8]]
    cnn:
      learning_rate: {low: 0.0001, high: 0.1, scale: log}
      dropout: {low: 0.0, high: 0.5}
"""
DATA = {"name": "garments"}
STUDY = parse_study(TEXT, "tiny")


def height(run: Run) -> float:
    """What a run would reach: most at a learning rate of 0.003, a little more with adam."""
    configuration = run.configuration
    distance = math.log10(configuration.learning_rate) - math.log10(0.003)
    return 0.9 - 0.2 * distance**2 - 0.05 * (configuration.optimizer == "sgd")


def simulated(run: Run) -> None:
    """Leave what a run leaves that nears its height by half every epoch, and is stopped as a run is."""
    run.claim()
    rest = {"train_loss": 1.0, "train_accuracy": 0.5, "penalty": 0.0}
    history = [{"epoch": 0, "validation_accuracy": 0.1, "validation_loss": 2.3, "seconds": 0.0, **rest}]
    while len(history) <= run.configuration.epochs and not is_pruned(history, dict(run.pruning_thresholds)):
        epoch = len(history)
        accuracy = height(run) * (1 - 0.5**epoch)
        history.append(
            {"epoch": epoch, "validation_accuracy": accuracy, "validation_loss": 1 - accuracy, "seconds": 1.0, **rest}
        )
    run.directory.write_metrics(history)
    write_json(run.directory.result, record_of(run).model_dump())


def all_simulated(runs: list[Run]) -> Outcome:
    """Do all of them; none fails."""
    for run in runs:
        simulated(run)
    return Outcome()


def tuned(root: Path, run_trials: Callable[[list[Run]], Outcome] = all_simulated) -> list[Tuner]:
    """Carry a tuning out in a directory."""
    held = tuners(StudyContext(STUDY, DATA, root))
    tune(held, run_trials, lambda _: None)
    return held


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a tuning that nothing disturbed."""
    root = tmp_path_factory.mktemp("whole")
    tuned(root)
    return root


def proposals(root: Path) -> dict[str, object]:
    """What was proposed: settings and bars of both models."""
    return {model: json.loads((root / "tuning" / f"{model}.json").read_text()) for model in ("ffnn", "cnn")}


def test_both_models_get_the_same_budget(whole: Path) -> None:
    """As many trials, as many epochs allowed; what was spent is counted, pruned trials with what they had."""
    found = read_tuning(StudyContext(STUDY, DATA, whole))
    assert {model: len(held.trials) for model, held in found.items()} == {"ffnn": 24, "cnn": 24}
    assert {held.epochs_allowed for held in found.values()} == {24 * 6}
    for held in found.values():
        assert held.epochs_trained == sum(trial.epochs for trial in held.trials) < held.epochs_allowed
        assert held.seconds == held.epochs_trained
        best = [trial.best_so_far for trial in held.trials]
        assert best == sorted(best)


def test_it_learns_from_what_it_saw(whole: Path) -> None:
    """The later half of the trials is nearer the best rate than the earlier, and the winner is near it."""
    for tuner in tuners(StudyContext(STUDY, DATA, whole)):
        heights = [height(trial.run) for trial in tuner.trials()]
        assert sum(heights[12:]) > sum(heights[:12])
        winner = tuner.winner()
        assert winner is not None
        assert 0.001 < winner.settings["learning_rate"] < 0.01
        assert winner.accuracy == max(t.accuracy for t in tuner.trials() if not t.pruned)


def test_trials_behind_the_median_are_stopped(whole: Path) -> None:
    """The first eight run free; later ones carry pruning thresholds for epochs 3 to 5, those below ended there."""
    for tuner in tuners(StudyContext(STUDY, DATA, whole)):
        trials = tuner.trials()
        assert all(trial.run.pruning_thresholds == () for trial in trials[:8])
        assert all([epoch for epoch, _ in trial.run.pruning_thresholds] == [3, 4, 5] for trial in trials[8:])
        pruned = [trial for trial in trials if trial.pruned]
        assert pruned
        for trial in trials:
            assert trial.record is not None
            assert (trial.record.epochs < 6) == trial.pruned
        assert all(trial.record.epochs in (3, 4, 5) for trial in pruned)


def test_every_trial_is_in_its_space(whole: Path) -> None:
    """Numbers within their ends, whole ones whole, choices as study files have them; epochs and seed the tuning's."""
    for trial in tuners(StudyContext(STUDY, DATA, whole))[0].trials():
        assert 0.0001 <= trial.settings["learning_rate"] <= 0.1
        assert isinstance(trial.settings["batch_size"], int)
        assert trial.settings["hidden_sizes"] in ([8], [16, 8])
        assert (trial.run.configuration.epochs, trial.run.seed) == (6, 1_000_000)


@pytest.mark.parametrize("runs", [0, 1, 7, 8, 21, 40])
def test_stopped_and_started_again_it_is_the_same_tuning(whole: Path, tmp_path: Path, runs: int) -> None:
    """After any number of runs, in the middle of a batch or not: no trial is lost, none is done again or differs."""
    left, done = runs, []

    def interrupted(some: list[Run]) -> Outcome:
        nonlocal left
        for run in some:
            if left == 0:
                raise KeyboardInterrupt
            simulated(run)
            done.append(run.label)
            left -= 1
        return Outcome()

    with pytest.raises(KeyboardInterrupt):
        tuned(tmp_path, interrupted)
    left = -1
    tuned(tmp_path, interrupted)
    assert len(done) == len(set(done)) == 48
    assert proposals(tmp_path) == proposals(whole)


def test_a_stop_between_the_two_models_proposals_changes_nothing(whole: Path, tmp_path: Path) -> None:
    """One model's trials were written down, the other's not yet."""
    first = tuners(StudyContext(STUDY, DATA, tmp_path))[0]
    first.propose()
    tuned(tmp_path)
    assert proposals(tmp_path) == proposals(whole)


def test_a_trial_that_fails_is_a_result(tmp_path: Path) -> None:
    """It is written down with its reason, not tried again, and never wins."""

    def failing(runs: list[Run]) -> Outcome:
        lost = {run.label: "diverged" for run in runs if run.configuration.learning_rate > 0.01}
        all_simulated([run for run in runs if run.label not in lost])
        return Outcome(failures=lost, by_its_settings=set(lost))

    held = tuned(tmp_path, failing)
    for tuner in held:
        trials = tuner.trials()
        assert len(trials) == 24
        failed = [trial for trial in trials if trial.failure is not None]
        assert failed
        assert {trial.failure for trial in failed} == {"diverged"}
        assert all(trial.settings["learning_rate"] > 0.01 and trial.record is None for trial in failed)
        assert tuner.winner() not in failed
    states = {
        trial.state for part in read_tuning(StudyContext(STUDY, DATA, tmp_path)).values() for trial in part.trials
    }
    assert {"failed", "complete"} <= states
    # Nothing is left to do.
    tune(held, lambda _: pytest.fail("a run was asked for"), lambda _: None)


def test_where_all_trials_fail_nothing_is_chosen(tmp_path: Path) -> None:
    """Of that model there is no winner, no best and no configuration, and a line says why; the other has its own."""

    def failing(runs: list[Run]) -> Outcome:
        lost = {run.label: f"diverged in {run.name}" for run in runs if run.model == "ffnn" or run.name == "trial-0000"}
        all_simulated([run for run in runs if run.label not in lost])
        return Outcome(failures=lost, by_its_settings=set(lost))

    ffnn, cnn = tuned(tmp_path, failing)
    assert (ffnn.winner(), cnn.nothing_chosen()) == (None, None)
    assert ffnn.nothing_chosen() == (
        "tuning chose no configuration of the ffnn, for all 24 trials failed, the first: diverged in trial-0000"
    )
    assert trials_failed([ffnn, cnn]) == (25, 48)
    found = read_tuning(StudyContext(STUDY, DATA, tmp_path))
    assert (found["ffnn"].winner, found["ffnn"].settings) == (None, None)
    assert {trial.best_so_far for trial in found["ffnn"].trials} == {None}
    first, second, *_ = (trial.best_so_far for trial in found["cnn"].trials)
    assert (first, second) == (None, found["cnn"].trials[1].validation_accuracy)
    study = with_winners(StudyContext(STUDY, DATA, tmp_path)).study
    assert list(study.models["ffnn"]) == [BASELINE]
    assert len(study.models["cnn"]) == 2


def test_before_all_trials_ended_nothing_is_said_of_them(tmp_path: Path) -> None:
    """A tuning that has failed so far goes on."""
    first = tuners(StudyContext(STUDY, DATA, tmp_path))[0]
    first.record({trial.run.label: "diverged" for trial in first.propose()})
    assert first.nothing_chosen() is None


def test_a_full_disk_is_no_result(whole: Path, tmp_path: Path) -> None:
    """What is none of a trial's settings' fault stops the tuning, which goes on with that trial."""

    def full(runs: list[Run]) -> Outcome:
        all_simulated(runs[1:])
        return Outcome(failures={runs[0].label: "no space left"})

    with pytest.raises(UserError, match=r"^tuning stopped, for ffnn/trial-0000/seed-1000000 failed: no space left$"):
        tuned(tmp_path, full)
    tuned(tmp_path)
    assert proposals(tmp_path) == proposals(whole)


def test_winners_become_a_configuration_once_all_trials_ended(whole: Path, tmp_path: Path) -> None:
    """It is the baseline with the winner's settings and the trials' epochs, under its number; before there is none."""
    study = with_winners(StudyContext(STUDY, DATA, whole)).study
    for tuner in tuners(StudyContext(STUDY, DATA, whole)):
        winner = tuner.winner()
        assert list(study.models[tuner.model]) == [BASELINE, f"tuned-{winner.number + 1}"]
        configured = study.models[tuner.model][f"tuned-{winner.number + 1}"]
        assert configured == winner.run.configuration
        assert configured.epochs == 6
    assert [is_tuned(name) for name in (BASELINE, "tuned-3", "fine-tuned")] == [False, True, False]
    tuners(StudyContext(STUDY, DATA, tmp_path))[0].propose()
    assert with_winners(StudyContext(STUDY, DATA, tmp_path)).study == STUDY


def test_more_trials_go_on_from_those_there_are(whole: Path, tmp_path: Path) -> None:
    """A larger budget proposes what was proposed, and then more."""
    small = STUDY.model_copy(update={"tuning": STUDY.tuning.model_copy(update={"trials": 8})})
    tune(tuners(StudyContext(small, DATA, tmp_path)), all_simulated, lambda _: None)
    assert {model: len(held.trials) for model, held in read_tuning(StudyContext(small, DATA, tmp_path)).items()} == {
        "ffnn": 8,
        "cnn": 8,
    }
    tuned(tmp_path)
    assert proposals(tmp_path) == proposals(whole)


@pytest.mark.parametrize(
    "content", ["{}", '{"proposals": [{"settings": {}}]}', '{"proposals": 3}', '{"proposals": [3]}', "["]
)
def test_a_damaged_list_of_trials_is_refused(tmp_path: Path, content: str) -> None:
    """In one line that says what to do."""
    (tmp_path / "tuning").mkdir()
    (tmp_path / "tuning" / "ffnn.json").write_text(content)
    with pytest.raises(UserError, match=r"^[^\n]*ffnn.json [^\n]*delete[^\n]*$"):
        tuners(StudyContext(STUDY, DATA, tmp_path))[0].trials()


def test_another_space_is_refused(whole: Path) -> None:
    """Trials of other settings cannot be gone on from."""
    space = {**STUDY.tuning.space, "cnn": {"l2": STUDY.tuning.space["cnn"]["dropout"]}}
    other = STUDY.model_copy(update={"tuning": STUDY.tuning.model_copy(update={"space": space})})
    narrower = {**STUDY.tuning.space, "cnn": {**STUDY.tuning.space["cnn"], "dropout": Range(low=0.0, high=0.25)}}
    for changed in (other, STUDY.model_copy(update={"tuning": STUDY.tuning.model_copy(update={"space": narrower})})):
        assert len(tuners(StudyContext(changed, DATA, whole))[0].trials()) == 24
        with pytest.raises(UserError, match=r"made with another tuning\.space; delete"):
            tuners(StudyContext(changed, DATA, whole))[1].trials()


def test_a_variation_of_ones_own_named_tuned_is_not_replaced() -> None:
    """It would be another configuration under the name."""
    own = with_variation(STUDY, "ffnn", "tuned-3", {"l2": 0.1})
    with pytest.raises(UsageError, match="another configuration of that name"):
        with_variation(own, "ffnn", "tuned-3", {"l2": 0.2})


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("optimizer: [sgd, adam]", "epochs: {low: 1, high: 9}", "epochs are set by 'tuning: epochs'"),
        ("  batch: 4", "  seed: 2", "tuning.seed: got 2, expected one that the study does not use"),
        ("dropout: {low: 0.0, high: 0.5}", "droput: {low: 0.0, high: 0.5}", "unknown field 'droput'"),
        ("trials: 24", "trials: 0", "tuning.trials: got 0"),
        ("optimizer: [sgd, adam]", "optimizer: [adam, adam]", "optimizer: got adam, adam, expected each value once"),
        ("{low: 16, high: 512, scale: log}", "{low: 16.0, high: 512, scale: log}", "batch_size: got"),
        (
            "batch_size: {low: 16, high: 512, scale: log}\n      optimizer: [sgd, adam]",
            "batch_size: [1, 64]\n      normalization: [none, batch]",
            "has no effect with a batch_size of 1",
        ),
        ("{low: 16, high: 512, scale: log}", f"{{low: {'9' * 400}, high: 1}}", "a number with too many digits"),
        (TEXT[TEXT.index("    cnn:\n      learning_rate") :], "", "tuning.space: expected one for each of ffnn, cnn"),
    ],
)
def test_what_cannot_be_tuned_is_refused(old: str, new: str, line: str) -> None:
    """In one line."""
    assert old in TEXT
    with pytest.raises(UsageError) as caught:
        parse_study(TEXT.replace(old, new), "tiny")
    assert line in str(caught.value)


SMALL = TEXT.replace("      learning_rate: {low: 0.0001, high: 0.1, scale: log}\n", "      l2: [1e-6, 1e-5, 1e-4]\n")


def test_a_value_such_as_1e_6_is_a_number_in_the_results(tmp_path: Path) -> None:
    """In every trial's settings, in the winner's and in the list of proposals."""
    study = parse_study(SMALL, "tiny")
    tune(tuners(StudyContext(study, DATA, tmp_path)), all_simulated, lambda _: None)
    for model, found in read_tuning(StudyContext(study, DATA, tmp_path)).items():
        values = [trial.settings["l2"] for trial in found.trials] + [found.settings["l2"]]
        assert set(values) <= {0.000001, 0.00001, 0.0001}
        assert {type(value) for value in values} == {float}
        held = json.loads((tmp_path / "tuning" / f"{model}.json").read_text())
        assert held["space"]["l2"] == [0.000001, 0.00001, 0.0001]


def test_a_tuning_whose_numbers_are_text_goes_on(tmp_path: Path) -> None:
    """Earlier versions wrote 1e-6 as text: the same trials are read, and the next ones are proposed."""
    study = parse_study(SMALL, "tiny")
    made = tuners(StudyContext(study, DATA, tmp_path))
    made[0].propose()
    before = [trial.run.identity for trial in made[0].trials()]
    path = tmp_path / "tuning" / "ffnn.json"
    held = json.loads(path.read_text())
    texts = {0.000001: "1e-6", 0.00001: "1e-5", 0.0001: "1e-4"}
    held["space"]["l2"] = [texts[value] for value in held["space"]["l2"]]
    for proposal in held["proposals"]:
        proposal["settings"]["l2"] = texts[proposal["settings"]["l2"]]
    path.write_text(json.dumps(held))
    assert [trial.run.identity for trial in made[0].trials()] == before
    assert len(made[0].propose()) == 4
