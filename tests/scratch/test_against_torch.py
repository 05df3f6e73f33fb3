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
from fashion_compare.scratch.optimizers import SGD, Adam, AdamW, Momentum, Nesterov, RMSProp, clip_norm

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


@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid"])
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


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid"])
def test_the_gradient_of_the_images_equals_autograd(activation, batch_norm):
    """In evaluation mode: dropout is off, batch normalisation uses its running averages; no parameter moves."""
    generator = np.random.default_rng(1)
    network = Network((7, 9, 6, 4), dtype="float64", activation=activation, batch_norm=batch_norm, dropout=0.5)
    for norm in network.norms:
        norm.mean[...], norm.variance[...] = (
            generator.normal(size=norm.mean.shape),
            generator.uniform(0.5, 2, norm.mean.shape),
        )
        norm.gamma[...], norm.beta[...] = generator.normal(size=(2, len(norm.gamma)))
    before = network.parameters.copy()
    images, delta = generator.normal(size=(5, 7)), generator.normal(size=(5, 4))
    leaf = torch.from_numpy(images).requires_grad_()
    x = leaf
    for i, (W, b) in enumerate(zip(network.weights, network.biases, strict=True)):
        x = x @ torch.from_numpy(W) + torch.from_numpy(b)
        if i < 2:
            if batch_norm:
                norm = network.norms[i]
                mean, variance, scale, shift = map(torch.from_numpy, (norm.mean, norm.variance, norm.gamma, norm.beta))
                x = torch.nn.functional.batch_norm(x, mean, variance, scale, shift, eps=norm.epsilon)
            x = getattr(torch, activation)(x)
    (expected,) = torch.autograd.grad((x * torch.from_numpy(delta)).sum(), leaf)
    given_delta = delta.copy()
    found = network.input_gradient(images, given_delta)
    np.testing.assert_allclose(found, expected.numpy(), rtol=1e-10, atol=1e-13)
    np.testing.assert_array_equal(network.parameters, before)


DECAY = 0.02
# Ours, and torch's made for the parameters that decay and for the others.
OPTIMIZERS = {
    "sgd": (SGD, {"learning_rate": 0.1}, lambda p, **k: torch.optim.SGD(p, lr=0.1, **k)),
    "momentum": (
        Momentum,
        {"learning_rate": 0.05, "momentum": 0.8},
        lambda p, **k: torch.optim.SGD(p, lr=0.05, momentum=0.8, **k),
    ),
    "nesterov": (
        Nesterov,
        {"learning_rate": 0.05, "momentum": 0.8},
        lambda p, **k: torch.optim.SGD(p, lr=0.05, momentum=0.8, nesterov=True, **k),
    ),
    "rmsprop": (RMSProp, {"learning_rate": 0.003}, lambda p, **k: torch.optim.RMSprop(p, lr=0.003, **k)),
    "adam": (Adam, {"learning_rate": 0.01}, lambda p, **k: torch.optim.Adam(p, lr=0.01, **k)),
    "adamw": (AdamW, {"learning_rate": 0.01}, lambda p, **k: torch.optim.AdamW(p, lr=0.01, **k)),
}


@pytest.mark.parametrize("decaying", ["nothing", "everything", "weights as a slice", "weights as a mask"])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_hundred_steps_in_lock_step(name, decaying):
    """From the same start over the same batches, L1 and L2 on, the parameters stay within 1e-10 of torch.optim's."""
    l1, l2 = 1e-3, 1e-2
    generator = np.random.default_rng(1)
    network = Network((20, 16, 8, 5), seed=2, dtype="float64", l1=l1, l2=l2)
    made, values, of_torch = OPTIMIZERS[name]
    decay = {"nothing": 0.0}.get(decaying, DECAY)
    mask = {
        "weights as a slice": slice(network.weight_count),
        "weights as a mask": np.arange(len(network.parameters)) < network.weight_count,
    }.get(decaying)
    optimizer = made(**values, weight_decay=decay, mask=mask)
    parameters = tensors(network)
    rest = 3 if decaying.startswith("weights") else 6
    torch_optimizers = [of_torch(parameters[:rest], weight_decay=decay)]
    if rest == 3:
        torch_optimizers.append(of_torch(parameters[3:], weight_decay=0.0))
    start = network.parameters.copy()
    for step in range(100):
        n = 32 if step % 5 else 7
        images, labels = generator.normal(size=(n, 20)), generator.integers(0, 5, n)
        network.loss_and_gradient(images, labels)
        before = network.gradient.copy()
        optimizer.step(network.parameters, network.gradient)
        np.testing.assert_array_equal(network.gradient, before)
        for p in parameters:
            p.grad = None
        objective(parameters, images, labels, l1=l1, l2=l2).backward()
        for torch_optimizer in torch_optimizers:
            torch_optimizer.step()
        expected = flat(parameters)
        assert np.linalg.norm(network.parameters - expected) <= 1e-10 * np.linalg.norm(expected), step
    # They went somewhere: had neither moved, they would agree too.
    assert np.linalg.norm(network.parameters - start) > 0.1 * np.linalg.norm(start)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_defaults_are_pytorchs(name):
    """Made with nothing, an optimiser takes the steps of torch's made with nothing (momentum and Nesterov: 0.9)."""
    made, _, _ = OPTIMIZERS[name]
    of_torch = {
        "sgd": torch.optim.SGD,
        "momentum": lambda p: torch.optim.SGD(p, momentum=0.9),
        "nesterov": lambda p: torch.optim.SGD(p, momentum=0.9, nesterov=True),
        "rmsprop": torch.optim.RMSprop,
        "adam": torch.optim.Adam,
        "adamw": torch.optim.AdamW,
    }[name]
    generator = np.random.default_rng(0)
    ours, theirs = np.full(7, 0.5), torch.full((7,), 0.5, dtype=torch.float64, requires_grad=True)
    optimizer, reference = made(), of_torch([theirs])
    for _ in range(5):
        gradient = generator.normal(size=7)
        optimizer.step(ours, gradient)
        theirs.grad = torch.from_numpy(gradient.copy())
        reference.step()
    np.testing.assert_allclose(ours, theirs.detach().numpy(), rtol=1e-13)


@given(
    seed=st.integers(0, 2**32 - 1),
    batch=st.integers(2, 20),
    hidden=st.lists(st.integers(1, 30), min_size=1, max_size=3),
    smoothing=st.sampled_from([0.0, 0.1]),
)
@settings(deadline=None, max_examples=30)
def test_batch_norm_and_label_smoothing_equal_pytorchs(seed, batch, hidden, smoothing):
    """Objective, every gradient, the running averages and the logits in use are those of torch's modules."""
    generator = np.random.default_rng(seed)
    network = Network((6, *hidden, 4), seed=seed, dtype="float64", batch_norm=True, label_smoothing=smoothing)
    network.parameters[...] += generator.normal(0, 0.1, len(network.parameters))
    modules, weights, biases, scales, shifts = [], [], [], [], []
    for i, (W, b) in enumerate(zip(network.weights, network.biases, strict=True)):
        linear = torch.nn.Linear(*W.shape, dtype=torch.float64)
        linear.weight.data, linear.bias.data = torch.from_numpy(W.T.copy()), torch.from_numpy(b.copy())
        modules.append(linear)
        weights.append(linear.weight)
        biases.append(linear.bias)
        if i < len(hidden):
            norm = torch.nn.BatchNorm1d(len(b), dtype=torch.float64)
            norm.weight.data = torch.from_numpy(network.norms[i].gamma.copy())
            norm.bias.data = torch.from_numpy(network.norms[i].beta.copy())
            modules += [norm, torch.nn.ReLU()]
            scales.append(norm.weight)
            shifts.append(norm.bias)
    reference = torch.nn.Sequential(*modules)
    images, labels = generator.normal(size=(batch, 6)), generator.integers(0, 4, batch)
    x, y = torch.from_numpy(images), torch.from_numpy(labels)
    expected = torch.nn.functional.cross_entropy(reference(x), y, label_smoothing=smoothing)
    expected.backward()
    assert network.loss_and_gradient(images, labels) == pytest.approx(expected.item(), rel=1e-11)
    parts = [w.grad.T for w in weights] + [p.grad for p in (*biases, *scales, *shifts)]
    gradient = np.concatenate([part.numpy().reshape(-1) for part in parts])
    # A unit that hardly varies within the batch is divided by next to nothing, and its rounding is multiplied.
    np.testing.assert_allclose(network.gradient, gradient, rtol=0, atol=1e-9 * np.abs(gradient).max() + 1e-13)
    for norm, of_torch in zip(network.norms, (m for m in modules if isinstance(m, torch.nn.BatchNorm1d)), strict=True):
        np.testing.assert_allclose(norm.mean, of_torch.running_mean.numpy(), rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(norm.variance, of_torch.running_var.numpy(), rtol=1e-12)
    reference.eval()
    np.testing.assert_allclose(network.logits(images), reference(x).detach().numpy(), rtol=1e-10, atol=1e-12)


@given(seed=st.integers(0, 2**32 - 1), size=st.integers(1, 50), maximum=st.floats(0.01, 20))
@settings(deadline=None)
def test_clipping_is_pytorchs(seed, size, maximum):
    """A longer gradient is shortened to the maximum, a shorter one stays to the bit."""
    gradient = np.random.default_rng(seed).normal(size=size)
    tensor = torch.zeros(size, dtype=torch.float64, requires_grad=True)
    tensor.grad = torch.from_numpy(gradient.copy())
    torch.nn.utils.clip_grad_norm_([tensor], maximum)
    before = gradient.copy()
    clip_norm(gradient, maximum)
    np.testing.assert_allclose(gradient, tensor.grad.numpy(), rtol=1e-6)
    assert np.linalg.norm(gradient) <= maximum * (1 + 1e-12)
    if np.linalg.norm(before) <= maximum:
        np.testing.assert_array_equal(gradient, before)


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
