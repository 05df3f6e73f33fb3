"""What a study's explanations leave behind: made once from saved weights, described with intervals, redone at will."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fashion_compare.data.dataset import Dataset
from fashion_compare.evaluation.predictions import Predictions
from fashion_compare.explanation.faithfulness import CONTROLS
from fashion_compare.explanation.methods import METHODS
from fashion_compare.explanation.probes import PROBES
from fashion_compare.store import RunDirectory, load_arrays
from fashion_compare.study import audit, explain, plan, results, spec, trained
from fashion_compare.study.mechanisms import compare_mechanisms
from fashion_compare.study.worker import execute

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
SMALL = trained.Sizes(probed=60, shift_map=20, readout=200, perturbed=20, randomised=8, averaged=40)


@pytest.fixture(autouse=True, scope="module")
def _small() -> Any:
    patch = pytest.MonkeyPatch()
    patch.setattr(trained, "SKETCH", SMALL)
    patch.setattr(trained.Trained.__init__, "__defaults__", (SMALL,))
    patch.setattr(trained, "Sizes", lambda: SMALL)
    yield
    patch.undo()


@pytest.fixture(scope="module")
def study() -> spec.Study:
    return spec.parse_study(STUDY, "test")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory, study: spec.Study, tiny_dataset: Dataset) -> Path:
    """A finished study of both models with its experiments, explained and audited."""
    from fashion_compare.study.designs import all_runs

    root = tmp_path_factory.mktemp("runs") / "explained"
    for run in all_runs(study, None, plan.data_identity(tiny_dataset), root):
        execute(run, dataset=tiny_dataset)
    found = collect(study, tiny_dataset, root)
    said: list[str] = []
    explain.make_explanations(study, found["best"], tiny_dataset, root, said.append)
    audit.make_audit(study, tiny_dataset, root, said.append)
    assert len(said) >= 8
    return root


def collect(study: spec.Study, dataset: Dataset, root: Path) -> dict[str, Any]:
    described = results.describe_dataset(dataset, study) | {"name": "garments"}
    return results.collect(study, described | {"name": dataset.name}, root)


@pytest.fixture(scope="module")
def found(study: spec.Study, root: Path, tiny_dataset: Dataset) -> dict[str, Any]:
    return collect(study, tiny_dataset, root)


def test_what_is_made_is_not_made_again(
    root: Path, study: spec.Study, tiny_dataset: Dataset, found: dict[str, Any]
) -> None:
    """A second time nothing is said and no file is touched."""
    before = {path: path.stat().st_mtime_ns for path in (root / "explanations").iterdir()}
    said: list[str] = []
    explain.make_explanations(study, found["best"], tiny_dataset, root, said.append)
    audit.make_audit(study, tiny_dataset, root, said.append)
    assert said == []
    assert {path: path.stat().st_mtime_ns for path in (root / "explanations").iterdir()} == before


def test_it_can_be_redone_without_training(
    root: Path, study: spec.Study, tiny_dataset: Dataset, found: dict[str, Any], tmp_path: Path
) -> None:
    """Deleted explanations come back with the same numbers from the weights; the runs are not touched."""
    copy = tmp_path / "copy"
    shutil.copytree(root, copy)
    shutil.rmtree(copy / "explanations")
    bare = collect(study, tiny_dataset, copy)
    assert bare["gallery"] is None
    assert bare["mechanisms"] == bare["faithfulness"] == {}
    assert bare["audit"] is None
    explain.make_explanations(study, bare["best"], tiny_dataset, copy, lambda _: None)
    audit.make_audit(study, tiny_dataset, copy, lambda _: None)
    again = collect(study, tiny_dataset, copy)
    for section in ("gallery", "mechanisms", "probe_leads", "faithfulness", "audit"):
        assert json.dumps(again[section]) == json.dumps(found[section])


def test_explanations_of_other_networks_are_not_taken_for_these(
    root: Path, study: spec.Study, tiny_dataset: Dataset, tmp_path: Path
) -> None:
    """After a run was trained with other settings in its place, what was made of the old one is not described."""
    copy = tmp_path / "copy"
    shutil.copytree(root, copy)
    other = spec.parse_study(STUDY.replace("epochs: 3", "epochs: 4"), "test")
    shutil.rmtree(copy / "ffnn")
    for run in plan.plan(other, None, plan.data_identity(tiny_dataset), copy):
        if run.model == "ffnn":
            execute(run, dataset=tiny_dataset)
    found = explain.describe_explanations(other, collect_best(other, tiny_dataset, copy), copy)
    assert found["gallery"] is None
    assert set(found["mechanisms"]) == {"cnn"}


def collect_best(study: spec.Study, dataset: Dataset, root: Path) -> dict[str, Any]:
    without = study.model_copy(update={"experiments": None})
    best: dict[str, Any] = collect(without, dataset, root)["best"]
    return best


def test_probe_curves_begin_at_the_networks_own_accuracy(
    root: Path, study: spec.Study, tiny_dataset: Dataset, found: dict[str, Any]
) -> None:
    """The unchanged amount of every probe is the accuracy on the looked-at images, by the saved predictions."""
    part = np.sort(np.random.default_rng([20170825, 200]).permutation(200)[:60])
    for model, held in found["mechanisms"].items():
        expected = []
        for seed in study.seeds:
            with np.load(plan.run_path(root, model, "baseline", seed) / "predictions.npz") as saved:
                expected.append((saved["logits"].argmax(axis=1) == saved["labels"])[part].mean())
        assert [curve["probe"] for curve in held["probes"]] == [probe.name for probe in PROBES]
        for curve in held["probes"]:
            (own,) = [point for point in curve["points"] if point["change"] is None]
            assert own["amount"] == curve["unchanged"]
            assert own["accuracy"]["mean"] == pytest.approx(np.mean(expected))
        for curve in held["probes"]:
            base = next(point["accuracy"]["mean"] for point in curve["points"] if point["change"] is None)
            for point in curve["points"]:
                if point["change"] is not None:
                    assert point["change"]["mean"] == pytest.approx(point["accuracy"]["mean"] - base, abs=1e-6)


def test_the_lead_of_a_probe_is_the_difference_of_the_changes(found: dict[str, Any]) -> None:
    """The cnn's mean change over all amounts minus the ffnn's."""

    def mean_change(model: str, k: int) -> float:
        points = found["mechanisms"][model]["probes"][k]["points"]
        return float(np.mean([point["change"]["mean"] for point in points if point["change"] is not None]))

    for k, lead in enumerate(found["probe_leads"]):
        assert lead["lead"]["mean"] == pytest.approx(mean_change("cnn", k) - mean_change("ffnn", k), abs=1e-6)
        assert lead["seeds"] == [0, 1]


def test_leads_need_a_seed_in_common(root: Path, study: spec.Study, found: dict[str, Any]) -> None:
    """Without one there is nothing to pair; with other seeds than those probed, nothing was made."""
    cnn, ffnn = (trained.finished(study, model, "baseline", root) for model in ("cnn", "ffnn"))
    assert len(compare_mechanisms(cnn, ffnn)) == len(PROBES)
    assert compare_mechanisms(replace(cnn, seeds=(0,)), ffnn) == []


def test_faithfulness_has_every_method_and_control(found: dict[str, Any]) -> None:
    """Areas, leads over each of four controls with intervals, correlations by layer, and a verdict with two seeds."""
    for model, held in found["faithfulness"].items():
        assert [method["method"] for method in held["methods"]] == list(METHODS[model])
        assert [control["control"] for control in held["controls"]] == list(CONTROLS)
        for method in held["methods"]:
            for kind in ("deletion", "insertion"):
                assert 0 <= method[kind]["area"]["mean"] <= 1
                assert list(method[kind]["leads"]) == list(CONTROLS)
                for control in held["controls"]:
                    lead = method[kind]["leads"][control["control"]]
                    sign = 1 if kind == "insertion" else -1
                    gap = sign * (method[kind]["area"]["mean"] - control[kind]["mean"])
                    assert lead["mean"] == pytest.approx(gap)
                    assert (control["control"] in method[kind]["beats"]) == (lead["interval"][0] > 0)
            assert method["randomised"][0]["layer"] in ("dense2", "dense3")
            assert method["trained_again"] is not None
            last = method["randomised"][-1]["correlation"]["mean"]
            if method["passes_randomisation"]:
                assert last < method["trained_again"]["mean"]
        for curves in held["curves"].values():
            assert all(len(curve) == 29 for curve in curves.values())


def test_one_seed_has_no_other_training_to_compare_with(
    root: Path, study: spec.Study, tiny_dataset: Dataset, tmp_path: Path
) -> None:
    """The randomised-weights check then gives correlations and no verdict."""
    copy = tmp_path / "copy"
    shutil.copytree(root, copy)
    one = study.with_seeds(1)
    explain.make_explanations(one, collect_best(one, tiny_dataset, copy), tiny_dataset, copy, lambda _: None)
    found = explain.describe_explanations(one, collect_best(one, tiny_dataset, copy), copy)
    for held in found["faithfulness"].values():
        assert {method["passes_randomisation"] for method in held["methods"]} == {None}
        assert {method["trained_again"] for method in held["methods"]} == {None}


def test_averages_and_first_layers_are_kept(root: Path) -> None:
    """Mean images are those of the classes' looked-at images; first layers are the weights themselves."""
    arrays = explain.read_averages(root)
    assert {"images", "first/ffnn", "first/cnn", "maps/cnn/Grad-CAM", "maps/ffnn/integrated gradients"} <= set(arrays)
    weights, _ = load_arrays(RunDirectory(plan.run_path(root, "cnn", "baseline", 0)).weights)
    kernels = {kernel.tobytes() for kernel in weights["best.conv1.weight"][:, 0]}
    assert {kernel.tobytes() for kernel in arrays["first/cnn"]} == kernels


def test_the_audit_has_the_data_and_the_suspects(found: dict[str, Any], tiny_dataset: Dataset) -> None:
    """Counts by class, no copies, neighbours, and label errors from the folds; the noisy images have suspects."""
    held = found["audit"]
    assert held["class_counts"]["train"] == np.bincount(tiny_dataset.train_labels).tolist()
    assert held["copies"] == []
    assert held["neighbours"]["test"]["images"] == 200
    errors = held["label_errors"]
    assert (errors["models"], errors["folds"]) == (["ffnn", "cnn"], 2)
    assert sum(pair["images"] for pair in errors["train"]["pairs"]) == errors["train"]["suspected"]
    assert errors["test"]["suspected"] == sum(pair["images"] for pair in errors["test"]["pairs"])
    for both in errors["test"]["accuracy"].values():
        assert both["without_suspected"]["mean"] >= both["all"]["mean"]


def test_planted_wrong_labels_are_suspected_and_left_out() -> None:
    """Two of 40 test labels are wrong: both are suspected, and accuracy without them is whole."""
    right = np.arange(40) % 4
    given = right.copy()
    given[[5, 20]] = (right[[5, 20]] + 1) % 4
    sure = Predictions(given, 6 * np.eye(4, dtype=np.float32)[right])
    runs = {"ffnn": [sure, sure], "cnn": [sure, sure]}
    held = audit._on_test(runs)
    assert {(image["index"], image["given"], image["suggested"]) for image in held["most_suspicious"]} == {
        (k, given[k], right[k]) for k in (5, 20)
    }
    for both in held["accuracy"].values():
        assert both["all"]["mean"] == pytest.approx(0.95)
        assert both["without_suspected"]["mean"] == 1


def test_experiments_are_in_the_results(found: dict[str, Any]) -> None:
    """Permutation and training sizes of both models, the baseline as the last size."""
    held = found["experiments"]
    assert set(held["permutation"]["changes"]) == {"ffnn", "cnn"}
    assert held["permutation"]["cnn_minus_ffnn"]["seeds"] == [0, 1]
    for points in held["training_sizes"].values():
        assert [point["images"] for point in points] == [100, 55_000]


def test_calibration_is_of_the_best_configurations(found: dict[str, Any]) -> None:
    """A temperature a seed; log loss before it is that of results.json."""
    for model, held in found["calibration"].items():
        assert held["configuration"] == found["best"][model]["configuration"]
        runs = found["models"][model]["configurations"][held["configuration"]]["runs"]
        assert held["before"]["loss"] == pytest.approx(np.mean([run["test"]["loss"] for run in runs]))
        assert held["before"]["ece"] == pytest.approx(np.mean([run["test"]["ece"] for run in runs]))
        assert len(held["temperatures"]) == 2
