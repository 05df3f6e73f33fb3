"""What a study found: every number of results.json, recomputed from the files of its runs."""

import csv
import json
import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats
from scipy.special import softmax
from sklearn import metrics as sklearn_metrics

from fashion_compare.data.dataset import CLASS_NAMES
from fashion_compare.data.sources import Source
from fashion_compare.errors import UserError
from fashion_compare.evaluation.metrics import COMPARED, METRIC
from fashion_compare.results.collect import collect
from fashion_compare.results.files import known_failures, write_results
from fashion_compare.results.schema import DatasetDescription
from fashion_compare.runs.execute import record_of
from fashion_compare.runs.run import Run
from fashion_compare.store import read_json, write_json
from fashion_compare.study.context import StudyContext
from fashion_compare.study.spec import Study, parse_study

TEXT = """
name: mine
seeds: 3
models:
  ffnn:
    baseline: {hidden_sizes: [8], epochs: 3}
    variations:
      slow: {learning_rate: 0.0003}
      fast: {learning_rate: 0.003}
      l2: {l2: 0.001}
  cnn:
    baseline: {epochs: 3}
    variations:
      large: {batch_size: 512}
"""
SPLITS = {"train": 80, "validation": 60, "test": 150}
# How far the logits lean towards the labels: what makes one configuration better than another.
LEAD = {"baseline": 2.0, "slow": 1.0, "fast": 2.05, "l2": 2.0, "large": 2.6}
DATA = {"name": "garments", "sha256": {}, "split_sha256": "ab"}
DATASET = DatasetDescription(**DATA, source="drawn", is_synthetic=True, class_names=list(CLASS_NAMES), counts=SPLITS)


def finish(
    root: Path, study: Study, model: str, name: str, seed: int, labels: dict[str, np.ndarray] | None = None
) -> Run:
    """Write the files of a finished run whose predictions are drawn, better or worse by its configuration."""
    one = Run(model, name, study.models[model][name], seed, None, Source("synthetic", None, "drawn"), root, DATA)
    rng = np.random.default_rng([seed, *f"{model}/{name}".encode()])
    arrays = {}
    for i, (part, images) in enumerate(SPLITS.items()):
        prefix = "" if part == "test" else f"{part}_"
        of_part = np.random.default_rng(i).permutation(np.arange(images) % 10) if labels is None else labels[part]
        logits = rng.normal(size=(images, 10)) + LEAD[name] * np.eye(10)[of_part]
        arrays |= {f"{prefix}labels": of_part, f"{prefix}logits": logits.astype(np.float32)}
    one.claim()
    np.savez(one.directory.predictions, **arrays)
    lines = []
    for epoch in range(4):
        line: dict[str, Any] = {"epoch": epoch, "objective": 1.0 if epoch else None, "penalty": 0.0}
        line |= {"seconds": 0.0 if epoch == 0 else 1.0 + epoch + seed}
        line |= {"train_loss": 1 / (epoch + 1), "train_accuracy": 0.3 * epoch}
        line |= {"validation_loss": [2.3, 0.5, 0.4, 0.6][epoch], "validation_accuracy": [0.1, 0.7, 0.8, 0.75][epoch]}
        lines.append(line)
    one.directory.write_metrics(lines)
    write_json(one.directory.result, record_of(one).model_dump())
    return one


def finish_all(root: Path, study: Study) -> None:
    """Write the files of all runs."""
    for model, configurations in study.models.items():
        for name in configurations:
            for seed in study.seeds:
                finish(root, study, model, name, seed)


@pytest.fixture(scope="module")
def study() -> Study:
    """Return two models, six configurations, three seeds."""
    return parse_study(TEXT, "mine")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory, study: Study) -> Path:
    """Return the directory of that study, finished, with results.json and results.csv."""
    directory = tmp_path_factory.mktemp("runs") / "mine"
    finish_all(directory, study)
    write_results(collect(StudyContext(study, DATASET.identity, directory), DATASET), directory)
    return directory


@pytest.fixture
def copy(root: Path, tmp_path: Path) -> Path:
    """Return a copy of the finished study's run directories, to damage."""
    for model in ("ffnn", "cnn"):
        shutil.copytree(root / model, tmp_path / model)
    return tmp_path


def lose(root: Path, model: str, name: str, *seeds: int) -> None:
    """Make some runs unfinished."""
    for seed in seeds:
        shutil.rmtree(root / model / name / f"seed-{seed}")


@pytest.fixture(scope="module")
def results(root: Path) -> dict[str, Any]:
    """Return results.json as another program reads it, which knows no NaN."""

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} in results.json")

    content: dict[str, Any] = json.loads((root / "results.json").read_text(), parse_constant=refuse)
    return content


def configurations(results: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    """Return model, name and entry of every configuration."""
    return [
        (model, name, entry)
        for model, part in results["models"].items()
        for name, entry in part["configurations"].items()
    ]


def test_runs_are_what_their_files_say(results: dict[str, Any], root: Path, study: Study) -> None:
    """Every run's entry holds its result.json, unchanged, beside its scores, and none is missing."""
    scored = {"train", "validation", "test", "per_class", "confusion"}
    for model, name, entry in configurations(results):
        records = [read_json(root / model / name / f"seed-{seed}" / "result.json") for seed in study.seeds]
        assert [{key: run[key] for key in run.keys() - scored} for run in entry["runs"]] == records
        assert all(
            run.keys() >= scored and not record.keys() & scored
            for run, record in zip(entry["runs"], records, strict=True)
        )
        assert entry["settings"] == study.models[model][name].model_dump(mode="json")


def test_every_score_follows_from_the_predictions(results: dict[str, Any], root: Path) -> None:
    """From predictions.npz alone scikit-learn finds the same scores of each run and part, to 1e-9."""
    for model, name, entry in configurations(results):
        for run in entry["runs"]:
            with np.load(root / model / name / f"seed-{run['seed']}" / "predictions.npz") as file:
                for part in SPLITS:
                    prefix = "" if part == "test" else f"{part}_"
                    labels, logits = file[f"{prefix}labels"], file[f"{prefix}logits"].astype(np.float64)
                    p, called = softmax(logits, axis=1), logits.argmax(axis=1)
                    macro = {"average": "macro", "zero_division": 0}
                    expected = {
                        "accuracy": sklearn_metrics.accuracy_score(labels, called),
                        "precision_macro": sklearn_metrics.precision_score(labels, called, **macro),
                        "recall_macro": sklearn_metrics.recall_score(labels, called, **macro),
                        "f1_macro": sklearn_metrics.f1_score(labels, called, **macro),
                        "auc_macro_ovr": sklearn_metrics.roc_auc_score(labels, p, multi_class="ovr"),
                        "auc_micro": sklearn_metrics.roc_auc_score(np.eye(10)[labels], p, average="micro"),
                        "nll": sklearn_metrics.log_loss(labels, p),
                        "brier": np.mean(np.sum((p - np.eye(10)[labels]) ** 2, axis=1)),
                    }
                    assert {key: run[part][key] for key in expected} == pytest.approx(expected, abs=1e-9)
                    if part == "test":
                        assert run["confusion"] == sklearn_metrics.confusion_matrix(labels, called).tolist()


def test_means_are_means(results: dict[str, Any]) -> None:
    """A configuration's mean is the mean over its runs: of each score and part, class, confusion and time."""
    for _, _, entry in configurations(results):
        runs, mean = entry["runs"], entry["mean"]
        for part in SPLITS:
            for metric in METRIC:
                assert mean[part][metric] == pytest.approx(sum(run[part][metric] for run in runs) / 3, abs=1e-12)
        for c in range(10):
            for metric in ("precision", "recall", "f1", "auc"):
                assert mean["per_class"][c][metric] == pytest.approx(
                    sum(run["per_class"][c][metric] for run in runs) / 3, abs=1e-12
                )
            for d in range(10):
                counted = sum(run["confusion"][c][d] for run in runs) / 3
                assert mean["confusion"][c][d] == pytest.approx(counted, abs=1e-12)
        assert mean["seconds"] == pytest.approx(sum(run["seconds"] for run in runs) / 3)


def test_time_and_epochs_are_those_of_the_curve(results: dict[str, Any]) -> None:
    """Seconds are summed over epochs, the middle one is an epoch's, and the best epoch is validation's."""
    for _, _, entry in configurations(results):
        for run in entry["runs"]:
            seed = run["seed"]
            assert run["seconds"] == pytest.approx((2 + seed) + (3 + seed) + (4 + seed))
            assert run["seconds_per_epoch"] == pytest.approx(3 + seed)
            assert (run["epochs"], run["best_epoch"]) == (3, 2)
            assert run["last"]["validation_accuracy"] == 0.75
        assert entry["curves"]["gap"] == pytest.approx(0.9 - 0.75)
        assert entry["curves"]["loss_increase"] == pytest.approx(0.6 / 0.4 - 1)


def test_intervals_are_around_their_means(results: dict[str, Any], root: Path) -> None:
    """Each interval holds its mean in the middle; accuracy's is that of seeds crossed with images, from the files."""
    for model, name, entry in configurations(results):
        for part in ("validation", "test"):
            assert set(entry["interval"][part]) == set(COMPARED)
            for metric, held in entry["interval"][part].items():
                low, high = held["interval"]
                assert low < held["mean"] < high
                assert held["mean"] == pytest.approx((low + high) / 2)
                assert held["mean"] == pytest.approx(entry["mean"][part][metric], abs=1e-12)
                scores = [run[part][metric] for run in entry["runs"]]
                assert held["std_over_seeds"] == pytest.approx(np.std(scores, ddof=1), abs=1e-12)
                assert held["covers"] == "seeds and images"
        table = []
        for seed in range(3):
            with np.load(root / model / name / f"seed-{seed}" / "predictions.npz") as file:
                table.append((file["logits"].argmax(axis=1) == file["labels"]).astype(float))
        right = np.array(table)
        rest = right - right.mean(0) - right.mean(1, keepdims=True) + right.mean()
        seeds = right.mean(1).var(ddof=1) / 3
        images = max(0.0, right.mean(0).var(ddof=1) / 150 - (rest**2).sum() / (2 * 149) / (3 * 150))
        half = stats.t.ppf(0.975, 2 * ((seeds + images) / seeds) ** 2) * math.sqrt(seeds + images)
        low, high = entry["interval"]["test"]["accuracy"]["interval"]
        assert (high - low) / 2 == pytest.approx(half, rel=1e-6)


def test_comparisons_are_of_variations_with_their_baseline_on_the_test_set(results: dict[str, Any]) -> None:
    """Each variation meets its model's baseline on each metric; differences are those of the runs, p is scipy's."""
    rows = results["comparisons"]
    pairs = {(row["a"]["model"], row["a"]["configuration"], row["metric"]) for row in rows}
    assert pairs == {
        (model, name, metric) for model, name, _ in configurations(results) if name != "baseline" for metric in COMPARED
    }
    assert len(rows) == 16
    for row in rows:
        held = results["models"][row["a"]["model"]]["configurations"]
        assert row["b"] == {"model": row["a"]["model"], "configuration": "baseline"}
        assert row["split"] == "test"
        expected = [
            a["test"][row["metric"]] - b["test"][row["metric"]]
            for a, b in zip(held[row["a"]["configuration"]]["runs"], held["baseline"]["runs"], strict=True)
        ]
        assert row["differences"] == pytest.approx(expected, abs=1e-12)
        assert row["p"] == pytest.approx(stats.ttest_1samp(expected, 0).pvalue, rel=1e-6)
        assert row["family"] == (3 if row["a"]["model"] == "ffnn" else 1)
    slow = next(row for row in rows if row["a"]["configuration"] == "slow" and row["metric"] == "accuracy")
    assert slow["mean"] < -0.1
    assert slow["verdict"] == "worse"


def test_the_best_is_chosen_on_validation(results: dict[str, Any]) -> None:
    """Each model's best has the highest mean validation accuracy, and its evidence is on validation."""
    for model, best in results["best"].items():
        held = results["models"][model]["configurations"]
        means = {name: np.mean([run["validation"]["accuracy"] for run in e["runs"]]) for name, e in held.items()}
        assert means[best["configuration"]] == pytest.approx(max(means.values()))
        assert best["ranking"][0]["configuration"] == best["configuration"]
        assert {row["split"] for row in best["evidence"]} == {"validation"}
    assert results["best"]["cnn"]["configuration"] == "large"


def test_the_head_to_head_is_baseline_with_baseline_and_best_with_best(results: dict[str, Any]) -> None:
    """The cnn meets the ffnn twice; agreements count every test image of every seed."""
    pairings = results["head_to_head"]
    assert set(pairings) == {"baseline", "best"}
    for pairing, held in pairings.items():
        for row in held["comparisons"]:
            assert (row["a"]["model"], row["b"]["model"], row["split"]) == ("cnn", "ffnn", "test")
            for side in ("a", "b"):
                chosen = results["best"][row[side]["model"]]["configuration"]
                assert row[side]["configuration"] == (chosen if pairing == "best" else "baseline")
        assert [row["seed"] for row in held["agreement"]] == [0, 1, 2]
        for row in held["agreement"]:
            counts = [row[key] for key in ("both_right", "only_a_right", "only_b_right", "both_wrong")]
            assert sum(counts) == SPLITS["test"]


def test_sensitivity_is_by_parameter(results: dict[str, Any]) -> None:
    """The ffnn's learning rate has three points on one line, in order; all spans are of validation accuracy."""
    entries = {entry["parameter"]: entry for entry in results["sensitivity"]["ffnn"]}
    assert set(entries) == {"learning_rate", "l2"}
    assert [point["value"] for point in entries["learning_rate"]["points"]] == [0.0003, 0.001, 0.003]
    held = results["models"]["ffnn"]["configurations"]
    means = [held[name]["mean"]["validation"]["accuracy"] for name in ("slow", "baseline", "fast")]
    assert entries["learning_rate"]["range"] == pytest.approx(max(means) - min(means))
    assert held["slow"]["change"] == {
        "parameter": "learning_rate",
        "baseline_value": 0.001,
        "value": 0.0003,
        "changed_together": {},
    }
    assert held["baseline"]["change"] is None


def test_complexity_is_the_known_one(results: dict[str, Any]) -> None:
    """LeNet-5 has 61,706 parameters and 416,520 multiply-accumulates; 784-8-10 has 6,370 and 6,352."""
    cnn, ffnn = (results["models"][model]["complexity"] for model in ("cnn", "ffnn"))
    assert (cnn["parameters"], cnn["multiply_accumulates"]) == (61_706, 416_520)
    assert (ffnn["parameters"], ffnn["multiply_accumulates"]) == (785 * 8 + 9 * 10, 784 * 8 + 8 * 10)
    assert cnn["weights_bytes"] == 4 * 61_706
    # The images' gradient is not computed: the first layer's backward pass is one product, the others' are two.
    assert cnn["training_multiply_accumulates"] == 3 * 416_520 - 117_600
    assert ffnn["training_multiply_accumulates"] == 2 * 784 * 8 + 3 * 8 * 10


def test_the_table_has_a_row_per_run_and_part(results: dict[str, Any], root: Path) -> None:
    """The table, results.csv, holds the same numbers as results.json, to the last digit."""
    with (root / "results.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 6 * 3 * 3
    by_place = {(row["model"], row["configuration"], int(row["seed"]), row["split"]): row for row in rows}
    assert len(by_place) == len(rows)
    for model, name, entry in configurations(results):
        for run in entry["runs"]:
            for part in SPLITS:
                row = by_place[model, name, run["seed"], part]
                for metric in METRIC:
                    assert float(row[metric]) == run[part][metric]
                assert (int(row["epochs"]), int(row["best_epoch"])) == (run["epochs"], run["best_epoch"])
                assert float(row["seconds"]) == run["seconds"]


def test_results_say_what_they_were_obtained_with(results: dict[str, Any]) -> None:
    """Schema, study, data and environment are named."""
    assert results["schema_version"] == 2
    assert results["study"]["seeds"] == [0, 1, 2]
    assert results["dataset"] == DATASET.model_dump()
    assert results["environment"]["libraries"]["numpy"] == np.__version__
    assert results["environment"]["threads_per_run"] == 1


def test_collecting_twice_gives_the_same(results: dict[str, Any], root: Path, study: Study) -> None:
    """Results follow from the files: made again they are the same."""
    again = json.loads(
        json.dumps(collect(StudyContext(study, DATASET.identity, root), DATASET).model_dump(mode="json"))
    )
    assert again == results


def test_one_seed_gives_numbers_and_no_verdict(copy: Path, study: Study) -> None:
    """With a single seed everything is there, intervals cover the images only, and nothing is decided."""
    one = study.with_seeds(1)
    collected = collect(StudyContext(one, DATASET.identity, copy), DATASET)
    write_results(collected, copy)
    found = collected.model_dump(mode="json")
    assert {row["verdict"] for row in found["comparisons"]} == {"not tested"}
    assert {row["p"] for row in found["comparisons"]} == {None}
    estimate = found["models"]["cnn"]["configurations"]["baseline"]["interval"]["test"]["accuracy"]
    assert (estimate["covers"], estimate["std_over_seeds"]) == ("images only", None)
    with (copy / "results.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 6 * 3


def test_a_study_of_one_model_has_no_head_to_head(tmp_path: Path) -> None:
    """With one model alone the rest is complete and the two are not compared."""
    alone = parse_study("name: alone\nseeds: 3\nmodels: {ffnn: {baseline: {hidden_sizes: [8], epochs: 3}}}", "x")
    finish_all(tmp_path, alone)
    collected = collect(StudyContext(alone, DATASET.identity, tmp_path), DATASET)
    write_results(collected, tmp_path)
    found = collected.model_dump(mode="json")
    assert (found["head_to_head"], found["comparisons"], found["sensitivity"]) == ({}, [], {"ffnn": []})
    assert found["best"]["ffnn"]["configuration"] == "baseline"


def test_two_best_baselines_are_compared_once(tmp_path: Path) -> None:
    """When both models' best is the baseline, there is one pairing."""
    both = parse_study(
        "name: both\nseeds: 2\nmodels: {ffnn: {baseline: {epochs: 3}}, cnn: {baseline: {epochs: 3}}}", "x"
    )
    finish_all(tmp_path, both)
    assert set(collect(StudyContext(both, DATASET.identity, tmp_path), DATASET).head_to_head) == {"baseline"}


def test_a_failed_seed_is_left_out_of_its_pairs_alone(copy: Path, study: Study) -> None:
    """A variation that lost a seed is compared on the two it has, its mean is over two; the others keep three."""
    lose(copy, "ffnn", "fast", 1)
    collected = collect(StudyContext(study, DATASET.identity, copy), DATASET, {"ffnn/fast/seed-1": "diverged"})
    write_results(collected, copy)
    found = collected.model_dump(mode="json")
    seeds = {row["a"]["configuration"]: row["seeds"] for row in found["comparisons"] if row["a"]["model"] == "ffnn"}
    assert seeds == {"slow": [0, 1, 2], "fast": [0, 2], "l2": [0, 1, 2]}
    assert len(found["models"]["ffnn"]["configurations"]["fast"]["runs"]) == 2
    assert found["failures"] == [
        {"run": "ffnn/fast/seed-1", "model": "ffnn", "configuration": "fast", "seed": 1, "reason": "diverged"}
    ]
    assert known_failures(StudyContext(study, {}, copy)) == {"ffnn/fast/seed-1": "diverged"}


def test_a_variation_with_one_seed_left_does_not_silence_the_others(copy: Path, study: Study) -> None:
    """Where a variation kept a single seed, the clearly worse one beside it is still called worse."""
    lose(copy, "ffnn", "fast", 1, 2)
    rows = collect(StudyContext(study, DATASET.identity, copy), DATASET).model_dump(mode="json")["comparisons"]
    verdicts = {row["a"]["configuration"]: row["verdict"] for row in rows if row["metric"] == "accuracy"}
    assert (verdicts["fast"], verdicts["slow"]) == ("not tested", "worse")


def test_a_failed_baseline_leaves_its_model_without_comparisons(copy: Path, study: Study) -> None:
    """Without a finished baseline a model's variations are ranked all the same, and its best meets the other's."""
    lose(copy, "ffnn", "baseline", 0, 1, 2)
    collected = collect(StudyContext(study, DATASET.identity, copy), DATASET)
    write_results(collected, copy)
    found = collected.model_dump(mode="json")
    assert found["best"]["ffnn"]["is_baseline"] is False
    assert found["missing"] == [f"ffnn/baseline/seed-{seed}" for seed in (0, 1, 2)]
    assert {row["a"]["model"] for row in found["comparisons"]} == {"cnn"}
    assert set(found["head_to_head"]) == {"best"}
    assert len(found["models"]["ffnn"]["configurations"]["l2"]["runs"]) == 3


def test_nothing_finished_is_one_line(tmp_path: Path, study: Study) -> None:
    """Without any finished run there are no results, and the line says what makes them."""
    with pytest.raises(UserError, match=r"^no finished run in [^\n]*'fashion-compare run'[^\n]*$"):
        collect(StudyContext(study, DATASET.identity, tmp_path), DATASET)


def test_a_damaged_file_of_a_run_is_one_line(copy: Path, study: Study) -> None:
    """A result or predictions that cannot be read is named, with what to delete."""
    for name, content in (("result.json", b"{"), ("result.json", b"[]"), ("predictions.npz", b"PK")):
        path = copy / "cnn" / "large" / "seed-1" / name
        whole = path.read_bytes()
        path.write_bytes(content)
        with pytest.raises(UserError, match=rf"^[^\n]*seed-1/{name}[^\n]*delete[^\n]*$"):
            collect(StudyContext(study, DATASET.identity, copy), DATASET)
        path.write_bytes(whole)


@pytest.mark.parametrize("damage", ["result.json without seconds", "no metrics.jsonl"])
def test_a_run_that_lacks_something_is_one_line(copy: Path, study: Study, damage: str) -> None:
    """A finished run whose entry or curve is incomplete is named, with what to delete."""
    directory = copy / "cnn" / "large" / "seed-1"
    if damage == "no metrics.jsonl":
        (directory / "metrics.jsonl").unlink()
    else:
        entry = read_json(directory / "result.json")
        del entry["seconds"]
        write_json(directory / "result.json", entry)
    with pytest.raises(UserError, match=r"^[^\n]*seed-1[^\n]*delete[^\n]*$"):
        collect(StudyContext(study, DATASET.identity, copy), DATASET)


def test_runs_of_other_settings_are_not_taken_for_this_studys(copy: Path, study: Study) -> None:
    """After an edit of the study, run directories of the old settings are refused, as `run` refuses them."""
    edited = parse_study(TEXT.replace("batch_size: 512", "batch_size: 16"), "mine")
    with pytest.raises(UserError, match=r"^[^\n]*cnn/large/seed-0[^\n]*$"):
        collect(StudyContext(edited, DATASET.identity, copy), DATASET)


def test_a_failure_is_known_until_its_run_is_done(copy: Path, study: Study) -> None:
    """A recorded failure lasts while its run is not done, and ends with it, or with its configuration."""
    assert known_failures(StudyContext(study, {}, copy)) == {}
    lose(copy, "ffnn", "fast", 1)
    write_results(
        collect(StudyContext(study, DATASET.identity, copy), DATASET, {"ffnn/fast/seed-1": "diverged"}),
        copy,
    )
    without = parse_study(TEXT.replace("      fast: {learning_rate: 0.003}\n", ""), "mine")
    assert known_failures(StudyContext(without, {}, copy)) == {}
    finish(copy, study, "ffnn", "fast", 1)
    assert known_failures(StudyContext(study, {}, copy)) == {}


def test_a_failure_of_a_seed_that_is_no_longer_run_is_forgotten(copy: Path, study: Study) -> None:
    """With fewer seeds than before, failures of the others are none of this study's."""
    lose(copy, "ffnn", "fast", 2)
    write_results(
        collect(StudyContext(study, DATASET.identity, copy), DATASET, {"ffnn/fast/seed-2": "diverged"}),
        copy,
    )
    assert known_failures(StudyContext(study.with_seeds(2), {}, copy)) == {}


def test_a_variation_counts_for_the_field_that_it_varies(tmp_path: Path) -> None:
    """An optimiser that brings its learning rate along is a point of the optimiser's sensitivity."""
    together = parse_study(
        "name: t\nseeds: 2\nmodels: {ffnn: {baseline: {epochs: 3}, variations: "
        "{slow: {optimizer: sgd, together_with: {learning_rate: 0.1}}}}}",
        "t",
    )
    finish_all(tmp_path, together)
    found = collect(StudyContext(together, DATASET.identity, tmp_path), DATASET).model_dump(mode="json")
    assert [entry["parameter"] for entry in found["sensitivity"]["ffnn"]] == ["optimizer"]


def test_an_absent_class_puts_no_nan_into_the_files(tmp_path: Path) -> None:
    """Where a test set lacks a class, AUC is null or refused in one line, and never NaN."""
    alone = parse_study("name: alone\nseeds: 2\nmodels: {ffnn: {baseline: {hidden_sizes: [8], epochs: 3}}}", "x")
    labels = {part: np.arange(images) % 9 for part, images in SPLITS.items()}
    for seed in alone.seeds:
        finish(tmp_path, alone, "ffnn", "baseline", seed, labels)
    try:
        write_results(collect(StudyContext(alone, DATASET.identity, tmp_path), DATASET), tmp_path)
    except UserError as error:
        assert "\n" not in str(error)  # noqa: PT017 - either way out is fine
    else:
        assert "NaN" not in (tmp_path / "results.json").read_text()
