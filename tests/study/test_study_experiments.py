"""Experiments are runs like others: which there are, what defines them, what they leave behind."""

import numpy as np
import pytest

from fashion_compare.data.views import folds_of
from fashion_compare.errors import UsageError, UserError
from fashion_compare.evaluation.predictions import load_predictions
from fashion_compare.study import merge, plan, spec
from fashion_compare.study.designs import all_runs
from fashion_compare.study.experiments import experiment_runs, fold_runs, out_of_fold, read_experiments, size_runs
from fashion_compare.study.reading import read_runs
from fashion_compare.study.worker import execute

STUDY = """
name: experimental
seeds: [4, 5, 6]
models:
  ffnn:
    baseline: {hidden_sizes: [8], epochs: 2, batch_size: 50}
  cnn:
    baseline: {epochs: 1, batch_size: 100}
experiments: {seeds: 2, permutation: fixed, training_sizes: [120, 60], least_steps: 9, folds: 3}
"""
DATA = {"name": "tiny", "sha256": {}, "split_sha256": "1"}


def parsed(experiments: str | None = None) -> spec.Study:
    text = STUDY if experiments is None else STUDY[: STUDY.index("experiments:")] + experiments
    return spec.parse_study(text, "test")


def test_which_runs_there_are(tmp_path):
    """Permuted and smaller ones with the first seeds, a fold each with the first seed, all labels different."""
    runs = experiment_runs(parsed(), None, DATA, tmp_path)
    labels = [run.label for run in runs]
    assert len(set(labels)) == len(labels)
    for model in ("ffnn", "cnn"):
        expected = [f"{model}/permuted-pixels/seed-{s}" for s in (4, 5)]
        expected += [f"{model}/images={n}/seed-{s}" for n in (60, 120) for s in (4, 5)]
        expected += [f"{model}/fold-{k}-of-3/seed-4" for k in range(3)]
        assert [label for label in labels if label.startswith(model)] == expected
    assert all(run.directory.path.is_relative_to(tmp_path / "experiments") for run in runs)
    assert set(labels) <= {run.label for run in all_runs(parsed(), None, DATA, tmp_path)}


def test_what_defines_them(tmp_path):
    """Only what is out of the ordinary is in the identity besides what every run has; no two are the same."""
    runs = experiment_runs(parsed(), None, DATA, tmp_path)
    for run in runs:
        plain = plan.run_identity(run.configuration, run.seed, DATA, run.training_images)
        special = {name: value for name, value in run.identity.items() if name not in plain}
        assert run.identity == plain | special
        if run.name.startswith("permuted"):
            assert special == {"permuted": True}
        elif run.name.startswith("fold"):
            assert special == {"fold": [int(run.name[5]), 3]}
        else:
            assert special == {}
            assert run.training_images == int(run.name.partition("=")[2])


def test_small_sets_train_long_enough(tmp_path):
    """Epochs go up until there are nine steps: 60 images are two batches of 50; never below the baseline's."""
    sizes = size_runs(parsed(), "ffnn", None, DATA, tmp_path)
    assert {images: runs[0].configuration.epochs for images, runs in sizes.items()} == {60: 5, 120: 3}
    easy = parsed("experiments: {training_sizes: [120], least_steps: 1}")
    assert size_runs(easy, "ffnn", None, DATA, tmp_path)[120][0].configuration.epochs == 2


def test_sizes_are_below_the_studys_own(tmp_path):
    """A set as large as the study's is the baseline itself."""
    study = spec.parse_study(STUDY + "training_images: 120\n", "test")
    assert list(size_runs(study, "ffnn", None, DATA, tmp_path)) == [60]


def test_parts_can_be_left_out(tmp_path):
    """No permutation, no sizes and no folds leave nothing; a study without experiments has none."""
    nothing = parsed("experiments: {permutation: none, training_sizes: [], folds: null}")
    assert experiment_runs(nothing, None, DATA, tmp_path) == []
    assert experiment_runs(parsed(""), None, DATA, tmp_path) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("experiments: {folds: 1}", "folds"),
        ("experiments: {training_sizes: [0]}", "training_sizes"),
        ("experiments: {training_sizes: [60000]}", "training_sizes"),
        ("experiments: {permutation: yes}", "permutation"),
        ("experiments: {permutation: all}", "permutation"),
        ("experiments: {permutations: fixed}", "permutations"),
        ("experiments: 3", "experiments"),
    ],
)
def test_a_wrong_setting_is_one_line(text, said):
    """It names the place."""
    with pytest.raises(UsageError) as caught:
        parsed(text)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_they_survive_being_written_and_merged(tmp_path):
    """A resolved study file holds them; full's are added where there are none, and a directory's are kept."""
    study = parsed()
    assert spec.parse_study(spec.to_yaml(study), "again") == study
    assert merge.with_experiments(study).experiments == study.experiments
    bare = parsed("")
    assert merge.with_experiments(bare).experiments == spec.load_study("full").experiments
    assert merge.with_earlier(bare, tmp_path).experiments is None
    (tmp_path / "study.yaml").write_text(spec.to_yaml(study))
    assert merge.with_earlier(bare, tmp_path).experiments == study.experiments


@pytest.fixture(scope="module")
def done(tmp_path_factory, tiny_dataset):
    """The study with all its runs finished."""
    root, data = tmp_path_factory.mktemp("runs") / "experimental", plan.data_identity(tiny_dataset)
    for run in all_runs(parsed(), None, data, root):
        execute(run, dataset=tiny_dataset)
    return root, data


def test_folds_predict_what_they_did_not_see(done, tiny_dataset):
    """Each training image once, by a network that it was held out from; the mean over models is handed on in order."""
    root, data = done
    study = parsed()
    models, shares = out_of_fold(study, tiny_dataset.train_labels, data, root)
    assert models == ["ffnn", "cnn"]
    assert shares.shape == (400, 10)
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    each = []
    for model in models:
        seen = np.zeros(400)
        own = np.zeros((400, 10))
        for run in fold_runs(study, model, None, data, root):
            predictions = load_predictions(run.directory.predictions)["test"]
            out = folds_of(tiny_dataset.train_labels, 3) == run.fold[0]
            seen += out
            own[out] = predictions.shares()
        assert (seen == 1).all()
        each.append(own)
    np.testing.assert_allclose(shares, np.mean(each, axis=0))
    assert (shares.argmax(axis=1) == tiny_dataset.train_labels).mean() > 0.2


def test_labels_that_do_not_fit_the_folds_are_refused(done, tiny_dataset):
    """Other training labels than the runs had are one line, not a silent mix-up."""
    root, data = done
    labels = (tiny_dataset.train_labels + 1) % 10
    with pytest.raises(UserError, match="predicts other images"):
        out_of_fold(parsed(), labels, data, root)


def test_what_was_found_is_read_from_the_runs(done, tiny_dataset):
    """Changes on permuted pixels, and curves that end in the baseline with as many seeds."""
    root, data = done
    study = parsed()
    baselines = {
        model: read_runs(model, "baseline", [run for run in plan.plan(study, None, data, root) if run.model == model])[
            0
        ]
        for model in study.models
    }
    found = read_experiments(study, baselines, data, root)
    for model in ("ffnn", "cnn"):
        assert found["permutation"]["changes"][model]["seeds"] == [4, 5]
        points = found["training_sizes"][model]
        assert [point["images"] for point in points] == [60, 120, 55_000]
        assert [point["seeds"] for point in points] == [[4, 5]] * 3
        own = baselines[model].only({4, 5}).interval("test", "accuracy").mean
        assert points[-1]["accuracy"]["mean"] == pytest.approx(own)
    assert [entry["images"] for entry in found["lead_of_the_cnn"]] == [60, 120, 55_000]
    assert read_experiments(parsed(""), baselines, data, root) is None


def test_permuted_runs_saw_permuted_pixels(done, tiny_dataset):
    """The same labels in the same order, and other scores than the baseline's of that seed."""
    root, _ = done
    for model in ("ffnn", "cnn"):
        baseline = plan.run_path(root, model, "baseline", 4) / "predictions.npz"
        permuted = plan.run_path(root / "experiments", model, "permuted-pixels", 4) / "predictions.npz"
        a, b = (load_predictions(path)["test"] for path in (baseline, permuted))
        np.testing.assert_array_equal(a.labels, b.labels)
        assert not np.array_equal(a.logits, b.logits)
