"""The decomposition finds the indices of functions whose indices are known exactly."""

from typing import Any

import numpy as np
import pytest
from scipy.stats import qmc

from fashion_compare.comparison import global_sensitivity as module
from fashion_compare.comparison.global_sensitivity import Axis, global_sensitivity
from fashion_compare.study.spec import load_study

LEVELS = np.sqrt(1.5) * np.array([-1.0, 0.0, 1.0])
AXES = [
    Axis("rate"),
    Axis("l1"),
    Axis("l2"),
    Axis("batch"),
    Axis("optimizer", 3),
    Axis("epochs"),
    Axis("dropout"),
    Axis("width", 4),
]
# Coefficients of orthonormal functions: variances are their squares.
FIRST = {"rate": 1.0**2 + 0.8**2, "l1": 0.6**2, "l2": 0.4**2, "batch": 0.2**2, "optimizer": 0.6**2}
SECOND = {("rate", "l1"): 0.5**2, ("rate", "optimizer"): 0.3**2}
VARIANCE = sum(FIRST.values()) + sum(SECOND.values())


def linear(x: np.ndarray) -> np.ndarray:
    """Legendre's first polynomial on [0, 1], of mean 0 and variance 1."""
    return np.sqrt(3) * (2 * x - 1)


def curved(x: np.ndarray) -> np.ndarray:
    """Legendre's second, orthogonal to the first."""
    return np.sqrt(5) * (6 * x**2 - 6 * x + 1)


def known(points: np.ndarray) -> np.ndarray:
    """Eight parameters of which three do nothing, one has levels, and two pairs act together."""
    rate, l1, l2, batch, optimizer = points[:, :5].T
    level = LEVELS[(optimizer * 3).astype(int)]
    return (
        linear(rate) + 0.8 * curved(rate) + 0.6 * linear(l1) + 0.4 * curved(l2) + 0.2 * linear(batch) + 0.6 * level
        + 0.5 * linear(rate) * linear(l1) + 0.3 * linear(rate) * level
    )  # fmt: skip


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    """The decomposition of the function, seen at as many points as the shipped design has, a tenth of it noise."""
    design = load_study("full").sensitivity.design
    points = qmc.Sobol(len(AXES), scramble=True, seed=1).random(design.points)
    noise = 0.1 * np.sqrt(VARIANCE) * np.random.default_rng(0).normal(size=len(points))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_BOOTSTRAPS", 10)
        return global_sensitivity(AXES, points, known(points) + noise)


def test_first_order_indices(found: dict[str, Any]) -> None:
    """Each parameter's share alone, to 0.05 (it is nearer to 0.01); none for those that do nothing."""
    for entry in found.indices:
        expected = FIRST.get(entry.parameter, 0.0) / VARIANCE
        assert entry.first.mean == pytest.approx(expected, abs=0.05), entry.parameter
        low, high = entry.first.interval
        assert low < high < low + 0.3


def test_pairwise_indices(found: dict[str, Any]) -> None:
    """Each pair's share beyond its members, to 0.05; 28 pairs, two of which act."""
    assert len(found.pairs) == 28
    for entry in found.pairs:
        expected = SECOND.get(tuple(entry.parameters), 0.0) / VARIANCE
        assert entry.second.mean == pytest.approx(expected, abs=0.05), entry.parameters


def test_total_indices(found: dict[str, Any]) -> None:
    """With everything it takes part in, a parameter has its own share and its pairs'."""
    for entry in found.indices:
        name = entry.parameter
        pairs = sum(share for pair, share in SECOND.items() if name in pair)
        assert entry.total.mean == pytest.approx((FIRST.get(name, 0.0) + pairs) / VARIANCE, abs=0.05)


def test_what_the_surrogate_knows(found: dict[str, Any]) -> None:
    """A hundredth of the variance is noise, and the rest it predicts."""
    assert found.points == 128
    assert 0.95 < found.r2 < 1


def test_noise_alone_has_no_explanation(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing depends on anything, runs not seen cannot be predicted, and R² says so."""
    monkeypatch.setattr(module, "_BOOTSTRAPS", 2)
    points = qmc.Sobol(3, scramble=True, seed=2).random(64)
    found = global_sensitivity(AXES[:3], points, np.random.default_rng(0).normal(size=64))
    assert found.r2 < 0.1
