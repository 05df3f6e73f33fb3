"""Backward is the derivative of forward: central differences in float64, away from kinks."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from fashion_compare.scratch import Network
from fashion_compare.scratch.gradcheck import numerical_gradient, relative_error
from fashion_compare.scratch.layers import BatchNorm, Dense, Dropout, ReLU, Sigmoid, Tanh
from fashion_compare.scratch.losses import add_penalty_gradient, penalty, softmax_cross_entropy

TOLERANCE = 1e-7
SEEDS = st.integers(0, 2**32 - 1)
BATCHES = st.integers(1, 5)
WIDTHS = st.integers(1, 6)
quickly = settings(deadline=None, max_examples=25)


def away_from_zero(generator, shape):
    """Numbers of both signs, none nearer to zero than 0.1: no central difference straddles a kink."""
    return generator.uniform(0.1, 1.5, shape) * generator.choice([-1.0, 1.0], shape)


def numerical_input_gradient(forward, x, dy, step=1e-3):
    """∂/∂x of Σ dy·forward(x); `forward` gets a copy, for activations work in place.

    What is linear between kinks allows a large step, which keeps rounding small.
    """
    gradient = numerical_gradient(lambda: float((dy * forward(x.copy())).sum()), x.reshape(-1), step=step)
    return gradient.reshape(x.shape)


def test_central_differences_find_a_known_derivative_and_leave_the_parameters():
    """The checker itself: the gradient of Σ sin θ is cos θ, and θ comes back bit for bit."""
    theta = np.linspace(-2, 2, 9)
    before = theta.copy()
    gradient = numerical_gradient(lambda: float(np.sin(theta).sum()), theta)
    np.testing.assert_allclose(gradient, np.cos(before), atol=1e-9)
    np.testing.assert_array_equal(theta, before)


def test_relative_error_by_hand():
    """‖a - b‖ / (‖a‖ + ‖b‖): √2/2 for two perpendicular unit vectors, 1/3 for twice as long, 0 for nothing."""
    x, y, nothing = np.array([1.0, 0.0]), np.array([0.0, 1.0]), np.zeros(2)
    assert relative_error(x, y) == pytest.approx(np.sqrt(2) / 2, rel=1e-15)
    assert relative_error(2 * x, x) == pytest.approx(1 / 3, rel=1e-15)
    assert relative_error(nothing, nothing) == 0


@given(seed=SEEDS, batch=BATCHES, inputs=WIDTHS, outputs=WIDTHS)
@quickly
def test_dense(seed, batch, inputs, outputs):
    """∂W, ∂b and ∂x of y = x W + b."""
    generator = np.random.default_rng(seed)
    parameters = away_from_zero(generator, (inputs + 1) * outputs)
    gradient = np.full_like(parameters, np.nan)
    cut = inputs * outputs
    shape = (inputs, outputs)
    layer = Dense(
        parameters[:cut].reshape(shape),
        parameters[cut:],
        gradient[:cut].reshape(shape),
        gradient[cut:],
        first=False,
    )
    x, dy = away_from_zero(generator, (batch, inputs)), away_from_zero(generator, (batch, outputs))

    def forward(x):
        return layer.forward(x, training=True)

    forward(x)
    dx = layer.backward(dy).copy()
    assert relative_error(dx, numerical_input_gradient(forward, x, dy)) <= TOLERANCE
    expected = numerical_gradient(lambda: float((dy * forward(x)).sum()), parameters, step=1e-3)
    assert relative_error(gradient, expected) <= TOLERANCE


@pytest.mark.parametrize("activation", [ReLU, Tanh, Sigmoid])
@given(seed=SEEDS, batch=BATCHES, width=WIDTHS)
@quickly
def test_activations(activation, seed, batch, width):
    """∂x of ReLU, tanh and the sigmoid, each from the output alone."""
    generator = np.random.default_rng(seed)
    layer = activation()
    x, dy = away_from_zero(generator, (batch, width)), away_from_zero(generator, (batch, width))
    layer.forward(x.copy(), training=True)
    dx = layer.backward(dy.copy())
    expected = numerical_input_gradient(lambda x: layer.forward(x, training=True), x, dy, step=1e-5)
    assert relative_error(dx, expected) <= TOLERANCE


@pytest.mark.parametrize("training", [True, False])
@given(seed=SEEDS, batch=BATCHES, width=WIDTHS)
@quickly
def test_batch_norm(training, seed, batch, width):
    """∂x, ∂γ and ∂β, through the batch's own mean and variance and, in use or for a batch of one, without them."""
    generator = np.random.default_rng(seed)
    parameters, gradient = away_from_zero(generator, 2 * width), np.full(2 * width, np.nan)
    layer = BatchNorm(parameters[:width], parameters[width:], gradient[:width], gradient[width:])
    running = generator.normal(size=width), generator.uniform(0.5, 2, width)
    x, dy = generator.normal(size=(batch, width)), away_from_zero(generator, (batch, width))
    # Two rows that nearly agree in a unit divide by next to nothing: the derivative is there, its difference is noise.
    assume(batch == 1 or not training or x.std(axis=0).min() > 0.1)

    def forward(x):
        layer.mean[...], layer.variance[...] = running
        return layer.forward(x.copy(), training=training)

    forward(x)
    dx = layer.backward(dy.copy())
    # x̂ sums to 0 and x̂² to n in each unit, so for two rows ∂x vanishes but for ε: compare sizes beside ∂y's, too.
    numerical = numerical_input_gradient(forward, x, dy, step=1e-4)
    assert np.linalg.norm(dx - numerical) <= TOLERANCE * (np.linalg.norm(dx) + np.linalg.norm(numerical) + 1)
    expected = numerical_gradient(lambda: float((dy * forward(x)).sum()), parameters, step=1e-3)
    assert relative_error(gradient, expected) <= TOLERANCE


@given(seed=SEEDS, batch=BATCHES, width=WIDTHS, rate=st.floats(0.05, 0.9))
@quickly
def test_dropout_with_a_fixed_mask(seed, batch, width, rate):
    """∂x of dropout: the same units are dropped from the gradient, the others scaled alike."""
    generator = np.random.default_rng(seed)
    x, dy = away_from_zero(generator, (batch, width)), away_from_zero(generator, (batch, width))
    masks = np.random.default_rng(seed)
    state = masks.bit_generator.state
    layer = Dropout(rate, masks)

    def forward(x):
        masks.bit_generator.state = state
        return layer.forward(x, training=True)

    forward(x.copy())
    dx = layer.backward(dy.copy())
    assert relative_error(dx, numerical_input_gradient(forward, x, dy)) <= TOLERANCE


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.7])
@given(seed=SEEDS, batch=BATCHES, classes=st.integers(2, 10))
@quickly
def test_softmax_cross_entropy(smoothing, seed, batch, classes):
    """∂logits of the mean cross-entropy, smoothed or not, also when the gradient takes the logits' place."""
    generator = np.random.default_rng(seed)
    logits = generator.normal(size=(batch, classes))
    labels = generator.integers(0, classes, batch)
    gradient = np.empty_like(logits)
    loss = softmax_cross_entropy(logits, labels, gradient, smoothing=smoothing)
    unused = np.empty_like(logits)
    expected = numerical_gradient(
        lambda: softmax_cross_entropy(logits, labels, unused, smoothing=smoothing), logits.reshape(-1), step=1e-5
    )
    assert relative_error(gradient.reshape(-1), expected) <= TOLERANCE
    in_place = logits.copy()
    assert softmax_cross_entropy(in_place, labels, in_place, smoothing=smoothing) == loss
    np.testing.assert_array_equal(in_place, gradient)


@pytest.mark.parametrize(("l1", "l2"), [(0.3, 0.0), (0.0, 0.2), (0.3, 0.2)])
@given(seed=SEEDS, size=st.integers(1, 40))
@quickly
def test_penalties_add_their_derivative(l1, l2, seed, size):
    """L1 and L2 add their derivative to what the gradient holds already."""
    generator = np.random.default_rng(seed)
    weights, held = away_from_zero(generator, size), generator.normal(size=size)
    gradient = held.copy()
    add_penalty_gradient(weights, l1, l2, gradient)
    expected = held + numerical_gradient(lambda: penalty(weights, l1, l2), weights, step=1e-3)
    assert relative_error(gradient, expected) <= TOLERANCE


def pre_activations(network, x, activation):
    """What each hidden layer hands to its activation, computed here; dropout aside, which adds no kinks."""
    found = []
    for W, b in zip(network.weights[:-1], network.biases[:-1], strict=True):
        found.append(x @ W + b)
        x = np.maximum(found[-1], 0) if activation == "relu" else np.tanh(found[-1])
    return found


@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid"])
@given(
    seed=SEEDS,
    batch=BATCHES,
    sizes=st.tuples(st.lists(WIDTHS, min_size=1, max_size=3), st.integers(2, 6)),
    initialization=st.sampled_from(["he", "glorot"]),
    l1=st.sampled_from([0.0, 0.01]),
    l2=st.sampled_from([0.0, 0.02]),
)
@quickly
def test_whole_networks(activation, seed, batch, sizes, initialization, l1, l2):
    """The gradient of the objective with penalties, for no, one and two hidden layers and a batch of one on."""
    generator = np.random.default_rng(seed)
    network = Network(
        (*sizes[0], sizes[1]),
        seed=seed,
        dtype="float64",
        activation=activation,
        initialization=initialization,
        l1=l1,
        l2=l2,
    )
    for b in network.biases:
        b[...] = generator.normal(size=b.shape)
    images, labels = generator.normal(size=(batch, sizes[0][0])), generator.integers(0, sizes[1], batch)
    kinks = [network.parameters[: network.weight_count]]
    if activation == "relu":
        kinks += pre_activations(network, images, activation)
    assume(all(np.abs(values).min() > 1e-3 for values in kinks))
    network.loss_and_gradient(images, labels)
    analytical = network.gradient.copy()
    assume(np.linalg.norm(analytical) > 0.05)
    expected = numerical_gradient(lambda: network.loss_and_gradient(images, labels), network.parameters, step=1e-5)
    assert relative_error(analytical, expected) <= TOLERANCE


@pytest.mark.parametrize("activation", ["tanh", "sigmoid"])
@given(
    seed=SEEDS,
    batch=BATCHES,
    hidden=st.lists(WIDTHS, min_size=1, max_size=2),
    smoothing=st.sampled_from([0.0, 0.1]),
    l2=st.sampled_from([0.0, 0.02]),
)
@quickly
def test_whole_networks_with_batch_norm_and_smoothing(activation, seed, batch, hidden, smoothing, l2):
    """The gradient of the whole objective with batch normalisation before smooth activations, a batch of one too."""
    generator = np.random.default_rng(seed)
    network = Network(
        (4, *hidden, 3),
        seed=seed,
        dtype="float64",
        activation=activation,
        batch_norm=True,
        label_smoothing=smoothing,
        l2=l2,
    )
    images, labels = generator.normal(size=(batch, 4)), generator.integers(0, 3, batch)
    # Rows that nearly agree in a unit divide by next to nothing: the derivative is there, its difference is noise.
    deviations = []
    for norm in network.norms:
        original = norm.forward
        norm.forward = lambda x, training, f=original: (
            deviations.append(x.std(axis=0).min()),
            f(x, training=training),
        )[1]
    running = [(norm.mean.copy(), norm.variance.copy()) for norm in network.norms]

    def objective():
        for norm, (mean, variance) in zip(network.norms, running, strict=True):
            norm.mean[...], norm.variance[...] = mean, variance
        return network.loss_and_gradient(images, labels)

    objective()
    assume(batch == 1 or min(deviations) > 0.1)
    analytical = network.gradient.copy()
    expected = numerical_gradient(objective, network.parameters, step=1e-5)
    assert relative_error(analytical, expected) <= TOLERANCE


@given(seed=SEEDS, batch=BATCHES, hidden=st.lists(WIDTHS, min_size=1, max_size=2), rate=st.floats(0.1, 0.7))
@quickly
def test_whole_networks_with_dropout(seed, batch, hidden, rate):
    """The same with dropout: the generator goes back before every evaluation, so that the masks stay."""
    generator = np.random.default_rng(seed)
    network = Network((4, *hidden, 3), seed=seed, dtype="float64", activation="tanh", dropout=rate)
    images, labels = generator.normal(size=(batch, 4)), generator.integers(0, 3, batch)
    state = network.generator.bit_generator.state

    def objective():
        network.generator.bit_generator.state = state
        return network.loss_and_gradient(images, labels)

    objective()
    analytical = network.gradient.copy()
    assert relative_error(analytical, numerical_gradient(objective, network.parameters, step=1e-5)) <= TOLERANCE


def test_the_check_finds_a_wrong_gradient():
    """A gradient with one of its entries 1% off is far beyond the tolerance: the checks above can fail."""
    network = Network((3, 4, 2), dtype="float64", activation="tanh")
    images, labels = np.random.default_rng(0).normal(size=(2, 3)), np.array([0, 1])
    network.loss_and_gradient(images, labels)
    wrong = network.gradient.copy()
    wrong[np.argmax(np.abs(wrong))] *= 1.01
    expected = numerical_gradient(lambda: network.loss_and_gradient(images, labels), network.parameters)
    assert relative_error(wrong, expected) > 1e3 * TOLERANCE
