"""What layers give is recomputed from the weights; their readout is scikit-learn's ridge regression."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge

from fashion_compare.classifier import build
from fashion_compare.classifier.configuration import CnnConfiguration, FfnnConfiguration
from fashion_compare.explanation.linear_probes import linear_probe, representations


def test_layers_of_the_network_from_scratch(tiny_dataset):
    """Pixels, then each dense layer after its activation, the last one the scores."""
    images = tiny_dataset.test_images[:30]
    classifier = build(FfnnConfiguration(hidden_sizes=(16, 12), dropout=0.5), seed=0, mean=90.0, std=40.0)
    found = representations("ffnn", classifier, images)
    assert list(found) == ["pixels", "dense1", "dense2", "dense3"]
    np.testing.assert_array_equal(found["pixels"], images.reshape(30, -1))
    weights, values = classifier.weights(), (images.reshape(30, -1) - 90.0) / 40
    for k in (1, 2, 3):
        values = values @ weights[f"dense{k}.weight"] + weights[f"dense{k}.bias"]
        values = np.maximum(values, 0) if k < 3 else values
        np.testing.assert_allclose(found[f"dense{k}"], values, rtol=1e-3, atol=1e-4)


def test_layers_of_the_cnn(tiny_dataset):
    """Convolutions after activation and pooling, the last layer the scores; torch computes gradients afterwards."""
    images = tiny_dataset.test_images[:7]
    classifier = build(CnnConfiguration(normalization="batch"), seed=0, mean=90.0, std=40.0)
    found = representations("cnn", classifier, images)
    assert list(found) == ["pixels", "conv1", "conv2", "dense1", "dense2", "dense3"]
    assert [found[name].shape[1] for name in found] == [784, 6 * 14 * 14, 16 * 5 * 5, 120, 84, 10]
    np.testing.assert_allclose(found["dense3"], classifier.logits(classifier.preprocess(images)), rtol=1e-4, atol=1e-5)
    module = classifier.module
    with torch.no_grad():
        maps = torch.relu(module.pool1(module.norm1(module.conv1(classifier.preprocess(images)))))
    np.testing.assert_allclose(found["conv1"], maps.flatten(1).numpy(), rtol=1e-5, atol=1e-6)
    assert torch.is_grad_enabled()
    assert not torch.is_inference_mode_enabled()


@pytest.mark.parametrize("model", ["ffnn", "cnn"])
def test_representations_stay_what_they_were(model, tiny_dataset):
    """Buffers that the next call reuses are not handed out."""
    kind = {"ffnn": FfnnConfiguration, "cnn": CnnConfiguration}[model]
    classifier = build(kind(), seed=0, mean=90.0, std=40.0)
    found = representations(model, classifier, tiny_dataset.test_images[:20])
    before = {name: value.copy() for name, value in found.items()}
    representations(model, classifier, tiny_dataset.test_images[20:40])
    assert all(np.array_equal(found[name], before[name]) for name in found)


@pytest.mark.parametrize("factor", [1e-25, 1.0, 1e25])
def test_the_readout_does_not_depend_on_the_scale(factor):
    """Features as large as a learning rate of 100 leaves them, whose squares float32 does not hold, or as small."""
    generator = np.random.default_rng(1)
    labels = generator.integers(0, 3, 200)
    features = generator.normal(size=(200, 12)) + 2 * generator.normal(size=(3, 12))[labels]
    # One that never varies, but in float32's rounding of its mean.
    features[:, 3] = 0.1
    whole = linear_probe(features.astype(np.float32), labels, features[:80].astype(np.float32))
    scaled = (features * factor).astype(np.float32)
    np.testing.assert_array_equal(linear_probe(scaled, labels, scaled[:80]), whole)
    assert (whole == labels[:80]).mean() > 0.8


def test_the_readout_is_ridge_regression():
    """On standardised features, classes as columns of ones; a feature that never varies is left out."""
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 4, 300)
    features = (generator.normal(size=(300, 20)) + 3 * generator.normal(size=(4, 20))[labels]).astype(np.float32)
    tested = features[:100] + generator.normal(size=(100, 20)).astype(np.float32)
    features[:, 7] = 5
    tested[:, 7] = generator.normal(size=100)
    used = np.delete(np.arange(20), 7)
    mean, deviation = features[:, used].mean(axis=0), features[:, used].std(axis=0)
    ridge = Ridge(alpha=100.0).fit((features[:, used] - mean) / deviation, np.eye(4)[labels])
    expected = ridge.predict((tested[:, used] - mean) / deviation).argmax(axis=1)
    found = linear_probe(features, labels, tested)
    np.testing.assert_array_equal(found, expected)
    assert (found == labels[:100]).mean() > 0.8
