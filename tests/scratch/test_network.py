"""What the network promises besides its formulas: views, buffers, seeds, initial weights, dropout, lightness."""

import ast
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

import fashion_compare.scratch
from fashion_compare.scratch import Network
from fashion_compare.scratch.layers import Dropout
from fashion_compare.scratch.network import initial_weights
from fashion_compare.scratch.optimizers import Adam


def forward(network, x):
    """Plain NumPy, no buffers: the oracle for a ReLU network."""
    for W, b in zip(network.weights[:-1], network.biases[:-1], strict=True):
        x = np.maximum(x @ W + b, 0)
    return x @ network.weights[-1] + network.biases[-1]


def test_weights_and_biases_are_views_of_the_parameters():
    """They share memory, have the layers' shapes and cover the vector once: weights first, then biases."""
    network = Network((5, 4, 3, 2))
    assert [W.shape for W in network.weights] == [(5, 4), (4, 3), (3, 2)]
    assert [b.shape for b in network.biases] == [(4,), (3,), (2,)]
    assert network.parameters.shape == network.gradient.shape == (5 * 4 + 4 * 3 + 3 * 2 + 4 + 3 + 2,)
    parts = [*network.weights, *network.biases]
    assert all(np.shares_memory(part, network.parameters) for part in parts)
    network.parameters[...] = np.arange(len(network.parameters))
    np.testing.assert_array_equal(np.concatenate([part.ravel() for part in parts]), network.parameters)
    network.weights[1][0, 0] = -7
    assert network.parameters[20] == -7
    assert network.weight_count == 38


def test_biases_start_at_zero():
    """Only weights are drawn."""
    network = Network((5, 4, 3))
    assert not network.parameters[network.weight_count :].any()
    assert network.parameters[: network.weight_count].all()


@given(batches=st.lists(st.integers(1, 40), min_size=2, max_size=6))
@settings(deadline=None, max_examples=40)
def test_buffers_do_not_leak_between_batches(batches):
    """After batches of any sizes, in training or not, logits are those of plain NumPy and gradients a new network's."""
    generator = np.random.default_rng(len(batches))
    network = Network((6, 5, 4, 3), seed=3, dtype="float64")
    for n in batches:
        images, labels = generator.normal(size=(n, 6)), generator.integers(0, 3, n)
        np.testing.assert_allclose(network.logits(images), forward(network, images), rtol=0, atol=1e-13)
        network.loss_and_gradient(images, labels)
        unused = Network((6, 5, 4, 3), seed=3, dtype="float64")
        unused.loss_and_gradient(images, labels)
        np.testing.assert_allclose(network.gradient, unused.gradient, rtol=0, atol=1e-14)


def test_images_are_left_as_they_were():
    """Activations work in place, but never in the caller's images."""
    images = np.random.default_rng(0).normal(size=(9, 6))
    before = images.copy()
    for sizes in ((6, 3), (6, 5, 3)):
        network = Network(sizes, dtype="float64", dropout=0.5)
        network.loss_and_gradient(images, np.zeros(9, np.int64))
        network.logits(images)
        np.testing.assert_array_equal(images, before)


def trained(seed, dtype="float32"):
    network, optimizer = Network((12, 9, 4), seed=seed, dtype=dtype, dropout=0.3, l1=1e-4, l2=1e-3), Adam()
    generator = np.random.default_rng(0)
    for _ in range(20):
        images = generator.normal(size=(16, 12)).astype(dtype)
        network.loss_and_gradient(images, generator.integers(0, 4, 16))
        optimizer.step(network.parameters, network.gradient)
    return network


def test_the_same_seed_gives_the_same_bits():
    """Initial weights and dropout masks come from the seed alone; another seed gives others."""
    assert trained(5).parameters.tobytes() == trained(5).parameters.tobytes()
    assert trained(5).parameters.tobytes() != trained(6).parameters.tobytes()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_type_asked_for_is_the_type_computed_in(dtype):
    """No step of training quietly turns float32 into float64 or back."""
    network = trained(1, dtype)
    logits = network.logits(np.ones((2, 12), dtype))
    assert {network.parameters.dtype, network.gradient.dtype, logits.dtype} == {np.dtype(dtype)}


def test_he_weights():
    """Normal with mean 0 and variance 2/fan_in (He et al. 2015)."""
    W = initial_weights(500, 400, "he", np.random.default_rng(0))
    assert W.shape == (500, 400)
    assert scipy.stats.kstest(W.ravel(), "norm", (0, np.sqrt(2 / 500))).pvalue > 0.01
    assert W.var() == pytest.approx(2 / 500, rel=0.015)


def test_glorot_weights():
    """Uniform within ±√(6/(fan_in + fan_out)), hence of variance 2/(fan_in + fan_out) (Glorot and Bengio 2010)."""
    W = initial_weights(500, 100, "glorot", np.random.default_rng(0))
    assert W.shape == (500, 100)
    assert scipy.stats.kstest(W.ravel(), "uniform", (-0.1, 0.2)).pvalue > 0.01
    assert W.var() == pytest.approx(2 / 600, rel=0.03)


def test_the_network_uses_the_initialisation_it_is_told():
    """Glorot weights of a 300-60 layer keep within √(6/360); 18,000 He weights reach beyond."""
    limit = np.sqrt(6 / 360)
    assert np.abs(Network((300, 60, 2), initialization="glorot").weights[0]).max() <= limit
    assert np.abs(Network((300, 60, 2), initialization="he").weights[0]).max() > limit


def test_an_unknown_initialisation_is_refused():
    """The error names what there is."""
    with pytest.raises(ValueError, match="'he' or 'glorot'"):
        Network((2, 2), initialization="zeros")


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.8])
def test_dropout_keeps_the_expectation(rate):
    """Units are dropped at the rate, the others scaled by 1/(1 - rate), so that the mean stays (to 4 sigmas)."""
    n = 1_000_000
    y = Dropout(rate, np.random.default_rng(0)).forward(np.ones((1000, n // 1000)), training=True)
    np.testing.assert_allclose(np.unique(y), [0, 1 / (1 - rate)], rtol=1e-12)
    assert np.mean(y == 0) == pytest.approx(rate, abs=4 * np.sqrt(rate * (1 - rate) / n))
    assert y.mean() == pytest.approx(1, abs=4 * np.sqrt(rate / (1 - rate) / n))


def test_dropout_is_off_outside_training():
    """Nothing is dropped, forward or backward, and no random number is drawn, even after a training batch."""
    layer = Dropout(0.5, np.random.default_rng(0))
    x = np.random.default_rng(1).normal(size=(6, 7))
    assert (layer.forward(x.copy(), training=True) == 0).any()
    np.testing.assert_array_equal(layer.forward(x.copy(), training=False), x)
    np.testing.assert_array_equal(layer.backward(x.copy()), x)
    network = Network((6, 5, 3), dtype="float64", dropout=0.5)
    images = x[:, :6].copy()
    network.loss_and_gradient(images, np.zeros(6, np.int64))
    state = network.generator.bit_generator.state
    np.testing.assert_allclose(network.logits(images), forward(network, images), rtol=0, atol=1e-14)
    assert network.generator.bit_generator.state == state


def test_the_room_imports_numpy_and_no_framework():
    """In a new interpreter, importing fashion_compare.scratch loads NumPy, and none of the heavy libraries."""
    program = "import sys, fashion_compare.scratch; print(*sorted(sys.modules))"
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in shown.stdout.split()}
    assert "numpy" in loaded
    assert not loaded & {"torch", "scipy", "sklearn", "pydantic", "safetensors", "captum", "jax", "autograd"}


def test_the_room_can_be_read_in_one_sitting():
    """All of scratch/ together has at most 600 lines, and each of its modules says what it is for."""
    modules = sorted(Path(fashion_compare.scratch.__file__).parent.rglob("*.py"))
    texts = [path.read_text(encoding="utf-8") for path in modules]
    assert len(modules) >= 6
    assert sum(len(text.splitlines()) for text in texts) <= 600
    assert all(ast.get_docstring(ast.parse(text)) for text in texts)
