"""What every command shows in terminals that are narrow, or that lack characters: names and numbers, whole."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from rich.cells import cell_len

from fashion_compare.evaluation.metrics import scores
from fashion_compare.evaluation.predictions import load_predictions
from fashion_compare.notebook import show_table
from tests.idx_files import write_drawn

if os.name == "nt":
    pytest.skip("pseudo-terminals are made", allow_module_level=True)

from tests.pseudo_terminal import shown

LONG = "a-configuration-with-a-name-as-long-as-names-may-be-which-is-63"
STUDY = f"""
name: tiny
seeds: 2
training_images: 200
models:
  ffnn:
    baseline: {{hidden_sizes: [8], epochs: 3}}
    variations:
      small-steps: {{learning_rate: 0.0001}}
      {LONG}: {{optimizer: sgd}}
"""
CLASSES = ["T-shirt [/top]", "Top [red]", "Top [blue]", ":shirt: and a very long name"]
NARROW = pytest.mark.parametrize("columns", [40, 60, 80])


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with other data of 240 images, a study, and predictions of classes whose names look like markup."""
    home = tmp_path_factory.mktemp("home")
    write_drawn(home / "data", 240, 60)
    (home / "tiny.yaml").write_text(STUDY)
    header = ",".join(["label", *(f"logit_{name}" for name in CLASSES)])
    for side, lead in (("a", 4), ("b", 1)):
        for seed in range(3):
            labels = np.arange(200) % len(CLASSES)
            logits = np.random.default_rng(seed).normal(size=(200, 4)) + lead * np.eye(4)[labels]
            rows = [",".join([CLASSES[c], *map(str, row)]) for c, row in zip(labels, logits, strict=True)]
            (home / f"{side}-{seed}.csv").write_text("\n".join([header, *rows]) + "\n")
    return home


@pytest.fixture(scope="module")
def finished(home: Path) -> str:
    """What `run` shows at 40 columns, its live view included."""
    return shown(40, home, "run", "tiny.yaml", "--data", "data", "--any-idx", "--out", "out", "--workers", "1")


@pytest.fixture(scope="module")
def root(home: Path, finished: str) -> Path:
    (made,) = (home / "out").iterdir()
    return made


def assert_whole(text: str, columns: int, *expected: str) -> None:
    """No line is longer than the terminal but one that is a single word, and these words stand in it, whole."""
    assert "…" not in text.replace(" …", "")
    for line in text.splitlines():
        assert cell_len(line.rstrip()) <= columns or len(line.split()) == 1, line
    for words in expected:
        for word in words.split():
            assert re.search(rf"(?<![\w.]){re.escape(word)}(?![\w]|\.\d)", text), (word, text)


def summary_words(root: Path) -> list[str]:
    """Every configuration's name, mean test accuracy, half-interval, macro F1 and AUC."""
    words = []
    for model, held in json.loads((root / "results.json").read_text())["models"].items():
        for name, configuration in held["configurations"].items():
            test = configuration["interval"]["test"]
            low, high = test["accuracy"]["interval"]
            means = [f"{100 * test[metric]['mean']:.2f}" for metric in ("accuracy", "f1_macro", "auc_macro_ovr")]
            words += [model, name, f"±{50 * (high - low):.2f}", *means]
    return words


def test_run_shows_names_and_numbers_whole(finished: str, root: Path) -> None:
    """Live view, notes, summary and paths at 40 columns."""
    assert_whole(finished, 40, *summary_words(root), "6 trained, 0 done before, 0 failed")
    # What the live view showed last before the bar was gone.
    assert re.search(r"^6/6 runs ", finished, re.MULTILINE)


@pytest.mark.parametrize("columns", [40, 80])
def test_report_shows_names_and_numbers_whole(home: Path, root: Path, columns: int) -> None:
    """The summary: a table, or a block for each configuration where it does not fit."""
    text = shown(columns, home, "report", str(root.relative_to(home)))
    assert_whole(text, columns, *summary_words(root), str(root.relative_to(home) / "report.html"))


def test_a_notebook_shows_the_same_table(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`show_table` prints every configuration with its numbers."""
    show_table(root)
    assert_whole(capsys.readouterr().out, 80, *summary_words(root))


@NARROW
def test_status_shows_names_and_numbers_whole(home: Path, root: Path, columns: int) -> None:
    """Runs done, and what can be done next."""
    assert_whole(shown(columns, home, "status", str(root)), columns, "6 of 6 runs done, 0 failed, 0 begun")


@NARROW
def test_compare_shows_names_and_numbers_whole(home: Path, columns: int) -> None:
    """Every class's name is printed as it is, markup or not, beside its numbers."""
    files = ["--a", *(f"a-{seed}.csv" for seed in range(3)), "--b", *(f"b-{seed}.csv" for seed in range(3))]
    text = shown(columns, home, "compare", *files, "--json", "numbers.json")
    found = json.loads((home / "numbers.json").read_text())
    numbers = []
    for side in ("a", "b"):
        runs = found[side]["runs"]
        numbers += [f"{100 * np.mean([run['per_class'][c]['f1'] for run in runs]):.2f}" for c in range(4)]
        numbers += [
            f"{100 * np.mean([run['scores'][metric] for run in runs]):.2f}" for metric in ("accuracy", "f1_macro")
        ]
    for row in found["comparisons"]:
        digits, scale = (4, 1) if row["metric"] == "loss" else (2, 100)
        numbers += [f"{scale * bound:+.{digits}f}".replace("-", "−") for bound in (row["mean"], *row["interval"])]
    assert_whole(text, columns, *numbers, "numbers.json")
    for name in CLASSES:
        assert name in " ".join(text.split())


@NARROW
def test_train_shows_names_and_numbers_whole(home: Path, columns: int) -> None:
    """Epochs as they end, then scores and where the files are."""
    words = ["train", "ffnn", "--set", "epochs=2", "--set", "hidden_sizes=[8]", "--data", "data", "--any-idx"]
    text = shown(columns, home, *words, "--out", f"train-{columns}")
    (path,) = (home / f"train-{columns}").rglob("result.json")
    test = scores(load_predictions(path.with_name("predictions.npz"))["test"])
    printed = [f"{test[metric]:.4f}" for metric in ("accuracy", "f1_macro", "auc_macro_ovr")]
    losses = [json.loads(line) for line in (path.parent / "metrics.jsonl").read_text().splitlines()]
    epochs = [f"{line[part]:.4f}" for line in losses for part in ("train_loss", "validation_loss")]
    assert_whole(text, columns, *printed, *epochs, str(path.parent.relative_to(home)))


@NARROW
def test_data_shows_names_and_numbers_whole(home: Path, root: Path, columns: int) -> None:
    """Counts, hashes and the files' names."""
    held = json.loads((root / "dataset.json").read_text())
    text = shown(columns, home, "data", "--data", "data", "--any-idx")
    assert_whole(text, columns, *held["sha256"], *held["sha256"].values(), held["split_sha256"], "60 images")


def test_bench_shows_names_and_numbers_whole(home: Path) -> None:
    """A table of contestants and their seconds; the JSON below it is one line for programs."""
    text = shown(40, home, "bench", "scratch", "--data", "synthetic", "--images", "300", "--rounds", "1")
    table, _, line = text.partition("\n{")
    expected = []
    for batch in json.loads("{" + line)["batches"]:
        for name, held in batch["contestants"].items():
            expected += [name, f"{held['seconds']['median']:.3f}", f"{held['times_ours']['median']:.2f}"]
            expected += [str(batch["batch_size"]), f"{100 * held['share_of_sgemm']['median']:.0f}%"]
    assert_whole(table, 40, *expected)


@NARROW
@pytest.mark.parametrize("words", [("run", "-h"), ("compare", "-h"), ()])
def test_help_shows_names_and_numbers_whole(home: Path, words: tuple[str, ...], columns: int) -> None:
    """Options with their ranges and defaults, words beside them or, where there is no room, below."""
    expected = (
        ["--seeds", "[1<=x<=1000]", "--keep-minutes", "[default: 5.0;", "tcp://HOST:PORT"] if "run" in words else []
    )
    # The sign that more files may follow cuts nothing.
    text = re.sub("[AB]…", "", shown(columns, home, *words))
    assert_whole(text, columns, *expected, "-h, --help")


def test_an_error_shows_names_whole(home: Path) -> None:
    """It is wrapped between words on a terminal, and one line elsewhere."""
    text = shown(40, home, "train", "ffnn", "--set", "lr=0.1", code=2)
    assert_whole(text, 40, "train ffnn", "'lr'", "'learning_rate'?")
    assert len(text.splitlines()) > 1


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "cp437"])
def test_a_terminal_that_lacks_signs_gets_them_spelled(home: Path, encoding: str) -> None:
    """A minus is a minus on stdout, an ellipsis three dots on stderr; nothing becomes a question mark."""

    def called(*words: str) -> tuple[str, str]:
        done = subprocess.run(
            [sys.executable, "-m", "fashion_compare", *words], cwd=home, capture_output=True, check=False,
            env=os.environ | {"PYTHONIOENCODING": encoding, "COLUMNS": "100"},
        )  # fmt: skip
        return done.stdout.decode(encoding), done.stderr.decode(encoding)

    out, _ = called("compare", "a-0.csv", "b-0.csv", "--json", f"{encoding}.json")
    (loss,) = (
        row for row in json.loads((home / f"{encoding}.json").read_text())["comparisons"] if row["metric"] == "loss"
    )
    assert loss["mean"] < 0
    assert f" {loss['mean']:+.4f} " in out
    assert "A - B" in out
    assert "?" not in out
    _, err = called("compare", "a-0.csv")
    dots = "…" if encoding == "cp1252" else "..."
    assert f"--a FILE{dots} --b FILE{dots}" in err
    assert "?" not in err
    help_text, _ = called("run", "--help")
    assert f"0 {dots} N-1" in " ".join(help_text.split())
