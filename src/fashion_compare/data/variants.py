"""The same data seen otherwise, for experiments: pixels in another order, a part of the training images held out."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from fashion_compare.data.dataset import SPLIT_SEED, Dataset

# Second words of the split's seed, away from those of `dataset`.
_PIXEL_STREAM = 300
_FOLD_STREAM = 400


def pixel_order(pixels: int) -> NDArray[np.int64]:
    """Return one fixed, published permutation of an image's pixels."""
    return np.random.default_rng([SPLIT_SEED, _PIXEL_STREAM]).permutation(pixels)


def permuted_pixels(dataset: Dataset) -> Dataset:
    """Return the data with the pixels of every image in one fixed random order: all that was near is torn apart."""

    def permuted(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
        flat = images.reshape(len(images), -1)
        # Row by row in memory, as everything after it walks through images; indexing would leave it column by column.
        return np.take(flat, pixel_order(flat.shape[1]), axis=1).reshape(images.shape)

    return replace(
        dataset,
        train_images=permuted(dataset.train_images),
        validation_images=permuted(dataset.validation_images),
        test_images=permuted(dataset.test_images),
    )


def folds_of(labels: NDArray[np.integer], folds: int) -> NDArray[np.int64]:
    """Return each training image's fold, 0 … folds - 1: drawn once, with its share of every class in each."""
    fold = np.empty(len(labels), np.int64)
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        shuffled = np.random.default_rng([SPLIT_SEED, _FOLD_STREAM + int(label)]).permutation(members)
        fold[shuffled] = np.arange(len(members)) % folds
    return fold


def held_out(dataset: Dataset, fold: int, folds: int) -> Dataset:
    """Return the data with one fold of the training images in the test set's place, and trained on the others alone.

    What such a run predicts for "the test set" are predictions for training images by a network that never saw them.
    """
    out = folds_of(dataset.train_labels, folds) == fold
    return replace(
        dataset,
        train_images=dataset.train_images[~out],
        train_labels=dataset.train_labels[~out],
        test_images=dataset.train_images[out],
        test_labels=dataset.train_labels[out],
    )
