"""Exponential moving average of the weights (EMA): train the newest values, predict with their average."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

Vector = TypeVar("Vector")


def ema_weight(decay: float, step: int) -> float:
    """Return how far the average moves towards the newest values after a step, counted from 1.

    It is their plain mean at first, so that the initial weights leave no trace, then forgets at the rate 1 - decay.
    """
    return max(1 - decay, 1 / step)


class WeightAverage(Generic[Vector]):
    """The moving average of a network's vectors, NumPy's or torch's, in place.

    The network's vectors hold the averages, and `shadow` the newest values; within `training` it is the other way
    round. With a decay of 0 nothing is averaged, and nothing happens.

    Attributes:
        shadow: as many vectors, of the same shapes.
        steps: how many steps the average is over.
    """

    def __init__(
        self,
        vectors: list[Vector],
        decay: float,
        *,
        copy: Callable[[Vector], Vector],
        lerp: Callable[[Vector, Vector, float], object],
    ) -> None:
        """Start with averages that equal the vectors.

        Args:
            vectors: the network's own: parameters, and the statistics that belong to them.
            decay: how much of the average a step keeps, 0 … 1.
            copy: returns a copy.
            lerp: moves its first argument, in place, towards the second by the given share of the way.
        """
        self._vectors: list[Any] = list(vectors)
        self._decay, self._copy, self._lerp = decay, copy, lerp
        self.shadow: list[Any] = [copy(vector) for vector in vectors]
        self.steps = 0

    @contextmanager
    def training(self) -> Iterator[None]:
        """Put the newest values into the network, and the averages back in the end."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    def update(self) -> None:
        """Move the averages, now in `shadow`, towards the values that the last step led to."""
        if self._decay:
            self.steps += 1
            for average, newest in zip(self.shadow, self._vectors, strict=True):
                self._lerp(average, newest, ema_weight(self._decay, self.steps))

    def reset(self) -> None:
        """Let the newest values be those that the network now holds."""
        for shadow, vector in zip(self.shadow, self._vectors, strict=True):
            shadow[...] = vector

    def _swap(self) -> None:
        if self._decay:
            for vector, shadow in zip(self._vectors, self.shadow, strict=True):
                newest = self._copy(shadow)
                shadow[...] = vector
                vector[...] = newest
