"""Which numbers are probabilities: none below 0, sums of 1 for each image, as far as type and decimals allow."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

# What computing in single precision or less leaves of a sum.
_COMPUTED = 1e-6
_UNEXPLAINED = 0.001
_MOST_ROUNDED = 0.02
_MOST_DECIMALS = 8


@dataclass(frozen=True)
class Normalised:
    """Probabilities, and what was done to them.

    Attributes:
        values: (n, classes), as they were, or float64 and divided by their sums where they had been rounded.
        decimals: of rounded ones; None for those that are as they were.
        sums: the least and the largest of an image, before.
        smallest: what one of 0 counts as in log loss: the type's resolution at 1, or half of the last decimal.
    """

    values: NDArray[np.floating[Any]]
    decimals: int | None
    sums: tuple[float, float]
    smallest: float


def normalised(values: NDArray[np.floating[Any]]) -> Normalised | None:
    """Return (n, classes) finite numbers as probabilities, or None if they are none.

    Rounding moves a sum by half of the last decimal for each class: so much, and 0.02 at most, is taken as rounding,
    and rows are divided by their sums. Sums that differ from 1 by more than 0.001 without it are no probabilities'.
    """
    if values.min() < 0:
        return None
    exact = values.astype(np.float64)
    sums = exact.sum(axis=1)
    resolution = float(np.finfo(values.dtype).eps)
    unchanged = Normalised(values, None, (float(sums.min()), float(sums.max())), resolution)
    difference = float(np.abs(sums - 1).max())
    if difference <= max(resolution, _COMPUTED):
        return unchanged
    decimals = _decimals(exact, resolution)
    if decimals is not None:
        rounded = np.round(exact, decimals)
        sums = rounded.sum(axis=1)
        half_digit = 0.5 * 10.0**-decimals
        # Sums of decimals are not exact in binary.
        if np.abs(sums - 1).max() <= min(values.shape[1] * half_digit, _MOST_ROUNDED) + 1e-9:
            bounds = float(sums.min()), float(sums.max())
            return Normalised(rounded / sums[:, None], decimals, bounds, max(half_digit, resolution))
    return unchanged if difference <= _UNEXPLAINED else None


def _decimals(exact: NDArray[np.float64], resolution: float) -> int | None:
    """Return to how many decimals all values are rounded, from 1 on, as far as their type can tell; or None."""
    for decimals in range(1, _MOST_DECIMALS + 1):
        if np.allclose(np.round(exact, decimals), exact, rtol=resolution, atol=0):
            return decimals
    return None
