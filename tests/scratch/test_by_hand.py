"""One forward pass, backward pass and step of each optimiser, worked out on paper.

A network 2-2-2 with ReLU and two examples, L = ln 3:

    W1 = [[1, -1], [1, 1/2]], b1 = (1, -1);  W2 = [[1, 0], [-2, 5]], b2 = (0, 4)
    x = (1, 2),     label 0: hidden (4, -1) → (4, 0), logits (4, 4), p = (1/2, 1/2), loss ln 2
    x = (0, 3 - L), label 1: hidden (4 - L, 1/2 - L/2) → (4 - L, 0), logits (4 - L, 4), p = (1/4, 3/4), loss ln 4/3

    δ = (p - y)/2 = [[-1/4, 1/4], [1/8, -1/8]]
    ∂W2 = hᵀδ: first row ∓(1/2 + L/8), second row 0;  ∂b2 = (-1/8, 1/8)
    hidden gradient δ W2ᵀ, first unit -1/4 and 1/8, second unit dead
    ∂W1: first column -1/4 and -1/2 + (3 - L)/8, second column 0;  ∂b1 = (-1/8, 0)
"""

import numpy as np
import pytest

from fashion_compare.scratch import Network
from fashion_compare.scratch.optimizers import SGD, Adam, Momentum

LN3 = np.log(3)
W1, W2 = np.array([[1, -1], [1, 0.5]]), np.array([[1.0, 0], [-2, 5]])
B1, B2 = np.array([1.0, -1]), np.array([0.0, 4])
IMAGES, LABELS = np.array([[1, 2], [0, 3 - LN3]]), np.array([0, 1])
A = 0.5 + LN3 / 8
GRADIENT = np.array([-0.25, 0, -0.125 - LN3 / 8, 0, -A, A, 0, 0, -0.125, 0, -0.125, 0.125])
LOSS = 0.5 * np.log(8 / 3)


def network(**penalties):
    made = Network((2, 2, 2), dtype="float64", **penalties)
    made.weights[0][...], made.weights[1][...] = W1, W2
    made.biases[0][...], made.biases[1][...] = B1, B2
    return made


def test_the_parameters_are_weights_then_biases():
    """`parameters` reads W1, W2, b1, b2 row by row, and the first eight are the weights."""
    made = network()
    np.testing.assert_array_equal(made.parameters, [1, -1, 1, 0.5, 1, 0, -2, 5, 1, -1, 0, 4])
    assert made.weight_count == 8


def test_forward():
    """The logits are (4, 4) and (4 - ln 3, 4)."""
    np.testing.assert_allclose(network().logits(IMAGES), [[4, 4], [4 - LN3, 4]], rtol=1e-15)


def test_loss_and_gradient():
    """The loss is ½ ln 8/3 and the gradient that of the page."""
    made = network()
    assert made.loss_and_gradient(IMAGES, LABELS) == pytest.approx(LOSS, rel=1e-14)
    np.testing.assert_allclose(made.gradient, GRADIENT, rtol=0, atol=1e-15)


def test_penalties():
    """Σ|w| = 11.5 and Σw² = 33.25 over the weights; l1·sign(w) + 2·l2·w is added to theirs, nothing to biases."""
    made = network(l1=0.01, l2=0.1)
    assert made.penalty() == pytest.approx(0.115 + 3.325, rel=1e-14)
    assert made.loss_and_gradient(IMAGES, LABELS) == pytest.approx(LOSS + 0.115 + 3.325, rel=1e-14)
    added = [0.21, -0.21, 0.21, 0.11, 0.21, 0, -0.41, 1.01, 0, 0, 0, 0]
    np.testing.assert_allclose(made.gradient, GRADIENT + added, rtol=0, atol=1e-14)


def test_a_step_of_sgd():
    """θ - η g with η = 2: the first weight goes from 1 to 1.5."""
    made = network()
    made.loss_and_gradient(IMAGES, LABELS)
    SGD(learning_rate=2).step(made.parameters, made.gradient)
    assert made.weights[0][0, 0] == pytest.approx(1.5, rel=1e-15)
    np.testing.assert_allclose(made.biases[1], [0.25, 3.75], rtol=1e-14)


def test_two_steps_of_momentum():
    """Gradients 1 and 2, μ = ½, η = 0.1: velocities 1 and 2.5, so 5 → 4.9 → 4.65."""
    theta, optimizer = np.array([5.0]), Momentum(learning_rate=0.1, momentum=0.5)
    optimizer.step(theta, np.array([1.0]))
    assert theta[0] == pytest.approx(4.9, rel=1e-15)
    optimizer.step(theta, np.array([2.0]))
    assert theta[0] == pytest.approx(4.65, rel=1e-15)


def test_two_steps_of_adam():
    """Gradients 1 and 3 with β₁ = ½, β₂ = ¾, η = 0.1, ε = 1.

    m: ½, 1¾, without bias 1 and 7/3.  v: ¼, 39/16, without bias 1 and 39/7.
    θ: 5 - 0.1/(1 + 1) = 4.95, then less 0.1·(7/3)/(√(39/7) + 1).
    """
    theta, optimizer = np.array([5.0]), Adam(learning_rate=0.1, beta1=0.5, beta2=0.75, epsilon=1)
    optimizer.step(theta, np.array([1.0]))
    assert theta[0] == pytest.approx(4.95, rel=1e-15)
    optimizer.step(theta, np.array([3.0]))
    assert theta[0] == pytest.approx(4.95 - 0.1 * (7 / 3) / (np.sqrt(39 / 7) + 1), rel=1e-14)


def test_the_first_step_of_adam_has_the_learning_rate_as_its_size():
    """Whatever the gradient's size, the first step is η against its sign, and 0 where it is 0."""
    theta = np.zeros(4)
    Adam(learning_rate=0.01).step(theta, np.array([1e-3, -20.0, 4e5, 0.0]))
    np.testing.assert_allclose(theta, [-0.01, 0.01, -0.01, 0], rtol=1e-4)
