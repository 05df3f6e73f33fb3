"""How far a study is, and how long it will still take, from its files alone."""

import itertools
from pathlib import Path
from typing import Any

import pytest

from fashion_compare.classifier.configuration import CnnConfiguration, FfnnConfiguration
from fashion_compare.data.sources import Source
from fashion_compare.execution.progress import snapshot
from fashion_compare.runs.run import EPOCH_COST, Run
from fashion_compare.store import write_json


def run(root: Path, model: str = "ffnn", seed: int = 0, epochs: int = 4) -> Run:
    """Return a run of some epochs."""
    kind = {"ffnn": FfnnConfiguration, "cnn": CnnConfiguration}[model]
    source = Source("synthetic", None, "drawn")
    return Run(model, "baseline", kind(epochs=epochs), seed, None, source, root, {})


def trained(one: Run, epochs: int, seconds: float, *, done: bool = False) -> Run:
    """Write what a run leaves that has trained so many epochs, each so many seconds long."""
    losses = {f"{part}_{what}": 0.5 for part in ("train", "validation") for what in ("loss", "accuracy")}
    lines: list[dict[str, Any]] = [
        {"epoch": e, "seconds": seconds if e else 0.0, "penalty": 0.0, **losses} for e in range(epochs + 1)
    ]
    one.directory.path.mkdir(parents=True, exist_ok=True)
    one.directory.write_metrics(lines)
    if done:
        write_json(one.directory.result, {})
    return one


def test_a_study_that_has_not_begun(tmp_path: Path) -> None:
    """Nothing is finished or active, and nobody can say how long it will take."""
    seen = snapshot([run(tmp_path), run(tmp_path, "cnn")], {})
    assert (seen.finished, seen.seconds_left(2)) == (0, None)
    assert [p.active for p in seen.runs] == [False, False]
    assert [p.epochs_left for p in seen.runs] == [4, 4]


def test_work_done_begins_at_zero(tmp_path: Path) -> None:
    """Before anything is done, the share of work done is none."""
    assert snapshot([run(tmp_path)], {}).work_done == 0.0


def test_work_done_is_the_share_of_epochs(tmp_path: Path) -> None:
    """One of four epochs done is a quarter."""
    assert snapshot([trained(run(tmp_path), 1, 2.0)], {}).work_done == pytest.approx(0.25)


def test_work_done_grows_to_one(tmp_path: Path) -> None:
    """With each epoch of either model the share grows, by the cnn's cost for the cnn's, and ends at one."""
    ffnn, cnn = run(tmp_path), run(tmp_path, "cnn")
    shares = [snapshot([ffnn, cnn], {}).work_done]
    for epochs in range(1, 5):
        trained(ffnn, epochs, 1.0)
        shares.append(snapshot([ffnn, cnn], {}).work_done)
    for epochs in range(1, 5):
        trained(cnn, epochs, 5.0)
        shares.append(snapshot([ffnn, cnn], {}).work_done)
    steps = [after - before for before, after in itertools.pairwise(shares)]
    assert all(step > 0 for step in steps)
    assert steps[4] / steps[0] == pytest.approx(EPOCH_COST["cnn"] / EPOCH_COST["ffnn"])
    assert shares[-1] == pytest.approx(1.0)


def test_a_run_that_ended_has_nothing_left(tmp_path: Path) -> None:
    """Done or failed, it is finished, is no longer active, and has no epochs left, wherever it stopped."""
    done = trained(run(tmp_path, seed=0), 4, 1.0, done=True)
    failed, active = trained(run(tmp_path, seed=1), 2, 1.0), trained(run(tmp_path, seed=2), 1, 1.0)
    seen = snapshot([done, failed, active], {failed.label: "diverged"})
    assert seen.finished == 2
    assert [(p.done, p.failed, p.active, p.epochs_left) for p in seen.runs] == [
        (True, False, False, 0),
        (False, True, False, 0),
        (False, False, True, 3),
    ]
    assert [p.epochs_done for p in seen.runs] == [4, 2, 1]


def test_the_time_left_by_hand(tmp_path: Path) -> None:
    """At 3 seconds an epoch, 2 and 4 epochs left take one worker 18 seconds, and two 12, for one run takes that."""
    runs = [trained(run(tmp_path, seed=0), 2, 3.0), run(tmp_path, seed=1)]
    seen = snapshot(runs, {})
    assert seen.seconds_left(1) == pytest.approx(18.0)
    assert seen.seconds_left(2) == pytest.approx(12.0)
    runs += [run(tmp_path, seed=2), run(tmp_path, seed=3)]
    assert snapshot(runs, {}).seconds_left(2) == pytest.approx((6 + 12 + 12 + 12) / 2)


def test_a_model_without_an_epoch_is_judged_by_the_other(tmp_path: Path) -> None:
    """A cnn's epoch is taken for five of the ffnn's until one was measured."""
    ffnn, cnn = trained(run(tmp_path), 4, 2.0, done=True), run(tmp_path, "cnn", epochs=3)
    assert snapshot([ffnn, cnn], {}).seconds_left(1) == pytest.approx(3 * 5 * 2.0)
    trained(cnn, 1, 7.0)
    assert snapshot([ffnn, cnn], {}).seconds_left(1) == pytest.approx(2 * 7.0)


def test_the_first_measurement_is_no_epoch(tmp_path: Path) -> None:
    """Epoch 0, before any training, tells nothing about speed."""
    assert snapshot([trained(run(tmp_path), 0, 9.0)], {}).seconds_left(1) is None


def test_a_study_of_no_epochs_is_no_division_by_zero(tmp_path: Path) -> None:
    """Runs of no epochs are all work there is; when they are done the share is one."""
    one = trained(run(tmp_path, epochs=0), 0, 0.0, done=True)
    assert snapshot([one], {}).work_done == 1.0
    assert snapshot([], {}).finished == 0
