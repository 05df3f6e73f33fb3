"""Probabilities and cross-entropy against SciPy's, and accuracy by hand."""

import numpy as np
import pytest
import scipy.special
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from fashion_compare.classifier.functional import accuracy, cross_entropy, log_softmax, softmax

LOGITS = arrays.arrays(
    np.float32,
    st.tuples(st.integers(1, 8), st.integers(2, 10)),
    elements=st.floats(-1e4, 1e4, width=32),
)


@given(logits=LOGITS, seed=st.integers(0, 99))
@settings(deadline=None)
def test_softmax_and_cross_entropy_are_scipys(logits, seed):
    """For logits up to ±1e4, in float64: probabilities sum to one, and no logarithm of zero is taken."""
    labels = np.random.default_rng(seed).integers(0, logits.shape[1], len(logits))
    expected = scipy.special.log_softmax(logits.astype(np.float64), axis=1)
    np.testing.assert_allclose(log_softmax(logits), expected, rtol=1e-12, atol=1e-12)
    probabilities = softmax(logits)
    assert probabilities.dtype == np.float64
    np.testing.assert_allclose(probabilities, scipy.special.softmax(logits.astype(np.float64), axis=1), atol=1e-12)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-12)
    of_labels = expected[np.arange(len(labels)), labels]
    assert cross_entropy(logits, labels) == pytest.approx(-of_labels.mean(), rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_logits_are_left_as_they_were(dtype):
    """The saved logits of a run are read by many; none of the scores writes into them."""
    logits = np.array([[1, 2], [3, 0]], dtype)
    before = logits.copy()
    softmax(logits)
    cross_entropy(logits, np.array([0, 1]))
    np.testing.assert_array_equal(logits, before)


def test_the_largest_numbers_float32_holds():
    """±3e38, further apart than float32 can say, give probabilities 1 and 0 and their exact distance as the loss."""
    logits = np.array([[3e38, -3e38]], np.float32)
    np.testing.assert_array_equal(softmax(logits), [[1, 0]])
    assert cross_entropy(logits, np.array([1])) == pytest.approx(6e38, rel=1e-6)


def test_accuracy_by_hand():
    """Two of four are right; in a tie the lower class is the answer."""
    logits = np.array([[1, 2, 0], [5, 1, 1], [2, 2, 1], [0, 3, 3]], np.float32)
    assert accuracy(logits, np.array([1, 2, 0, 2])) == 0.5
