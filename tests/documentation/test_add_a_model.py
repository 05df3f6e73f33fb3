"""What “Add a model” says to write is the code's own line with the addition, and with it the program has the model."""

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
# A snippet that changes a line of the code → what it adds to it.
ADDED = {"configuration.py": ', "wide-lenet5"', "cnn.py": ', "wide-lenet5": WideLeNet5'}


def lines_of(title: str) -> tuple[str, str]:
    """The line of the code that a snippet is about, and what it is to become."""
    (line,) = SNIPPETS[title].splitlines()
    return line.replace(ADDED[title], ""), line


@pytest.mark.parametrize("title", ADDED)
def test_a_snippet_is_the_codes_line_with_the_addition(title: str) -> None:
    """But for what it adds, it stands in the file as it is, once: nothing is dropped from it or changed."""
    before, after = lines_of(title)
    assert before != after
    source = (PACKAGE / "classifier" / title).read_text(encoding="utf-8")
    assert [line.strip() for line in source.splitlines()].count(before) == 1


@pytest.mark.slow
def test_a_model_that_is_added_as_described_is_trained(tmp_path: Path) -> None:
    """In a copy of the program: it counts the new network's parameters, by hand 120,382, and trains it."""
    copy = tmp_path / "fashion_compare"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    (copy / "cnn" / "wide_lenet.py").write_text(SNIPPETS["wide_lenet.py"], encoding="utf-8")
    for title in ADDED:
        path = copy / "classifier" / title
        path.write_text(path.read_text(encoding="utf-8").replace(*lines_of(title)), encoding="utf-8")
    imported = "from fashion_compare.architectures.lenet5 import LeNet5\n"
    path = copy / "classifier" / "cnn.py"
    text = path.read_text(encoding="utf-8")
    assert imported in text
    path.write_text(
        text.replace(imported, f"{imported}from fashion_compare.architectures.wide_lenet import WideLeNet5\n")
    )
    count = (
        "from fashion_compare.classifier import layers_of\n"
        "from fashion_compare.classifier.configuration import CnnConfiguration\n"
        "layers = layers_of(CnnConfiguration(architecture='wide-lenet5'))\n"
        "print(sum(layer.parameters for layer in layers))"
    )
    # conv1 16·26, conv2 32·(16·25 + 1), dense1 120·801, dense2 84·121, dense3 10·85.
    assert run(tmp_path, "-c", count).strip() == str(416 + 12_832 + 96_120 + 10_164 + 850)
    train = ["train", "cnn", "--set", "architecture=wide-lenet5", "--set", "epochs=0", "--data", "synthetic"]
    assert "accuracy" in run(tmp_path, "-m", "fashion_compare", *train)


def run(home: Path, *words: str) -> str:
    """Run Python with the copy in the package's place, and return what it prints."""
    environment = os.environ | {"PYTHONPATH": str(home)}
    done = subprocess.run(
        [sys.executable, *words], cwd=home, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
