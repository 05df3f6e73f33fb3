"""Tuning: propose configurations from what earlier ones reached, with the same budget for every model.

What was proposed stands in one file a model, what came of it in ordinary run directories: so a tuning that was killed
goes on where it was, and proposes what it would have proposed.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fashion_compare.classifier.configuration import Configuration
from fashion_compare.errors import UserError
from fashion_compare.execution.scheduler import Outcome
from fashion_compare.runs.record import RunRecord, best_line, read_finished
from fashion_compare.runs.run import Run
from fashion_compare.store import make_directory, read_json, write_json
from fashion_compare.store.yaml_loader import numbers
from fashion_compare.study.context import StudyContext
from fashion_compare.study.overrides import with_variation
from fashion_compare.study.search_space import Range, Space, hashable_value, rounded
from fashion_compare.study.settings import changed
from fashion_compare.study.spec import BASELINE, TUNED, Study
from fashion_compare.training import Epoch, is_pruned

_DIRECTORY = "tuning"
# At least so many trials are drawn at random, and as many have to end before any is held to what others reached.
_RANDOM_TRIALS = 8


@dataclass(frozen=True)
class Trial:
    """One proposal, and what came of it so far.

    Attributes:
        number: its place in the order of proposals.
        settings: field → value, as study files have it.
        run: its training.
        failure: why it failed, or None.
        record: of its training once it is done, else None.
    """

    number: int
    settings: dict[str, Any]
    run: Run
    failure: str | None
    record: RunRecord | None

    @property
    def pruned(self) -> bool:
        """Whether it was stopped because others were further by then."""
        return self.record is not None and is_pruned(
            self.run.directory.read_metrics(), dict(self.run.pruning_thresholds)
        )

    @property
    def accuracy(self) -> float | None:
        """Validation accuracy of the best epoch; None before the end."""
        return None if self.record is None else float(self.best["validation_accuracy"])

    @property
    def best(self) -> Epoch:
        """The line of metrics of the best epoch; only of a trial that is done."""
        assert self.record is not None
        return best_line(self.run, self.record)


@dataclass(frozen=True)
class Tuner:
    """The tuning of one model of a study."""

    context: StudyContext
    model: str

    @property
    def study(self) -> Study:
        """The study that is tuned."""
        return self.context.study

    @property
    def _space(self) -> Space:
        assert self.study.tuning is not None
        return self.study.tuning.space[self.model]

    @property
    def _path(self) -> Path:
        return self.context.root / _DIRECTORY / f"{self.model}.json"

    def trials(self) -> list[Trial]:
        """Read what was proposed, and what came of it."""
        if not self._path.exists():
            return []
        content = read_json(self._path)
        try:
            held = [(numbers(dict(p["settings"])), [(int(e), float(a)) for e, a in p["bar"]], p.get("failure"))
                    for p in content["proposals"]]  # fmt: skip
        except (KeyError, TypeError, ValueError) as error:
            raise UserError(f"{self._path} is no list of trials; delete {self._path.parent} to tune again") from error
        if numbers(content.get("space")) != _described(self._space):
            raise UserError(
                f"{self._path} was made with another tuning.space; delete {self._path.parent} to tune again"
            )
        assert self.study.tuning is not None
        # A tuning that was larger once counts with as many trials as this one allows.
        return [self._trial(number, *proposal) for number, proposal in enumerate(held[: self.study.tuning.trials])]

    def propose(self) -> list[Trial]:
        """Write down the next trials and return them; none when there are enough."""
        tuning = self.study.tuning
        assert tuning is not None
        earlier = self.trials()
        count = min(tuning.batch, tuning.trials - len(earlier))
        if count <= 0:
            return []
        thresholds = median_thresholds(earlier, tuning.epochs)
        proposed = _ask(self._space, earlier, count, seed=tuning.seed + len(earlier))
        new = [self._trial(len(earlier) + k, settings, thresholds, None) for k, settings in enumerate(proposed)]
        self._write([*earlier, *new])
        return new

    def record(self, failures: dict[str, str]) -> None:
        """Write down which trials failed: label of a run → reason."""
        trials = self.trials()
        if any(trial.run.label in failures for trial in trials):
            self._write(
                [
                    self._trial(t.number, t.settings, t.run.pruning_thresholds, failures.get(t.run.label, t.failure))
                    for t in trials
                ]
            )

    @property
    def over(self) -> bool:
        """Whether all trials ended."""
        return self.to_come == 0

    @property
    def to_come(self) -> int:
        """How many trials have not ended, or not begun."""
        assert self.study.tuning is not None
        return self.study.tuning.trials - sum(t.record is not None or t.failure is not None for t in self.trials())

    def winner(self) -> Trial | None:
        """Return the trial with the highest validation accuracy (ties: lower loss, then the earlier)."""
        ended = [trial for trial in self.trials() if trial.record is not None and not trial.pruned]
        return min(ended, key=_rank, default=None)

    def nothing_chosen(self) -> str | None:
        """Return the line that says why no configuration was chosen; None where one was, or trials are to come."""
        if not self.over or self.winner() is not None:
            return None
        trials = self.trials()
        return (
            f"tuning chose no configuration of the {self.model}, for all {len(trials)} trials failed, the first: "
            f"{trials[0].failure}"
        )

    def settings(self, trial: Trial) -> dict[str, Any]:
        """Return all that a trial changes of the baseline."""
        assert self.study.tuning is not None
        return {**trial.settings, "epochs": self.study.tuning.epochs}

    def _trial(
        self, number: int, settings: dict[str, Any], thresholds: Sequence[tuple[int, float]], failure: str | None
    ) -> Trial:
        tuning = self.study.tuning
        assert tuning is not None
        base = self.study.models[self.model][BASELINE]
        where = f"{self._path}, trial {number}"
        configuration: Configuration = changed(base, {**settings, "epochs": tuning.epochs}, where)
        place = self.context.root / _DIRECTORY
        run = Run(
            self.model, f"trial-{number:04d}", configuration, tuning.seed, self.study.training_images,
            self.context.source, place, self.context.data, pruning_thresholds=tuple(thresholds),
        )  # fmt: skip
        return Trial(number, settings, run, failure, read_finished(run))

    def _write(self, trials: Sequence[Trial]) -> None:
        proposals = [
            {"settings": trial.settings, "bar": trial.run.pruning_thresholds, "failure": trial.failure}
            for trial in trials
        ]
        make_directory(self._path.parent)
        write_json(self._path, {"space": _described(self._space), "proposals": proposals})


def tune(tuners: Sequence[Tuner], run_trials: Callable[[list[Run]], Outcome], say: Callable[[str], None]) -> None:
    """Carry all tuners' trials out, a batch of each model's at a time.

    Args:
        tuners: one for each model.
        run_trials: does the runs that are not done.
        say: told what people should know.

    Raises:
        UserError: a trial failed for a reason that is none of its settings' (a full disk): it is tried when the tuning
            goes on.
    """
    while True:
        # First what was proposed and not done when a tuning was stopped.
        open_ = [t for tuner in tuners for t in tuner.trials() if t.record is None and t.failure is None]
        trials = open_ or [trial for tuner in tuners for trial in tuner.propose()]
        if not trials:
            return
        numbers = sorted({trial.number for trial in trials})
        say(f"Trials {numbers[0] + 1} to {numbers[-1] + 1} of {' and '.join(tuner.model for tuner in tuners)} …")
        outcome = run_trials([trial.run for trial in trials])
        own = {label: reason for label, reason in outcome.failures.items() if label in outcome.by_its_settings}
        for tuner in tuners:
            tuner.record(own)
        if other := outcome.failures.keys() - own.keys():
            raise UserError(f"tuning stopped, for {min(other)} failed: {outcome.failures[min(other)]}")


def tuners(context: StudyContext) -> list[Tuner]:
    """Return a tuner for each model that the study tunes."""
    return [Tuner(context, model) for model in (context.study.tuning.space if context.study.tuning else {})]


def trials_failed(tuners: Sequence[Tuner]) -> tuple[int, int]:
    """Return how many trials failed, and of how many."""
    failures = [trial.failure for tuner in tuners for trial in tuner.trials()]
    return sum(failure is not None for failure in failures), len(failures)


def with_winners(context: StudyContext) -> StudyContext:
    """Return the study with each model's winner as a configuration, once all its trials have ended."""
    study = context.study
    for tuner in tuners(context):
        if tuner.over and (winner := tuner.winner()) is not None:
            # Under its number: another trial that wins after more trials is another configuration.
            study = with_variation(study, tuner.model, f"{TUNED}{winner.number + 1}", tuner.settings(winner))
    return context.with_study(study)


def _described(space: Space) -> dict[str, Any]:
    """Return a space as JSON has it."""
    return {name: axis.model_dump() if isinstance(axis, Range) else list(axis) for name, axis in space.items()}


def _rank(trial: Trial) -> tuple[float, float, int]:
    return -trial.best["validation_accuracy"], trial.best["validation_loss"], trial.number


def _reached(trial: Trial) -> list[float]:
    """Return the best validation accuracy by the end of each epoch, epoch 0 first."""
    history = [line["validation_accuracy"] for line in trial.run.directory.read_metrics()]
    return [float(best) for best in np.maximum.accumulate(history)]


def median_thresholds(trials: Sequence[Trial], epochs: int) -> list[tuple[int, float]]:
    """Return what a new trial's best so far has to reach: epoch by epoch the median of the trials that got so far.

    Half of the epochs are free: a learning rate that falls late must not lose against one that never falls. The
    thresholds are set when the trial is proposed, so that no worker needs to know of the others, and a resumed one has
    the same.
    Source: the median rule of Golovin et al., Google Vizier (2017), section 3.2.2.
    """
    ended = [_reached(trial) for trial in trials if trial.record is not None]
    if len(ended) < _RANDOM_TRIALS:
        return []
    thresholds = []
    for epoch in range(max(1, epochs // 2), epochs):
        reached = [history[epoch] for history in ended if len(history) > epoch]
        if reached:
            thresholds.append((epoch, float(np.median(reached))))
    return thresholds


def _ask(space: Space, trials: Sequence[Trial], count: int, *, seed: int) -> list[dict[str, Any]]:
    """Return so many new settings from a tree-structured Parzen estimator that has seen the trials.

    Source: Bergstra et al., Algorithms for hyper-parameter optimization (2011).
    A sampler made anew for each batch, from what is on disk alone, proposes the same after a crash as without one.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    axes = {name: _distribution(axis) for name, axis in space.items()}
    sampler = optuna.samplers.TPESampler(n_startup_trials=_RANDOM_TRIALS, constant_liar=True, seed=seed)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    for trial in trials:
        states = optuna.trial.TrialState
        reached = _reached(trial) if trial.record is not None else []
        study.add_trial(
            optuna.trial.create_trial(
                params={name: hashable_value(trial.settings[name]) for name in axes},
                distributions=axes,
                state=states.FAIL if trial.record is None else states.PRUNED if trial.pruned else states.COMPLETE,
                value=trial.accuracy,
                intermediate_values=dict(enumerate(reached)),
            )
        )
    proposed = [study.ask(axes).params for _ in range(count)]
    return [{name: _value(space[name], value) for name, value in params.items()} for params in proposed]


def _distribution(axis: Any) -> Any:
    import optuna

    if not isinstance(axis, Range):
        return optuna.distributions.CategoricalDistribution([hashable_value(value) for value in axis])
    kind: Any = optuna.distributions.IntDistribution if axis.whole else optuna.distributions.FloatDistribution
    return kind(axis.low, axis.high, log=axis.scale == "log")


def _value(axis: Any, value: Any) -> Any:
    """Return an axis's value from what optuna says."""
    if not isinstance(axis, Range):
        return next(choice for choice in axis if hashable_value(choice) == value)
    return value if axis.whole else min(max(rounded(value), axis.low), axis.high)
