"""Which images are shown is a rule; what is kept about them reads back as it was."""

from dataclasses import fields

import numpy as np
import pytest
import scipy.special
import torch

from fashion_compare.classifier import build
from fashion_compare.classifier.configuration import CnnConfiguration, FfnnConfiguration
from fashion_compare.explanation.attribution import METHODS
from fashion_compare.explanation.gallery import REASONS, Gallery, choose, make_gallery
from fashion_compare.explanation.gradcam import grad_cam

RIGHT, WRONG, UNCERTAIN = range(3)


def logits_for(answers, classes=3):
    """Logits that answer `predicted` with the given margin over every other class."""
    logits = np.zeros((len(answers), classes), np.float32)
    for row, (predicted, margin) in zip(logits, answers, strict=True):
        row[predicted] = margin
    return logits


def test_the_images_of_each_class_by_hand():
    """By the image's own class, in the classes' order: surest right, surest wrong, then the least certain."""
    labels = np.array([0, 0, 0, 0, 1, 1, 1, 2, 2])
    answers = [(0, 1), (0, 5), (1, 2), (2, 3), (1, 4), (1, 4), (1, 3), (0, 1), (1, 2)]
    # Class 0: right 1, wrong 3, least certain 0. Class 1: 4 (as sure as 5, but first), none wrong, then 6.
    # Class 2: none right, wrong 8, then 7.
    index, reason = choose(labels, logits_for(answers))
    np.testing.assert_array_equal(index, [1, 3, 0, 4, 6, 8, 7])
    np.testing.assert_array_equal(reason, [RIGHT, WRONG, UNCERTAIN, RIGHT, UNCERTAIN, WRONG, UNCERTAIN])


def test_no_image_is_shown_twice():
    """A class with a single image shows it once, for the first reason that fits; one without images shows none."""
    index, reason = choose(np.array([1, 0]), logits_for([(1, 2), (1, 3)]))
    np.testing.assert_array_equal(index, [1, 0])
    np.testing.assert_array_equal(reason, [WRONG, RIGHT])


def test_confidence_is_the_probability_not_the_logit():
    """A large logit among large ones is no confidence: what counts is the softmax."""
    logits = np.array([[100, 99, 98], [5, 0, 0]], np.float32)
    index, _ = choose(np.array([0, 0]), logits)
    np.testing.assert_array_equal(index, [1, 0])


def test_least_certain_is_by_the_margin_not_the_maximum():
    """Two classes neck and neck are less certain than three, whatever the highest probability is."""
    shares = np.array([[0.9, 0.05, 0.05], [0.46, 0.44, 0.10], [0.40, 0.30, 0.30]])
    index, reason = choose(np.array([0, 0, 0]), np.log(shares).astype(np.float32))
    np.testing.assert_array_equal(index, [0, 1])
    np.testing.assert_array_equal(reason, [RIGHT, UNCERTAIN])


def test_the_rule_against_a_search(tiny_dataset):
    """On random logits: each class's images are the extremes that a plain search finds."""
    generator = np.random.default_rng(0)
    labels = tiny_dataset.test_labels
    logits = (2 * generator.normal(size=(200, 10)) + 3 * np.eye(10)[labels]).astype(np.float32)
    probability = scipy.special.softmax(logits.astype(np.float64), axis=1)
    top = np.sort(probability, axis=1)
    expected = []
    for c in range(10):
        own = [i for i in range(200) if labels[i] == c]
        for right in (True, False):
            found = [i for i in own if (probability[i].argmax() == c) == right]
            expected.append(max(found, key=lambda i: probability[i].max()))
        rest = [i for i in own if i not in expected]
        expected.append(min(rest, key=lambda i: top[i, -1] - top[i, -2]))
    index, reason = choose(labels, logits)
    np.testing.assert_array_equal(index, expected)
    np.testing.assert_array_equal(reason, 10 * [RIGHT, WRONG, UNCERTAIN])


@pytest.fixture(scope="module")
def explained(tiny_dataset):
    """Both models, untrained, the cnn's logits of the test images, and their gallery."""
    images = tiny_dataset.test_images
    classifiers = {
        "ffnn": build(FfnnConfiguration(hidden_sizes=(8,)), seed=1, mean=images.mean(), std=images.std()),
        "cnn": build(CnnConfiguration(), seed=1, mean=images.mean(), std=images.std()),
    }
    logits = classifiers["cnn"].logits(classifiers["cnn"].preprocess(images))
    return classifiers, logits, make_gallery(classifiers, images, tiny_dataset.test_labels, logits)


def test_a_gallery_says_what_its_images_are(explained, tiny_dataset):
    """Index, reason, label and pixels belong together; each model has its own answers with their probabilities."""
    classifiers, logits, gallery = explained
    index, reason = choose(tiny_dataset.test_labels, logits)
    np.testing.assert_array_equal(gallery.index, index)
    np.testing.assert_array_equal(gallery.reason, reason)
    np.testing.assert_array_equal(gallery.label, tiny_dataset.test_labels[index])
    np.testing.assert_array_equal(gallery.images, tiny_dataset.test_images[index])
    for model, classifier in classifiers.items():
        scores = classifier.logits(classifier.preprocess(tiny_dataset.test_images))[index].astype(np.float64)
        probability = scipy.special.softmax(scores, axis=1)
        np.testing.assert_array_equal(gallery.predicted[model], probability.argmax(axis=1))
        np.testing.assert_allclose(gallery.probability[model], probability.max(axis=1), rtol=1e-5)
        assert list(gallery.maps[model]) == list(gallery.maps_of_label[model]) == list(METHODS[model])


def test_maps_are_for_the_answer_and_for_the_label(explained):
    """Each image's map is that of the image alone, for its own class; only wrong answers have two different ones."""
    classifiers, _, gallery = explained
    cnn = classifiers["cnn"]
    assert (gallery.label != gallery.predicted["cnn"]).any()
    for maps, targets in ((gallery.maps, gallery.predicted["cnn"]), (gallery.maps_of_label, gallery.label)):
        for i, image in enumerate(gallery.images):
            alone = grad_cam(cnn.module, cnn.preprocess(image[None]), targets[i : i + 1], layer="relu2")[1][0]
            heat = maps["cnn"]["Grad-CAM"]
            np.testing.assert_allclose(heat[i], alone, rtol=1e-4, atol=1e-6 * np.abs(heat).max())


def test_maps_of_zeros_are_flagged(explained, tiny_dataset):
    """When nothing in the layer raises the score, the map is zero and marked as empty; only then."""
    classifiers, logits, gallery = explained
    assert not gallery.empty("cnn", "Grad-CAM").all()
    blind = build(CnnConfiguration(), seed=1, mean=0.0, std=1.0)
    blind.load_weights(classifiers["cnn"].weights())
    with torch.no_grad():
        blind.module.dense3.weight.zero_()
    zeros = make_gallery({"cnn": blind}, tiny_dataset.test_images, tiny_dataset.test_labels, logits)
    for method in METHODS["cnn"]:
        assert zeros.empty("cnn", method).all()
        assert not zeros.maps["cnn"][method].any()


def test_a_gallery_comes_back_from_its_arrays(explained, tmp_path):
    """Through an .npz file, every column with its type and bits."""
    gallery = explained[-1]
    np.savez(tmp_path / "gallery.npz", **gallery.arrays())
    with np.load(tmp_path / "gallery.npz", allow_pickle=False) as saved:
        read = Gallery.from_arrays(dict(saved))
    for field in fields(Gallery):
        pairs = [(getattr(gallery, field.name), getattr(read, field.name))]
        while isinstance(pairs[0][0], dict):
            assert all(list(a) == list(b) for a, b in pairs)
            pairs = [(a[key], b[key]) for a, b in pairs for key in a]
        for a, b in pairs:
            assert a.dtype == b.dtype
            np.testing.assert_array_equal(a, b)


def test_every_reason_has_its_words():
    """There are as many reasons as `choose` gives."""
    assert REASONS == ("most confident right", "most confident wrong", "least certain")
