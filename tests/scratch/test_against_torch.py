"""PyTorch as the oracle: the same weights, batches and dropout masks give the same gradients and steps."""

import copy

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fashion_compare.scratch import Network
from fashion_compare.scratch.layers import Dropout
from fashion_compare.scratch.losses import softmax_cross_entropy
from fashion_compare.scratch.optimizers import SGD, Adam, Momentum

# Matrices this small are slower on several threads than on one.
torch.set_num_threads(1)


def tensors(network):
    """The network's weights and biases as leaves of torch's graph, in the order of its flat vector."""
    arrays = [*network.weights, *network.biases]
    return [torch.from_numpy(array.copy()).requires_grad_() for array in arrays]


def flat(values):
    return np.concatenate([value.detach().numpy().reshape(-1) for value in values])


def objective(parameters, images, labels, *, activation="relu", masks=None, l1=0.0, l2=0.0):
    """Cross-entropy + l1·Σ|w| + l2·Σw², built from torch's own operations."""
    layers = len(parameters) // 2
    weights, biases = parameters[:layers], parameters[layers:]
    x = torch.from_numpy(images)
    for i in range(layers):
        x = x @ weights[i] + biases[i]
        if i < layers - 1:
            x = getattr(torch, activation)(x)
            if masks is not None:
                x = x * torch.from_numpy(masks[i])
    loss = torch.nn.functional.cross_entropy(x, torch.from_numpy(labels))
    return loss + sum(l1 * w.abs().sum() + l2 * w.square().sum() for w in weights)


@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize("dropout", [0.0, 0.4])
@given(
    seed=st.integers(0, 2**32 - 1),
    batch=st.integers(1, 20),
    sizes=st.lists(st.integers(1, 30), min_size=2, max_size=5),
    l1=st.sampled_from([0.0, 0.01]),
    l2=st.sampled_from([0.0, 0.02]),
)
@settings(deadline=None, max_examples=20)
def test_objective_and_gradient_equal_autograd(activation, dropout, seed, batch, sizes, l1, l2):
    """To 1e-12 of the gradient's size, for any shape, with the masks that the network's generator draws next."""
    generator = np.random.default_rng(seed)
    network = Network(sizes, seed=seed, dtype="float64", activation=activation, dropout=dropout, l1=l1, l2=l2)
    images, labels = generator.normal(size=(batch, sizes[0])), generator.integers(0, sizes[-1], batch)
    draws = copy.deepcopy(network.generator)
    masks = [Dropout(dropout, draws).forward(np.ones((batch, n)), training=True) for n in sizes[1:-1]]
    parameters = tensors(network)
    expected = objective(parameters, images, labels, activation=activation, masks=masks, l1=l1, l2=l2)
    expected.backward()
    assert network.loss_and_gradient(images, labels) == pytest.approx(expected.item(), rel=1e-12)
    expected_gradient = flat([p.grad for p in parameters])
    scale = np.abs(expected_gradient).max()
    np.testing.assert_allclose(network.gradient, expected_gradient, rtol=0, atol=1e-12 * scale + 1e-16)


OPTIMIZERS = {
    "sgd": (SGD(learning_rate=0.1), lambda p: torch.optim.SGD(p, lr=0.1)),
    "momentum": (
        Momentum(learning_rate=0.05, momentum=0.8),
        lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.8),
    ),
    "adam": (Adam(learning_rate=0.01), lambda p: torch.optim.Adam(p, lr=0.01)),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_hundred_steps_in_lock_step(name):
    """From the same start over the same batches, L1 and L2 on, the parameters stay within 1e-10 of torch.optim's."""
    l1, l2 = 1e-3, 1e-2
    generator = np.random.default_rng(1)
    network = Network((20, 16, 8, 5), seed=2, dtype="float64", l1=l1, l2=l2)
    optimizer, of_torch = copy.deepcopy(OPTIMIZERS[name])
    parameters = tensors(network)
    torch_optimizer = of_torch(parameters)
    start = network.parameters.copy()
    for step in range(100):
        n = 32 if step % 5 else 7
        images, labels = generator.normal(size=(n, 20)), generator.integers(0, 5, n)
        network.loss_and_gradient(images, labels)
        optimizer.step(network.parameters, network.gradient)
        torch_optimizer.zero_grad()
        objective(parameters, images, labels, l1=l1, l2=l2).backward()
        torch_optimizer.step()
        expected = flat(parameters)
        assert np.linalg.norm(network.parameters - expected) <= 1e-10 * np.linalg.norm(expected), step
    # They went somewhere: had neither moved, they would agree too.
    assert np.linalg.norm(network.parameters - start) > 0.1 * np.linalg.norm(start)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_cross_entropy_of_huge_logits_is_exact(dtype):
    """Logits of ±1e4 overflow nothing: loss and gradient are torch's, finite, and at most 1/n in size."""
    logits = np.array([[1e4, -1e4, 0.0], [-1e4, 1e4, 1e4], [1e4, 1e4, 1e4]], dtype)
    labels = np.array([0, 0, 2])
    leaf = torch.from_numpy(logits.copy()).requires_grad_()
    expected = torch.nn.functional.cross_entropy(leaf, torch.from_numpy(labels))
    expected.backward()
    gradient = np.empty_like(logits)
    with np.errstate(all="raise", under="ignore"):
        loss = softmax_cross_entropy(logits, labels, gradient)
    # By hand: (0 + (20,000 + ln 2) + ln 3) / 3.
    assert loss == pytest.approx((2e4 + np.log(2) + np.log(3)) / 3, rel=1e-6)
    assert loss == pytest.approx(expected.item(), rel=1e-6)
    np.testing.assert_allclose(gradient, leaf.grad.numpy(), atol=1e-7)
    assert np.abs(gradient).max() <= 1 / 3 + 1e-7
