"""From a study to its runs: their order, their directories, and what makes two of them the same."""

import json
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fashion_compare.classifier.configuration import CnnConfiguration, FfnnConfiguration
from fashion_compare.data.dataset import CLASS_NAMES, Dataset
from fashion_compare.data.sources import Source
from fashion_compare.execution.plan import plan, root_of
from fashion_compare.runs.run import Run, data_identity, run_path
from fashion_compare.store import identity_hash
from fashion_compare.study.context import StudyContext
from fashion_compare.study.spec import load_study, parse_study

SOURCE = Source("synthetic", None, "drawn")


def dataset(*, synthetic: bool = False) -> Dataset:
    """Return a data set of one image a part."""
    images, labels = np.zeros((1, 28, 28), np.uint8), np.zeros(1, np.int64)
    return Dataset(
        name="garments" if synthetic else "fashion-mnist",
        source="drawn",
        is_synthetic=synthetic,
        class_names=CLASS_NAMES,
        sha256={"images": "ab", "labels": "cd"},
        split_sha256="ef",
        train_images=images,
        train_labels=labels,
        validation_images=images,
        validation_labels=labels,
        test_images=images,
        test_labels=labels,
    )


def run(place: Path, /, **changes: Any) -> Run:
    """Return a run, some of it changed."""
    one = Run("ffnn", "baseline", FfnnConfiguration(), 0, None, SOURCE, place, data_identity(dataset()))
    return replace(one, **changes)


def test_every_model_configuration_and_seed_is_one_run(tmp_path: Path) -> None:
    """The default study is 2 models x 6 configurations x 3 seeds, each once, with the study's settings."""
    study = load_study("default")
    runs = plan(StudyContext(study, data_identity(dataset()), tmp_path, SOURCE))
    assert len({run.label for run in runs}) == len(runs) == 36
    for planned in runs:
        assert planned.configuration == study.models[planned.model][planned.name]
        assert planned.training_images is None
        assert planned.data == {
            "name": "fashion-mnist",
            "sha256": {"images": "ab", "labels": "cd"},
            "split_sha256": "ef",
        }


def test_the_longest_runs_come_first(tmp_path: Path) -> None:
    """The cnn's runs before the ffnn's, more epochs before fewer, and equals in the study's order."""
    study = parse_study(
        "name: x\nseeds: [4, 2]\nmodels:\n"
        "  ffnn: {baseline: {epochs: 2}, variations: {longer: {epochs: 90}, l2: {l2: 0.1}}}\n"
        "  cnn: {baseline: {epochs: 3}}\n",
        "x",
    )
    labels = [planned.label for planned in plan(StudyContext(study, data_identity(dataset()), tmp_path, SOURCE))]
    assert labels == [
        "ffnn/longer/seed-4",
        "ffnn/longer/seed-2",
        "cnn/baseline/seed-4",
        "cnn/baseline/seed-2",
        "ffnn/baseline/seed-4",
        "ffnn/baseline/seed-2",
        "ffnn/l2/seed-4",
        "ffnn/l2/seed-2",
    ]


def test_directories_are_where_the_design_says(tmp_path: Path) -> None:
    """A run lies in <study>/<model>/<configuration>/seed-<n>/, its files under the names that the design gives."""
    directory = run(tmp_path / "default", name="larger-batch", seed=2).directory
    assert directory.path == tmp_path / "default" / "ffnn" / "larger-batch" / "seed-2"
    assert run_path(tmp_path / "default", "ffnn", "larger-batch", 2) == directory.path
    assert directory.config.relative_to(directory.path) == Path("config.json")
    assert directory.metrics.relative_to(directory.path) == Path("metrics.jsonl")
    assert directory.checkpoint.parent.relative_to(directory.path) == Path("checkpoint")
    assert directory.weights.relative_to(directory.path) == Path("weights.safetensors")
    assert directory.predictions.relative_to(directory.path) == Path("predictions.npz")
    assert directory.result.relative_to(directory.path) == Path("result.json")


def test_the_stand_in_has_a_directory_of_its_own(tmp_path: Path) -> None:
    """A study's results on the real data and on the synthetic data never share a directory."""
    study = load_study("quick")
    assert root_of(tmp_path, study.name, dataset()) == tmp_path / "quick"
    assert root_of(tmp_path, study.name, dataset(synthetic=True)) == tmp_path / "quick-synthetic"


@pytest.mark.parametrize(
    "changes",
    [
        {"model": "cnn", "configuration": CnnConfiguration()},
        {"configuration": CnnConfiguration()},
        {"configuration": FfnnConfiguration(learning_rate=0.002)},
        {"configuration": FfnnConfiguration(hidden_sizes=(128, 256))},
        {"configuration": FfnnConfiguration(momentum=0.8)},
        {"configuration": FfnnConfiguration(epochs=16)},
        {"seed": 1},
        {"training_images": 6000},
        {"data": {"name": "garments", "sha256": {"images": "ab", "labels": "cd"}, "split_sha256": "ef"}},
        {"data": {"name": "fashion-mnist", "sha256": {"images": "00", "labels": "cd"}, "split_sha256": "ef"}},
        {"data": {"name": "fashion-mnist", "sha256": {"images": "ab", "labels": "cd"}, "split_sha256": "00"}},
    ],
)
def test_whatever_defines_a_run_changes_its_identity(tmp_path: Path, changes: dict[str, Any]) -> None:
    """Another model, setting, seed, number of images, data or split is another run."""
    assert identity_hash(run(tmp_path, **changes).identity) != identity_hash(run(tmp_path).identity)


@pytest.mark.parametrize(
    "changes",
    [
        {"root": Path("/elsewhere")},
        {"source": Source("files", Path("/data"), "a copy")},
        {"name": "another-name"},
        {"configuration": FfnnConfiguration(learning_rate=1e-3, hidden_sizes=(256, 128))},
        {"data": {"split_sha256": "ef", "sha256": {"labels": "cd", "images": "ab"}, "name": "fashion-mnist"}},
    ],
)
def test_what_does_not_define_a_run_leaves_its_identity(tmp_path: Path, changes: dict[str, Any]) -> None:
    """Its place, its name, where the data was read, defaults spelled out, the order of keys: the run is the same."""
    assert identity_hash(run(tmp_path, **changes).identity) == identity_hash(run(tmp_path).identity)


def test_a_run_travels(tmp_path: Path) -> None:
    """A run is small, survives pickling, and its identity is plain JSON."""
    one = run(tmp_path)
    content = pickle.dumps(one)
    assert len(content) < 5000
    assert pickle.loads(content) == one  # noqa: S301 - our own bytes
    assert json.loads(json.dumps(one.identity)) == one.identity


def test_all_runs_of_the_default_study_differ(tmp_path: Path) -> None:
    """No two of its 36 runs share an identity or a directory."""
    runs = plan(StudyContext(load_study("default"), data_identity(dataset()), tmp_path, SOURCE))
    assert len({identity_hash(planned.identity) for planned in runs}) == 36
    assert len({planned.directory.path for planned in runs}) == 36


def test_a_pruning_threshold_makes_another_run_and_none_the_same_as_ever(tmp_path: Path) -> None:
    """What a run has to reach is part of what defines it; runs without it keep the identity that they always had."""
    plain, held = run(tmp_path), run(tmp_path, pruning_thresholds=((3, 0.5), (4, 0.6)))
    assert "bar" not in plain.identity
    assert held.identity == plain.identity | {"bar": [[3, 0.5], [4, 0.6]]}
    assert identity_hash(json.loads(json.dumps(held.identity))) == identity_hash(held.identity)
    assert identity_hash(held.identity) != identity_hash(plain.identity)
