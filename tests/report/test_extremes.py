"""Networks at the ends of every scale: results, explanations, figures, page, document and summary of each.

Perfect: all right, and so sure that log loss is exactly 0. Constant: the same ten scores for every image. Hopeless:
surely the other class, so that accuracy and AUC are 0 and log loss is in the thousands. One class: surely the same.
"""

import html
import io
import json
import math
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from fashion_compare.analysis.data_audit import make_audit
from fashion_compare.analysis.explanations import make_explanations
from fashion_compare.classifier import Classifier
from fashion_compare.classifier.functional import accuracy, cross_entropy
from fashion_compare.classifier.interface import Arrays
from fashion_compare.data.dataset import Dataset, load
from fashion_compare.data.sources import FILE_NAMES, resolve
from fashion_compare.data.variants import held_out, permuted_pixels
from fashion_compare.execution.designs import all_runs
from fashion_compare.findings import with_findings
from fashion_compare.report.markdown import write_markdown
from fashion_compare.report.page import write_report
from fashion_compare.report.terminal import summary_table
from fashion_compare.results.collect import collect, describe_dataset, with_explanations
from fashion_compare.results.files import read_results, write_results
from fashion_compare.runs.checkpoints import load_classifier
from fashion_compare.runs.execute import execute, record_of
from fashion_compare.runs.run import Run, data_identity
from fashion_compare.store import load_arrays, read_json, save_arrays, write_json, write_text
from fashion_compare.study.context import StudyContext
from fashion_compare.study.spec import parse_study, to_yaml
from tests.idx_files import idx_bytes

STUDY = parse_study(
    """
name: extremes
seeds: 3
models:
  ffnn:
    baseline: {hidden_sizes: [8], epochs: 2, learning_rate: 0.01, batch_size: 8}
    variations:
      l2: {l2: 0.0001}
  cnn:
    baseline: {epochs: 2, learning_rate: 0.003, batch_size: 8}
    variations:
      large: {batch_size: 16}
experiments: {seeds: 3, permutation: fixed, training_sizes: [20], least_steps: 5, folds: 2}
""",
    "extremes",
)
TRAIN, TEST = 96, 12
LAST = {"ffnn": "dense2", "cnn": "dense3"}
# Far beyond what float64's exponential can tell from nothing.
_SURE = np.float32(1e4)


def _right(weight: np.ndarray, bias: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return weight * _SURE, bias * _SURE


def _the_same(weight: np.ndarray, bias: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return 0 * weight, 0 * bias


def _the_other(weight: np.ndarray, bias: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    swapped = [1, 0, *range(2, 10)]
    return weight[..., swapped] * _SURE, bias[swapped] * _SURE


def _always_the_first(weight: np.ndarray, bias: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return 0 * weight, _SURE * np.eye(10, dtype=np.float32)[0] + 0 * bias


# What becomes of the last layer, (units, classes) and (classes,), of a network that tells the two classes apart.
KINDS: dict[str, Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]] = {
    "perfect": _right,
    "constant": _the_same,
    "hopeless": _the_other,
    "one class": _always_the_first,
}
# Experiments have perfect networks beside these.
MIXED = {
    ("ffnn", "baseline"): "one class",
    ("ffnn", "l2"): "hopeless",
    ("cnn", "baseline"): "constant",
    ("cnn", "large"): "one class",
}
# Of test images of which each class has half, by the definitions; None where only a bound is known.
EXPECTED: dict[str, dict[str, float | None]] = {
    "perfect": {"accuracy": 1.0, "auc_macro_ovr": 1.0, "loss": 0.0, "brier": 0.0, "ece": 0.0},
    "constant": {"accuracy": 0.5, "auc_macro_ovr": 0.5, "loss": math.log(10), "brier": 0.81 + 9 * 0.01, "ece": 0.4},
    "hopeless": {"accuracy": 0.0, "auc_macro_ovr": 0.0, "loss": None, "brier": 2.0, "ece": 1.0},
    "one class": {"accuracy": 0.5, "auc_macro_ovr": 0.5, "loss": 1e4 / 2, "brier": 1.0, "ece": 0.5},
}
# What a number that is none looks like in print.
_NO_NUMBER = re.compile(r"(?<![\w/+-])-?(nan|NaN|None|inf|Infinity)\b")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Two classes that every network tells apart: the left or the right half is bright."""
    directory = tmp_path_factory.mktemp("data")
    generator = np.random.default_rng(0)
    arrays = []
    for images in (TRAIN, TEST):
        labels = np.arange(images) % 2
        pixels = generator.integers(0, 60, (images, 28, 28))
        pixels[labels == 0, :, :14] += 180
        pixels[labels == 1, :, 14:] += 180
        arrays += [pixels, labels]
    for name, array in zip(FILE_NAMES, arrays, strict=True):
        (directory / name).write_bytes(idx_bytes(array.astype(np.uint8)))
    return load(resolve(str(directory), any_idx=True, announce=lambda _: None))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, dataset: Dataset) -> Path:
    """The study's runs as they were trained."""
    root = tmp_path_factory.mktemp("runs") / "extremes"
    for run in all_runs(StudyContext(STUDY, data_identity(dataset), root)):
        execute(run, dataset=dataset)
    return root


def rewritten(run: Run, dataset: Dataset, kind: str) -> None:
    """Give a finished run another last layer, and the predictions, curve and result that follow from it."""
    weights, metadata = load_arrays(run.directory.weights)
    for best in ("", "best."):
        names = [f"{best}{LAST[run.model]}.{name}" for name in ("weight", "bias")]
        # The networks' own layout: units by classes in the one, classes by units in the other.
        turned = np.transpose if run.model == "cnn" else np.asarray
        weight, bias = KINDS[kind](turned(weights[names[0]]), weights[names[1]])
        weights |= dict(zip(names, (np.ascontiguousarray(turned(weight)), bias), strict=True))
    save_arrays(run.directory.weights, weights, metadata)
    predictions = predicted(load_classifier(run.configuration, run.directory), run, dataset)
    np.savez(run.directory.predictions, **predictions)
    measured = {
        f"{part}_{name}": score(predictions[f"{part}_logits"], predictions[f"{part}_labels"])
        for part in ("train", "validation")
        for name, score in (("loss", cross_entropy), ("accuracy", accuracy))
    }
    first, *later = run.directory.read_metrics()
    run.directory.write_metrics([first | {"validation_accuracy": 0.0}, *(line | measured for line in later)])
    write_json(run.directory.result, record_of(run).model_dump())


def predicted(classifier: Classifier, run: Run, dataset: Dataset) -> Arrays:
    """Return what a network predicts for the images that its run saw."""
    seen = permuted_pixels(dataset) if run.permuted else dataset
    seen = held_out(seen, *run.fold) if run.fold else seen
    parts = {
        "": (seen.test_images, seen.test_labels),
        "train_": (seen.train_images, seen.train_labels),
        "validation_": (seen.validation_images, seen.validation_labels),
    }
    found: Arrays = {}
    for prefix, (images, labels) in parts.items():
        found |= {f"{prefix}labels": labels, f"{prefix}logits": classifier.logits(classifier.preprocess(images))}
    return found


def kind_of(case: str, model: str, name: str) -> str:
    """Return what the networks of a configuration are in this case."""
    return MIXED.get((model, name), "perfect") if case == "mixed" else case


@pytest.fixture(scope="module", params=["perfect", "hopeless", "mixed"])
def reported(
    request: pytest.FixtureRequest, trained: Path, dataset: Dataset, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, Path]:
    """The case, and the study's directory with networks of its kinds, their results and their report."""
    root = tmp_path_factory.mktemp("case") / "extremes"
    shutil.copytree(trained, root)
    for run in all_runs(StudyContext(STUDY, data_identity(dataset), root)):
        rewritten(run, dataset, kind_of(request.param, run.model, run.name))
    context = StudyContext(STUDY, data_identity(dataset), root)
    collected = collect(context, describe_dataset(dataset, STUDY))
    make_explanations(context, collected.best, dataset, lambda _: None)
    make_audit(context, dataset, lambda _: None)
    found = with_findings(with_explanations(collected, context))
    write_results(found, root)
    write_report(found, root)
    write_text(root / "study.yaml", to_yaml(STUDY))
    write_markdown(found, root, root / "results.md")
    return request.param, root


def visible(page: str) -> str:
    """Return what a page shows as text, without scripts, styles and pictures."""
    text = re.sub(r"<(script|style)\b.*?</\1>|<!--.*?-->", " ", page, flags=re.DOTALL)
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]*>", " ", text)))


def test_every_score_is_the_one_of_its_kind(reported: tuple[str, Path]) -> None:
    """Means over seeds on the test set follow from the definitions; only a loss that fell to 0 has no relative rise."""
    case, root = reported
    for model, held in read_json(root / "results.json")["models"].items():
        for name, configuration in held["configurations"].items():
            kind = kind_of(case, model, name)
            for metric, expected in EXPECTED[kind].items():
                mean = configuration["mean"]["test"][metric]
                assert mean > 1000 if expected is None else mean == pytest.approx(expected, abs=1e-9)
            assert (configuration["curves"]["loss_increase"] is None) == (kind == "perfect")


def test_the_files_have_no_number_that_is_none(reported: tuple[str, Path]) -> None:
    """Neither results.json nor what the figures show holds NaN or infinity, and no text prints one, or a None."""
    _, root = reported

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} in results.json")

    json.loads((root / "results.json").read_text(), parse_constant=refuse)
    texts = [path.read_text(encoding="utf-8") for path in (root / "figures").iterdir()]
    texts += [(root / "results.md").read_text(encoding="utf-8"), visible((root / "report.html").read_text())]
    assert len(texts) > 40
    for text in texts:
        assert not _NO_NUMBER.search(text)


def test_every_part_of_the_report_is_there(reported: tuple[str, Path]) -> None:
    """Figures of scores, curves, classes, experiments, calibration and explanations, and sections of the page."""
    _, root = reported
    drawn = {path.stem for path in (root / "figures").glob("*.svg")}
    for model in ("ffnn", "cnn"):
        drawn_of_model = {f"{figure}-{model}" for figure in ("confusion", "roc", "faithfulness", "first-layer")}
        assert drawn_of_model <= drawn
    assert {"overview", "cost", "curves-loss", "curves-accuracy", "differences-accuracy", "sensitivity", "per-class",
            "perturbations", "shift-maps", "linear-probes", "permutation", "training-sizes", "reliability",
            "randomization", "averages"} <= drawn  # fmt: skip
    page = (root / "report.html").read_text()
    assert all(
        f'id="{section}"' in page
        for section in ("data-quality", "faithfulness", "calibration", "playground", "fitting")
    )
    found = read_json(root / "results.json")
    assert found["data_quality"]["label_errors"]["test"] is not None
    assert {model for model, held in found["calibration"].items() if 0.05 <= held["temperatures"][0] <= 20} == {
        "ffnn", "cnn",
    }  # fmt: skip


def test_the_summary_has_every_configuration(reported: tuple[str, Path]) -> None:
    """Its accuracy, AUC and, for variations, the change from the baseline, in percent."""
    case, root = reported
    out = io.StringIO()
    Console(file=out, width=100).print(summary_table(read_results(root)))
    lines = out.getvalue().splitlines()
    for model, variation in (("ffnn", "l2"), ("cnn", "large")):
        scores = []
        for name in ("baseline", variation):
            (line,) = (line for line in lines if line.split()[:2] == [model, name])
            expected = EXPECTED[kind_of(case, model, name)]
            scores.append(100 * expected["accuracy"])
            assert f" {scores[-1]:.2f} ±" in line
            assert f" {100 * expected['auc_macro_ovr']:.2f}" in line
        assert f" {scores[1] - scores[0]:+.2f} " in line
    assert not _NO_NUMBER.search(out.getvalue())


@pytest.mark.parametrize("reported", ["perfect"], indirect=True)
def test_equal_models_are_not_said_to_differ(reported: tuple[str, Path]) -> None:
    """Nobody is ahead, nothing moved most, no confusion differs, and no difference could have been shown."""
    _, root = reported
    page = visible((root / "report.html").read_text())
    document = " ".join((root / "results.md").read_text().split())
    for text in (page, document):
        assert "LeNet-5 and the MLP have the same test accuracy: 100.00% each" in text
        assert "F1 is the same in every class" in text
        assert "no confusion differs" in text
        assert "no difference in any seed" in text
        assert "minimum detectable" not in text
        assert "“baseline” has the highest mean validation accuracy (as “l2”, of no lower validation loss)" in text
    assert page.count("1 of 2 – no clear sign") == 4


@pytest.fixture
def shown(browser: Any, reported: tuple[str, Path]) -> Iterator[tuple[Any, list[str]]]:
    """The report in the browser, and the errors that its script met."""
    errors: list[str] = []
    context = browser.new_context(viewport={"width": 1200, "height": 900}, offline=True)
    page = context.new_page()
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto((reported[1] / "report.html").as_uri())
    yield page, errors
    context.close()


@pytest.mark.slow
def test_charts_have_an_axis_at_every_end(shown: tuple[Any, list[str]], reported: tuple[str, Path]) -> None:
    """Losses of 0 and of thousands, and accuracies that never move: two ticks or more, and every point a number."""
    page, errors = shown
    for metric in ("loss", "accuracy"):
        page.locator("#curve-metric").select_option(metric)
        svg = page.locator("#explore-curves > svg")
        assert "NaN" not in svg.inner_html()
        assert svg.locator("text[text-anchor=end]").count() >= 2
    said = page.locator("#roc-values").inner_text()
    if reported[0] == "perfect":
        # At probabilities of 1 there is a threshold still: all of the class is found, and nothing else.
        assert said.count("100.00% of them are found, and 0.00% of all else is called so") == 2
    assert not errors
