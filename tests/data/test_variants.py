"""The data seen otherwise: the same images and labels, in another order of pixels or with a part held out."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fashion_compare.data.variants import folds_of, held_out, permuted_pixels, pixel_order


def test_pixels_are_permuted_alike_in_every_image(tiny_dataset):
    """One permutation for all parts, known from an image whose pixels differ; labels and the original stay."""
    before = tiny_dataset.train_images.copy()
    found = permuted_pixels(tiny_dataset)
    order = pixel_order(784)
    assert sorted(order) == list(range(784))
    assert (order != np.arange(784)).mean() > 0.99
    assert found.train_images.flags.c_contiguous
    for part in ("train", "validation", "test"):
        images, moved = getattr(tiny_dataset, f"{part}_images"), getattr(found, f"{part}_images")
        np.testing.assert_array_equal(moved.reshape(len(moved), -1), images.reshape(len(images), -1)[:, order])
        np.testing.assert_array_equal(getattr(found, f"{part}_labels"), getattr(tiny_dataset, f"{part}_labels"))
    np.testing.assert_array_equal(tiny_dataset.train_images, before)


def test_the_permutation_is_published():
    """The same in every process and for ever: whoever has the seed can draw it."""
    np.testing.assert_array_equal(pixel_order(784)[:8], np.random.default_rng([20170825, 300]).permutation(784)[:8])


@pytest.mark.parametrize("folds", [2, 5, 7])
def test_folds_share_every_class_evenly(folds, tiny_dataset):
    """Each image has one fold, and of every class the folds' numbers differ by one at most."""
    labels = tiny_dataset.train_labels
    found = folds_of(labels, folds)
    assert set(found) == set(range(folds))
    for c in range(10):
        counts = np.bincount(found[labels == c], minlength=folds)
        assert counts.max() - counts.min() <= 1
    np.testing.assert_array_equal(found, folds_of(labels, folds))


def test_what_is_held_out_is_predicted_and_not_trained_on(tiny_dataset):
    """Over all folds each training image is in the test set's place once, in its order, and else trained on."""
    times = np.zeros(400, int)
    for fold in range(4):
        found = held_out(tiny_dataset, fold, 4)
        out = folds_of(tiny_dataset.train_labels, 4) == fold
        times += out
        np.testing.assert_array_equal(found.test_images, tiny_dataset.train_images[out])
        np.testing.assert_array_equal(found.test_labels, tiny_dataset.train_labels[out])
        np.testing.assert_array_equal(found.train_images, tiny_dataset.train_images[~out])
        np.testing.assert_array_equal(found.train_labels, tiny_dataset.train_labels[~out])
        assert found.validation_images is tiny_dataset.validation_images
    assert (times == 1).all()


def test_the_permutation_shows_in_images_whose_pixels_differ(tiny_dataset):
    """Read off two images that number their pixels: each number once, and what were neighbours are far apart."""
    numbers = np.arange(784).reshape(28, 28)
    numbered = np.stack([numbers % 256, numbers // 256]).astype(np.uint8)
    parts = {f"{part}_images": numbered.copy() for part in ("train", "validation", "test")}
    found = permuted_pixels(replace(tiny_dataset, **parts))
    for part in parts:
        low, high = getattr(found, part).astype(int)
        order = low + 256 * high
        np.testing.assert_array_equal(np.sort(order, axis=None), np.arange(784))
        np.testing.assert_array_equal(order, pixel_order(784).reshape(28, 28))
        rows, columns = np.divmod(order, 28)
        apart = np.hypot(np.diff(rows, axis=1), np.diff(columns, axis=1))
        # Two random places of a square are 0.52 of its side apart.
        assert apart.mean() == pytest.approx(0.52 * 28, rel=0.1)
        assert getattr(found, part).dtype == np.uint8


def test_a_view_is_of_the_same_data(tiny_dataset):
    """Name, hashes and classes stay, the original is as it was, and nothing of its images can be written through."""
    before = {name: value.copy() for name, value in vars(tiny_dataset).items() if isinstance(value, np.ndarray)}
    for view in (permuted_pixels(tiny_dataset), held_out(tiny_dataset, 1, 3)):
        for name in ("name", "source", "is_synthetic", "class_names", "sha256", "split_sha256"):
            assert getattr(view, name) == getattr(tiny_dataset, name)
        assert not np.shares_memory(view.train_images, tiny_dataset.train_images)
        assert not np.shares_memory(view.test_images, tiny_dataset.test_images)
        assert view.validation_labels is tiny_dataset.validation_labels
    for name, value in before.items():
        np.testing.assert_array_equal(getattr(tiny_dataset, name), value)


@given(labels=st.lists(st.integers(0, 9), min_size=1, max_size=300), folds=st.integers(2, 20))
@settings(deadline=None, max_examples=50)
def test_folds_are_drawn_class_by_class(labels, folds):
    """Whatever the class sizes: a class's shuffled images go to the folds in turn, by a published draw of its own."""
    labels = np.array(labels)
    found = folds_of(labels, folds)
    assert found.dtype == np.int64
    for c in set(labels.tolist()):
        shuffled = np.random.default_rng([20170825, 400 + c]).permutation(np.flatnonzero(labels == c))
        assert found[shuffled].tolist() == [i % folds for i in range(len(shuffled))]


def test_folds_do_not_follow_the_order_of_the_images():
    """Of two images of a class that lie side by side, as copies often do, most are in different folds, not all."""
    found = folds_of(np.arange(2000) // 200, 5)
    for step in (1, 2, 5):
        alike = (found[step:] == found[:-step]).mean()
        assert alike == pytest.approx(1 / 5, abs=0.04)
