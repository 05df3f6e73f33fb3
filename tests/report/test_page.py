"""The page of a tiny real study: self-contained, honest about what is missing, and only text where text belongs."""

import html
import io
import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest
from rich.console import Console

from fashion_compare.evaluation import scores
from fashion_compare.evaluation.metrics import COMPARED
from fashion_compare.findings import with_findings
from fashion_compare.report import sentences, templating
from fashion_compare.report.markdown import write_markdown
from fashion_compare.report.page import write_report
from fashion_compare.report.terminal import summary_table
from fashion_compare.results.collect import collect
from fashion_compare.results.files import read_results
from fashion_compare.results.schema import Results
from fashion_compare.store import write_json
from fashion_compare.study import spec
from fashion_compare.study.context import StudyContext
from tests.report.conftest import STUDY


class _Page(HTMLParser):
    """Collects what a browser would fetch or run, and the ids and links within the page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.ids: list[str] = []
        self.scripts = 0
        self.images_without_text = 0
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        held = dict(attributes)
        self.scripts += tag == "script" and held.get("type") != "application/json"
        self.images_without_text += tag == "img" and "alt" not in held
        self.addresses += [value or "" for name, value in attributes if name in ("src", "href", "xlink:href")]
        if held.get("id"):
            self.ids.append(held["id"] or "")


def test_the_page_fetches_nothing(root: Path) -> None:
    """Every address in the page is inside it or data: it opens from disk, offline."""
    page = _Page((root / "report.html").read_text())
    assert page.addresses
    assert all(address.startswith(("#", "data:")) for address in page.addresses)
    assert "@import" not in (root / "report.html").read_text()


def test_every_link_within_the_page_has_its_target(root: Path) -> None:
    """The contents list leads to sections that exist."""
    page = _Page((root / "report.html").read_text())
    links = {address[1:] for address in page.addresses if address.startswith("#") and len(address) > 1}
    assert {"answer", "models", "attribution", "challenges"} <= links
    assert links <= set(page.ids)


def test_names_from_a_study_stay_text(root: Path) -> None:
    """A description with markup is shown, not run: the page has its own one script and no other."""
    text = (root / "report.html").read_text()
    assert _Page(text).scripts == 1
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text


def test_every_image_has_alternative_text(root: Path) -> None:
    """No image without alt, and every figure has an accessible name."""
    text = (root / "report.html").read_text()
    assert _Page(text).images_without_text == 0
    assert text.count("<svg") == text.count('<svg role="img" aria-label="')


def test_figures_are_files_with_their_data(root: Path) -> None:
    """Each figure is written as SVG, with the numbers behind it as CSV."""
    drawn = {path.stem for path in (root / "figures").glob("*.svg")}
    assert {"overview", "curves-loss", "curves-accuracy", "sensitivity", "complexity", "per-class",
            "confusion-ffnn", "confusion-cnn", "roc-ffnn", "roc-cnn"} <= drawn  # fmt: skip
    for name in drawn:
        assert len((root / "figures" / f"{name}.csv").read_text().splitlines()) > 1


def test_the_gallery_shows_every_class_right_and_wrong(root: Path) -> None:
    """Each class has a right and a wrong answer of the cnn unless there is none, and an uncertain one."""
    found = json.loads((root / "results.json").read_text())
    name = found["best"]["cnn"]["configuration"]
    confusion = found["models"]["cnn"]["configurations"][name]["runs"][0]["confusion"]
    reasons = [(image["label"], image["reason"]) for image in found["gallery"]["images"]]
    assert len(set(reasons)) == len(reasons)
    for c in range(10):
        assert ((c, "most confident right") in reasons) == (confusion[c][c] > 0)
        assert ((c, "most confident wrong") in reasons) == (sum(confusion[c]) > confusion[c][c])
        assert (c, "least certain") in reasons
    for image in found["gallery"]["images"]:
        right = image["predictions"]["cnn"]["predicted"] == image["label"]
        assert right == {"most confident right": True, "most confident wrong": False}.get(image["reason"], right)


def test_a_wrong_answer_has_a_second_map(root: Path) -> None:
    """Of every image and method, one map for the answer and, where it is wrong, one for the right class."""
    found = json.loads((root / "results.json").read_text())
    answers = [
        answer | {"label": image["label"]}
        for image in found["gallery"]["images"]
        for answer in image["predictions"].values()
    ]
    maps = sum(len(answer["maps"]) * (1 if answer["predicted"] == answer["label"] else 2) for answer in answers)
    text = (root / "report.html").read_text()
    assert text.count('<div class="map">') == maps
    assert maps > 30 * 7
    assert len(re.findall(r'data-method="[^"]*" hidden>', text)) == sum(len(answer["maps"]) - 1 for answer in answers)


def test_what_explanations_and_probes_found_is_on_the_page(root: Path) -> None:
    """Curves of changed images, layers, tests of the maps, calibration: each has its figure and is in results.json."""
    drawn = {path.stem for path in (root / "figures").glob("*.svg")}
    assert {"perturbations", "shift-maps", "linear-probes", "faithfulness-ffnn", "faithfulness-cnn", "randomization",
            "reliability", "averages", "first-layer-ffnn", "first-layer-cnn"} <= drawn  # fmt: skip
    found = json.loads((root / "results.json").read_text())
    text = html.unescape((root / "report.html").read_text())
    # Two seeds speak for no method and against none.
    assert not {"faithfulness", "randomization", "translation"} & {finding["id"] for finding in found["findings"]}
    assert "rank correlation lies within ±0.25" in text
    assert "With fewer than three seeds nothing is tested." in text
    for finding in found["findings"]:
        assert finding["text"] in text


def test_two_seeds_give_no_verdict_and_say_so(root: Path) -> None:
    """Below three seeds no comparison is decided, and the page says why."""
    found = json.loads((root / "results.json").read_text())
    assert {row["verdict"] for row in found["comparisons"]} == {"not tested"}
    assert "a verdict needs at least 3" in (root / "report.html").read_text()


def test_the_machine_of_the_runs_is_named_once(root: Path) -> None:
    """Runs made alike share one line, however many they are."""
    assert (root / "report.html").read_text().count("runs made with") == 1


def test_scores_printed_are_those_of_results_json(root: Path) -> None:
    """Each configuration's mean test accuracy stands in the page with the digits of results.json."""
    found = json.loads((root / "results.json").read_text())
    text = re.sub(r"\s+", " ", (root / "report.html").read_text())
    for held in found["models"].values():
        for configuration in held["configurations"].values():
            assert f"{100 * configuration['interval']['test']['accuracy']['mean']:.2f}" in text


def test_the_page_needs_only_files(root: Path, tmp_path: Path) -> None:
    """A copy of the study's directory gives the same page, without data, explanations made anew, or training."""
    copy = tmp_path / "copy"
    shutil.copytree(root, copy)
    page = (copy / "report.html").read_text()
    study = spec.load_study(str(_resolved(copy)))
    described = read_results(root).dataset
    found = with_findings(collect(StudyContext(study, described.identity, copy), described))
    (copy / "report.html").unlink()
    write_report(found, copy)
    assert (copy / "report.html").read_text() == page


def page_without(root: Path, tmp_path: Path, gone: str, study: str) -> str:
    """Return the page of a copy of the study's directory in which the directories called `gone` are missing."""
    copy = tmp_path / "copy"
    shutil.copytree(root, copy, ignore=shutil.ignore_patterns(gone, "explanations"))
    described = read_results(root).dataset
    context = StudyContext(spec.parse_study(study, "test"), described.identity, copy)
    return write_report(with_findings(collect(context, described)), copy).read_text()


def test_a_narrow_terminal_cuts_no_number(root: Path) -> None:
    """At 60 columns names wrap, and every mean and interval stands whole."""
    found = json.loads((root / "results.json").read_text())
    out = io.StringIO()
    Console(file=out, width=60).print(summary_table(Results.model_validate(found)))
    text = out.getvalue()
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= 60
    for held in found["models"].values():
        for configuration in held["configurations"].values():
            interval = configuration["interval"]["test"]["accuracy"]
            low, high = interval["interval"]
            around = f"±{50 * (high - low):.2f}"
            if low < 0 or high > 1:
                # No share is beyond 0 or 100.
                around = f"[{100 * max(low, 0):.2f}, {100 * min(high, 1):.2f}]"
            assert f"{100 * interval['mean']:.2f} {around}" in text


def test_one_model_alone_gives_a_page(root: Path, tmp_path: Path) -> None:
    """A study of the ffnn alone has a page that says that there is nothing to compare."""
    text = page_without(root, tmp_path, "cnn", STUDY[: STUDY.index("  cnn:")])
    assert "The study has one model, so there are none to compare." in text
    assert '<h1 id="answer">A network from scratch</h1>' in text
    assert "No explanations are here" in text


def test_a_failed_baseline_still_gives_a_page(root: Path, tmp_path: Path) -> None:
    """Where no baseline finished, the page names the missing runs and shows the variations that did."""
    text = page_without(root, tmp_path, "baseline", STUDY)
    assert "4 runs are not finished" in text
    assert "ffnn/baseline/seed-1" in text
    assert "test accuracy of “l1”, 2 seeds" in text


def test_what_moves_along_is_said(root: Path, tmp_path: Path) -> None:
    """A variation that moves a second setting says so wherever its change is printed."""
    copy = tmp_path / "copy"
    shutil.copytree(root, copy)
    found = json.loads((root / "results.json").read_text())
    change = found["models"]["ffnn"]["configurations"]["l1"]["change"]
    change["changed_together"] = {"batch_size": 64}
    for entry in found["sensitivity"]["ffnn"]:
        for point in entry["points"]:
            point["changed_together"] = {"batch_size": 64} if point["change"] else {}
    text = write_report(Results.model_validate(found), copy).read_text()
    assert "L1 penalty 0 → 0.0001 with batch size 64" in text
    assert text.count("with batch size 64") >= 3


def _resolved(root: Path) -> Path:
    path = root / "study.yaml"
    path.write_text(spec.to_yaml(spec.parse_study(STUDY, "test")))
    write_json(root / "dataset.json", {})
    return path


def test_the_results_as_a_document(root: Path, tmp_path: Path) -> None:
    """One Markdown file: the scores of results.json, every figure it shows, and that it is of synthetic data."""
    found = json.loads((root / "results.json").read_text())
    path = write_markdown(Results.model_validate(found), root, tmp_path / "docs" / "results.md")
    text = path.read_text(encoding="utf-8")
    for model in found["models"].values():
        for configuration in model["configurations"].values():
            assert f"{100 * configuration['interval']['test']['accuracy']['mean']:.2f} [" in text
    assert "These numbers are NOT about Fashion-MNIST" in text
    assert "not tested (n = 2)" in text
    for model, best in found["best"].items():
        held = found["models"][model]["configurations"][best["configuration"]]
        for c, name in enumerate(found["dataset"]["class_names"]):
            scores = [held["mean"]["per_class"][c][metric] for metric in ("precision", "recall", "f1", "auc")]
            assert f"| {name} | {' | '.join(f'{100 * score:.2f}' for score in scores)} |\n" in text
        assert f"| {held['complexity']['parameters']:,} | {held['complexity']['multiply_accumulates']:,} |" in text
    shown = re.findall(r"\]\((results/[a-z-]+\.svg)\)", text)
    assert "results/overview.svg" in shown
    files = [*shown, "results/study.yaml"]
    assert sorted(files) == sorted(file.relative_to(path.parent).as_posix() for file in path.parent.glob("results/*"))
    # It says how to make it again, from the very study.
    assert "\n\n    fashion-compare run results/study.yaml --data synthetic\n\n" in text
    assert spec.load_study(str(path.parent / "results" / "study.yaml")) == spec.parse_study(STUDY, "test")
    # It is text, neither escaped nor with gaps.
    assert "&#" not in text
    assert "\n\n\n" not in text
    assert found["environment"]["git_commit"] is None or found["environment"]["git_commit"] in text


def test_the_documents_tables_have_the_columns_of_the_tables_of_metrics(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A metric more is a column more: of its name, its rule and its numbers, in every table over the metrics."""
    monkeypatch.setitem(sentences.METRIC_NAMES, "brier", "Brier score")
    monkeypatch.setattr(templating, "COMPARED", (*COMPARED, "brier"))
    monkeypatch.setattr(scores, "COMPARED", (*COMPARED, "brier"))
    monkeypatch.delitem(sentences.CLASS_SCORES, "recall")
    found = json.loads((root / "results.json").read_text())
    for model in found["models"].values():
        for configuration in model["configurations"].values():
            configuration["interval"]["test"]["brier"] = {
                "mean": 0.1234, "interval": [0.1, 0.2], "std_over_seeds": None, "covers": "images only",
            }  # fmt: skip
    text = write_markdown(Results.model_validate(found), root, tmp_path / "results.md").read_text(encoding="utf-8")
    tables = re.findall(r"(?:^\|.*\|$\n)+", text, re.MULTILINE)
    for table in tables:
        head, rule, *rows = [re.split(r"(?<!\\)\|", line)[1:-1] for line in table.splitlines()]
        assert {len(line) for line in (rule, *rows)} == {len(head)}, head
    (ffnn,) = [table for table in tables if table.startswith("| ffnn |")]
    assert ffnn.startswith("| ffnn | accuracy | macro F1 | macro AUC | log loss | Brier score | accuracy against")
    assert ffnn.count(" 0.1234 [0.1000, 0.2000] |") == 2
    assert re.search(r"^\| ffnn [^|]+, test set, % \| precision \| F1 \| AUC \|$", text, re.MULTILINE)


def test_what_is_said_of_classes_and_of_both_models_together(root: Path) -> None:
    """The page names the classes and confusions that differ, and what the two models' mean would reach."""
    found = json.loads((root / "results.json").read_text())
    page = (root / "report.html").read_text(encoding="utf-8")
    assert {(entry["model"], entry["variation"]) for entry in found["classes"]} == {
        ("ffnn", "l1"), ("cnn", "higher-learning-rate"),
    }  # fmt: skip
    held = found["head_to_head"]["baseline"]
    assert [row["a"]["model"] for row in held["ensemble"]] == ["ensemble"] * 4
    assert "probabilities (ensemble) changes accuracy by" in page
    assert "Confusions that differ most" in page
    assert page.count("McNemar") == 2 * len(found["head_to_head"])
