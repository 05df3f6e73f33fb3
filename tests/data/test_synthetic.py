import hashlib

import numpy as np
import pytest

from fashion_compare.data import synthetic


@pytest.fixture(scope="module")
def drawn():
    return synthetic.draw(5000, seed=0)


def test_a_seed_decides_every_pixel_and_label():
    images, labels = synthetic.draw(503, seed=7)
    again, same_labels = synthetic.draw(503, seed=7)
    np.testing.assert_array_equal(images, again)
    np.testing.assert_array_equal(labels, same_labels)


def test_a_seed_gives_the_same_bits_on_every_machine():
    """A change of this digest changes the synthetic data: results on it from before and after do not compare."""
    images, labels = synthetic.draw(1000, seed=0)
    digest = hashlib.sha256(labels.tobytes() + images.tobytes()).hexdigest()
    assert digest == "6e91598be87598073fe62ed46f6e6236dd9b79c17d7fb8e460ebd576350f9b43"


def test_another_seed_repeats_no_image(drawn):
    """Train and test sets drawn with two seeds share no image, nor does one set hold an image twice."""
    images, labels = drawn
    others, other_labels = synthetic.draw(5000, seed=1)
    assert not np.array_equal(labels, other_labels)
    assert len({image.tobytes() for image in np.concatenate([images, others])}) == 10_000


@pytest.mark.parametrize("n", [0, 1, 9, 10, 1283])
def test_shapes_and_balance_for_any_number_of_images(n):
    """No class has more than one image more than another, whether or not ten divides the number."""
    images, labels = synthetic.draw(n, seed=3)
    assert images.shape == (n, 28, 28)
    assert labels.shape == (n,)
    assert images.dtype == labels.dtype == np.uint8
    counts = np.bincount(labels, minlength=10)
    assert len(counts) == 10
    assert counts.max() - counts.min() <= 1


def test_labels_are_shuffled(drawn):
    """Any stretch of the data holds every class: a subset of the first images is a fair one."""
    _, labels = drawn
    for start in range(0, 5000, 500):
        assert np.bincount(labels[start : start + 500], minlength=10).min() >= 20


def test_garments_are_bright_on_a_black_background(drawn):
    """Grey values are spread as in Fashion-MNIST (mean 73, half of all pixels 0), in every class."""
    images, labels = drawn
    assert 45 < images.mean() < 80
    for label in range(10):
        some = images[labels == label]
        assert 0.3 < (some == 0).mean() < 0.9
        brightness = some.max(axis=(1, 2))
        assert brightness.min() > 60
        assert brightness.max() == 255


def test_classes_have_the_outlines_of_their_names(drawn):
    """The order is Fashion-MNIST's: trousers have legs, shirts sleeves, boots a shaft."""
    images, labels = drawn
    mean = np.stack([images[labels == label].mean(axis=0) for label in range(10)])
    tshirt, trouser, pullover, _, coat, sandal, shirt, sneaker, bag, boot = mean
    assert trouser[24, 13:15].mean() < 0.85 * trouser[24, [10, 11, 16, 17]].mean()
    for long in (pullover, coat, shirt):
        assert long[18, [3, 4, 23, 24]].mean() > 2 * tshirt[18, [3, 4, 23, 24]].mean()
    assert boot[6, 17:22].mean() > 3 * sneaker[6, 17:22].mean()
    assert sneaker.mean() > 1.3 * sandal.mean()
    assert bag[4].mean() < 0.5 * bag[18].mean()


def test_class_means_tell_most_garments_apart_but_not_all(drawn):
    """The classes can be learnt, and overlap: whoever only knows the mean images is often wrong."""
    images, labels = drawn
    unseen, truth = synthetic.draw(2000, seed=1)
    pixels, unseen = (x.reshape(-1, 784).astype(np.float32) for x in (images, unseen))
    means = np.stack([pixels[labels == label].mean(axis=0) for label in range(10)])
    nearest = ((unseen[:, None] - means) ** 2).sum(axis=2).argmin(axis=1)
    assert 0.4 < (nearest == truth).mean() < 0.8
