"""Saved predictions are read whole or refused in one line."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fashion_compare.errors import UserError
from fashion_compare.evaluation.predictions import SPLITS, load_predictions

IMAGES = 6


def arrays(**changes: Any) -> dict[str, Any]:
    """Return the arrays of a good file, some of them changed."""
    rng = np.random.default_rng(0)
    good: dict[str, Any] = {}
    for prefix in ("", "validation_", "train_"):
        good[f"{prefix}labels"] = rng.integers(0, 10, IMAGES)
        good[f"{prefix}logits"] = rng.normal(size=(IMAGES, 10)).astype(np.float32)
    return good | changes


def saved(path: Path, **changes: Any) -> Path:
    """Write such a file."""
    np.savez(path, **arrays(**changes))
    return path


def refusal(path: Path) -> str:
    """Return the line with which the file is refused."""
    with pytest.raises(UserError) as caught:
        load_predictions(path)
    line = str(caught.value)
    assert "\n" not in line
    assert str(path) in line
    assert "delete its directory" in line
    return line


def test_every_part_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    """The test set is under the plain names, the others under theirs; bits and types are kept."""
    parts = load_predictions(saved(tmp_path / "predictions.npz"))
    assert tuple(sorted(parts)) == tuple(sorted(SPLITS))
    good = arrays()
    for part, prefix in (("test", ""), ("validation", "validation_"), ("train", "train_")):
        assert np.array_equal(parts[part].labels, good[f"{prefix}labels"])
        assert np.array_equal(parts[part].logits, good[f"{prefix}logits"])
        assert parts[part].logits.dtype == np.float32


def test_a_file_cut_anywhere_is_refused(tmp_path: Path) -> None:
    """Truncated at any length, from nothing to all but a byte, it is no predictions file."""
    path = saved(tmp_path / "predictions.npz")
    whole = path.read_bytes()
    for length in [*range(0, len(whole), 41), len(whole) - 1]:
        path.write_bytes(whole[:length])
        assert "not a whole .npz file" in refusal(path)


# numpy leaves the file open when its archive is damaged; that warning is numpy's.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_flipped_byte_is_refused_or_harmless(tmp_path: Path) -> None:
    """Whichever byte is damaged, the file is refused in one line or gives the very arrays that were saved."""
    path = saved(tmp_path / "predictions.npz")
    whole, good = path.read_bytes(), arrays()
    for place in range(0, len(whole), 2):
        damaged = bytearray(whole)
        damaged[place] ^= 0xFF
        path.write_bytes(bytes(damaged))
        try:
            parts = load_predictions(path)
        except UserError:
            refusal(path)
        else:
            assert np.array_equal(parts["test"].logits, good["logits"])
            assert np.array_equal(parts["validation"].labels, good["validation_labels"])


@pytest.mark.parametrize(
    "content",
    [b"", b"not an archive", b"PK\x03\x04", b"\x93NUMPY\x01\x00" + b"\x00" * 200],
    ids=["empty", "text", "zip magic", "npy magic"],
)
def test_another_file_is_refused(tmp_path: Path, content: bytes) -> None:
    """An empty file, text, or the first bytes of an archive are refused in one line."""
    path = tmp_path / "predictions.npz"
    path.write_bytes(content)
    refusal(path)


def test_a_single_array_is_refused(tmp_path: Path) -> None:
    """A plain .npy under the name is refused: it is an array, not a file of named arrays."""
    path = tmp_path / "predictions.npz"
    with path.open("wb") as file:
        np.save(file, np.zeros(3))
    refusal(path)


def test_a_missing_file_or_a_directory_is_refused(tmp_path: Path) -> None:
    """No file, or a directory in its place, is one line too."""
    refusal(tmp_path / "predictions.npz")
    refusal(tmp_path)


@pytest.mark.parametrize("name", sorted(arrays()))
def test_every_array_has_to_be_there(tmp_path: Path, name: str) -> None:
    """Without any one of the six arrays the file is refused, and the line names it."""
    path = tmp_path / "predictions.npz"
    np.savez(path, **{key: value for key, value in arrays().items() if key != name})
    assert name in refusal(path)


def test_pickled_objects_are_never_loaded(tmp_path: Path) -> None:
    """An object array, which only pickle can read, is refused."""
    assert "allow_pickle" in refusal(saved(tmp_path / "predictions.npz", labels=np.array([1, "a", None] * 2, object)))


@pytest.mark.parametrize(
    ("part", "changes"),
    [
        ("test", {"logits": np.full((IMAGES, 10), np.nan, np.float32)}),
        ("validation", {"validation_logits": np.full((IMAGES, 10), np.inf, np.float32)}),
        ("test", {"labels": np.arange(IMAGES - 1)}),
        ("train", {"train_labels": np.zeros((IMAGES, 10), np.int64)}),
        ("test", {"logits": np.zeros(IMAGES, np.float32)}),
        ("test", {"labels": np.array(3)}),
    ],
    ids=["nan", "infinity", "a label short", "one-hot labels", "flat logits", "scalar label"],
)
def test_what_does_not_fit_is_refused(tmp_path: Path, part: str, changes: dict[str, Any]) -> None:
    """Logits that are not finite, and labels and logits of different shapes, are refused by the part's name."""
    assert f"{part} labels" in refusal(saved(tmp_path / "predictions.npz", **changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"labels": np.arange(IMAGES) + 7},
        {"labels": np.arange(IMAGES) - 1},
        {"labels": np.linspace(0, 5, IMAGES)},
        {"logits": np.full((IMAGES, 10), "x")},
        {"logits": np.zeros((IMAGES, 10), np.complex64)},
        {"labels": np.zeros(0, np.int64), "logits": np.zeros((0, 10), np.float32)},
    ],
    ids=["label 12", "label -1", "fractional labels", "text logits", "complex logits", "no images"],
)
def test_what_cannot_be_scored_is_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    """Labels that are no class index, logits that are no real numbers, and a part without images are refused."""
    refusal(saved(tmp_path / "predictions.npz", **changes))
