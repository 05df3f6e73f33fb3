"""Grids and designs: which configurations they are, that nothing is trained twice, and what is refused."""

from pathlib import Path

import numpy as np
import pytest

from fashion_compare.errors import UsageError
from fashion_compare.execution.designs import all_runs, design_points, design_runs, grid_points, grid_runs
from fashion_compare.execution.plan import plan
from fashion_compare.study.context import StudyContext
from fashion_compare.study.overrides import with_earlier, with_full
from fashion_compare.study.search_space import Range, value_at
from fashion_compare.study.spec import BASELINE, load_study, parse_study, to_yaml

TEXT = """
name: tiny
seeds: [4, 5, 6, 7]
models:
  ffnn:
    baseline: {epochs: 3, hidden_sizes: [16]}
    variations:
      faster: {learning_rate: 0.01}
      other: {l2: 0.001, together_with: {epochs: 2}}
sensitivity:
  seeds: 2
  grids:
    ffnn:
      learning_rate: [0.0001, 0.001, 0.01]
      l2: [0.001]
      hidden_sizes: [[16], [32, 16]]
  design:
    points: 32
    training_images: 500
    space:
      ffnn:
        learning_rate: {low: 0.0001, high: 0.01, scale: log}
        batch_size: {low: 32, high: 512, scale: log}
        dropout: {low: 0.0, high: 0.5}
        optimizer: [sgd, adam]
        hidden_sizes: [[16], [32, 16], [64]]
""".replace("l2: [0.001]", "l2: [0.001, 0.01]")
STUDY = parse_study(TEXT, "tiny")


def test_a_grid_leaves_out_what_is_there_already() -> None:
    """The baseline's own value and a variation's are not trained again; a variation that changes more is another."""
    assert [point.name for point in grid_points(STUDY)] == [
        "learning_rate=0.0001", "l2=0.001", "l2=0.01", "hidden_sizes=32-16",
    ]  # fmt: skip
    for point in grid_points(STUDY):
        base = STUDY.models["ffnn"][BASELINE]
        changed = {
            name for name in type(base).model_fields if getattr(base, name) != getattr(point.configuration, name)
        }
        assert changed == {point.parameter}


def test_a_grid_takes_the_studys_first_seeds(tmp_path: Path) -> None:
    """As many as declared, so that differences from the baseline are paired."""
    for runs in grid_runs(StudyContext(STUDY, {}, tmp_path)).values():
        assert [run.seed for run in runs] == [4, 5]
        assert all(run.training_images is None for run in runs)


def test_a_design_fills_its_space(tmp_path: Path) -> None:
    """Every axis is covered evenly: logarithms, whole numbers, choices; each run has a seed of its own."""
    (runs,) = design_runs(StudyContext(STUDY, {}, tmp_path)).values()
    assert [run.seed for run in runs] == list(range(32))
    assert {run.training_images for run in runs} == {500}
    held = [run.configuration for run in runs]
    rates = np.log10([configuration.learning_rate for configuration in held])
    assert rates.min() > -4
    assert rates.max() < -2
    assert np.histogram(rates, bins=4, range=(-4, -2))[0].tolist() == [8] * 4
    assert {type(configuration.batch_size) for configuration in held} == {int}
    assert [sum(c.optimizer == name for c in held) for name in ("sgd", "adam")] == [16, 16]
    assert {configuration.hidden_sizes for configuration in held} == {(16,), (32, 16), (64,)}
    assert {configuration.epochs for configuration in held} == {3}
    assert np.array_equal(design_points(STUDY, "ffnn"), design_points(STUDY, "ffnn"))


def test_all_runs_are_each_in_a_directory_of_their_own(tmp_path: Path) -> None:
    """The study's own, the grids' and the design's: 3·4 + 4·2 + 32, no two in one place or under one label."""
    runs = all_runs(StudyContext(STUDY, {}, tmp_path))
    assert len(runs) == 12 + 8 + 32
    assert len({run.directory.path for run in runs}) == len({run.label for run in runs}) == len(runs)
    assert plan(StudyContext(STUDY, {}, tmp_path)) == runs[:12]


def test_a_resolved_study_says_the_same_again() -> None:
    """Written out and read, it has the same grids, design and configurations."""
    assert parse_study(to_yaml(STUDY), "again") == STUDY


def test_a_study_without_grids_takes_those_of_full() -> None:
    """For the models that it has, around its own baseline."""
    plain = parse_study("name: plain\nmodels: {ffnn: {baseline: {hidden_sizes: [16]}}}\n", "plain")
    study = with_full(plain)
    full = load_study("full").sensitivity
    assert study.sensitivity is not None
    assert study.sensitivity.grids == {"ffnn": full.grids["ffnn"]}
    assert study.sensitivity.design.space == {"ffnn": full.design.space["ffnn"]}
    assert with_full(STUDY).sensitivity == STUDY.sensitivity
    # Tried before anything is trained: with this baseline, `full` would try what cannot be.
    other = parse_study(
        "name: decayed\nmodels: {ffnn: {baseline: {optimizer: adamw, weight_decay: 0.01}}}\n", "decayed"
    )
    with pytest.raises(UsageError, match=r"^decayed with what full declares: .* weight_decay has no effect"):
        with_full(other)
    assert parse_study(to_yaml(study), "again") == study


def test_grids_of_full_leave_out_what_does_nothing_around_the_baseline() -> None:
    """Without hidden layers there is nothing to drop out; where the space varies the layers, dropout stays in it."""
    study = with_full(parse_study("name: linear\nmodels: {ffnn: {baseline: {hidden_sizes: []}}}\n", "linear"))
    full = load_study("full").sensitivity
    assert full is not None
    assert study.sensitivity is not None
    assert study.sensitivity.grids["ffnn"].keys() == full.grids["ffnn"].keys() - {"dropout"}
    assert study.sensitivity.design.space["ffnn"] == full.design.space["ffnn"]


def test_a_directory_keeps_its_grids(tmp_path: Path) -> None:
    """`run` after `sensitivity` knows of its runs; a damaged file, or one of other models, is written anew."""
    plain = STUDY.model_copy(update={"sensitivity": None})
    assert with_earlier(plain, tmp_path) == plain
    (tmp_path / "study.yaml").write_text(to_yaml(STUDY))
    assert with_earlier(plain, tmp_path) == STUDY
    other = parse_study("name: tiny\nmodels: {cnn: {}}\n", "other")
    assert with_earlier(other, tmp_path) == other
    (tmp_path / "study.yaml").write_text("name: [")
    assert with_earlier(plain, tmp_path) == plain


@pytest.mark.parametrize(
    ("share", "expected"), [(0.0, [1, 32, 0.1, "a"]), (0.5, [3, 91, 0.3, "b"]), (1.0, [5, 256, 0.5, "b"])]
)
def test_the_ends_of_an_axis_and_its_middle(share: float, expected: list[object]) -> None:
    """Whole numbers, whole numbers by their logarithm, fractions, choices."""
    axes = [Range(low=1, high=5), Range(low=32, high=256, scale="log"), Range(low=0.1, high=0.5), ("a", "b")]
    values = [value_at(axis, share) for axis in axes]
    assert values[:2] + values[3:] == expected[:2] + expected[3:]
    assert values[2] == pytest.approx(expected[2])


def test_a_space_without_settings_is_refused() -> None:
    """There would be nothing to learn from its runs."""
    text = TEXT[: TEXT.index("      ffnn:\n        learning_rate: {low")] + "      ffnn: {}\n"
    with pytest.raises(UsageError, match=r"sensitivity\.design\.space"):
        parse_study(text, "tiny")


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("learning_rate: [0.0001, 0.001, 0.01]", "learning_rates: [1, 2]", "unknown field 'learning_rates'"),
        ("learning_rate: [0.0001, 0.001, 0.01]", "learning_rate: [0.0001, -1]", "learning_rate: got -1"),
        ("learning_rate: [0.0001, 0.001, 0.01]", "learning_rate: [0.1]", "sensitivity.grids"),
        ("hidden_sizes: [[16], [32, 16]]", "weight_decay: [0.1, 0.2]", "weight_decay has no effect"),
        ("{low: 0.0, high: 0.5}", "{low: 0.5, high: 0.5}", "expected low < high"),
        ("{low: 0.0, high: 0.5}", "{low: 0.0, high: 1.5}", "dropout: got 1.5"),
        ("{low: 0.0, high: 0.5}", "{low: 0.0, high: 0.5, scale: log}", "above 0 with scale log"),
        ("optimizer: [sgd, adam]", "optimizer: [sgd, adma]", "optimizer: got 'adma'"),
        ("      l2: [0.001, 0.01]\n      hidden_sizes: [[16], [32, 16]]", "      l2: []", "sensitivity.grids"),
        ("points: 32", "points: 33", "sensitivity.design.points: got 33"),
        ("  seeds: 2", "  seeds: 0", "sensitivity.seeds: got 0"),
        ("    ffnn:\n      learning_rate: [", "    cnn:\n      learning_rate: [", "unknown model 'cnn'"),
    ],
)
def test_what_cannot_be_is_refused(old: str, new: str, line: str) -> None:
    """In one line that says where and what is expected."""
    assert old in TEXT
    with pytest.raises(UsageError, match=r"^tiny: ") as caught:
        parse_study(TEXT.replace(old, new), "tiny")
    assert line in str(caught.value)
    assert "\n" not in str(caught.value)
