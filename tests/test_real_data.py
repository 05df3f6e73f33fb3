"""On the real Fashion-MNIST: both models learn what they should, and the program finds and verifies the data."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from fashion_compare.data.sources import find_local
from fashion_compare.evaluation.metrics import scores
from fashion_compare.evaluation.predictions import load_predictions

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_local() is None, reason="needs a local copy of Fashion-MNIST"),
]
SPLIT = "98ca501a5a832967bd751de6f9e073b17596b2c7f5ea67f3705feb1a0cc8b73e"


def call(*words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "fashion_compare", *words], capture_output=True, text=True, timeout=280, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_data_is_found_and_verified() -> None:
    """`data` names the copy, its counts, its hashes and the published split."""
    said = call("data")
    assert said.startswith("fashion-mnist")
    assert "train:  55000 images, 5500 to 5500 of each class" in said
    assert f"{SPLIT}  validation indices" in said


@pytest.mark.parametrize(("model", "epochs", "accuracy"), [("ffnn", 4, 0.865), ("cnn", 3, 0.85)])
def test_both_models_learn(tmp_path: Path, model: str, epochs: int, accuracy: float) -> None:
    """A few epochs of the baseline reach an accuracy on the test set that a broken network does not."""
    call("train", model, "--set", f"epochs={epochs}", "--out", str(tmp_path), "--quiet")
    (path,) = tmp_path.rglob("result.json")
    result = json.loads(path.read_text())
    predictions = load_predictions(path.with_name("predictions.npz"))
    assert scores(predictions["test"])["accuracy"] > accuracy
    assert scores(predictions["train"])["loss"] < 0.42
    assert result["environment"]["threads_per_run"] == 1


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak where Linux keeps it")
def test_training_the_network_from_scratch_is_light(tmp_path: Path) -> None:
    """All of Fashion-MNIST takes at most 450 MB from start to end, and torch is never imported."""
    program = """
import re, sys
from pathlib import Path
from fashion_compare import cli
sys.argv = ["fashion-compare", "train", "ffnn", "--set", "epochs=2", "--quiet", "--out", sys.argv[1]]
try:
    cli.main()
except SystemExit as stop:
    assert not stop.code
# Not getrusage: its highest value counts the process that started this one.
print(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1], "torch" in sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, timeout=280, check=True
    )
    kibibytes, torch_imported = done.stdout.split()[-2:]
    assert torch_imported == "False"
    assert int(kibibytes) * 1024 <= 450_000_000
