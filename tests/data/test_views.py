"""The data seen otherwise: the same images and labels, in another order of pixels or with a part held out."""

import numpy as np
import pytest

from fashion_compare.data.views import folds_of, held_out, permuted_pixels, pixel_order


def test_pixels_are_permuted_alike_in_every_image(tiny_dataset):
    """One permutation for all parts, known from an image whose pixels differ; labels and the original stay."""
    before = tiny_dataset.train_images.copy()
    found = permuted_pixels(tiny_dataset)
    order = pixel_order(784)
    assert sorted(order) == list(range(784))
    assert (order != np.arange(784)).mean() > 0.99
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
