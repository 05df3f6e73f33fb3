"""Experiments are runs like others: which there are, what defines them, what they leave behind."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from fashion_compare.analysis.ablations import out_of_fold, read_ablations
from fashion_compare.analysis.read import read_runs
from fashion_compare.data.dataset import pixel_statistics, training_subset
from fashion_compare.data.sources import Source
from fashion_compare.data.variants import folds_of, pixel_order
from fashion_compare.errors import UsageError, UserError
from fashion_compare.evaluation.predictions import load_predictions
from fashion_compare.execution.ablation_runs import experiment_runs, fold_runs, size_runs
from fashion_compare.execution.designs import all_runs
from fashion_compare.execution.plan import plan
from fashion_compare.runs.checkpoints import best_weights, load_classifier
from fashion_compare.runs.execute import execute
from fashion_compare.runs.run import ALL_IMAGES, data_identity, run_identity, run_path
from fashion_compare.store import identity_hash, read_json
from fashion_compare.study import overrides, spec
from fashion_compare.study.context import StudyContext

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
    runs = experiment_runs(StudyContext(parsed(), DATA, tmp_path))
    labels = [run.label for run in runs]
    assert len(set(labels)) == len(labels)
    for model in ("ffnn", "cnn"):
        expected = [f"{model}/pixels=permuted/seed-{s}" for s in (4, 5)]
        expected += [f"{model}/images={n}/seed-{s}" for n in (60, 120) for s in (4, 5)]
        expected += [f"{model}/fold={k}-of-3/seed-4" for k in range(3)]
        assert [label for label in labels if label.startswith(model)] == expected
    assert all(run.directory.path.is_relative_to(tmp_path / "experiments") for run in runs)
    assert set(labels) <= {run.label for run in all_runs(StudyContext(parsed(), DATA, tmp_path))}


def test_what_defines_them(tmp_path):
    """Only what is out of the ordinary is in the identity besides what every run has; no two are the same."""
    runs = experiment_runs(StudyContext(parsed(), DATA, tmp_path))
    for run in runs:
        plain = run_identity(run.configuration, run.seed, DATA, run.training_images)
        special = {name: value for name, value in run.identity.items() if name not in plain}
        assert run.identity == plain | special
        if run.name.startswith("pixels"):
            assert special == {"permuted": True}
        elif run.name.startswith("fold"):
            assert special == {"fold": [int(run.name[5]), 3]}
        else:
            assert special == {}
            assert run.training_images == int(run.name.partition("=")[2])


def test_small_sets_train_long_enough(tmp_path):
    """Epochs go up until there are nine steps: 60 images are two batches of 50; never below the baseline's."""
    sizes = size_runs(StudyContext(parsed(), DATA, tmp_path), "ffnn")
    assert {images: runs[0].configuration.epochs for images, runs in sizes.items()} == {60: 5, 120: 3}
    easy = parsed("experiments: {training_sizes: [120], least_steps: 1}")
    assert size_runs(StudyContext(easy, DATA, tmp_path), "ffnn")[120][0].configuration.epochs == 2


def test_sizes_are_below_the_studys_own(tmp_path):
    """A set as large as the study's is the baseline itself."""
    study = spec.parse_study(STUDY + "training_images: 120\n", "test")
    assert list(size_runs(StudyContext(study, DATA, tmp_path), "ffnn")) == [60]


def test_parts_can_be_left_out(tmp_path):
    """No permutation, no sizes and no folds leave nothing; a study without experiments has none."""
    nothing = parsed("experiments: {permutation: none, training_sizes: [], folds: null}")
    assert experiment_runs(StudyContext(nothing, DATA, tmp_path)) == []
    assert experiment_runs(StudyContext(parsed(""), DATA, tmp_path)) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("experiments: {folds: 1}", "experiments.folds: got 1"),
        ("experiments: {folds: 21}", "experiments.folds: got 21"),
        ("experiments: {folds: 2.5}", "experiments.folds: got 2.5"),
        ("experiments: {training_sizes: [0]}", "experiments.training_sizes.0: got 0"),
        ("experiments: {training_sizes: [9, 60000]}", "experiments.training_sizes.1: got 60000"),
        ("experiments: {training_sizes: 100}", "experiments.training_sizes: got 100"),
        ("experiments: {seeds: 0}", "experiments.seeds: got 0"),
        ("experiments: {least_steps: 0}", "experiments.least_steps: got 0"),
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
    assert overrides.with_experiments(study).experiments == study.experiments
    bare = parsed("")
    assert overrides.with_experiments(bare).experiments == spec.load_study("full").experiments
    assert overrides.with_earlier(bare, tmp_path).experiments is None
    (tmp_path / "study.yaml").write_text(spec.to_yaml(study))
    assert overrides.with_earlier(bare, tmp_path).experiments == study.experiments


@pytest.fixture(scope="module")
def done(tmp_path_factory, tiny_dataset):
    """The study with all its runs finished."""
    root, data = tmp_path_factory.mktemp("runs") / "experimental", data_identity(tiny_dataset)
    for run in all_runs(StudyContext(parsed(), data, root)):
        execute(run, dataset=tiny_dataset)
    return root, data


def test_folds_predict_what_they_did_not_see(done, tiny_dataset):
    """Each training image once, by a network that it was held out from; the mean over models is handed on in order."""
    root, data = done
    study = parsed()
    models, shares = out_of_fold(StudyContext(study, data, root), tiny_dataset.train_labels)
    assert models == ["ffnn", "cnn"]
    assert shares.shape == (400, 10)
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    each = []
    for model in models:
        seen = np.zeros(400)
        own = np.zeros((400, 10))
        for run in fold_runs(StudyContext(study, data, root), model):
            predictions = load_predictions(run.directory.predictions)["test"]
            out = folds_of(tiny_dataset.train_labels, 3) == run.fold[0]
            seen += out
            own[out] = predictions.probabilities
        assert (seen == 1).all()
        each.append(own)
    np.testing.assert_allclose(shares, np.mean(each, axis=0))
    assert (shares.argmax(axis=1) == tiny_dataset.train_labels).mean() > 0.2


def test_labels_that_do_not_fit_the_folds_are_refused(done, tiny_dataset):
    """Other training labels than the runs had are one line, not a silent mix-up."""
    root, data = done
    labels = (tiny_dataset.train_labels + 1) % 10
    with pytest.raises(UserError, match="predicts other images"):
        out_of_fold(StudyContext(parsed(), data, root), labels)


def test_what_was_found_is_read_from_the_runs(done, tiny_dataset):
    """Changes on permuted pixels, and curves that end in the baseline with as many seeds."""
    root, data = done
    study = parsed()
    baselines = {
        model: read_runs(
            model, "baseline", [run for run in plan(StudyContext(study, data, root)) if run.model == model]
        )[0]
        for model in study.models
    }
    found = read_ablations(StudyContext(study, data, root), baselines, trained_on=250).model_dump()
    for model in ("ffnn", "cnn"):
        assert found["permutation"]["changes"][model]["seeds"] == [4, 5]
        points = found["training_sizes"][model]
        assert [point["images"] for point in points] == [60, 120, 250]
        assert [point["seeds"] for point in points] == [[4, 5]] * 3
        own = baselines[model].only({4, 5}).estimate("test", "accuracy").mean
        assert points[-1]["accuracy"]["mean"] == pytest.approx(own)
    assert [entry["images"] for entry in found["differences_by_size"]] == [60, 120, 250]
    assert read_ablations(StudyContext(parsed(""), data, root), baselines, trained_on=250) is None


def test_permuted_runs_saw_permuted_pixels(done, tiny_dataset):
    """The same labels in the same order, and other scores than the baseline's of that seed."""
    root, _ = done
    for model in ("ffnn", "cnn"):
        baseline = run_path(root, model, "baseline", 4) / "predictions.npz"
        permuted = run_path(root / "experiments", model, "pixels=permuted", 4) / "predictions.npz"
        a, b = (load_predictions(path)["test"] for path in (baseline, permuted))
        np.testing.assert_array_equal(a.labels, b.labels)
        assert not np.array_equal(a.logits, b.logits)


def test_they_are_of_the_studys_data(tmp_path):
    """Whatever part of the training images a study sees, its experiments see, from the same source."""
    study = spec.parse_study(STUDY + "training_images: 110\n", "test")
    source = Source("synthetic", None, "drawn")
    for run in experiment_runs(StudyContext(study, DATA, tmp_path, source)):
        assert (run.source, run.data) == (source, DATA)
        assert run.training_images == (60 if run.name.startswith("images=") else 110)
        if not run.name.startswith("images="):
            assert run.configuration == study.models[run.model]["baseline"]


def test_a_plain_runs_identity_is_what_it_always_was(tmp_path):
    """No word of permutations or folds in it: what was trained before there were experiments is not trained again."""
    runs = all_runs(StudyContext(parsed(), DATA, tmp_path))
    plain = [run for run in runs if not run.permuted and run.fold is None]
    assert len(plain) == 6 + 8
    for run in plain:
        assert run.identity == run_identity(run.configuration, run.seed, DATA, run.training_images)
        assert set(run.identity) == {"format", "model", "configuration", "seed", "data"}
    assert len({identity_hash(run.identity) for run in runs}) == len(runs)


@pytest.mark.parametrize(
    ("images", "epochs"), [(1, 9), (50, 9), (51, 5), (100, 5), (101, 3), (200, 3), (201, 2), (450, 2), (54_999, 2)]
)
def test_epochs_by_hand(images, epochs, tmp_path):
    """Batches of 50 and nine steps: ⌈9 / ⌈images / 50⌉⌉ epochs, or the baseline's two; all else is the baseline's."""
    study = parsed(f"experiments: {{training_sizes: [{images}], least_steps: 9}}")
    (configuration,) = {run.configuration for run in size_runs(StudyContext(study, DATA, tmp_path), "ffnn")[images]}
    assert configuration == study.models["ffnn"]["baseline"].model_copy(update={"epochs": epochs})


def test_too_many_steps_are_one_line():
    """More than a configuration may have epochs are refused: a set may have one step an epoch."""
    with pytest.raises(UsageError, match=r"least_steps: got 10001") as caught:
        parsed("experiments: {training_sizes: [10], least_steps: 10001}")
    assert "\n" not in str(caught.value)
    most = parsed("experiments: {training_sizes: [10], least_steps: 10000}")
    assert size_runs(StudyContext(most, DATA, Path("runs")), "ffnn")[10][0].configuration.epochs == 10_000


def test_a_size_stands_once():
    """A set named twice is one line, as seeds and values are."""
    with pytest.raises(UsageError, match="each size once"):
        parsed("experiments: {training_sizes: [100, 60, 100]}")


def test_a_sketch_has_no_folds(tmp_path):
    """A study on a part of the training images has no audit, so nothing is held out for one."""
    study = spec.parse_study(STUDY + "training_images: 200\n", "test")
    assert fold_runs(StudyContext(study, DATA, tmp_path), "ffnn") == []
    assert len(fold_runs(StudyContext(parsed(), DATA, tmp_path), "ffnn")) == 3


def test_all_images_are_the_baseline_itself(tmp_path):
    """Of the whole training set's size there is no run besides the study's own; one image less is one."""
    study = parsed("experiments: {training_sizes: [54999, 55000]}")
    assert list(size_runs(StudyContext(study, DATA, tmp_path), "cnn")) == [54_999]


def test_nothing_else_has_their_labels(tmp_path):
    """Progress and failures go by labels, so no variation of a study can be taken for one of its experiments."""
    variations = "variations: {permuted-pixels: {l2: 0.1}, fold-0-of-3: {l2: 0.2}}"
    text = STUDY.replace("batch_size: 50}", f"batch_size: 50}}\n    {variations}")
    try:
        runs = all_runs(StudyContext(spec.parse_study(text, "test"), DATA, tmp_path))
    except UsageError:
        # Refusing such names would do as well.
        return
    assert len({run.label for run in runs}) == len(runs)


def test_experiments_without_settings_are_those_of_full():
    """What `run --experiments` adds is what a study gets that asks for experiments and says no more."""
    assert parsed("experiments: {}").experiments == spec.load_study("full").experiments


@pytest.mark.parametrize(
    "text",
    ["experiments: {folds: null}", "experiments: {training_sizes: []}", "experiments: {permutation: none}"],
)
def test_what_is_left_out_stays_left_out(text):
    """A resolved study file, which a directory keeps, brings back no experiment that was not wanted."""
    study = parsed(text)
    assert spec.parse_study(spec.to_yaml(study), "again") == study


def test_a_studys_own_experiments_come_before_its_directorys(tmp_path):
    """Those of an earlier call are only taken where there are none, and not from a study of other models."""
    earlier, own = parsed(), parsed("experiments: {folds: 7}")
    (tmp_path / "study.yaml").write_text(spec.to_yaml(earlier))
    assert overrides.with_earlier(own, tmp_path).experiments == own.experiments
    alone = spec.parse_study("name: experimental\nmodels: {cnn: {}}\n", "test")
    assert overrides.with_earlier(alone, tmp_path).experiments is None


def run_of(done, model, name, seed=4):
    """Return one run of the finished study's experiments."""
    root, data = done
    runs = experiment_runs(StudyContext(parsed(), data, root))
    return next(run for run in runs if (run.model, run.name, run.seed) == (model, name, seed))


def trained_on(run):
    """Return mean and deviation of the images that a run was trained on, as it keeps them."""
    weights = best_weights(run.directory)
    return float(weights["input.mean"][0]), float(weights["input.deviation"][0])


@pytest.mark.parametrize("model", ["ffnn", "cnn"])
def test_a_fold_is_predicted_by_a_network_trained_on_the_others(model, done, tiny_dataset):
    """Its logits are those of the held-out images, in their order; its pixel statistics those of all others."""
    fold = folds_of(tiny_dataset.train_labels, 3)
    for k in range(3):
        run = run_of(done, model, f"fold={k}-of-3")
        predictions = load_predictions(run.directory.predictions)
        classifier = load_classifier(run.configuration, run.directory)
        for part, images, labels in (
            ("test", tiny_dataset.train_images[fold == k], tiny_dataset.train_labels[fold == k]),
            ("validation", tiny_dataset.validation_images, tiny_dataset.validation_labels),
        ):
            np.testing.assert_array_equal(predictions[part].labels, labels)
            np.testing.assert_array_equal(predictions[part].logits, classifier.logits(classifier.preprocess(images)))
        assert trained_on(run) == pytest.approx(pixel_statistics(tiny_dataset.train_images[fold != k]), rel=1e-6)
        assert len(predictions["train"].labels) == (fold != k).sum()
        assert read_json(run.directory.config)["fold"] == [k, 3]


@pytest.mark.parametrize("model", ["ffnn", "cnn"])
def test_a_permuted_run_is_validated_and_tested_on_permuted_pixels(model, done, tiny_dataset):
    """Its logits are those that its network gives for images in the published order of pixels."""
    run = run_of(done, model, "pixels=permuted")
    predictions = load_predictions(run.directory.predictions)
    classifier = load_classifier(run.configuration, run.directory)
    for part in ("train", "validation", "test"):
        images = getattr(tiny_dataset, f"{part}_images")
        # Row by row in memory, for the same bits.
        moved = np.ascontiguousarray(images.reshape(-1, 784)[:, pixel_order(784)]).reshape(-1, 28, 28)
        np.testing.assert_array_equal(predictions[part].logits, classifier.logits(classifier.preprocess(moved)))
    assert read_json(run.directory.config)["permuted"] is True


@pytest.mark.parametrize("model", ["ffnn", "cnn"])
def test_a_smaller_set_is_all_that_a_run_sees(model, done, tiny_dataset):
    """Pixel statistics and training predictions are of its images alone, which a larger set contains."""
    for images in (60, 120):
        run = run_of(done, model, f"images={images}")
        subset = training_subset(tiny_dataset, images)
        assert trained_on(run) == pytest.approx(pixel_statistics(subset.train_images), rel=1e-6)
        np.testing.assert_array_equal(load_predictions(run.directory.predictions)["train"].labels, subset.train_labels)


def read(study, root, data):
    """Return what the experiments found, with the baselines that are finished."""
    baselines = {}
    for model in study.models:
        own = [run for run in plan(StudyContext(study, data, root)) if run.model == model]
        held, _ = read_runs(model, "baseline", own)
        if held.seeds():
            baselines[model] = held
    trained_on = study.training_images or ALL_IMAGES
    return read_ablations(StudyContext(study, data, root), baselines, trained_on=trained_on).model_dump()


def accuracy(root, model, name):
    """Return a configuration's test accuracy by its runs' own predictions, mean over the experiments' seeds."""
    files = [np.load(run_path(root, model, name, seed) / "predictions.npz") for seed in (4, 5)]
    return np.mean([np.mean(file["logits"].argmax(axis=1) == file["labels"]) for file in files])


def test_changes_curves_and_leads_follow_from_the_runs_results(done):
    """By their predictions: permuted minus baseline, each size's accuracy, the cnn's minus the ffnn's."""
    root, data = done
    found = read(parsed(), root, data)
    there = root / "experiments"
    change = {}
    for model in ("ffnn", "cnn"):
        change[model] = accuracy(there, model, "pixels=permuted") - accuracy(root, model, "baseline")
        assert found["permutation"]["changes"][model]["mean"] == pytest.approx(change[model])
        for point, name in zip(found["training_sizes"][model], ("images=60", "images=120"), strict=False):
            assert point["accuracy"]["mean"] == pytest.approx(accuracy(there, model, name))
    assert found["permutation"]["cnn_minus_ffnn"]["mean"] == pytest.approx(change["cnn"] - change["ffnn"])
    leads = [accuracy(there, "cnn", name) - accuracy(there, "ffnn", name) for name in ("images=60", "images=120")]
    leads.append(accuracy(root, "cnn", "baseline") - accuracy(root, "ffnn", "baseline"))
    assert [entry["mean"] for entry in found["differences_by_size"]] == pytest.approx(leads)
    assert min(abs(lead) for lead in leads) > 0


@pytest.fixture
def copy(done, tmp_path):
    """The finished study, to take something away from."""
    root, data = done
    return shutil.copytree(root, tmp_path / "copy"), data


def test_before_an_experiment_has_ended_its_part_is_empty(copy):
    """With the study's own runs alone there is no change, no curve and no lead, and nothing out of folds."""
    root, data = copy
    shutil.rmtree(root / "experiments")
    assert read(parsed(), root, data) == {
        "least_steps": 9,
        "permutation": {"changes": {}, "cnn_minus_ffnn": None},
        "training_sizes": {"ffnn": [], "cnn": []},
        "differences_by_size": [],
    }
    assert out_of_fold(StudyContext(parsed(), data, root), np.zeros(400, int)) is None
    assert out_of_fold(StudyContext(parsed("experiments: {folds: null}"), data, root), np.zeros(400, int)) is None
    assert out_of_fold(StudyContext(parsed(""), data, root), np.zeros(400, int)) is None


def test_what_has_ended_is_read_without_the_rest(copy):
    """Sizes, seeds and models that are missing are left out; a curve without its baseline ends before it."""
    root, data = copy
    shutil.rmtree(root / "ffnn")
    shutil.rmtree(root / "experiments" / "ffnn" / "images=60")
    shutil.rmtree(root / "experiments" / "cnn" / "pixels=permuted" / "seed-5")
    # Only the cnn's baseline with a seed that is not the experiments' is left.
    for seed in (4, 5):
        shutil.rmtree(root / "cnn" / "baseline" / f"seed-{seed}")
    found = read(parsed(), root, data)
    assert found["permutation"] == {"changes": {}, "cnn_minus_ffnn": None}
    assert [point["images"] for point in found["training_sizes"]["ffnn"]] == [120]
    assert [point["images"] for point in found["training_sizes"]["cnn"]] == [60, 120]
    assert [entry["images"] for entry in found["differences_by_size"]] == [120]


def test_changes_are_over_the_seeds_that_have_ended(copy):
    """A permuted run that is missing costs its model that seed, and the comparison of both as well."""
    root, data = copy
    shutil.rmtree(root / "experiments" / "cnn" / "pixels=permuted" / "seed-5")
    found = read(parsed(), root, data)["permutation"]
    assert found["changes"]["ffnn"]["seeds"] == [4, 5]
    assert found["changes"]["cnn"]["seeds"] == found["cnn_minus_ffnn"]["seeds"] == [4]


def test_a_model_counts_out_of_folds_when_all_its_folds_have_ended(copy, tiny_dataset):
    """With one fold missing the other model's probabilities stand alone."""
    root, data = copy
    _, of_both = out_of_fold(StudyContext(parsed(), data, root), tiny_dataset.train_labels)
    shutil.rmtree(root / "experiments" / "cnn" / "fold=2-of-3")
    models, shares = out_of_fold(StudyContext(parsed(), data, root), tiny_dataset.train_labels)
    assert models == ["ffnn"]
    assert not np.allclose(shares, of_both)
    for k in range(3):
        fold = folds_of(tiny_dataset.train_labels, 3) == k
        path = run_path(root / "experiments", "ffnn", f"fold={k}-of-3", 4) / "predictions.npz"
        np.testing.assert_array_equal(shares[fold], load_predictions(path)["test"].probabilities)


def test_runs_of_another_study_are_refused(copy, tiny_dataset):
    """Folds and permuted runs under another definition are one line, not taken for this study's."""
    root, data = copy
    other = spec.parse_study(STUDY.replace("hidden_sizes: [8]", "hidden_sizes: [9]"), "test")
    for look in (
        lambda: out_of_fold(StudyContext(other, data, root), tiny_dataset.train_labels),
        lambda: read_ablations(StudyContext(other, data, root), {}, trained_on=ALL_IMAGES),
    ):
        with pytest.raises(UserError, match="holds another run") as caught:
            look()
        assert "\n" not in str(caught.value)


def test_a_study_of_one_model_on_a_part_of_the_images(tmp_path, tiny_dataset):
    """Its curve ends at that part; alone it has no lead over anybody."""
    text = """
name: part
seeds: 1
training_images: 120
models: {ffnn: {baseline: {hidden_sizes: [8], epochs: 1}}}
experiments: {training_sizes: [60, 120, 300], least_steps: 1, folds: null}
"""
    study, data = spec.parse_study(text, "test"), data_identity(tiny_dataset)
    for run in all_runs(StudyContext(study, data, tmp_path)):
        execute(run, dataset=tiny_dataset)
    found = read(study, tmp_path, data)
    assert [point["images"] for point in found["training_sizes"]["ffnn"]] == [60, 120]
    assert found["differences_by_size"] == []
    assert list(found["permutation"]["changes"]) == ["ffnn"]
