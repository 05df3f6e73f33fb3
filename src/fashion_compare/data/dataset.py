"""Give every other room the same arrays: verified, split once, training apart from validation and test."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from fashion_compare.data.idx import read_idx
from fashion_compare.data.sources import (
    FILE_NAMES,
    MNIST_SHA256,
    SHA256,
    TEST_IMAGES,
    TEST_LABELS,
    TRAIN_IMAGES,
    TRAIN_LABELS,
    Source,
    file_in,
)
from fashion_compare.errors import DataError, UsageError

CLASS_NAMES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
# Published: whoever has the data can draw the same 5,000 validation images. The paper's day.
SPLIT_SEED = 20170825
VALIDATION_IMAGES_PER_CLASS = 500
EVALUATION_IMAGES = 5_000

_COUNTS = {TRAIN_IMAGES: 60_000, TRAIN_LABELS: 60_000, TEST_IMAGES: 10_000, TEST_LABELS: 10_000}
_ITEM_SHAPES = {TRAIN_IMAGES: (28, 28), TRAIN_LABELS: (), TEST_IMAGES: (28, 28), TEST_LABELS: ()}
_STAND_IN_SEEDS = {"train": 1, "test": 2}
# Second words of the seed, behind the ten classes' own.
_SUBSET_STREAM = 100
_EVALUATION_STREAM = 200


@dataclass(frozen=True, eq=False)
class Dataset:
    """Images and labels, split.

    Attributes:
        name: ``fashion-mnist`` or ``garments``.
        source: where it was read from, for people.
        is_stand_in: True for ``garments``: every page and file that shows its numbers must say so.
        class_names: index is the label.
        sha256: file name → SHA-256 of the uncompressed file; for the stand-in of the bytes drawn.
        split_sha256: of the validation indices as little-endian int64.
        train_images: (55000, 28, 28) uint8, 0 is background; fewer in a `training_subset`.
        train_labels: (55000,) int64.
        validation_images: (5000, 28, 28) uint8.
        validation_labels: (5000,) int64.
        test_images: (10000, 28, 28) uint8.
        test_labels: (10000,) int64.
    """

    name: str
    source: str
    is_stand_in: bool
    class_names: tuple[str, ...]
    sha256: dict[str, str]
    split_sha256: str
    train_images: np.ndarray
    train_labels: np.ndarray
    validation_images: np.ndarray
    validation_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray


def load(source: Source, *, expected_sha256: Mapping[str, str] = SHA256) -> Dataset:
    """Read, verify and split the data set that `source` names.

    Args:
        source: from `sources.resolve`.
        expected_sha256: file name → SHA-256 of its uncompressed bytes.

    Raises:
        DataError: a file is missing, damaged or not Fashion-MNIST.
    """
    arrays, sha256 = _drawn() if source.directory is None else _read(source.directory, expected_sha256)
    labels = arrays[TRAIN_LABELS].astype(np.int64)
    train, validation = stratified_split(labels)
    # Popped, so that the unsplit pixels are freed as soon as both parts are copied out of them.
    images = arrays.pop(TRAIN_IMAGES)
    return Dataset(
        name="garments" if source.kind == "synthetic" else "fashion-mnist",
        source=source.description,
        is_stand_in=source.kind == "synthetic",
        class_names=CLASS_NAMES,
        sha256=sha256,
        split_sha256=hashlib.sha256(validation.astype("<i8").tobytes()).hexdigest(),
        train_images=images[train],
        train_labels=labels[train],
        validation_images=images[validation],
        validation_labels=labels[validation],
        test_images=arrays[TEST_IMAGES],
        test_labels=arrays[TEST_LABELS].astype(np.int64),
    )


def stratified_split(
    labels: np.ndarray, per_class: int = VALIDATION_IMAGES_PER_CLASS, seed: int = SPLIT_SEED
) -> tuple[np.ndarray, np.ndarray]:
    """Return (train_indices, validation_indices), sorted int64; validation has `per_class` of every class.

    Args:
        labels: (n,) integers 0..9.
        per_class: validation images of each class.
        seed: of the draw; class c uses ``default_rng([seed, c])``.

    Raises:
        DataError: a class has too few images to leave one for training.
    """
    validation = []
    for label in range(len(CLASS_NAMES)):
        members = np.flatnonzero(labels == label)
        if len(members) <= per_class:
            raise DataError(
                f"class {label} ({CLASS_NAMES[label]}): {len(members)} images, expected more than {per_class}"
            )
        validation.append(np.random.default_rng([seed, label]).permutation(members)[:per_class])
    validation_indices = np.sort(np.concatenate(validation)).astype(np.int64)
    train_indices = np.delete(np.arange(len(labels), dtype=np.int64), validation_indices)
    return train_indices, validation_indices


def training_subset(dataset: Dataset, images: int | None) -> Dataset:
    """Return `dataset` with its first `images` training images of a fixed stratified order, or all for None.

    A smaller subset is contained in a larger one, so that a learning curve only ever adds images.

    Raises:
        UsageError: `images` is not between 1 and the number of training images.
    """
    labels = dataset.train_labels
    if images is None or images == len(labels):
        return dataset
    if not 1 <= images <= len(labels):
        raise UsageError(f"training images: got {images}, expected 1 to {len(labels)}, or none for all")
    # An image's place within its shuffled class, as a fraction: sorted by it, every prefix is proportional.
    place = np.empty(len(labels))
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        shuffled = np.random.default_rng([SPLIT_SEED, _SUBSET_STREAM + int(label)]).permutation(members)
        place[shuffled] = (np.arange(len(members)) + 0.5) / len(members)
    chosen = np.sort(np.lexsort((labels, place))[:images])
    return replace(dataset, train_images=dataset.train_images[chosen], train_labels=labels[chosen])


def pixel_statistics(images: np.ndarray) -> tuple[float, float]:
    """Return mean and standard deviation of uint8 pixels, exactly, from how often each of the 256 values occurs.

    NumPy's own would make a float64 copy of all pixels.
    """
    counts = np.zeros(256, np.int64)
    for start in range(0, len(images), 1000):
        counts += np.bincount(images[start : start + 1000].ravel(), minlength=256)
    values = np.arange(256)
    mean = float(counts @ values) / images.size
    return mean, float(np.sqrt(counts @ (values - mean) ** 2 / images.size))


def evaluation_part(training_images: int, size: int = EVALUATION_IMAGES) -> np.ndarray:
    """Return the fixed indices, (≤ size,) sorted int64, on which the training curve is measured.

    A plain random part: the class shares come within one percentage point of a tenth each. All images when
    there are no more than `size`.
    """
    order = np.random.default_rng([SPLIT_SEED, _EVALUATION_STREAM]).permutation(training_images)
    return np.sort(order[:size]).astype(np.int64)


def _read(directory: Path, expected_sha256: Mapping[str, str]) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    arrays, sha256 = {}, {}
    for name in FILE_NAMES:
        path = file_in(directory, name)
        if path is None:
            raise DataError(f"{directory} no longer has {name}; start again to have it found or downloaded")
        content = read_idx(path, _ITEM_SHAPES[name], _COUNTS[name])
        if content.sha256 != expected_sha256[name]:
            what = (
                "is MNIST (handwritten digits), not Fashion-MNIST"
                if content.sha256 == MNIST_SHA256[name]
                else "is not Fashion-MNIST"
            )
            raise DataError(
                f"{path} {what}: SHA-256 {content.sha256}, expected {expected_sha256[name]}; "
                "delete it, or name another directory with --data DIR"
            )
        arrays[name], sha256[name] = content.array, content.sha256
    _check(arrays)
    return arrays, sha256


def _drawn() -> tuple[dict[str, np.ndarray], dict[str, str]]:
    # Its drawing code is for the stand-in alone.
    from fashion_compare.data.garments import draw

    train_images, train_labels = draw(_COUNTS[TRAIN_IMAGES], _STAND_IN_SEEDS["train"])
    test_images, test_labels = draw(_COUNTS[TEST_IMAGES], _STAND_IN_SEEDS["test"])
    arrays = {
        TRAIN_IMAGES: train_images,
        TRAIN_LABELS: train_labels,
        TEST_IMAGES: test_images,
        TEST_LABELS: test_labels,
    }
    _check(arrays)
    return arrays, {name: hashlib.sha256(arrays[name].reshape(-1).data).hexdigest() for name in FILE_NAMES}


def _check(arrays: Mapping[str, np.ndarray]) -> None:
    """Check what the arrays of either source must be, before anything relies on it."""
    for name, array in arrays.items():
        if array.shape != (_COUNTS[name], *_ITEM_SHAPES[name]):
            raise DataError(f"{name} has shape {array.shape}, expected {(_COUNTS[name], *_ITEM_SHAPES[name])}")
    for name in (TRAIN_LABELS, TEST_LABELS):
        if arrays[name].max() >= len(CLASS_NAMES):
            raise DataError(f"{name} holds label {arrays[name].max()}, expected 0 to {len(CLASS_NAMES) - 1}")
