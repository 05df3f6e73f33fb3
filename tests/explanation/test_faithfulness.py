"""Deletion, insertion and random weights, on networks whose answers can be told in advance."""

import numpy as np
import pytest
from scipy import ndimage
from scipy.stats import spearmanr

from fashion_compare.classifier import build
from fashion_compare.classifier.configuration import CnnConfiguration, FfnnConfiguration
from fashion_compare.explanation.faithfulness import (
    CONTROLS,
    area,
    cascading_randomization,
    control_maps,
    perturbation_curves,
    rank_correlations,
)


class Reader:
    """A network whose score for class 1 is the grey of one pixel, over 255; class 0 scores nothing."""

    def preprocess(self, images):
        return images

    def logits(self, images):
        return np.stack([np.zeros(len(images)), images[:, 3, 4] / 255], axis=1).astype(np.float32)


SEES, BLIND = np.e / (1 + np.e), 0.5


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(1, 256, (5, 28, 28), dtype=np.uint8)


def curves_of(heat, grey=255):
    image = np.full((1, 28, 28), 100, np.uint8)
    image[0, 3, 4] = grey
    return perturbation_curves(Reader(), image, np.array([1]), heat, np.random.default_rng(0))


def test_the_hottest_pixel_goes_first():
    """With the one pixel that counts on top, its loss is felt after the first step, and its return as well."""
    heat = np.zeros((1, 28, 28), np.float32)
    heat[0, 3, 4] = 1
    deleted, inserted = curves_of(heat)
    assert deleted.shape == inserted.shape == (1, 29)
    np.testing.assert_allclose(deleted[0], [SEES] + 28 * [BLIND], rtol=1e-6)
    np.testing.assert_allclose(inserted[0], [BLIND] + 28 * [SEES], rtol=1e-6)


def test_the_coldest_pixel_goes_last():
    """Below zero is colder than zero: deletion and insertion meet it in their last step."""
    heat = np.zeros((1, 28, 28), np.float32)
    heat[0, 3, 4] = -1
    deleted, inserted = curves_of(heat)
    np.testing.assert_allclose(deleted[0], 28 * [SEES] + [BLIND], rtol=1e-6)
    np.testing.assert_allclose(inserted[0], 28 * [BLIND] + [SEES], rtol=1e-6)


def test_28_pixels_go_at_a_time():
    """The pixel of rank 28·k is gone after k + 1 steps."""
    heat = -np.arange(784, dtype=np.float32).reshape(1, 28, 28)
    # Rank of row 3, column 4: 88, in the fourth 28.
    deleted, inserted = curves_of(heat)
    np.testing.assert_allclose(deleted[0], 4 * [SEES] + 25 * [BLIND], rtol=1e-6)
    np.testing.assert_allclose(inserted[0], 4 * [BLIND] + 25 * [SEES], rtol=1e-6)


def test_pixels_of_equal_heat_come_in_random_order():
    """On a flat map the pixel goes anywhere: over many images at the mean of all steps, and the same for a seed."""
    many = np.full((400, 28, 28), 255, np.uint8)
    flat = np.zeros((400, 28, 28), np.float32)
    first = perturbation_curves(Reader(), many, np.ones(400, int), flat, np.random.default_rng(1))
    again = perturbation_curves(Reader(), many, np.ones(400, int), flat, np.random.default_rng(1))
    np.testing.assert_array_equal(first, again)
    gone_after = (first[0] > 0.6).sum(axis=1)
    assert 13 < gone_after.mean() < 16
    assert gone_after.std() > 6


def test_areas_by_hand():
    """Trapezoids over the share of pixels: constant curves keep their height, a straight fall halves it."""
    np.testing.assert_allclose(area(np.full((2, 29), 0.3, np.float32)), [0.3, 0.3])
    assert area(np.linspace(1, 0, 29, dtype=np.float32)) == pytest.approx(0.5)
    assert area(np.array([1.0] + 28 * [0.0], np.float32)) == pytest.approx(1 / 56)


def test_controls_know_nothing_of_a_network(images):
    """Noise, a blob in the middle, blurred noise and Sobel's edges, the same for the same generator."""
    maps = control_maps(images, np.random.default_rng(2))
    again = control_maps(images, np.random.default_rng(2))
    assert list(maps) == list(CONTROLS)
    for name, heat in maps.items():
        assert heat.shape == images.shape
        np.testing.assert_array_equal(heat, again[name])
    assert np.abs(np.corrcoef(maps["random"][0, :-1].ravel(), maps["random"][0, 1:].ravel())[0, 1]) < 0.15
    blurred = maps["blurred random"][0]
    assert np.corrcoef(blurred[:-1].ravel(), blurred[1:].ravel())[0, 1] > 0.8
    middle = maps["centre Gaussian"][3]
    assert middle.max() == middle[13, 13] == middle[14, 14]
    np.testing.assert_allclose(middle[13, 13 - 7] / middle[13, 13], np.exp(-(7.5**2 - 0.5**2) / 98), rtol=1e-6)
    grey = images[1].astype(float)
    expected = np.sqrt(ndimage.sobel(grey, axis=0) ** 2 + ndimage.sobel(grey, axis=1) ** 2)
    np.testing.assert_allclose(maps["edges"][1], expected, rtol=1e-6)


def test_rank_correlations_are_spearmans():
    """Also with ties; a map that is the same all over resembles nothing."""
    generator = np.random.default_rng(3)
    a = generator.integers(0, 5, (6, 4, 4)).astype(np.float32)
    b = (a + generator.integers(0, 4, (6, 4, 4))).astype(np.float32)
    a[5] = 2
    found = rank_correlations(a, b)
    for i in range(5):
        assert found[i] == pytest.approx(spearmanr(a[i].ravel(), b[i].ravel()).statistic)
    assert found[5] == 0


@pytest.mark.parametrize("normalization", ["none", "batch"])
@pytest.mark.parametrize("model", ["ffnn", "cnn"])
def test_layers_become_random_from_the_last_one_on(model, normalization):
    """After each step exactly the layers so far have their drawn weights; the trained network keeps its own."""
    kind = {"ffnn": FfnnConfiguration, "cnn": CnnConfiguration}[model]
    configuration = kind(normalization=normalization)
    trained = build(configuration, seed=1, mean=72.0, std=90.0)
    untrained = build(configuration, seed=2, mean=0.0, std=1.0)
    whole, drawn = trained.weights(), untrained.weights()
    layers = [layer.name for layer in trained.complexity() if layer.parameters]
    done = []
    for layer in cascading_randomization(trained, untrained):
        done.append(layer)
        for name, value in untrained.weights().items():
            expected = drawn if name.partition(".")[0] in done else whole
            np.testing.assert_array_equal(value, expected[name])
    assert done == layers[::-1]
    assert untrained.weights()["input.mean"] == 72
    assert all(np.array_equal(value, whole[name]) for name, value in trained.weights().items())
    first = "conv1" if model == "cnn" else "dense1"
    assert (done[0], done[-1]) == ("dense3", first)
    assert not np.array_equal(whole[f"{first}.weight"], drawn[f"{first}.weight"])
