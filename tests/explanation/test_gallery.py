"""Which images are shown is a rule; what is kept about them reads back as it was."""

from dataclasses import fields, replace

import numpy as np
import pytest
import scipy.special
import torch

from fashion_compare.classifier import build
from fashion_compare.classifier.configuration import CnnConfiguration
from fashion_compare.errors import UserError
from fashion_compare.explanation.gallery import Gallery, choose, load_gallery, make_gallery, save_gallery
from fashion_compare.explanation.gradcam import grad_cam


def logits_for(answers, classes=3):
    """Logits that answer `predicted` with the given margin over every other class."""
    logits = np.zeros((len(answers), classes), np.float32)
    for row, (predicted, margin) in zip(logits, answers, strict=True):
        row[predicted] = margin
    return logits


def test_the_most_confident_right_and_wrong_answer_of_each_class():
    """By the image's own class, in the classes' order, right before wrong; the first of equals."""
    labels = np.array([0, 0, 0, 0, 1, 1, 1, 2, 2])
    answers = [(0, 1), (0, 5), (1, 2), (2, 3), (1, 4), (1, 4), (1, 3), (0, 1), (1, 2)]
    # Class 0: right 1, wrong 3. Class 1: 4 (as sure as 5, but first), none wrong. Class 2: none right, wrong 8.
    np.testing.assert_array_equal(choose(labels, logits_for(answers)), [1, 3, 4, 8])


def test_confidence_is_the_probability_not_the_logit():
    """A large logit among large ones is no confidence: what counts is the softmax."""
    logits = np.array([[100, 99, 98], [5, 0, 0]], np.float32)
    np.testing.assert_array_equal(choose(np.array([0, 0]), logits), [1])


def test_the_rule_against_a_search(tiny_dataset):
    """On random logits: each class's two images are the maxima that a plain search finds."""
    generator = np.random.default_rng(0)
    labels = tiny_dataset.test_labels
    logits = (2 * generator.normal(size=(200, 10)) + 3 * np.eye(10)[labels]).astype(np.float32)
    probability = scipy.special.softmax(logits.astype(np.float64), axis=1)
    expected = []
    for c in range(10):
        for right in (True, False):
            found = [i for i in range(200) if labels[i] == c and (probability[i].argmax() == c) == right]
            if found:
                expected.append(max(found, key=lambda i: probability[i].max()))
    assert len(expected) == 20
    np.testing.assert_array_equal(choose(labels, logits), expected)


@pytest.fixture(scope="module")
def explained(tiny_dataset):
    """An untrained LeNet-5, its logits of the test images, and their gallery."""
    images = tiny_dataset.test_images
    classifier = build(CnnConfiguration(), seed=1, mean=images.mean(), deviation=images.std())
    logits = classifier.logits(classifier.prepare(images))
    return classifier, logits, make_gallery(classifier, images, tiny_dataset.test_labels, logits)


def test_a_gallery_says_what_its_images_are(explained, tiny_dataset):
    """Index, label, answer, its probability and pixels belong together; heat is for the answer and for the label."""
    classifier, logits, gallery = explained
    np.testing.assert_array_equal(gallery.index, choose(tiny_dataset.test_labels, logits))
    assert len(gallery.index) >= 10
    assert (gallery.label != gallery.predicted).any()
    np.testing.assert_array_equal(gallery.label, tiny_dataset.test_labels[gallery.index])
    np.testing.assert_array_equal(gallery.images, tiny_dataset.test_images[gallery.index])
    probability = scipy.special.softmax(logits[gallery.index].astype(np.float64), axis=1)
    np.testing.assert_array_equal(gallery.predicted, probability.argmax(axis=1))
    np.testing.assert_allclose(gallery.probability, probability.max(axis=1), rtol=1e-12)
    for heat, targets in ((gallery.heat, gallery.predicted), (gallery.heat_of_label, gallery.label)):
        for i, image in enumerate(gallery.images):
            alone = grad_cam(classifier.module, classifier.prepare(image[None]), targets[i : i + 1])[1][0]
            np.testing.assert_allclose(heat[i], alone, rtol=1e-4, atol=1e-6 * np.abs(heat).max())


def test_maps_of_zeros_are_flagged(explained, tiny_dataset):
    """When nothing in the layer raises the score, the map is zero and marked as empty; only then."""
    classifier, logits, gallery = explained
    np.testing.assert_array_equal(gallery.empty, ~gallery.heat.any(axis=(1, 2)))
    blind = build(CnnConfiguration(), seed=1, mean=0.0, deviation=1.0)
    blind.load_weights(classifier.weights())
    with torch.no_grad():
        blind.module.dense3.weight.zero_()
    zeros = make_gallery(blind, tiny_dataset.test_images, tiny_dataset.test_labels, logits)
    assert zeros.empty.all()
    assert not gallery.empty.all()
    assert not zeros.heat.any()


def test_a_gallery_reads_back_as_it_was_saved(explained, tmp_path):
    """Every column with its type and bits; where none was saved there is none."""
    gallery = explained[-1]
    assert load_gallery(tmp_path / "gallery.npz") is None
    save_gallery(gallery, tmp_path / "gallery.npz")
    read = load_gallery(tmp_path / "gallery.npz")
    for field in fields(Gallery):
        saved, found = getattr(gallery, field.name), getattr(read, field.name)
        assert found.dtype == saved.dtype
        np.testing.assert_array_equal(found, saved)


def refused(path):
    with pytest.raises(UserError) as caught:
        load_gallery(path)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message


@pytest.mark.parametrize("keep", [0, 2, 1000, -1])
def test_a_cut_off_gallery_is_the_users_error(keep, explained, tmp_path):
    """Cut off anywhere: one line that names the file."""
    path = tmp_path / "gallery.npz"
    save_gallery(explained[-1], path)
    path.write_bytes(path.read_bytes()[:keep])
    refused(path)


def test_a_gallery_without_a_column_is_the_users_error(tmp_path):
    """An .npz file of something else is refused."""
    np.savez(tmp_path / "gallery.npz", index=np.arange(3))
    refused(tmp_path / "gallery.npz")


def test_a_plain_array_in_a_gallerys_place_is_the_users_error(tmp_path):
    """As is an .npy file under the gallery's name."""
    with (tmp_path / "gallery.npz").open("wb") as file:
        np.save(file, np.arange(3))
    refused(tmp_path / "gallery.npz")


def test_a_gallery_never_runs_code(explained, tmp_path):
    """A file with pickled objects, which can run anything when they are read, is refused unread."""
    objects = np.empty(3, object)
    save_gallery(replace(explained[-1], label=objects), tmp_path / "gallery.npz")
    refused(tmp_path / "gallery.npz")
