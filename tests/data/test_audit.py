"""The audit of the images: counts by hand, planted copies found and none invented, neighbours as by brute force."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from fashion_compare.data.audit import (
    DuplicatePair,
    Neighbours,
    class_counts,
    duplicates,
    near_neighbours,
    near_summary,
)
from fashion_compare.data.dataset import Dataset, load
from fashion_compare.data.sources import find_local, resolve

MOVES = [(down, right) for down in range(-2, 3) for right in range(-2, 3)]


def made_of(base: Dataset, *parts: np.ndarray) -> Dataset:
    """Return a data set of these training, validation and test images, labelled 0, 1, 2, … in each part."""
    train, validation, test = parts
    return replace(
        base,
        train_images=train,
        train_labels=np.arange(len(train)) % 10,
        validation_images=validation,
        validation_labels=np.arange(len(validation)) % 10,
        test_images=test,
        test_labels=np.arange(len(test)) % 10,
    )


def moved(image: np.ndarray, move: tuple[int, int]) -> np.ndarray:
    """Return the image moved down and to the right, as SciPy does it: zeros move in."""
    return ndimage.shift(image, move, order=0, mode="constant", cval=0)


def distance(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.sqrt(np.mean((a.astype(float) - b.astype(float)) ** 2)))


def garments(count: int, shape: tuple[int, int], seed: int) -> np.ndarray:
    """Return smooth blobs on black that reach the frame, so that what leaves it matters."""
    noise = np.random.default_rng(seed).normal(size=(count, *shape))
    return np.clip(600 * ndimage.gaussian_filter(noise, (0, 1, 1)), 0, 255).astype(np.uint8)


def test_class_counts_by_hand(tiny_dataset: Dataset) -> None:
    """Each part's images by label, with a zero where a class has none."""
    dataset = replace(tiny_dataset, validation_labels=np.array([9, 0, 9]))
    assert class_counts(dataset) == {
        "train": [40] * 10,
        "validation": [1, 0, 0, 0, 0, 0, 0, 0, 0, 2],
        "test": [20] * 10,
    }


def test_no_duplicates_are_invented(tiny_dataset: Dataset) -> None:
    """Images that all differ have none, although those of a class are alike."""
    assert duplicates(tiny_dataset) == []


def test_planted_duplicates_are_found(tiny_dataset: Dataset) -> None:
    """One within training, one mirrored in validation, one in the test set; labels as they are, differing ones too."""
    train, validation, test = (
        part.copy() for part in (tiny_dataset.train_images, tiny_dataset.validation_images, tiny_dataset.test_images)
    )
    train[9] = train[4]
    validation[3] = train[5][:, ::-1]
    test[7] = train[6]
    assert duplicates(made_of(tiny_dataset, train, validation, test)) == [
        DuplicatePair(("train", "train"), (4, 9), (4, 9), mirrored=False),
        DuplicatePair(("train", "validation"), (5, 3), (5, 3), mirrored=True),
        DuplicatePair(("train", "test"), (6, 7), (6, 7), mirrored=False),
    ]


def test_one_grey_level_makes_another_image(tiny_dataset: Dataset) -> None:
    """A copy but for one pixel's one grey level is no duplicate."""
    test = tiny_dataset.test_images.copy()
    test[0] = tiny_dataset.train_images[0]
    test[0, 27, 27] ^= 1
    assert duplicates(replace(tiny_dataset, test_images=test)) == []


def test_a_symmetric_image_is_not_its_own_mirror(tiny_dataset: Dataset) -> None:
    """Alone it is no duplicate; twice it is an exact one, and not a mirrored one besides."""
    half = tiny_dataset.train_images[0][:, :14]
    symmetric = np.hstack([half, half[:, ::-1]])
    train = tiny_dataset.train_images.copy()
    train[3] = symmetric
    assert duplicates(replace(tiny_dataset, train_images=train)) == []
    train[8] = symmetric
    found = duplicates(replace(tiny_dataset, train_images=train))
    assert [(copy.indices, copy.mirrored) for copy in found] == [((3, 8), False)]


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), counts=st.tuples(st.integers(1, 9), st.integers(0, 9), st.integers(0, 9)))
def test_duplicates_are_those_of_all_pairs(tiny_dataset: Dataset, seed: int, counts: tuple[int, int, int]) -> None:
    """Among 2×2 images of two grey levels: each with the first that it equals, and the first that it mirrors."""
    rng = np.random.default_rng(seed)
    parts = [rng.integers(0, 2, (count, 2, 2)).astype(np.uint8) for count in counts]
    places = [
        (name, index, image)
        for name, part in zip(("train", "validation", "test"), parts, strict=True)
        for index, image in enumerate(part)
    ]
    expected = set()
    for later, (part, index, image) in enumerate(places):
        mirror = np.fliplr(image)
        for mirrored, wanted in ((False, image), (True, mirror)):
            matches = [(p, i) for p, i, other in places[:later] if np.array_equal(other, wanted)]
            if matches and not (mirrored and np.array_equal(image, mirror)):
                expected.add(((matches[0][0], part), (matches[0][1], index), mirrored))
    found = duplicates(made_of(tiny_dataset, *parts))
    assert {(copy.parts, copy.indices, copy.mirrored) for copy in found} == expected
    assert len(found) == len(expected)


@pytest.mark.parametrize("shape", [(8, 8), (7, 10)])
def test_neighbours_are_those_of_brute_force(tiny_dataset: Dataset, shape: tuple[int, int]) -> None:
    """With every image a candidate, place, distance and agreement are those of loops over images, moves, directions."""
    train, validation, test = (garments(count, shape, seed) for seed, count in enumerate((40, 12, 15)))
    dataset = made_of(tiny_dataset, train, validation, test)
    found = near_neighbours(dataset, candidates=52)
    places = [("train", i) for i in range(40)] + [("validation", i) for i in range(12)]
    for k, image in enumerate(test):
        nearest = [
            min(min(distance(moved(image, move), other), distance(image, moved(other, move))) for move in MOVES)
            for other in (*train, *validation)
        ]
        part, index = places[int(np.argmin(nearest))]
        assert (found.part[k], found.index[k]) == (part, index)
        assert found.distance[k] == pytest.approx(min(nearest), abs=1e-9)
        assert found.labels_agree[k] == (index % 10 == k % 10)
        # The reported move is one that has this distance, whichever of the two makes it.
        other, (down, right) = (train if part == "train" else validation)[index], found.shift[k]
        either = distance(image, moved(other, (down, right))), distance(moved(image, (-down, -right)), other)
        assert min(either) == pytest.approx(found.distance[k], abs=1e-9)
    assert {"train", "validation"} == set(found.part.tolist())
    assert (found.shift != 0).any()


@pytest.mark.parametrize("candidates", [1, 100])
def test_moved_copies_are_found(tiny_dataset: Dataset, candidates: int) -> None:
    """Copies that moved, or that a known image is the moved copy of, have distance 0, even with a single candidate."""
    train, validation, test = (
        part.copy() for part in (tiny_dataset.train_images, tiny_dataset.validation_images, tiny_dataset.test_images)
    )
    for k, move in enumerate(MOVES):
        test[k] = moved(train[10 + k], move)
        validation[k] = moved(test[50 + k], move)
    found = near_neighbours(
        replace(tiny_dataset, validation_images=validation, test_images=test), candidates=candidates
    )
    of_train, of_validation = slice(0, 25), slice(50, 75)
    for where, part, first, sign in ((of_train, "train", 10, 1), (of_validation, "validation", 0, -1)):
        assert (found.distance[where] == 0).all()
        assert set(found.part[where].tolist()) == {part}
        assert found.index[where].tolist() == list(range(first, first + 25))
        assert found.shift[where].tolist() == [[sign * down, sign * right] for down, right in MOVES]
    # The others were left alone, and no copy is invented for them.
    assert (np.delete(found.distance, np.r_[of_train, of_validation]) > 10).all()


def test_a_move_beyond_the_shift_is_not_looked_for(tiny_dataset: Dataset) -> None:
    """A copy moved by two pixels is at distance 0 with a shift of two, and further off with one or none."""
    test = tiny_dataset.test_images[:1].copy()
    test[0] = moved(tiny_dataset.train_images[3], (2, 0))
    dataset = replace(tiny_dataset, test_images=test, test_labels=tiny_dataset.test_labels[:1])
    distances = [float(near_neighbours(dataset, shift=shift).distance[0]) for shift in (0, 1, 2)]
    assert distances[0] >= distances[1] > 10
    assert distances[2] == 0


def test_a_distance_by_hand(tiny_dataset: Dataset) -> None:
    """One pixel of 784 that differs by 56 grey levels: √(56²/784) = 2, without a move."""
    test = tiny_dataset.train_images[:1].copy()
    test[0, 13, 13] = test[0, 13, 13] + 56 if test[0, 13, 13] < 128 else test[0, 13, 13] - 56
    found = near_neighbours(replace(tiny_dataset, test_images=test, test_labels=tiny_dataset.train_labels[:1]))
    assert found.distance.tolist() == [pytest.approx(2)]
    assert found.index.tolist() == [0]
    assert found.shift.tolist() == [[0, 0]]
    assert found.labels_agree.tolist() == [True]


def test_ties_go_to_the_first_image_unmoved(tiny_dataset: Dataset) -> None:
    """Of forty equal images the first is the neighbour, and a blank one, which any move leaves blank, does not move."""
    train = tiny_dataset.train_images.copy()
    train[100:140] = 0
    test = np.zeros((1, 28, 28), np.uint8)
    found = near_neighbours(
        replace(tiny_dataset, train_images=train, test_images=test, test_labels=np.array([0])), candidates=40
    )
    assert (found.part[0], found.index[0], found.shift[0].tolist(), found.distance[0]) == ("train", 100, [0, 0], 0)


def test_validations_neighbours_are_training_images(tiny_dataset: Dataset) -> None:
    """They are looked for in the training images alone: an image is never its own neighbour, nor a test image one."""
    validation = tiny_dataset.validation_images.copy()
    validation[1] = validation[0]
    validation[2] = tiny_dataset.test_images[0]
    validation[4] = moved(tiny_dataset.train_images[8], (1, -1))
    found = near_neighbours(replace(tiny_dataset, validation_images=validation), part="validation")
    assert set(found.part.tolist()) == {"train"}
    assert (found.index[4], found.distance[4], found.shift[4].tolist()) == (8, 0, [1, -1])
    assert (np.delete(found.distance, 4) > 10).all()
    assert np.array_equal(found.labels_agree, tiny_dataset.train_labels[found.index] == tiny_dataset.validation_labels)


def test_a_summary_by_hand() -> None:
    """Two of four images are closer than 8, and one of these has another label than its neighbour."""
    found = Neighbours(
        part=np.array(["train"] * 4),
        index=np.arange(4),
        shift=np.zeros((4, 2), np.int64),
        distance=np.array([0.0, 7.9, 8.0, 30.1]),
        labels_agree=np.array([True, False, False, True]),
    )
    assert near_summary(found).model_dump() == {
        "images": 4,
        "threshold": 8.0,
        "near": 2,
        "share_near": 0.5,
        "labels_differ": 1,
        "share_differing": 0.5,
        "median_distance": pytest.approx(7.95),
    }
    assert near_summary(found, 0.0).model_dump() | {"median_distance": 0} == {
        "images": 4,
        "threshold": 0.0,
        "near": 0,
        "share_near": 0.0,
        "labels_differ": 0,
        "share_differing": None,
        "median_distance": 0,
    }


@pytest.mark.slow
@pytest.mark.skipif(find_local() is None, reason="needs a local copy of Fashion-MNIST")
def test_fashion_mnist_has_no_duplicates_and_few_near_ones() -> None:
    """No two of its 70,000 images are equal or mirrored; 12 test images are closer than 8 to one, of their class."""
    dataset = load(resolve("auto", synthetic_allowed=False))
    assert duplicates(dataset) == []
    summary = near_summary(near_neighbours(dataset))
    assert (summary.near, summary.labels_differ) == (12, 0)
    assert summary.median_distance == pytest.approx(30.38, abs=0.02)
