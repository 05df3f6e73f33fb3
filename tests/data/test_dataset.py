"""The data set: verified before use, split once and for all, its parts fixed."""

import gzip
import hashlib
import os
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.idx_files import idx_bytes

from fashion_compare.data import dataset as module
from fashion_compare.data.dataset import (
    CLASS_NAMES,
    Dataset,
    evaluation_part,
    load,
    pixel_statistics,
    stratified_split,
    training_subset,
)
from fashion_compare.data.sources import (
    FILE_NAMES,
    SHA256,
    TEST_LABELS,
    TRAIN_IMAGES,
    TRAIN_LABELS,
    Source,
    find_local,
    resolve,
)
from fashion_compare.errors import DataError, UsageError

# Drawn from the real labels; a change here is another data set and voids every published number.
REAL_SPLIT_SHA256 = "98ca501a5a832967bd751de6f9e073b17596b2c7f5ea67f3705feb1a0cc8b73e"


def numbered_images(count: int) -> np.ndarray:
    """Return images that are black but for their own number in the first two pixels."""
    images = np.zeros((count, 28, 28), np.uint8)
    images[:, 0, 0], images[:, 0, 1] = np.arange(count) % 256, np.arange(count) // 256
    return images


def numbers(images: np.ndarray) -> np.ndarray:
    return images[:, 0, 0] + 256 * images[:, 0, 1].astype(np.int64)


@pytest.fixture(scope="module")
def copy(tmp_path_factory) -> tuple[Path, dict[str, str]]:
    """Write a data set of the real shapes, and return its directory and hashes."""
    directory = tmp_path_factory.mktemp("copy")
    generator = np.random.default_rng(0)
    arrays = (
        numbered_images(60_000),
        generator.permutation(np.arange(60_000) % 10).astype(np.uint8),
        numbered_images(10_000),
        generator.permutation(np.arange(10_000) % 10).astype(np.uint8),
    )
    hashes = {}
    for name, array in zip(FILE_NAMES, arrays, strict=True):
        content = idx_bytes(array)
        (directory / name).write_bytes(content)
        hashes[name] = hashlib.sha256(content).hexdigest()
    return directory, hashes


@pytest.fixture(scope="module")
def loaded(copy) -> Dataset:
    directory, hashes = copy
    return load(Source("files", directory, "made for a test"), expected_sha256=hashes)


@pytest.fixture
def altered(copy, tmp_path):
    """Load a copy in which one file has other content, under the hashes of the original."""
    directory, hashes = copy

    def load_altered(name: str, content: bytes, **more: str) -> Dataset:
        for other in FILE_NAMES:
            (tmp_path / other).unlink(missing_ok=True)
            if other != name:
                os.link(directory / other, tmp_path / other)
        (tmp_path / name).write_bytes(content)
        return load(Source("files", tmp_path, "altered"), expected_sha256=hashes | more)

    return load_altered


def test_shapes_types_and_provenance(loaded, copy):
    """Every array has the documented shape and type, and the record says what it is."""
    for part, count in (("train", 55_000), ("validation", 5_000), ("test", 10_000)):
        images, labels = getattr(loaded, f"{part}_images"), getattr(loaded, f"{part}_labels")
        assert (images.shape, images.dtype) == ((count, 28, 28), np.uint8)
        assert (labels.shape, labels.dtype) == ((count,), np.int64)
    assert (loaded.name, loaded.source, loaded.is_synthetic) == ("fashion-mnist", "made for a test", False)
    assert loaded.sha256 == copy[1]
    assert loaded.class_names == CLASS_NAMES


def test_images_stay_with_their_labels(loaded, copy):
    """After the split each image still has the label of the file, and none is in two parts."""
    labels = np.frombuffer((copy[0] / TRAIN_LABELS).read_bytes()[8:], np.uint8)
    train, validation = numbers(loaded.train_images), numbers(loaded.validation_images)
    np.testing.assert_array_equal(labels[train], loaded.train_labels)
    np.testing.assert_array_equal(labels[validation], loaded.validation_labels)
    np.testing.assert_array_equal(np.sort(np.concatenate([train, validation])), np.arange(60_000))
    np.testing.assert_array_equal(numbers(loaded.test_images), np.arange(10_000))


def test_the_split_hash_is_of_the_validation_indices(loaded):
    """Who has the indices as little-endian int64 gets the same hash."""
    indices = numbers(loaded.validation_images).astype("<i8")
    assert loaded.split_sha256 == hashlib.sha256(indices.tobytes()).hexdigest()


def test_one_wrong_byte_is_refused(altered, copy):
    """Other pixels in a well-formed file are not Fashion-MNIST; both hashes are named."""
    content = bytearray((copy[0] / TRAIN_IMAGES).read_bytes())
    content[1000] ^= 1
    with pytest.raises(DataError, match="is not Fashion-MNIST") as caught:
        altered(TRAIN_IMAGES, bytes(content))
    assert copy[1][TRAIN_IMAGES] in str(caught.value)
    assert str(caught.value).endswith(
        f"SHA-256 {hashlib.sha256(content).hexdigest()}, expected {copy[1][TRAIN_IMAGES]}; "
        "delete it, name another directory with --data DIR, or take it as it is with --any-idx"
    )
    assert "\n" not in str(caught.value)


def test_a_copy_that_looks_right_is_refused_by_the_published_hashes(copy):
    """Four well-formed files with the right names and shapes are refused when they are something else."""
    with pytest.raises(DataError, match=f"expected {SHA256[TRAIN_IMAGES]}"):
        load(Source("files", copy[0], "MNIST-like"))


def test_mnist_is_called_by_its_name(altered, monkeypatch):
    """MNIST, known by its hash, is named as what it is."""
    digits = gzip.compress(idx_bytes(np.zeros(60_000, np.uint8)))
    known = hashlib.sha256(gzip.decompress(digits)).hexdigest()
    monkeypatch.setattr(module, "MNIST_SHA256", module.MNIST_SHA256 | {TRAIN_LABELS: known})
    with pytest.raises(
        DataError, match=rf"{TRAIN_LABELS}\S* is MNIST \(handwritten digits\), not Fashion-MNIST: SHA-256"
    ):
        altered(TRAIN_LABELS, digits)


def test_a_truncated_file_is_refused(altered, copy):
    """A cut-off file is an error, with its name and what to do."""
    with pytest.raises(DataError, match=rf"{TEST_LABELS} is cut off: 5000 bytes are missing; delete it"):
        altered(TEST_LABELS, (copy[0] / TEST_LABELS).read_bytes()[:-5000])


def test_labels_and_counts_are_checked(altered):
    """A label of 10 and a file of fewer images are refused even under a matching hash."""
    for labels, message in (
        (np.full(10_000, 10, np.uint8), "holds label 10"),
        (np.zeros(9_999, np.uint8), "holds 9999 items, expected 10000"),
        (np.zeros(10_001, np.uint8), "declares 10001 items, expected at most 10000"),
    ):
        content = idx_bytes(labels)
        with pytest.raises(DataError, match=message):
            altered(TEST_LABELS, content, **{TEST_LABELS: hashlib.sha256(content).hexdigest()})


def test_a_file_that_vanished(copy, tmp_path):
    """A directory emptied between finding and reading is an error."""
    with pytest.raises(DataError, match="no longer has"):
        load(Source("files", tmp_path, "empty"))


def test_the_stand_in_says_that_it_is_one(monkeypatch):
    """Drawn images have the real shapes, their own name and hashes, and different test images."""

    def draw(images: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        return np.full((images, 28, 28), seed, np.uint8), (np.arange(images) % 10).astype(np.uint8)

    monkeypatch.setitem(sys.modules, "fashion_compare.data.synthetic", SimpleNamespace(draw=draw))
    drawn = load(resolve("synthetic", announce=lambda _line: None))
    assert (drawn.name, drawn.is_synthetic) == ("garments", True)
    assert "synthetic data" in drawn.source
    assert drawn.train_images.shape == (55_000, 28, 28)
    assert drawn.validation_images.shape == (5_000, 28, 28)
    assert drawn.train_images[0, 0, 0] != drawn.test_images[0, 0, 0]
    assert set(drawn.sha256) == set(FILE_NAMES)
    assert drawn.sha256[TEST_LABELS] == hashlib.sha256((np.arange(10_000) % 10).astype(np.uint8)).hexdigest()


@given(seed=st.integers(0, 2**32), counts=st.lists(st.sampled_from([0, 2, 3, 11, 12, 40]), min_size=10, max_size=10))
@settings(deadline=None, max_examples=30)
def test_the_split_is_stratified_disjoint_and_complete(seed, counts):
    """Whatever the class sizes: one in six of each class but one at least, every index once, sorted."""
    labels = np.random.default_rng(seed).permutation(np.repeat(np.arange(10), counts))
    if not len(labels):
        return
    train, validation = stratified_split(labels, share=6, seed=seed)
    assert train.dtype == validation.dtype == np.int64
    expected = {0: 0, 2: 1, 3: 1, 11: 1, 12: 2, 40: 6}
    assert np.bincount(labels[validation], minlength=10).tolist() == [expected[count] for count in counts]
    np.testing.assert_array_equal(np.sort(np.concatenate([train, validation])), np.arange(len(labels)))
    for part in (train, validation):
        assert (np.diff(part) > 0).all()


def test_the_split_depends_on_the_seed_alone():
    """The same seed gives the same indices, another seed others."""
    labels = np.arange(1000) % 10
    np.testing.assert_array_equal(stratified_split(labels, 5, 1)[1], stratified_split(labels, 5, 1)[1])
    assert (stratified_split(labels, 5, 1)[1] != stratified_split(labels, 5, 2)[1]).any()


def test_a_class_of_a_single_image_cannot_be_split():
    """It is named."""
    with pytest.raises(DataError, match="class 9 has 1 training image, expected two or more"):
        stratified_split(np.array(list(range(9)) * 8 + [9]))


def test_training_subsets_are_nested_and_proportional(loaded):
    """A smaller subset lies in every larger one, and class counts differ by at most one."""
    smaller: set[int] = set()
    for images in (1, 9, 10, 777, 6_000, 54_999):
        subset = training_subset(loaded, images)
        chosen = numbers(subset.train_images)
        assert len(chosen) == images
        assert smaller < set(chosen)
        smaller = set(chosen)
        assert np.ptp(np.bincount(subset.train_labels, minlength=10)) <= 1
        where = np.searchsorted(numbers(loaded.train_images), chosen)
        np.testing.assert_array_equal(subset.train_labels, loaded.train_labels[where])
        assert subset.test_images is loaded.test_images
        assert subset.validation_images is loaded.validation_images


@pytest.mark.parametrize(("images", "counts"), [(1, [1, 0]), (3, [2, 1]), (4, [3, 1]), (100, [75, 25])])
def test_a_subset_of_unequal_classes_is_proportional(images, counts, tiny_dataset):
    """Of 300 and 100 images a small subset has three of the one for each of the other, rounded."""
    labels = np.repeat([0, 1], [300, 100])
    subset = training_subset(replace(tiny_dataset, train_labels=labels), images)
    assert np.bincount(subset.train_labels, minlength=2).tolist() == counts


def test_the_order_of_subsets_never_changes(tiny_dataset):
    """Which images a study of ten has is pinned, as the split is: results of another version stay comparable."""
    numbered = np.arange(400, dtype=np.uint16)
    held = replace(tiny_dataset, train_images=numbered, train_labels=numbered.astype(np.int64) % 10)
    assert training_subset(held, 10).train_images.tolist() == [24, 137, 150, 162, 243, 245, 279, 286, 311, 388]


def test_the_whole_training_set_is_not_copied(loaded):
    """None and all 55,000 are the data set itself."""
    assert training_subset(loaded, None) is loaded
    assert training_subset(loaded, 55_000) is loaded


@pytest.mark.parametrize("images", [0, -1, 55_001])
def test_an_impossible_subset(loaded, images):
    """A size that cannot be is a usage error that names the range."""
    with pytest.raises(UsageError, match=f"got {images}, expected 1 to 55000"):
        training_subset(loaded, images)


def test_the_evaluation_part_is_fixed():
    """5,000 different sorted indices, always the same, or all there are."""
    part = evaluation_part(55_000)
    assert part.shape == (5_000,)
    assert part.dtype == np.int64
    assert (np.diff(part) > 0).all()
    assert part[-1] < 55_000
    np.testing.assert_array_equal(part, evaluation_part(55_000))
    np.testing.assert_array_equal(evaluation_part(300), np.arange(300))


@pytest.fixture(scope="module")
def real_source() -> Source:
    named = os.environ.get("FASHION_MNIST_DIR")
    found = resolve(named) if named else find_local()
    if found is None:
        pytest.skip("no local copy of Fashion-MNIST: set FASHION_MNIST_DIR to run this")
    return found


@pytest.fixture(scope="module")
def real(real_source) -> Dataset:
    return load(real_source)


@pytest.mark.slow
def test_the_split_of_the_real_data_is_the_published_one(real):
    """The split of the real labels never changes: its hash is pinned."""
    assert real.sha256 == SHA256
    assert real.split_sha256 == REAL_SPLIT_SHA256


@pytest.mark.slow
def test_known_statistics_of_the_real_data(real):
    """Class counts are exact; the mean over the 60,000 is 0.2860, as published everywhere."""
    np.testing.assert_array_equal(np.bincount(real.train_labels), [5_500] * 10)
    np.testing.assert_array_equal(np.bincount(real.validation_labels), [500] * 10)
    np.testing.assert_array_equal(np.bincount(real.test_labels), [1_000] * 10)
    total = real.train_images.sum(dtype=np.int64) + real.validation_images.sum(dtype=np.int64)
    assert total / (60_000 * 784 * 255) == pytest.approx(0.2860, abs=5e-5)


@pytest.mark.slow
def test_loading_the_real_data_is_quick(real_source):
    """Reading, verifying and splitting takes about 0.3 s; five times that is a defect."""
    start = time.perf_counter()
    load(real_source)
    assert time.perf_counter() - start < 1.5


@pytest.mark.parametrize("images", [1, 999, 1000, 2001])
def test_mean_and_deviation_are_numpys(images):
    """Of every pixel, however many images there are."""
    pixels = np.random.default_rng(images).integers(0, 256, (images, 4, 3), np.uint8)
    pixels[: images // 2] //= 3
    mean, deviation = pixel_statistics(pixels)
    assert mean == pytest.approx(pixels.mean(dtype=np.float64), rel=1e-12)
    assert deviation == pytest.approx(pixels.std(dtype=np.float64), rel=1e-12)
