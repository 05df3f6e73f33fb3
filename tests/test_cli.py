"""The program as a person runs it: in a process of its own, on the synthetic data, from a folder of its own."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest

SOURCE = Path(__file__).parents[1] / "src" / "fashion_compare"
TINY = """
name: tiny
description: For tests. <script>alert("x")</script>
seeds: 1
training_images: 400
models:
  ffnn:
    baseline: {hidden_sizes: [32], epochs: 2}
    variations:
      l2: {l2: 0.001}
      no-momentum: {optimizer: sgd}
  cnn:
    baseline: {epochs: 1}
    variations:
      larger-batch: {batch_size: 200}
"""
RUNS = 5
FAILING = """
name: failing
seeds: 1
training_images: 400
models:
  ffnn:
    baseline: {hidden_sizes: [32], optimizer: sgd, epochs: 2}
    variations:
      # Steps this long, and many of them, end in numbers that are none.
      diverging: {learning_rate: 100, together_with: {batch_size: 5}}
"""
ZERO = """
name: zero
seeds: 1
training_images: 200
models:
  ffnn:
    baseline: {hidden_sizes: [8], epochs: 0}
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A machine without the data: an installed copy of the package, and a home of its own."""
    home = tmp_path_factory.mktemp("home")
    shutil.copytree(SOURCE, home / "site" / "fashion_compare", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(SOURCE.parents[1] / "docs" / "challenges.md", home / "site" / "fashion_compare" / "report")
    (home / "tiny.yaml").write_text(TINY)
    return home


def environment(home: Path) -> dict[str, str]:
    """No data and no network: the only proxy is a closed port of this machine."""
    kept = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT", "TMPDIR") if name in os.environ}
    closed = "http://127.0.0.1:9"
    return kept | {
        "HOME": str(home), "XDG_CACHE_HOME": str(home / "cache"), "PYTHONPATH": str(home / "site"),
        "https_proxy": closed, "http_proxy": closed, "COLUMNS": "100",
    }  # fmt: skip


def start(home: Path, *words: str, **variables: str) -> "subprocess.Popen[str]":
    # Where this process was told to ignore Ctrl-C, as shells tell their background jobs, children would too.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    return subprocess.Popen(
        [sys.executable, "-m", "fashion_compare", *words],
        cwd=home, env=environment(home) | variables, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        start_new_session=True,
    )  # fmt: skip


def call(home: Path, *words: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    process = start(home, *words, **variables)
    out, err = process.communicate(timeout=240)
    return subprocess.CompletedProcess(words, process.returncode, out, err)


def assert_one_line(done: "subprocess.CompletedProcess[str]", code: int, *said: str) -> None:
    """A refusal is one line on stderr that says these things, with this exit code, and nothing on stdout."""
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert done.stdout == ""
    for words in said:
        assert words in done.stderr


@pytest.fixture(scope="module")
def finished(home: Path) -> "subprocess.CompletedProcess[str]":
    """The tiny study, run once without any copy of the data and without a network."""
    return call(home, "run", "tiny.yaml", "--out", "runs")


@pytest.fixture(scope="module")
def root(home: Path, finished: "subprocess.CompletedProcess[str]") -> Path:
    return home / "runs" / "tiny-synthetic"


def test_without_data_and_network_run_ends_on_the_stand_in(
    finished: "subprocess.CompletedProcess[str]", root: Path
) -> None:
    """The main job ends, and terminal, results.json and report say that it ran on synthetic data."""
    assert finished.returncode == 0, finished.stderr
    assert "SYNTHETIC" in finished.stderr
    assert "SYNTHETIC" in finished.stdout
    assert f"{RUNS} trained, 0 done before, 0 failed" in finished.stdout
    results = json.loads((root / "results.json").read_text())
    assert results["dataset"]["is_synthetic"] is True
    assert results["dataset"]["name"] == "garments"
    assert "NOT about Fashion-MNIST" in (root / "report.html").read_text()


def test_other_commands_refuse_instead_of_taking_the_stand_in(home: Path) -> None:
    """Only `run` may fall back: `train` without data says what to do."""
    done = call(home, "train", "ffnn")
    assert done.returncode == 1
    assert "--data synthetic" in done.stderr
    assert "Traceback" not in done.stderr


def test_all_test_images_are_scored(root: Path) -> None:
    """Every run's test scores come from all 10,000 test images."""
    results = json.loads((root / "results.json").read_text())
    for model in results["models"].values():
        for configuration in model["configurations"].values():
            assert [np.sum(run["confusion"]) for run in configuration["runs"]] == [10_000] * len(configuration["runs"])


def test_the_same_command_again_trains_nothing(home: Path, root: Path) -> None:
    """A finished study is not trained again, and its page comes out the same to the byte."""
    before = {path: path.stat().st_mtime_ns for path in root.rglob("weights.safetensors")}
    page = (root / "report.html").read_text()
    done = call(home, "run", "tiny.yaml", "--out", "runs")
    assert done.returncode == 0, done.stderr
    assert f"0 trained, {RUNS} done before, 0 failed" in done.stdout
    assert before == {path: path.stat().st_mtime_ns for path in root.rglob("weights.safetensors")}
    assert (root / "report.html").read_text() == page


def test_status_tells_how_far_a_study_is(home: Path, root: Path, tmp_path: Path) -> None:
    """From files alone: of a finished study all runs, of one that was stopped also what was begun, and how far."""
    assert (
        call(home, "status", str(root)).stdout == f"{RUNS} of {RUNS} runs done, 0 failed, 0 begun; nobody works on it\n"
    )
    stopped = tmp_path / "tiny-synthetic"
    shutil.copytree(root, stopped)
    (stopped / "ffnn" / "baseline" / "seed-0" / "result.json").unlink()
    shutil.rmtree(stopped / "cnn" / "baseline")
    head, line = call(home, "status", str(stopped)).stdout.splitlines()
    assert head == f"{RUNS - 2} of {RUNS} runs done, 0 failed, 1 begun; nobody works on it, the same command goes on"
    assert re.fullmatch(r"ffnn/baseline/seed-0  epoch +2  loss [\d.]+ train, [\d.]+ validation .*%", line)
    assert_one_line(call(home, "status", str(home)), 2, "is not a study's directory")


def test_stopped_in_the_middle_it_goes_on_to_the_same_bits(home: Path, root: Path) -> None:
    """Ctrl-C ends with exit 130 and one line; the same command then trains only what is missing."""
    process = start(home, "run", "tiny.yaml", "--out", "stopped", "--workers", "1")
    deadline = time.monotonic() + 120
    while not list((home / "stopped").rglob("metrics.jsonl")) and time.monotonic() < deadline:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert "goes on from there" in err
    done_before = len(list((home / "stopped").rglob("result.json")))
    assert done_before < RUNS
    again = call(home, "run", "tiny.yaml", "--out", "stopped")
    assert again.returncode == 0, again.stderr
    assert f"{RUNS - done_before} trained, {done_before} done before" in again.stdout
    for path in root.rglob("weights.safetensors"):
        other = home / "stopped" / "tiny-synthetic" / path.relative_to(root)
        assert other.read_bytes() == path.read_bytes()


def test_stopped_at_its_start_it_ends_quietly(home: Path) -> None:
    """A terminal's Ctrl-C reaches the workers too, while they still import: no traceback, exit 130."""
    process = start(home, "run", "tiny.yaml", "--out", "early", "--data", "synthetic")
    assert process.stderr is not None
    while "side by side" not in process.stderr.readline():
        assert process.poll() is None
    time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert err.strip().splitlines()[-1].endswith("goes on from there")
    assert "Traceback" not in err


def test_a_failing_run_is_reported_and_the_others_are_kept(home: Path) -> None:
    """A diverging run makes exit 1 and a line; the report is written and names it."""
    (home / "failing.yaml").write_text(FAILING)
    done = call(home, "run", "failing.yaml", "--out", "runs", "--data", "synthetic")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "1 trained, 0 done before, 1 failed" in done.stdout
    assert re.search(r"diverging/seed-0 failed: .*non-finite loss in epoch \d+ at step \d+", done.stderr)
    root = home / "runs" / "failing-synthetic"
    assert json.loads((root / "results.json").read_text())["failures"][0]["run"] == "ffnn/diverging/seed-0"
    assert "non-finite loss" in (root / "report.html").read_text()
    assert "failed" in call(home, "report", str(root)).stdout


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="no directory that nobody can write to")
def test_matplotlib_says_nothing_to_whoever_runs_a_study(home: Path) -> None:
    """Neither that no time has no place on a log scale, after no epochs, nor where its cache is without a home."""
    (home / "zero.yaml").write_text(ZERO)
    done = call(home, "run", "zero.yaml", "--out", "zero", "--data", "synthetic", HOME="/proc/nowhere")
    assert done.returncode == 0, done.stderr
    assert not re.search("warning|matplotlib", done.stderr, re.IGNORECASE), done.stderr


def test_train_trains_one_model_without_torch_for_the_ffnn(home: Path) -> None:
    """`train ffnn` ends with its scores; its progress is on stderr and can be silenced."""
    done = call(home, "train", "ffnn", "--set", "epochs=1", "--set", "hidden_sizes=[16]", "--data", "synthetic")
    assert done.returncode == 0, done.stderr
    assert "test accuracy 0." in done.stdout
    assert "epoch   1" in done.stderr
    quiet = call(
        home, "train", "ffnn", "--set", "epochs=1", "--set", "hidden_sizes=[16]", "--data", "synthetic", "--quiet"
    )
    assert "epoch" not in quiet.stderr
    assert quiet.stdout == done.stdout


def test_explanations_are_made_again_without_training(home: Path, root: Path, tmp_path: Path) -> None:
    """`explain DIR` makes what is missing from saved weights, writes results and report, and touches no run."""
    copy = tmp_path / "copy"
    shutil.copytree(root, copy)
    shutil.rmtree(copy / "explanations")
    runs = {path: path.stat().st_mtime_ns for path in copy.rglob("seed-0/*")}
    done = call(home, "explain", str(copy))
    assert done.returncode == 0, done.stderr
    before, after = (json.loads((path / "results.json").read_text()) for path in (root, copy))
    for section in ("gallery", "robustness", "robustness_differences", "faithfulness"):
        assert after[section]
        assert after[section] == before[section]
    assert {path: path.stat().st_mtime_ns for path in runs} == runs


def test_another_study_that_is_not_there_is_one_line(home: Path, root: Path) -> None:
    """Before anything is drawn it says what is missing and what makes it."""
    done = call(home, "report", str(root), "--compare", "nowhere")
    assert_one_line(done, 1, "nowhere has no results.json", "fashion-compare report nowhere")


def test_one_image_is_explained_by_one_run(home: Path, root: Path, tmp_path: Path) -> None:
    """A test image by its number, a picture by its file: the answer, a figure and the numbers behind it."""
    run = tmp_path / "baseline" / "seed-0"
    shutil.copytree(root / "ffnn" / "baseline" / "seed-0", run)
    done = call(home, "explain", str(run), "--image", "17")
    assert done.returncode == 0, done.stderr
    said = json.loads((run / "explanations" / "image-17.json").read_text())
    with np.load(run / "predictions.npz") as saved:
        np.testing.assert_allclose(said["logits"], saved["logits"][17], rtol=1e-4, atol=1e-5)
        assert said["label"] == saved["labels"][17]
        assert said["predicted"] == saved["logits"][17].argmax()
    assert (run / "explanations" / "image-17.svg").read_text().startswith("<svg")
    assert ("right" in done.stdout) == (said["predicted"] == said["label"])
    # A name that looks like the beginning of a formula is a name.
    picture = tmp_path / "mine$_^.png"
    matplotlib.image.imsave(picture, np.pad(np.ones((20, 12)), 20), cmap="gray")
    done = call(home, "explain", str(run), "--image", str(picture))
    assert done.returncode == 0, done.stderr
    first = run / "explanations" / "picture-mine$_^.json"
    before = first.read_text()
    assert json.loads(before)["label"] is None
    # Nor does another picture of that name take its results' place.
    (tmp_path / "other").mkdir()
    other = tmp_path / "other" / picture.name
    matplotlib.image.imsave(other, np.pad(np.ones((12, 20)), 20), cmap="gray")
    done = call(home, "explain", str(run), "--image", str(other))
    assert done.returncode == 0, done.stderr
    assert first.read_text() == before
    (second,) = set(run.glob("explanations/picture-*.json")) - {first}
    assert f"Numbers: {second}" in done.stdout
    assert json.loads(second.read_text())["logits"] != json.loads(before)["logits"]
    beyond = call(home, "explain", str(run), "--image", "10000")
    assert beyond.returncode == 2
    # Before it the synthetic data is announced.
    assert beyond.stderr.strip().splitlines()[1:] == [
        "fashion-compare: --image 10000: expected 0 to 9999, or a picture file"
    ]
    assert_one_line(call(home, "explain", str(run), "--image", str(run / "config.json")), 1, "config.json", "PNG")
    (run / "result.json").unlink()
    assert_one_line(call(home, "explain", str(run), "--image", "17"), 2, "not finished")


def test_init_writes_a_study_that_can_be_run(home: Path) -> None:
    """The file that `init` writes is the shipped study; it is never overwritten."""
    assert call(home, "init", "quick", "--output", "mine.yaml").returncode == 0
    shipped = SOURCE / "study" / "presets" / "quick.yaml"
    assert (home / "mine.yaml").read_text() == shipped.read_text()
    assert_one_line(call(home, "init", "quick", "--output", "mine.yaml"), 2, "mine.yaml exists already")


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("run", "defualt"), 2, ("unknown study 'defualt'", "did you mean 'default'?")),
        (("run", "missing.yaml"), 2, ("missing.yaml", "fashion-compare init")),
        (("run", "[/red] :shirt:.yaml"), 2, ("cannot read [/red] :shirt:.yaml", "fashion-compare init")),
        (("run", "--sedes", "3"), 2, ("--sedes",)),
        (("run", "--seeds", "0"), 2, ("--seeds",)),
        (("fly",), 2, ("fly",)),
        (("train", "ccn"), 2, ("unknown model 'ccn'", "did you mean 'cnn'?")),
        (("train", "ffnn", "--set", "learning_rat=1"), 2, ("learning_rat", "did you mean 'learning_rate'?")),
        (("train", "ffnn", "--set", "lr=0.1"), 2, ("unknown field 'lr'", "did you mean 'learning_rate'?")),
        (("train", "ffnn", "--set", "learning_rate=fast"), 2, ("learning_rate", "'fast'")),
        (("train", "ffnn", "--set", "learning_rate=-1"), 2, ("learning_rate", "-1")),
        (("train", "ffnn", "--set", "learning_rate=2020-13-45"), 2, ("--set learning_rate=2020-13-45",)),
        (("train", "ffnn", "--set", "epochs=010"), 2, ("--set epochs=010", "8 in YAML 1.1 and 10 in YAML 1.2")),
        (("train", "ffnn", "--set", "hidden_sizes=16"), 2, ("hidden_sizes: got 16, expected a list, such as [16]",)),
        (("train", "ffnn", "--set", "momentum=0.5"), 2, ("momentum has no effect with optimizer 'adam'", "'nesterov'")),
        (("train", "ffnn", "--set", "epochs=5", "--set", "patience=5"), 2, ("patience has no effect with epochs 5",)),
        (("train", "ffnn", "--set", "epochs"), 2, ("--set epochs", "FIELD=VALUE")),
        (("report", "nowhere"), 2, ("nowhere", "study.yaml")),
        (("report", "nowhere", "--markdown", "x.txt"), 2, ("--markdown", "ends in .md")),
        (("explain", "nowhere"), 2, ("nowhere", "study.yaml")),
        (("explain",), 2, ("Missing argument 'DIR'", "explain --help")),
        (("explain", "nowhere", "--image", "3"), 2, ("nowhere", "no run's directory")),
        (("data", "--data", "nowhere"), 1, ("nowhere", "--data")),
        (("run", "tiny.yaml", "--data", "synthetic", "--out", "tiny.yaml/x"), 2, ("--out", "choose")),
    ],
)  # fmt: skip
def test_a_wrong_word_is_answered_in_one_line(
    home: Path, words: tuple[str, ...], code: int, said: tuple[str, ...]
) -> None:
    """What a user gets wrong is one clear line and the right exit code."""
    assert_one_line(call(home, *words), code, *said)


@pytest.mark.parametrize("words", [(), ("-h",), ("--help",), ("train", "-h"), ("compare", "-h")])
def test_help_is_a_result(home: Path, words: tuple[str, ...]) -> None:
    """Asked for by -h, --help or no command at all, help is on stdout, with exit 0 and nothing on stderr."""
    done = call(home, *words)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Usage: ")
    assert "-h, --help" in done.stdout


def test_a_directory_of_another_kind_is_answered_with_the_right_one(home: Path, root: Path) -> None:
    """A run without --image, a study with it, a run or a folder of studies in a study's place: what is missing."""
    run = root / "ffnn" / "baseline" / "seed-0"
    assert_one_line(call(home, "explain", str(run)), 2, f"{run} is one run", "--image")
    example = f"such as {root / 'cnn' / 'baseline' / 'seed-0'}"
    assert_one_line(call(home, "explain", str(root), "--image", "3"), 2, "no run's directory", example)
    for command in ("status", "report"):
        assert_one_line(call(home, command, str(run)), 2, "not a study's directory", f"such as {root}")
    # Of several studies below, the first.
    assert_one_line(call(home, "status", str(root.parent)), 2, "not a study's directory", f"such as {root.parent}/")


@pytest.mark.parametrize("change", ["truncated", "mnist", "unpacked digits"])
def test_a_wrong_copy_of_the_data_is_refused_not_replaced(home: Path, tmp_path: Path, change: str) -> None:
    """A damaged copy, or other data under the same names, is an error of `run`, never a reason to fall back."""
    shape = {"train-images-idx3-ubyte": (60_000, 28, 28), "train-labels-idx1-ubyte": (60_000,),
             "t10k-images-idx3-ubyte": (10_000, 28, 28), "t10k-labels-idx1-ubyte": (10_000,)}  # fmt: skip
    for name, size in shape.items():
        head = bytes((0, 0, 8, len(size))) + b"".join(n.to_bytes(4, "big") for n in size)
        body = np.arange(np.prod(size), dtype=np.uint8) % (10 if len(size) == 1 else 255)
        (tmp_path / name).write_bytes(head + body.tobytes()[: -5 if change == "truncated" else None])
    done = call(home, "run", "tiny.yaml", "--out", "wrong", "--data", str(tmp_path))
    assert_one_line(done, 1, str(tmp_path))
    assert not (home / "wrong" / "tiny").exists()
    assert not (home / "wrong" / "tiny-synthetic").exists()


def test_a_study_is_not_kept_in_itself(home: Path, tmp_path: Path) -> None:
    """Each copy would hold the one before; said before anything is made."""
    out = tmp_path / "out"
    words = ["run", "quick", "--data", "synthetic", "--out", str(out), "--keep", str(out / "quick-synthetic" / "kept")]
    done = call(home, *words)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].endswith("is inside the study; name a directory elsewhere")
    assert list(out.iterdir()) == []


def test_help_waits_for_no_heavy_import() -> None:
    """`--help` needs neither NumPy nor torch, matplotlib or pydantic."""
    code = (
        "import sys; sys.argv = ['fashion-compare', '--help']\n"
        "from fashion_compare.cli import main\n"
        "try: main()\n"
        "except SystemExit as stop: assert not stop.code\n"
        "heavy = {'numpy', 'torch', 'matplotlib', 'pydantic', 'sklearn', 'scipy'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    for command in ("run", "report", "train", "data", "init"):
        assert command in done.stdout


def saved_predictions(home: Path, lead: float, name: str) -> list[str]:
    """Three files of predictions of 200 images that are right the more often, the larger the lead is."""
    paths = []
    for seed in range(3):
        labels = np.arange(200) % 4
        logits = np.random.default_rng(seed).normal(size=(200, 4)) + lead * np.eye(4)[labels]
        path = home / f"{name}-{seed}.npz"
        np.savez(path, labels=labels, logits=logits)
        paths.append(str(path))
    return paths


def test_compare_needs_predictions_alone(home: Path, tmp_path: Path) -> None:
    """Two models of any kind, a file a seed: tables, evidence and verdicts on stdout, every number as JSON."""
    good, bad = saved_predictions(tmp_path, 4, "good"), saved_predictions(tmp_path, 1, "bad")
    numbers = tmp_path / "numbers.json"
    done = call(home, "compare", "--a", *good, "--b", *bad, "--json", str(numbers))
    assert done.returncode == 0, done.stderr
    assert "A against B: 200 images, 3 files of each" in done.stdout
    assert re.search(r"accuracy .* better", done.stdout)
    assert "sign-flip permutation p = 0.25 (smallest possible with 3 seeds: 0.25" in " ".join(done.stdout.split())
    found = json.loads(numbers.read_text())
    assert [row["verdict"] for row in found["comparisons"]] == ["better"] * 4
    assert found["files"]["a"] == good
    one = call(home, "compare", good[0], bad[0])
    assert one.returncode == 0, one.stderr
    assert "not tested (n = 1)" in " ".join(one.stdout.split())
    assert "smallest possible with 1 seed: 1" in " ".join(one.stdout.split())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["good-0.npz"], "got 1 files; expected two files, or --a FILE"),
        (["--a", "good-0.npz", "good-1.npz", "--b", "bad-0.npz"], "got 2 files of A and 1 of B"),
        (["--c", "good-0.npz", "bad-0.npz"], "did not understand '--c'"),
        (["good-0.npz", "none.npz"], "cannot read none.npz"),
        (["good-0.npz", "other.npz"], "disagree on the labels of 200 images"),
        (["--a", "good-0.npz", "copy.npz", "--b", "bad-0.npz", "bad-1.npz"], "copy.npz holds the same predictions as"),
        (["good-0.npz", "fewer.npz"], "fewer.npz has 100 images and 4 classes, good-0.npz 200 and 4"),
    ],
)
def test_files_that_do_not_belong_together_are_refused(home: Path, words: list[str], said: str) -> None:
    """One line, exit 1 or 2, and no traceback."""
    saved_predictions(home, 4, "good")
    saved_predictions(home, 1, "bad")
    with np.load(home / "good-0.npz") as held:
        np.savez(home / "other.npz", labels=(held["labels"] + 1) % 4, logits=held["logits"])
        np.savez(home / "copy.npz", labels=held["labels"], logits=held["logits"])
        np.savez(home / "fewer.npz", labels=held["labels"][:100], logits=held["logits"][:100])
    done = call(home, "compare", *words)
    assert_one_line(done, done.returncode, said)
    assert done.returncode in (1, 2)


SPACES = """
name: spaces
seeds: 3
training_images: 300
models:
  ffnn:
    baseline: {hidden_sizes: [8], epochs: 1}
sensitivity:
  seeds: 2
  grids:
    ffnn:
      learning_rate: [0.0001, 0.001, 0.01, 0.1]
  design:
    points: 32
    training_images: 200
    space:
      ffnn:
        learning_rate: {low: 0.0001, high: 0.1, scale: log}
        optimizer: [sgd, adam]
tuning:
  trials: 6
  epochs: 2
  batch: 3
  space:
    ffnn:
      learning_rate: {low: 0.001, high: 0.1, scale: log}
      hidden_sizes: [[8], [16]]
"""


@pytest.mark.slow
def test_grids_design_and_tuning_are_part_of_a_study(home: Path) -> None:
    """One command does all of a study's runs; killed in between it goes on; the report can be rebuilt from files."""
    (home / "spaces.yaml").write_text(SPACES)
    process = start(home, "run", "spaces.yaml", "--quiet")
    tuning = home / "runs" / "spaces-synthetic" / "tuning" / "ffnn.json"
    deadline = time.monotonic() + 120
    while not tuning.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=60)
    root = tuning.parents[1]
    assert "nobody works on it" in call(home, "status", str(root)).stdout
    done = call(home, "run", "spaces.yaml")
    assert done.returncode == 0, done.stderr
    found = json.loads((root / "results.json").read_text())
    (curve,) = found["sensitivity"]["ffnn"]
    assert [point["value"] for point in curve["points"]] == [0.0001, 0.001, 0.01, 0.1]
    assert curve["not_worse_than_best"]
    assert found["global_sensitivity"]["ffnn"]["points"] == 32
    trials = found["tuning"]["ffnn"]["trials"]
    assert [trial["state"] for trial in trials] == ["complete"] * 6
    winner = f"tuned-{found['tuning']['ffnn']['winner'] + 1}"
    assert len(found["models"]["ffnn"]["configurations"][winner]["runs"]) == 3
    assert {row["a"]["configuration"] for row in found["comparisons"]} == {winner}
    assert found["tuning"]["ffnn"]["gain"]["a"]["configuration"] == winner
    page = (root / "report.html").read_text()
    assert "Over the whole space" in page
    assert "Tuning budget and cost" in page
    figures = {"sensitivity-curves.svg", "sensitivity-indices.svg", "tuning.svg"}
    assert figures <= {path.name for path in (root / "figures").iterdir()}
    again = call(home, "run", "spaces.yaml")
    assert "0 trained, 44 done before, 0 failed" in again.stdout
    assert re.match(r"50 of 50 runs done, 0 failed", call(home, "status", str(root)).stdout)
    numbers = (root / "results.json").read_bytes()
    rebuilt = call(home, "report", str(root))
    assert rebuilt.returncode == 0, rebuilt.stderr
    assert (root / "results.json").read_bytes() == numbers
