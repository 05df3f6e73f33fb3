"""Give every other room the same arrays: verified, split once, training apart from validation and test."""

import hashlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from fashion_compare.data.idx import IdxFile, read_idx
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
# One in twelve: 500 of Fashion-MNIST's 6,000 of each class.
VALIDATION_SHARE = 12
EVALUATION_IMAGES = 5_000

_COUNTS = {TRAIN_IMAGES: 60_000, TRAIN_LABELS: 60_000, TEST_IMAGES: 10_000, TEST_LABELS: 10_000}
_ITEM_SHAPES = {TRAIN_IMAGES: (28, 28), TRAIN_LABELS: (), TEST_IMAGES: (28, 28), TEST_LABELS: ()}
_SYNTHETIC_SEEDS = {"train": 1, "test": 2}
FASHION_MNIST, SYNTHETIC = "fashion-mnist", "garments"
# Of other data in the same format: 235 MB of images.
_MAXIMUM_COUNT = 300_000
# Second words of the seed, behind the ten classes' own.
_SUBSET_STREAM = 100
_EVALUATION_STREAM = 200


@dataclass(frozen=True, eq=False)
class Dataset:
    """Images and labels, split.

    Attributes:
        name: ``fashion-mnist``, ``garments``, or ``idx-`` and 12 digits of the SHA-256 of the four files' own.
        source: where it was read from, for people.
        is_synthetic: True for ``garments``: every page and file that shows its numbers must say so.
        class_names: index is the label.
        sha256: file name → SHA-256 of the uncompressed file; for the synthetic data of the bytes drawn.
        split_sha256: of the validation indices as little-endian int64.
        train_images: (55000, 28, 28) uint8, 0 is background; fewer in a `training_subset`, any number in other data.
        train_labels: (55000,) int64.
        validation_images: (5000, 28, 28) uint8.
        validation_labels: (5000,) int64.
        test_images: (10000, 28, 28) uint8.
        test_labels: (10000,) int64.
    """

    name: str
    source: str
    is_synthetic: bool
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
        expected_sha256: file name → SHA-256 of Fashion-MNIST's uncompressed bytes.

    Raises:
        DataError: a file is missing or damaged, or is not Fashion-MNIST though other data was not asked for.
    """
    if source.directory is None:
        name, (arrays, sha256) = SYNTHETIC, _drawn()
    else:
        arrays, sha256 = _read(source.directory, None if source.kind == "other" else expected_sha256)
        name = FASHION_MNIST if sha256 == expected_sha256 else _named_by(sha256)
    labels = arrays[TRAIN_LABELS].astype(np.int64)
    train, validation = stratified_split(labels)
    # Popped, so that the unsplit pixels are freed as soon as both parts are copied out of them.
    images = arrays.pop(TRAIN_IMAGES)
    return Dataset(
        name=name,
        source=source.description,
        is_synthetic=name == SYNTHETIC,
        class_names=class_names(name),
        sha256=sha256,
        split_sha256=hashlib.sha256(validation.astype("<i8").tobytes()).hexdigest(),
        train_images=images[train],
        train_labels=labels[train],
        validation_images=images[validation],
        validation_labels=labels[validation],
        test_images=arrays[TEST_IMAGES],
        test_labels=arrays[TEST_LABELS].astype(np.int64),
    )


def class_names(data: str) -> tuple[str, ...]:
    """Return what the ten classes are called in the data of that name."""
    known = data in (FASHION_MNIST, SYNTHETIC)
    return CLASS_NAMES if known else tuple(f"class {label}" for label in range(len(CLASS_NAMES)))


def notes(dataset: Dataset) -> list[str]:
    """Return what people should know about the data before work starts."""
    lines = []
    if dataset.name not in (FASHION_MNIST, SYNTHETIC):
        lines.append(f"These are not Fashion-MNIST but other data in its format, {dataset.name}.")
    for part, labels in (("training", dataset.train_labels), ("test", dataset.test_labels)):
        absent = sorted(set(range(len(dataset.class_names))) - set(labels.tolist()))
        if absent:
            what = "cannot be learned" if part == "training" else "have no AUC, and count as 0 in macro recall and F1"
            lines.append(f"No {part} image of {', '.join(dataset.class_names[c] for c in absent)}: they {what}.")
    return lines


def stratified_split(
    labels: np.ndarray, share: int = VALIDATION_SHARE, seed: int = SPLIT_SEED
) -> tuple[np.ndarray, np.ndarray]:
    """Return (train_indices, validation_indices), sorted int64; validation has one in `share` of every class.

    A class has at least one image in each, or none at all.

    Args:
        labels: (n,) integers 0..9.
        share: how many images of a class there are for each that goes to validation.
        seed: of the draw; class c uses ``default_rng([seed, c])``.

    Raises:
        DataError: a class has a single image, or there is no image.
    """
    validation = []
    for label in range(len(CLASS_NAMES)):
        members = np.flatnonzero(labels == label)
        if len(members) == 1:
            raise DataError(f"class {label} has 1 training image, expected two or more: one is for validation")
        held_out = max(len(members) // share, min(len(members), 1))
        validation.append(np.random.default_rng([seed, label]).permutation(members)[:held_out])
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


def _named_by(sha256: Mapping[str, str]) -> str:
    """Return the name of data that has none but its hashes."""
    return f"idx-{hashlib.sha256(''.join(sha256[name] for name in FILE_NAMES).encode()).hexdigest()[:12]}"


def _read(directory: Path, expected_sha256: Mapping[str, str] | None) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Read the four files, which have to be those expected, if any are."""

    def read(name: str) -> IdxFile:
        return _verified(directory, name, None if expected_sha256 is None else expected_sha256[name])

    # Side by side: inflating and hashing let other threads run. The first file's error comes first all the same.
    with ThreadPoolExecutor(len(FILE_NAMES)) as pool:
        files = dict(zip(FILE_NAMES, pool.map(read, FILE_NAMES), strict=True))
    arrays = {name: file.array for name, file in files.items()}
    _check(arrays, exact=expected_sha256 is not None)
    return arrays, {name: file.sha256 for name, file in files.items()}


def _verified(directory: Path, name: str, expected_sha256: str | None) -> IdxFile:
    """Read one file, which has to be the one expected, if one is."""
    path = file_in(directory, name)
    if path is None:
        raise DataError(f"{directory} no longer has {name}; start again to have it found or downloaded")
    content = read_idx(path, _ITEM_SHAPES[name], _MAXIMUM_COUNT if expected_sha256 is None else _COUNTS[name])
    if expected_sha256 is not None and content.sha256 != expected_sha256:
        what = (
            "is MNIST (handwritten digits), not Fashion-MNIST"
            if content.sha256 == MNIST_SHA256[name]
            else "is not Fashion-MNIST"
        )
        raise DataError(
            f"{path} {what}: SHA-256 {content.sha256}, expected {expected_sha256}; "
            "delete it, name another directory with --data DIR, or take it as it is with --any-idx"
        )
    return content


def _drawn() -> tuple[dict[str, np.ndarray], dict[str, str]]:
    # Its drawing code is for the synthetic data alone.
    from fashion_compare.data.synthetic import draw

    train_images, train_labels = draw(_COUNTS[TRAIN_IMAGES], _SYNTHETIC_SEEDS["train"])
    test_images, test_labels = draw(_COUNTS[TEST_IMAGES], _SYNTHETIC_SEEDS["test"])
    arrays = {
        TRAIN_IMAGES: train_images,
        TRAIN_LABELS: train_labels,
        TEST_IMAGES: test_images,
        TEST_LABELS: test_labels,
    }
    _check(arrays, exact=True)
    return arrays, {name: hashlib.sha256(arrays[name].reshape(-1).data).hexdigest() for name in FILE_NAMES}


def _check(arrays: Mapping[str, np.ndarray], *, exact: bool) -> None:
    """Check what the arrays of any source must be, before anything relies on it; `exact` also how many there are."""
    for images, labels in ((TRAIN_IMAGES, TRAIN_LABELS), (TEST_IMAGES, TEST_LABELS)):
        for name in (images, labels):
            if exact and len(arrays[name]) != _COUNTS[name]:
                raise DataError(f"{name} holds {len(arrays[name])} items, expected {_COUNTS[name]}")
        if not len(arrays[images]) == len(arrays[labels]) > 0:
            raise DataError(
                f"{images} holds {len(arrays[images])} images, {labels} {len(arrays[labels])} labels; expected a label "
                "for each image, and one image at least"
            )
        if arrays[labels].max() >= len(CLASS_NAMES):
            raise DataError(f"{labels} holds label {arrays[labels].max()}, expected 0 to {len(CLASS_NAMES) - 1}")
        if len(np.unique(arrays[labels])) < 2:
            raise DataError(f"{labels} holds one class alone, expected two or more: there is nothing to tell apart")


@lru_cache(maxsize=1)
def dataset_of(source: Source) -> Dataset:
    """Return the data, read once per process."""
    return load(source)
