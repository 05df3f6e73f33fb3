"""With the file that “Add a model” says to write, the program has the model."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import fashion_compare
from tests.documentation.pages import DOCS, blocks

PACKAGE = Path(fashion_compare.__file__).parent
SNIPPETS = {block.title: block.text for block in blocks(DOCS / "how-to" / "add-a-model.md")}


@pytest.mark.slow
def test_a_model_that_is_added_as_described_is_trained(tmp_path: Path) -> None:
    """In a copy of the program: it counts the new network's parameters, by hand 120,382, and trains it."""
    copy = tmp_path / "fashion_compare"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    (copy / "architectures" / "wide_lenet5.py").write_text(SNIPPETS["wide_lenet5.py"], encoding="utf-8")
    count = (
        "from fashion_compare.classifier import layers_of\n"
        "from fashion_compare.classifier.configuration import CnnConfiguration\n"
        "layers = layers_of(CnnConfiguration(architecture='wide_lenet5'))\n"
        "print(sum(layer.parameters for layer in layers))"
    )
    # conv1 16·26, conv2 32·(16·25 + 1), dense1 120·801, dense2 84·121, dense3 10·85.
    assert run(tmp_path, "-c", count).strip() == str(416 + 12_832 + 96_120 + 10_164 + 850)
    train = ["train", "cnn", "--set", "architecture=wide_lenet5", "--set", "epochs=0", "--data", "synthetic"]
    assert "accuracy" in run(tmp_path, "-m", "fashion_compare", *train)


def run(home: Path, *words: str) -> str:
    """Run Python with the copy in the package's place, and return what it prints."""
    environment = os.environ | {"PYTHONPATH": str(home)}
    done = subprocess.run(
        [sys.executable, *words], cwd=home, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
