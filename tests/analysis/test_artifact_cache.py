"""Networks come back from their runs; what is made from them is made once, again when stale, and never left half."""

import hashlib
import json
import pickle
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fashion_compare.analysis import artifact_cache as module
from fashion_compare.analysis import networks
from fashion_compare.analysis.artifact_cache import cache_arrays, load_cached
from fashion_compare.errors import UserError
from fashion_compare.execution.plan import plan
from fashion_compare.runs.checkpoints import best_weights
from fashion_compare.runs.execute import execute
from fashion_compare.runs.run import data_identity, run_path
from fashion_compare.store import load_arrays, save_arrays
from fashion_compare.study import spec
from fashion_compare.study.context import StudyContext

OF = {"runs": ["a", "b"], "images": 3}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "explanations" / "thing.npz"


class Maker:
    """Counts how often it made its arrays."""

    times = 0

    def __call__(self):
        self.times += 1
        return {"x": np.arange(3), "names/of": np.array(["ä", "b"])}


def test_it_is_made_once(path):
    """A second time nothing is computed, and what is read has the types and values of what was made."""
    make = Maker()
    assert load_cached(path, OF) is None
    cache_arrays(path, OF, make)
    cache_arrays(path, OF, make)
    assert make.times == 1
    found = load_cached(path, OF)
    assert list(found) == ["x", "names/of"]
    np.testing.assert_array_equal(found["x"], np.arange(3))
    assert found["names/of"].tolist() == ["ä", "b"]


def test_of_other_networks_it_is_made_again(path):
    """What was made from something else is not handed out, and gives way."""
    make = Maker()
    cache_arrays(path, OF, make)
    assert load_cached(path, OF | {"images": 4}) is None
    cache_arrays(path, OF | {"images": 4}, make)
    assert make.times == 2
    assert load_cached(path, OF) is None


@pytest.mark.parametrize("damage", ["{", "[]", "{}", '{"format": 1, "of": 3}', None])
def test_a_damaged_or_missing_note_is_as_good_as_none(path, damage):
    """The arrays are made again."""
    make = Maker()
    cache_arrays(path, OF, make)
    note = path.with_suffix(".json")
    note.unlink() if damage is None else note.write_text(damage)
    assert load_cached(path, OF) is None
    cache_arrays(path, OF, make)
    assert make.times == 2
    assert load_cached(path, OF) is not None


def test_another_format_is_made_again(path, monkeypatch):
    """A version that makes something else does not take the old for it."""
    make = Maker()
    cache_arrays(path, OF, make)
    monkeypatch.setattr(module, "FORMAT", module.FORMAT + 1)
    assert load_cached(path, OF) is None
    cache_arrays(path, OF, make)
    assert make.times == 2


def test_an_interruption_leaves_what_was_there(path):
    """While the new is made the old stays whole, and nothing half lies about."""
    cache_arrays(path, OF, Maker())

    def interrupted():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cache_arrays(path, OF | {"images": 5}, interrupted)
    assert load_cached(path, OF) is not None
    assert sorted(entry.name for entry in path.parent.iterdir()) == ["thing.json", "thing.npz"]


def test_a_deleted_file_is_made_again(path):
    """A note without its arrays is nothing."""
    make = Maker()
    cache_arrays(path, OF, make)
    path.unlink()
    assert load_cached(path, OF) is None
    cache_arrays(path, OF, make)
    assert make.times == 2


def test_a_cut_off_file_is_one_line_that_says_what_to_do(path):
    """Named, and never executed."""
    cache_arrays(path, OF, Maker())
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(UserError, match="fashion-compare explain") as caught:
        load_cached(path, OF)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_note_names_what_it_is_of(path):
    """People can read which runs it was made from."""
    cache_arrays(path, OF, Maker())
    assert json.loads(path.with_suffix(".json").read_text())["of"] == OF


def test_a_crash_before_the_note_leaves_nothing_to_be_mistaken(path, monkeypatch):
    """New arrays are never read under the old ones' note."""
    cache_arrays(path, OF, Maker())
    other = OF | {"images": 4}

    def crash(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(module, "write_json", crash)
        with pytest.raises(KeyboardInterrupt):
            cache_arrays(path, other, Maker())
    assert load_cached(path, OF) is load_cached(path, other) is None
    cache_arrays(path, other, Maker())
    assert load_cached(path, other) is not None


def test_an_interrupted_write_leaves_no_file(path, monkeypatch):
    """A crash while the arrays are written leaves neither them, nor a part of them, nor a note."""

    def crash(file, **_):
        file.write(b"PK")
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "savez_compressed", crash)
    with pytest.raises(KeyboardInterrupt):
        cache_arrays(path, OF, Maker())
    assert list(path.parent.iterdir()) == []


class Trap:
    """What touches a file when it is unpickled."""

    def __init__(self, sprung):
        self.sprung = sprung

    def __reduce__(self):
        return Path.touch, (self.sprung,)


def test_nothing_in_a_file_is_executed(path, tmp_path):
    """An array of Python objects is an error, not a program."""
    cache_arrays(path, OF, Maker())
    trap = Trap(tmp_path / "sprung")
    np.savez(path, allow_pickle=True, x=np.array([trap], dtype=object), **{"names/of": np.arange(2)})
    with pytest.raises(UserError, match="fashion-compare explain"):
        load_cached(path, OF)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", pickle.dumps(trap))
    with pytest.raises(UserError, match="fashion-compare explain"):
        load_cached(path, OF)
    assert not trap.sprung.exists()


STUDY = """
name: trained
seeds: [2, 0, 1]
models:
  ffnn: {baseline: {hidden_sizes: [8], epochs: 3}, variations: {drawn: {epochs: 0}, wider: {hidden_sizes: [9]}}}
  cnn: {baseline: {epochs: 2, batch_size: 20}, variations: {drawn: {epochs: 0}}}
"""


@pytest.fixture(scope="module")
def study():
    return spec.parse_study(STUDY, "test")


@pytest.fixture(scope="module")
def root(tmp_path_factory, study, tiny_dataset):
    """The study's runs, but for those of the baselines with seed 1."""
    root = tmp_path_factory.mktemp("runs") / "trained"
    for run in plan(StudyContext(study, data_identity(tiny_dataset), root)):
        if (run.name, run.seed) != ("baseline", 1) and (run.name == "baseline" or run.seed == 0):
            execute(run, dataset=tiny_dataset)
    return root


@pytest.mark.parametrize("model", ["ffnn", "cnn"])
def test_a_trained_network_says_what_it_said(model, root, study, tiny_dataset):
    """From its directory alone it predicts the very logits that its run left, with the best epoch's weights."""
    held = networks.finished(StudyContext(study, {}, root), model, "baseline")
    for seed in held.seeds:
        classifier = held.classifier(seed)
        logits = classifier.logits(classifier.preprocess(tiny_dataset.test_images))
        with np.load(run_path(root, model, "baseline", seed) / "predictions.npz") as saved:
            np.testing.assert_array_equal(logits, saved["logits"])


def test_the_best_epochs_weights_are_taken_not_the_last_ones(root, study, tmp_path):
    """Both are in the file; a network is made of the best ones, under their plain names."""
    shutil.copytree(root / "ffnn", tmp_path / "ffnn")
    held = networks.finished(StudyContext(study, {}, tmp_path), "ffnn", "baseline")
    arrays, text = load_arrays(held.directory(0).weights)
    last = {name: value + 1 for name, value in arrays.items() if not name.startswith("best.")}
    save_arrays(held.directory(0).weights, arrays | last, text)
    found = best_weights(held.directory(0))
    assert set(found) == set(last)
    for name, value in found.items():
        np.testing.assert_array_equal(value, arrays[f"best.{name}"])


@pytest.mark.parametrize("model", ["ffnn", "cnn"])
def test_an_untrained_network_is_as_it_was_drawn(model, root, study):
    """Its weights are those of a run of no epochs with the same seed, and of no other seed."""
    held = networks.finished(StudyContext(study, {}, root), model, "baseline")
    as_drawn = best_weights(networks.finished(StudyContext(study, {}, root), model, "drawn").directory(0))
    for seed, same in ((0, True), (2, False)):
        weights = held.initial_classifier(seed).weights()
        names = [name for name in weights if name.endswith(".weight")]
        assert len(names) >= 2
        assert all(np.array_equal(weights[name], as_drawn[name]) == same for name in names)


def test_finished_runs_are_in_the_studys_order(root, study):
    """Those that ended, the first so many of them; a part of the training images is looked at less closely."""
    held = networks.finished(StudyContext(study, {}, root), "ffnn", "baseline")
    assert held.seeds == (2, 0)
    assert networks.finished(StudyContext(study, {}, root), "ffnn", "baseline", 1).seeds == (2,)
    assert networks.finished(StudyContext(study, {}, root), "ffnn", "baseline", 5).seeds == (2, 0)
    assert networks.finished(StudyContext(study, {}, root / "elsewhere"), "ffnn", "baseline").seeds == ()
    assert held.configuration == study.models["ffnn"]["baseline"]
    assert held.sizes == networks.ExplanationBudget()
    part = study.model_copy(update={"training_images": 100})
    assert networks.finished(StudyContext(part, {}, root), "ffnn", "baseline").sizes == networks.QUICK_BUDGET
    for name, count in vars(networks.QUICK_BUDGET).items():
        assert count < getattr(networks.ExplanationBudget(), name)


def test_the_identity_says_which_networks_and_how_closely(root, study, tmp_path):
    """Other runs, seeds, models, names or sizes are something else; another place, or the day it was read, is not."""
    held = networks.finished(StudyContext(study, {}, root), "ffnn", "baseline")
    own = held.identity()
    assert json.loads(json.dumps(own)) == own
    directories = [run_path(root, "ffnn", "baseline", seed) for seed in (2, 0)]
    assert own["runs"] == [
        [
            json.loads((directory / "config.json").read_text())["hash"],
            hashlib.sha256((directory / "predictions.npz").read_bytes()).hexdigest(),
        ]
        for directory in directories
    ]
    for change in (
        {"seeds": (0, 2)},
        {"seeds": (2,)},
        {"sizes": networks.QUICK_BUDGET},
        {"name": "wider", "seeds": (0,)},
    ):
        assert replace(held, **change).identity() != own
    assert networks.finished(StudyContext(study, {}, root), "cnn", "baseline").identity() != own
    shutil.copytree(root / "ffnn", tmp_path / "ffnn")
    moved = replace(held, root=tmp_path)
    assert moved.identity() == own
    config = moved.directory(0).config
    said = config.read_text()
    config.write_text(json.dumps(json.loads(said) | {"hash": "0" * 64}))
    assert moved.identity() != own
    config.write_text(said)
    assert moved.identity() == own


def test_a_run_trained_again_to_something_else_is_another_one(root, study, tmp_path):
    """The same definition on another machine need not give the same network: its predictions tell, without weights."""
    shutil.copytree(root / "ffnn", tmp_path / "ffnn")
    held = networks.finished(StudyContext(study, {}, tmp_path), "ffnn", "baseline")
    own = held.identity()
    held.directory(2).weights.unlink()
    assert held.identity() == own
    with np.load(held.directory(0).predictions) as saved:
        arrays = dict(saved)
    arrays["logits"][0, 0] += 1
    np.savez(held.directory(0).predictions, **arrays)
    assert held.identity() != own


@pytest.mark.parametrize(
    ("into", "out_of"),
    [
        (("ffnn", "baseline"), ("ffnn", "wider")),
        (("ffnn", "baseline"), ("cnn", "baseline")),
        (("cnn", "baseline"), ("ffnn", "baseline")),
    ],
    ids=["another size", "no such layers", "no such modules"],
)
def test_weights_of_another_network_are_one_line(into, out_of, root, study, tmp_path):
    """It names the file and what to delete."""
    shutil.copytree(root, tmp_path / "copy")
    held = networks.finished(StudyContext(study, {}, tmp_path / "copy"), *into)
    other = networks.finished(StudyContext(study, {}, root), *out_of)
    shutil.copy(other.directory(0).weights, held.directory(0).weights)
    with pytest.raises(UserError, match="does not fit its run") as caught:
        held.classifier(0)
    assert str(held.directory(0).weights) in str(caught.value)
    assert f"delete {held.directory(0).path}" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_kernels_of_another_shape_are_one_line(root, study, tmp_path):
    """What PyTorch says about sizes, in many lines, is one."""
    shutil.copytree(root / "cnn", tmp_path / "cnn")
    held = networks.finished(StudyContext(study, {}, tmp_path), "cnn", "baseline")
    arrays, text = load_arrays(held.directory(0).weights)
    arrays["best.conv1.weight"] = arrays["best.conv1.weight"][:, :, :3]
    save_arrays(held.directory(0).weights, arrays, text)
    with pytest.raises(UserError, match="does not fit its run") as caught:
        held.classifier(0)
    assert "\n" not in str(caught.value)
