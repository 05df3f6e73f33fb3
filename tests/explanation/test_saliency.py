"""Gradients along the way from black against closed forms, captum and the scores themselves."""

import numpy as np
import pytest
import torch
from captum.attr import IntegratedGradients
from tests.builders import train_epoch

from fashion_compare.classifier import build
from fashion_compare.classifier.configuration import CnnConfiguration, FfnnConfiguration
from fashion_compare.explanation.attribution import METHODS, explain
from fashion_compare.explanation.class_means import class_means, first_layer
from fashion_compare.explanation.saliency import input_gradients, integrated_gradients

CONFIGURATIONS = {
    "ffnn": FfnnConfiguration(hidden_sizes=(32, 16), batch_size=20),
    "cnn": CnnConfiguration(batch_size=20),
}


@pytest.fixture(scope="module")
def trained(tiny_dataset):
    """Both models after two epochs."""
    held = {}
    images, labels = tiny_dataset.train_images, tiny_dataset.train_labels
    for model, configuration in CONFIGURATIONS.items():
        held[model] = build(configuration, seed=3, mean=images.mean(), std=images.std())
        for epoch in range(2):
            order = np.random.default_rng(epoch).permutation(len(labels))
            train_epoch(held[model], held[model].preprocess(images), labels, order)
    return held


def scores_of(classifier, images, targets):
    """The targets' scores in float64."""
    logits = classifier.logits(classifier.preprocess(images)).astype(np.float64)
    return logits[np.arange(len(images)), targets]


@pytest.mark.parametrize("model", ["ffnn", "cnn"])
def test_integrated_gradients_sum_to_the_difference_of_the_scores(model, trained, tiny_dataset):
    """To 1e-4, and to nothing less where a looser tolerance is asked for; the gap reported is the true one."""
    images, targets = tiny_dataset.test_images[:4], np.array([3, 1, 4, 1])
    black = np.zeros_like(images)
    expected = scores_of(trained[model], images, targets) - scores_of(trained[model], black, targets)
    found = integrated_gradients(trained[model], images, targets, tolerance=1e-4, most_steps=1 << 16)
    # The same scores in batches of other sizes: in float32 and on some processors a few last bits off.
    np.testing.assert_allclose(found.difference, expected, atol=1e-5)
    np.testing.assert_allclose(found.maps.astype(np.float64).sum(axis=(1, 2)), expected, atol=1.1e-4)
    loose = integrated_gradients(trained[model], images, targets, tolerance=0.5)
    assert (np.abs(loose.gap) <= 0.5).all()
    assert (loose.steps <= found.steps).all()
    np.testing.assert_allclose(loose.maps.sum(axis=(1, 2), dtype=np.float64) - loose.difference, loose.gap, atol=1e-4)


def test_a_linear_network_has_a_closed_form(tiny_dataset):
    """Without hidden layers each pixel brings its weight times its grey over the deviation, in one pass."""
    linear = build(FfnnConfiguration(hidden_sizes=()), seed=0, mean=80.0, std=50.0)
    images, targets = tiny_dataset.test_images[:3], np.array([0, 5, 9])
    weights = linear.weights()["dense1.weight"]
    expected = images.reshape(3, -1) * weights[:, targets].T / 50
    found = integrated_gradients(linear, images, targets)
    np.testing.assert_allclose(found.maps.reshape(3, -1), expected, rtol=1e-4, atol=1e-7)
    assert set(found.steps) == {32}


def test_the_same_as_captums_with_many_steps(trained, tiny_dataset):
    """For the cnn, whose gradients captum can take: 2,000 equal steps from the black image."""
    cnn = trained["cnn"]
    images, targets = tiny_dataset.test_images[:2], np.array([2, 7])
    baselines = cnn.preprocess(np.zeros_like(images))
    captums = IntegratedGradients(cnn.module).attribute(
        cnn.preprocess(images), baselines, target=torch.from_numpy(targets), n_steps=2000, method="riemann_middle",
        internal_batch_size=500,
    )  # fmt: skip
    expected = captums[:, 0].numpy()
    found = integrated_gradients(cnn, images, targets, tolerance=1e-4)
    np.testing.assert_allclose(found.maps, expected, atol=0.01 * np.abs(expected).max())


def test_a_black_image_has_nothing_to_explain(trained):
    """There is no way to go: all zero, no gap."""
    found = integrated_gradients(trained["ffnn"], np.zeros((1, 28, 28), np.uint8), np.array([0]))
    assert not found.maps.any()
    # Its score is taken twice, among other numbers of images: the last bit of float32 may differ.
    assert abs(found.difference[0]) == found.gap[0] <= 1e-6


def test_steps_end_where_they_are_told_to(trained, tiny_dataset):
    """A tolerance that float32 cannot reach ends at the most steps, or within one round of halving behind them."""
    found = integrated_gradients(
        trained["ffnn"], tiny_dataset.test_images[:1], np.array([0]), tolerance=0.0, most_steps=200
    )
    assert 200 <= found.steps[0] < 400


def scaled_up(model, classifier, factor):
    """The same network with its last layer multiplied: its scores are exactly so many times as large."""
    again = build(CONFIGURATIONS[model], seed=3, mean=0.0, std=1.0)
    weights = classifier.weights()
    weights |= {name: value * np.float32(factor) for name, value in weights.items() if name.startswith("dense3.")}
    again.load_weights(weights)
    return again


@pytest.mark.parametrize("model", ["ffnn", "cnn"])
def test_huge_scores_take_no_more_steps_than_large_ones(model, trained, tiny_dataset):
    """Scores of millions, which a learning rate of 100 leaves, are explained to the share that those of thousands are.

    Float32 cannot meet a fixed tolerance there: every image went on to the most steps, hundreds of times as many.
    """
    images, targets = tiny_dataset.test_images[:4], np.array([3, 1, 4, 1])
    large, huge = (
        integrated_gradients(scaled_up(model, trained[model], factor), images, targets, tolerance=0.1)
        for factor in (2.0**12, 2.0**24)
    )
    assert np.abs(huge.difference).max() > 1e6
    np.testing.assert_array_equal(huge.steps, large.steps)
    np.testing.assert_array_equal(huge.maps, large.maps * np.float32(2.0**12))
    # A hundredth of the tolerance, of the largest score on the way, which is not far above the largest difference.
    assert np.abs(huge.gap).max() <= 0.1 / 100 * 10 * np.abs(huge.difference).max()
    assert huge.steps.max() < 1000


@pytest.mark.parametrize("model", ["ffnn", "cnn"])
def test_input_gradients_are_finite_differences(model, trained, tiny_dataset):
    """One grey level more at a pixel changes the score by the gradient; for many pixels at once, along a direction."""
    classifier = trained[model]
    images, targets = tiny_dataset.test_images[:5], np.array([0, 1, 2, 3, 4])
    gradients = input_gradients(classifier, images, targets)
    assert gradients.shape == images.shape
    direction = np.random.default_rng(0).normal(size=images.shape).astype(np.float32)
    moved = [scores_of(classifier, images.astype(np.float32) + sign * 0.01 * direction, targets) for sign in (1, -1)]
    slopes = (moved[0] - moved[1]) / 0.02
    np.testing.assert_allclose((gradients * direction).sum(axis=(1, 2)), slopes, rtol=0.02, atol=2e-3)


def test_every_method_is_what_its_name_says(trained, tiny_dataset):
    """Magnitudes of gradients, integrated gradients with their sign, and heat of the three CAMs, none of them alike."""
    images, targets = tiny_dataset.test_images[:3], np.array([1, 2, 3])
    for model, classifier in trained.items():
        maps = {method: explain(model, classifier, images, targets, method) for method in METHODS[model]}
        np.testing.assert_array_equal(maps["input gradient"], np.abs(input_gradients(classifier, images, targets)))
        np.testing.assert_array_equal(
            maps["integrated gradients"], integrated_gradients(classifier, images, targets).maps
        )
        assert (maps["integrated gradients"] < 0).any()
        held = list(maps.values())
        assert all(heat.shape == images.shape for heat in held)
        assert not any(np.allclose(a, b) for i, a in enumerate(held) for b in held[:i])
    assert METHODS["cnn"][:3] == ("Grad-CAM", "HiResCAM", "Grad-CAM++")


def test_class_means_by_hand():
    """The mean over a class's maps; zeros for a class without one."""
    maps = np.arange(12, dtype=np.float32).reshape(3, 2, 2)
    means = class_means(maps, np.array([0, 2, 0]), 3)
    np.testing.assert_array_equal(means, [[[4, 5], [6, 7]], [[0, 0], [0, 0]], [[4, 5], [6, 7]]])


@pytest.mark.parametrize("model", ["ffnn", "cnn"])
def test_first_layers_are_the_strongest_units_first(model, trained):
    """As many as asked for, by the norm of their weights, each the picture that the unit multiplies the image with."""
    weights = trained[model].weights()
    units = weights["conv1.weight"][:, 0] if model == "cnn" else weights["dense1.weight"].T.reshape(-1, 28, 28)
    order = np.argsort(-np.linalg.norm(units.reshape(len(units), -1), axis=1))
    np.testing.assert_array_equal(first_layer(weights, most=4), units[order[:4]])
    assert len(first_layer(weights)) == len(units)
