"""What a study's explanations leave behind: made once from saved weights, described with intervals, redone at will."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fashion_compare.analysis import data_audit, explanations, faithfulness, networks
from fashion_compare.analysis.robustness import compare_robustness
from fashion_compare.analysis.single_image import explain_image
from fashion_compare.data.dataset import Dataset
from fashion_compare.errors import UserError
from fashion_compare.evaluation.predictions import Predictions
from fashion_compare.execution.designs import all_runs
from fashion_compare.execution.plan import plan
from fashion_compare.explanation.attribution import METHODS
from fashion_compare.explanation.faithfulness import CONTROLS
from fashion_compare.explanation.perturbations import PERTURBATIONS
from fashion_compare.results.collect import collect, describe_dataset
from fashion_compare.results.schema import Results
from fashion_compare.runs.execute import execute
from fashion_compare.runs.run import data_identity, run_path
from fashion_compare.store import RunDirectory, load_arrays
from fashion_compare.study import spec
from fashion_compare.study.context import StudyContext

STUDY = """
name: explained
seeds: 2
models:
  ffnn:
    baseline: {hidden_sizes: [12], epochs: 3}
  cnn:
    baseline: {epochs: 2, batch_size: 20}
experiments: {seeds: 2, training_sizes: [100], folds: 2, least_steps: 5}
"""
SMALL = networks.ExplanationBudget(probed=60, shift_map=20, readout=200, perturbed=20, randomised=8, averaged=40)


@pytest.fixture(autouse=True, scope="module")
def _small() -> Any:
    patch = pytest.MonkeyPatch()
    patch.setattr(networks, "QUICK_BUDGET", SMALL)
    patch.setattr(networks.TrainedRuns.__init__, "__defaults__", (SMALL,))
    patch.setattr(networks, "ExplanationBudget", lambda: SMALL)
    yield
    patch.undo()


@pytest.fixture(scope="module")
def study() -> spec.Study:
    return spec.parse_study(STUDY, "test")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory, study: spec.Study, tiny_dataset: Dataset) -> Path:
    """A finished study of both models with its experiments, explained and audited."""
    root = tmp_path_factory.mktemp("runs") / "explained"
    for run in all_runs(StudyContext(study, data_identity(tiny_dataset), root)):
        execute(run, dataset=tiny_dataset)
    found = collected(study, tiny_dataset, root)
    said: list[str] = []
    explanations.make_explanations(
        StudyContext(study, data_identity(tiny_dataset), root), found.best, tiny_dataset, said.append
    )
    data_audit.make_audit(StudyContext(study, data_identity(tiny_dataset), root), tiny_dataset, said.append)
    assert len(said) >= 8
    return root


def collected(study: spec.Study, dataset: Dataset, root: Path) -> Results:
    """Return the results of a study on data that has no name of its own."""
    described = describe_dataset(replace(dataset, name="garments"), study)
    return collect(StudyContext(study, data_identity(dataset), root), described)


@pytest.fixture(scope="module")
def found(study: spec.Study, root: Path, tiny_dataset: Dataset) -> Results:
    return collected(study, tiny_dataset, root)


def test_what_is_made_is_not_made_again(root: Path, study: spec.Study, tiny_dataset: Dataset, found: Results) -> None:
    """A second time nothing is said and no file is touched."""
    before = {path: path.stat().st_mtime_ns for path in (root / "explanations").iterdir()}
    said: list[str] = []
    explanations.make_explanations(
        StudyContext(study, data_identity(tiny_dataset), root), found.best, tiny_dataset, said.append
    )
    data_audit.make_audit(StudyContext(study, data_identity(tiny_dataset), root), tiny_dataset, said.append)
    assert said == []
    assert {path: path.stat().st_mtime_ns for path in (root / "explanations").iterdir()} == before


def test_it_can_be_redone_without_training(
    root: Path, study: spec.Study, tiny_dataset: Dataset, found: Results, tmp_path: Path
) -> None:
    """Deleted explanations come back with the same numbers from the weights; the runs are not touched."""
    copy = tmp_path / "copy"
    shutil.copytree(root, copy)
    shutil.rmtree(copy / "explanations")
    bare = collected(study, tiny_dataset, copy)
    assert bare.gallery is None
    assert bare.robustness == bare.faithfulness == {}
    assert bare.data_quality is None
    explanations.make_explanations(
        StudyContext(study, data_identity(tiny_dataset), copy), bare.best, tiny_dataset, lambda _: None
    )
    data_audit.make_audit(StudyContext(study, data_identity(tiny_dataset), copy), tiny_dataset, lambda _: None)
    again = collected(study, tiny_dataset, copy)
    for section in ("gallery", "robustness", "robustness_differences", "faithfulness", "data_quality"):
        assert getattr(again, section) == getattr(found, section)


def test_explanations_of_other_networks_are_not_taken_for_these(
    root: Path, study: spec.Study, tiny_dataset: Dataset, tmp_path: Path
) -> None:
    """After a run was trained with other settings in its place, what was made of the old one is not described."""
    copy = tmp_path / "copy"
    shutil.copytree(root, copy)
    other = spec.parse_study(STUDY.replace("epochs: 3", "epochs: 4"), "test")
    shutil.rmtree(copy / "ffnn")
    for run in plan(StudyContext(other, data_identity(tiny_dataset), copy)):
        if run.model == "ffnn":
            execute(run, dataset=tiny_dataset)
    best = collect_best(other, tiny_dataset, copy)
    found = explanations.describe_explanations(StudyContext(other, data_identity(tiny_dataset), copy), best)
    assert found.gallery is None
    assert set(found.robustness) == {"cnn"}

    # Stopped as soon as the gallery is made, what else belongs to it is still of the networks before.
    explanations.make_explanations(
        StudyContext(other, data_identity(tiny_dataset), copy), best, tiny_dataset, lambda _: None
    )
    found = explanations.describe_explanations(StudyContext(other, data_identity(tiny_dataset), copy), best)
    readers = {"averages": explanations.read_averages, "playground": explanations.read_playground}
    for name, read in readers.items():
        assert read(found.gallery, copy)
        for suffix in (".npz", ".json"):
            shutil.copy(root / "explanations" / f"{name}{suffix}", copy / "explanations")
        assert read(found.gallery, copy) == {}
    assert explanations.read_gallery(found.gallery, copy) is not None


def collect_best(study: spec.Study, dataset: Dataset, root: Path) -> dict[str, Any]:
    without = study.model_copy(update={"experiments": None})
    best: dict[str, Any] = collected(without, dataset, root).best
    return best


def test_probe_curves_begin_at_the_networks_own_accuracy(
    root: Path, study: spec.Study, tiny_dataset: Dataset, found: Results
) -> None:
    """The unchanged amount of every probe is the accuracy on the looked-at images, by the saved predictions."""
    part = np.sort(np.random.default_rng([20170825, 200]).permutation(200)[:60])
    for model, held in found.robustness.items():
        expected = []
        for seed in study.seeds:
            with np.load(run_path(root, model, "baseline", seed) / "predictions.npz") as saved:
                expected.append((saved["logits"].argmax(axis=1) == saved["labels"])[part].mean())
        assert [curve.perturbation for curve in held.perturbations] == [probe.name for probe in PERTURBATIONS]
        for curve in held.perturbations:
            (own,) = [point for point in curve.points if point.change is None]
            assert own.amount == curve.unchanged
            assert own.accuracy.mean == pytest.approx(np.mean(expected))
        for curve in held.perturbations:
            base = next(point.accuracy.mean for point in curve.points if point.change is None)
            for point in curve.points:
                if point.change is not None:
                    assert point.change.mean == pytest.approx(point.accuracy.mean - base, abs=1e-6)


def test_the_lead_of_a_probe_is_the_difference_of_the_changes(found: Results) -> None:
    """The cnn's mean change over all amounts minus the ffnn's."""

    def mean_change(model: str, k: int) -> float:
        points = found.robustness[model].perturbations[k].points
        return float(np.mean([point.change.mean for point in points if point.change is not None]))

    for k, lead in enumerate(found.robustness_differences):
        assert lead.mean == pytest.approx(mean_change("cnn", k) - mean_change("ffnn", k), abs=1e-6)
        assert lead.seeds == [0, 1]


def test_leads_need_a_seed_in_common(root: Path, study: spec.Study, found: Results) -> None:
    """Without one there is nothing to pair; with other seeds than those probed, nothing was made."""
    cnn, ffnn = (networks.finished(StudyContext(study, {}, root), model, "baseline") for model in ("cnn", "ffnn"))
    assert len(compare_robustness(cnn, ffnn)) == len(PERTURBATIONS)
    assert compare_robustness(replace(cnn, seeds=(0,)), ffnn) == []


def test_faithfulness_has_every_method_and_control(found: Results) -> None:
    """Areas, leads over each of four controls with intervals, correlations by layer, and with two seeds no verdict."""
    for model, held in found.faithfulness.items():
        assert [method.method for method in held.methods] == list(METHODS[model])
        assert [control.control for control in held.controls] == list(CONTROLS)
        for method in held.methods:
            for kind in ("deletion", "insertion"):
                against = getattr(method, kind)
                assert 0 <= against.area.mean <= 1
                assert list(against.differences) == list(CONTROLS)
                for control in held.controls:
                    lead = against.differences[control.control]
                    sign = 1 if kind == "insertion" else -1
                    gap = sign * (against.area.mean - getattr(control, kind).mean)
                    assert lead.mean == pytest.approx(gap)
                    assert (control.control in against.beats) == (lead.low > 0)
            assert method.cascading_randomization[0].layer in ("dense2", "dense3")
            assert -1 <= method.seed_to_seed_correlation <= 1
            assert method.passes_randomization is None
        for curves in held.curves.values():
            assert all(len(curve) == 29 for curve in curves.values())


def test_one_seed_has_no_other_training_to_compare_with(
    root: Path, study: spec.Study, tiny_dataset: Dataset, tmp_path: Path
) -> None:
    """The randomised-weights check then gives correlations and no verdict."""
    copy = tmp_path / "copy"
    shutil.copytree(root, copy)
    one = study.with_seeds(1)
    explanations.make_explanations(
        StudyContext(one, data_identity(tiny_dataset), copy),
        collect_best(one, tiny_dataset, copy),
        tiny_dataset,
        lambda _: None,
    )
    found = explanations.describe_explanations(
        StudyContext(one, data_identity(tiny_dataset), copy), collect_best(one, tiny_dataset, copy)
    )
    for held in found.faithfulness.values():
        assert {method.passes_randomization for method in held.methods} == {None}
        assert {method.seed_to_seed_correlation for method in held.methods} == {None}


def correlations(last: list[float], seeds: int = 3) -> dict[str, np.ndarray]:
    """Arrays of one method, one layer and as many seeds, each of 40 images alike."""
    steps = np.repeat(np.array(last[:seeds])[:, None, None], 40, axis=2)
    return {
        "correlations": steps[None],
        "trained_again": np.array([[0.2, 0.4]]),
        "layer_names": np.array(["conv1"]),
        "deletion": np.full((1 + len(CONTROLS), seeds, 40, 2), 0.5),
        "insertion": np.full((1 + len(CONTROLS), seeds, 40, 2), 0.5),
    }


@pytest.mark.parametrize(
    ("last", "passes"),
    [
        ([0.01, 0.0, -0.01], True),
        ([0.5, 0.51, 0.49], False),
        ([-0.5, -0.51, -0.49], False),
        ([0.2, 0.25, 0.3], None),
        ([-0.3, 0.0, 0.3], None),
    ],
)
def test_random_weights_are_judged_by_the_interval(last: list[float], passes: bool | None) -> None:
    """All of it nearer to 0 than a quarter passes, all of it beyond fails, on either side; else nothing is decided."""
    found = faithfulness._method(correlations(last), 0, "Grad-CAM")
    assert found.passes_randomization is passes
    assert found.seed_to_seed_correlation == pytest.approx(0.3)
    for seeds in (1, 2):
        assert faithfulness._method(correlations(last, seeds), 0, "Grad-CAM").passes_randomization is None


@pytest.mark.parametrize("model", ["ffnn", "cnn"])
def test_a_run_on_permuted_pixels_is_explained_on_them(model: str, tiny_dataset: Dataset, tmp_path: Path) -> None:
    """It is shown what it was trained on, and its maps come back to where the pixels are in the image."""
    permuted = spec.parse_study(STUDY.replace("training_sizes: [100], folds: 2", "permutation: fixed"), "test")
    run = next(
        run
        for run in all_runs(StudyContext(permuted, data_identity(tiny_dataset), tmp_path))
        if (run.model, run.name, run.seed) == (model, "pixels=permuted", 0)
    )
    execute(run, dataset=tiny_dataset)
    directory = RunDirectory(run_path(tmp_path / "experiments", model, "pixels=permuted", 0))
    with np.load(directory.predictions) as saved:
        expected = saved["logits"][:5]
    for image, logits in zip(tiny_dataset.test_images, expected, strict=False):
        said, maps = explain_image(directory, image, None)
        np.testing.assert_allclose(said.logits, logits, rtol=1e-4, atol=1e-5)
        # Where there is no light, integrated gradients give nothing.
        held = maps["predicted"]["integrated gradients"]
        assert held.any()
        assert not held[image == 0].any()


def test_averages_and_first_layers_are_kept(root: Path, found: Results) -> None:
    """Mean images are those of the classes' looked-at images; first layers are the weights themselves."""
    arrays = explanations.read_averages(found.gallery, root)
    assert {"images", "first/ffnn", "first/cnn", "maps/cnn/Grad-CAM", "maps/ffnn/integrated gradients"} <= set(arrays)
    weights, _ = load_arrays(RunDirectory(run_path(root, "cnn", "baseline", 0)).weights)
    kernels = {kernel.tobytes() for kernel in weights["best.conv1.weight"][:, 0]}
    assert {kernel.tobytes() for kernel in arrays["first/cnn"]} == kernels


def test_the_audit_has_the_data_and_the_suspects(found: Results, tiny_dataset: Dataset) -> None:
    """Counts by class, no copies, neighbours, and label errors from the folds; the noisy images have suspects."""
    held = found.data_quality
    assert held.class_counts["train"] == np.bincount(tiny_dataset.train_labels).tolist()
    assert held.duplicates == []
    assert held.neighbours["test"].images == 200
    errors = held.label_errors
    assert (errors.models, errors.folds) == (["ffnn", "cnn"], 2)
    assert sum(pair.images for pair in errors.train.pairs) == errors.train.suspected
    assert errors.test.suspected == sum(pair.images for pair in errors.test.pairs)
    for both in errors.test.accuracy.values():
        assert both.without_suspected.mean >= both.all.mean


def test_planted_wrong_labels_are_suspected_and_left_out() -> None:
    """Two of 40 test labels are wrong: both are suspected, and accuracy without them is whole."""
    right = np.arange(40) % 4
    given = right.copy()
    given[[5, 20]] = (right[[5, 20]] + 1) % 4
    sure = Predictions(given, 6 * np.eye(4, dtype=np.float32)[right])
    runs = {"ffnn": [sure, sure], "cnn": [sure, sure]}
    held = data_audit._on_test(runs)
    assert {(image.index, image.given, image.suggested) for image in held.most_suspicious} == {
        (k, given[k], right[k]) for k in (5, 20)
    }
    for both in held.accuracy.values():
        assert both.all.mean == pytest.approx(0.95)
        assert both.without_suspected.mean == 1


def test_experiments_are_in_the_results(found: Results) -> None:
    """Permutation and training sizes of both models, the baseline as the last size."""
    held = found.ablations
    assert set(held.permutation.changes) == {"ffnn", "cnn"}
    assert held.permutation.cnn_minus_ffnn.seeds == [0, 1]
    for points in held.training_sizes.values():
        assert [point.images for point in points] == [100, 400]


def test_calibration_is_of_the_best_configurations(found: Results) -> None:
    """A temperature a seed; log loss before it is that of results.json."""
    for model, held in found.calibration.items():
        assert held.configuration == found.best[model].configuration
        runs = found.models[model].configurations[held.configuration].runs
        assert held.before.loss == pytest.approx(np.mean([run.test["loss"] for run in runs]))
        assert held.before.ece == pytest.approx(np.mean([run.test["ece"] for run in runs]))
        assert len(held.temperatures) == 2


def test_a_test_image_that_equals_and_mirrors_counts_once() -> None:
    """Copies within the test set and repeats of test images are none of another part's."""
    parts = [("train", "test"), ("train", "test"), ("validation", "test"), ("test", "test"), ("train", "validation")]
    arrays = {"copies/parts": np.array(parts), "copies/indices": np.array([(5, 1), (9, 1), (2, 8), (1, 3), (4, 4)])}
    assert data_audit._duplicated_test_images(arrays) == 2


def test_a_fold_without_predictions_is_one_line(
    root: Path, study: spec.Study, tiny_dataset: Dataset, tmp_path: Path
) -> None:
    """It names the file and what to do."""
    copy = tmp_path / "copy"
    shutil.copytree(root, copy)
    predictions = next((copy / "experiments" / "cnn" / "fold=0-of-2").glob("seed-*/predictions.npz"))
    predictions.unlink()
    with pytest.raises(UserError, match=r"delete .* to train it again") as caught:
        collected(study, tiny_dataset, copy)
    assert str(predictions) in str(caught.value)
