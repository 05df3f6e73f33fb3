"""How the learning rate moves over a training: a number for each step, a function of its place alone."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Schedule = Literal["constant", "step", "cosine", "one_cycle"]

# One-cycle: the share of the steps that warm up, and how far below the peak it starts and below that start it ends.
_WARM_UP, _START, _END = 0.3, 1 / 25, 1e-4


def learning_rates(schedule: Schedule, peak: float, *, first: int, last: int, steps: int) -> NDArray[np.float64]:
    """Return the learning rates of the steps `first` … `last` - 1 of a training of `steps` steps.

    - ``constant``: `peak` throughout.
    - ``step``: `peak`, a tenth of it from half of the steps on, a hundredth from three quarters on (as He et al. 2016).
    - ``cosine``: from `peak` to 0 along half a cosine (Loshchilov and Hutter 2017, eq. 5, without restarts).
    - ``one_cycle``: from peak/25 up to `peak` over the first 30% of the steps, then down to peak/250,000, each way
      along half a cosine (Smith and Topin 2019, in the form of PyTorch's OneCycleLR; the momentum stays).
    """
    place = np.arange(first, last, dtype=np.float64)
    match schedule:
        case "constant":
            return np.full(len(place), peak)
        case "step":
            return peak * 0.1 ** ((place >= steps / 2).astype(int) + (place >= 3 * steps / 4))
        case "cosine":
            return _half_cosine(peak, 0.0, place / steps)
        case "one_cycle":
            top = _WARM_UP * steps - 1
            # `top` is never 0, for 0.3 · steps is never 1.
            rising = _half_cosine(peak * _START, peak, place / top)
            falling = _half_cosine(peak, peak * _START * _END, (place - top) / (steps - 1 - top))
            return np.where(place <= top, rising, falling)


def _half_cosine(start: float, end: float, share: NDArray[np.float64]) -> NDArray[np.float64]:
    """Go from `start` to `end` as `share` goes from 0 to 1, level at both ends."""
    return end + (start - end) / 2 * (1 + np.cos(np.pi * share))
