"""Other data in Fashion-MNIST's format is taken only when asked for, and is known by its hashes."""

import hashlib
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.idx_files import idx_bytes

from fashion_compare.data import sources
from fashion_compare.data.dataset import CLASS_NAMES, load, notes, stratified_split
from fashion_compare.data.sources import FILE_NAMES, Source, resolve
from fashion_compare.errors import DataError, UsageError


def written(directory: Path, train: Any, test: Any, images: int | None = None) -> Path:
    """Write files with these labels, and grey images, `images` of them for testing."""
    directory.mkdir(exist_ok=True)
    for labels, names in ((train, FILE_NAMES[:2]), (test, FILE_NAMES[2:])):
        count = images if images is not None and labels is test else len(labels)
        (directory / names[0]).write_bytes(idx_bytes(np.full((count, 28, 28), 7, np.uint8)))
        (directory / names[1]).write_bytes(idx_bytes(np.array(labels, np.uint8)))
    return directory


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """Thirty training images of every class but the last, four test images of two classes."""
    return written(tmp_path / "other", np.arange(270) % 9, [0, 1, 1, 0])


def test_it_is_read_and_named_by_its_hashes(other: Path) -> None:
    """Any number of images; the name is made of the files' SHA-256, and classes have no names but their numbers."""
    source = resolve(str(other), any_idx=True)
    assert (source.kind, source.description) == ("other", "other data in the same format, named by --data")
    loaded = load(source)
    digests = [hashlib.sha256((other / name).read_bytes()).hexdigest() for name in FILE_NAMES]
    assert loaded.sha256 == dict(zip(FILE_NAMES, digests, strict=True))
    assert loaded.name == f"idx-{hashlib.sha256(''.join(digests).encode()).hexdigest()[:12]}"
    assert not loaded.is_synthetic
    assert loaded.class_names == tuple(f"class {label}" for label in range(10))
    # Two of thirty: one in twelve.
    assert np.bincount(loaded.validation_labels, minlength=10).tolist() == [2] * 9 + [0]
    assert (len(loaded.train_labels), len(loaded.test_images)) == (252, 4)
    held_out = stratified_split(np.arange(270) % 9)[1]
    assert loaded.split_sha256 == hashlib.sha256(held_out.astype("<i8").tobytes()).hexdigest()


def test_it_may_have_more_test_images_than_fashion_mnist(tmp_path: Path) -> None:
    """10,000 are Fashion-MNIST's, not a limit for other data."""
    source = resolve(str(written(tmp_path / "many", [0, 0, 1, 1], np.arange(10_001) % 2)), any_idx=True)
    assert len(load(source).test_images) == 10_001


def test_what_is_missing_from_it_is_said(other: Path) -> None:
    """That it is not Fashion-MNIST, which class cannot be learned, and which have no AUC."""
    first, second, third = notes(load(resolve(str(other), any_idx=True)))
    assert first.startswith("These are not Fashion-MNIST but other data in its format, idx-")
    assert second == "No training image of class 9: they cannot be learned."
    absent = ", ".join(f"class {label}" for label in range(2, 10))
    assert third == f"No test image of {absent}: they have no AUC, and count as 0 in macro recall and F1."


def test_a_directory_without_the_files_is_one_line(tmp_path: Path) -> None:
    """It is named as the option's."""
    with pytest.raises(DataError, match=r"^--data: .* is not a directory that can be read; expected the four files"):
        resolve(str(tmp_path / "none"), any_idx=True)


def test_a_different_byte_is_another_name(other: Path) -> None:
    """One pixel suffices."""
    name = load(resolve(str(other), any_idx=True)).name
    path = other / FILE_NAMES[2]
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    assert load(resolve(str(other), any_idx=True)).name != name


def test_unasked_it_is_refused(other: Path) -> None:
    """The line says how to ask."""
    with pytest.raises(DataError, match=r"is not Fashion-MNIST: .*--any-idx"):
        load(resolve(str(other)))


def test_fashion_mnist_stays_what_it_is(other: Path) -> None:
    """Asked for as anything, the files whose hashes are Fashion-MNIST's are Fashion-MNIST."""
    hashes = {name: hashlib.sha256((other / name).read_bytes()).hexdigest() for name in FILE_NAMES}
    loaded = load(Source("other", other, ""), expected_sha256=hashes)
    assert (loaded.name, loaded.class_names) == ("fashion-mnist", CLASS_NAMES)
    assert notes(loaded)[0].startswith("No training image of Ankle boot")


def test_a_study_of_more_images_than_there_are_is_not_begun(other: Path, tmp_path: Path) -> None:
    """One line after the one that says what data it is, and not a failure of every run; nothing is written."""
    words = ["run", "quick", "--data", str(other), "--any-idx", "--out", str(tmp_path / "out")]
    done = subprocess.run(
        [sys.executable, "-m", "fashion_compare", *words], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 2
    line = done.stderr.splitlines()[-1]
    assert re.search(r"\w+/baseline/seed-0 asks for 6000 training images, idx-[0-9a-f]{12} has 252; choose", line)
    assert not any((tmp_path / "out").rglob("*"))


@pytest.mark.parametrize("data", ["auto", "synthetic"])
def test_it_needs_a_directory(data: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is looked for that only its user knows, neither in the usual places nor in the environment's."""
    monkeypatch.setattr(sources, "find_local", lambda *_: pytest.fail("it was looked for"))
    with pytest.raises(UsageError, match=r"^--any-idx: expected --data DIR with it, the directory of the other data$"):
        resolve(data, any_idx=True)


@pytest.mark.parametrize(
    ("train", "test", "images", "line"),
    [
        ([0, 0, 1, 1], [0, 1, 2, 10], None, "holds label 10, expected 0 to 9"),
        ([0, 0, 1, 1], [0, 1], 3, "holds 3 images, .* 2 labels; expected a label for each image"),
        ([], [0, 1], None, "holds 0 images, .* 0 labels"),
        ([0, 0, 1, 1], [], None, "holds 0 images, .* 0 labels"),
        ([0, 0, 1, 1], [1], None, "one class alone"),
        ([3, 3, 3], [0, 1], None, "one class alone"),
        ([0, 0, 1], [0, 1], None, "class 1 has 1 training image"),
    ],
)
def test_what_nothing_can_be_learned_from_is_one_line(
    train: list[int], test: list[int], images: int | None, line: str, tmp_path: Path
) -> None:
    """Labels beyond the ten classes, labels without images, no images, one class, a class that cannot be split."""
    source = resolve(str(written(tmp_path / "bad", train, test, images)), any_idx=True)
    with pytest.raises(DataError, match=line) as caught:
        load(source)
    assert "\n" not in str(caught.value)
