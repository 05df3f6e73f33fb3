"""Global sensitivity: how much of a score's spread over a whole space each parameter is behind, alone and in pairs.

A design of runs spreads over the space; a smooth surrogate learns the score from the parameters; the surrogate's
variance is decomposed into Sobol's indices, S_i of a parameter alone and S_ij of a pair beyond its two members
(Sobol 1993; Saltelli et al. 2010 for the estimators). What the surrogate cannot know, its cross-validated R² says.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from SALib.analyze import sobol as sobol_indices
from SALib.sample import sobol as sobol_sample
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel
from sklearn.metrics import r2_score
from sklearn.model_selection import KFold, cross_val_predict

from fashion_compare.comparison.variance_decomposition import (
    PairIndex,
    ParameterIndices,
    SobolIndex,
    VarianceDecomposition,
)

_SAMPLES = 1024
_BOOTSTRAPS = 100
_FOLDS = 10
_CONSTANT = 1e-9

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Axis:
    """One parameter of a design: its name, and how many levels it has; 0 for a number."""

    name: str
    levels: int = 0


def global_sensitivity(axes: Sequence[Axis], points: Floats, values: Floats, *, seed: int = 0) -> VarianceDecomposition:
    """Decompose the spread of values over a design.

    Args:
        axes: the d parameters.
        points: (n, d) in [0, 1); of a parameter with levels, level k is [k/levels, (k + 1)/levels).
        values: (n,) scores.
        seed: of samples and bootstrap.

    Returns:
        The indices, each with a 95% bootstrap interval over the design's runs, in which the surrogate's length scales
        and noise are fixed: what a new fit of those would add is not in it.
    """
    surrogate = _surrogate(_features(axes, points).shape[1])
    folds = KFold(min(_FOLDS, len(values)), shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        # A setting without influence has a length at its upper bound: nothing to warn of.
        warnings.simplefilter("ignore", ConvergenceWarning)
        surrogate.fit(_features(axes, points), values)
        again = clone(surrogate).set_params(kernel=surrogate.kernel_, n_restarts_optimizer=0)
        r2 = r2_score(values, cross_val_predict(again, _features(axes, points), values, cv=folds))
    problem = {"num_vars": len(axes), "names": [axis.name for axis in axes], "bounds": [[0.0, 1.0]] * len(axes)}
    sample = _features(axes, sobol_sample.sample(problem, _SAMPLES, calc_second_order=True, seed=seed))
    estimate = _decompose(problem, surrogate.predict(sample), seed)
    generator = np.random.default_rng(seed)
    fixed = clone(surrogate).set_params(kernel=surrogate.kernel_, optimizer=None)
    draws = []
    for _ in range(_BOOTSTRAPS):
        drawn = generator.integers(0, len(values), len(values))
        fixed.fit(_features(axes, points[drawn]), values[drawn])
        draws.append(_decompose(problem, fixed.predict(sample), seed))
    low, high = np.nanpercentile(draws, [2.5, 97.5], axis=0)
    names = [axis.name for axis in axes]
    d = len(names)

    def index(k: int) -> SobolIndex:
        return SobolIndex(mean=float(estimate[k]), interval=(float(low[k]), float(high[k])))

    pairs = [(i, j) for i in range(d) for j in range(i + 1, d)]
    return VarianceDecomposition(
        points=len(values),
        r2=float(r2),
        indices=[ParameterIndices(parameter=names[i], first=index(i), total=index(d + i)) for i in range(d)],
        pairs=[PairIndex(parameters=(names[i], names[j]), second=index(2 * d + k)) for k, (i, j) in enumerate(pairs)],
    )


def _surrogate(features: int) -> GaussianProcessRegressor:
    """Return a Gaussian process with a length of its own for each feature, and noise for what seeds do."""
    kernel = ConstantKernel(1.0, (1e-2, 1e3)) * RBF(np.ones(features), (1e-1, 1e2)) + WhiteKernel(1e-2, (1e-6, 1.0))
    return GaussianProcessRegressor(kernel, normalize_y=True, n_restarts_optimizer=2, random_state=0)


def _features(axes: Sequence[Axis], points: Floats) -> Floats:
    """Return what the surrogate sees: numbers as they are, of levels a column each."""
    columns = []
    for axis, column in zip(axes, points.T, strict=True):
        if axis.levels:
            level = np.minimum((column * axis.levels).astype(int), axis.levels - 1)
            columns.append(np.eye(axis.levels)[level])
        else:
            columns.append(column[:, None])
    return np.hstack(columns)


def _decompose(problem: dict[str, Any], predicted: Floats, seed: int) -> Floats:
    """Return first-order and total indices, then those of pairs, row by row of the upper triangle."""
    d = problem["num_vars"]
    if np.ptp(predicted) < _CONSTANT * max(1.0, float(np.abs(predicted).max())):
        # It knows of no influence at all.
        return np.zeros(2 * d + d * (d - 1) // 2)
    # Without its own bootstrap, which would be over the surrogate's samples and not over the design.
    found = sobol_indices.analyze(problem, predicted, calc_second_order=True, num_resamples=2, seed=seed)
    upper = np.triu_indices(d, 1)
    return np.concatenate([found["S1"], found["ST"], found["S2"][upper]])
