"""Spaces of configurations: what each setting may be, and the grids, designs and tuning that a study makes of them."""

import math
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

# A setting's value as study files have it: layer sizes are lists.
Value = float | int | str | list[int]


_LARGEST = 1e12


class Range(BaseModel):
    """A number from low to high, evenly spread on its scale; whole numbers when both ends are."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    low: float | int
    high: float | int
    scale: Literal["linear", "log"] = "linear"

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if max(abs(self.low), abs(self.high)) > _LARGEST:
            raise ValueError(f"expected low and high within ±{_LARGEST:g}")
        if self.low >= self.high or (self.scale == "log" and self.low <= 0):
            raise ValueError(
                f"low {self.low:g} and high {self.high:g}: expected low < high, and above 0 with scale log"
            )
        return self

    @property
    def whole(self) -> bool:
        """Whether only whole numbers are meant."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    def at(self, share: float) -> float | int:
        """Return the value at a share of the way from low to high, 0 … 1."""
        low, high = (math.log(self.low), math.log(self.high)) if self.scale == "log" else (self.low, self.high)
        value = low + share * (high - low)
        value = math.exp(value) if self.scale == "log" else value
        return round(value) if self.whole else rounded(value)


def rounded(value: float) -> float:
    """Return a number with three digits: what is printed is what was trained."""
    return float(f"{value:.3g}")


def text(value: Any) -> Any:
    """Return layer sizes as text, such as 256-128, so that values of one kind sort; anything else as it is."""
    return "-".join(map(str, value)) if isinstance(value, list | tuple) else value


Choices = Annotated[tuple[Value, ...], Field(min_length=2, max_length=100)]
# Field of a configuration → what it may be.
Space = Annotated[dict[str, Range | Choices], Field(min_length=1)]


class Design(BaseModel):
    """Runs all over a space, a seed each, for the influence of every parameter while the others vary too."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    # Sobol's points are evenly spread when there are a power of two of them.
    points: Literal[32, 64, 128, 256, 512]
    training_images: Annotated[int | None, Field(ge=1, le=55_000)] = None
    space: dict[str, Space]


class Sensitivity(BaseModel):
    """What to try around the baseline, one parameter at a time, and all over the space."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    # The first so many of the study's.
    seeds: Annotated[int, Field(ge=1)] = 3
    grids: dict[str, dict[str, Choices]] = {}
    design: Design | None = None


class Tuning(BaseModel):
    """A search for the best configuration, with the same budget for every model."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    trials: Annotated[int, Field(ge=1, le=1000)] = 30
    # Of every trial, so that all may see as many examples; one that falls behind is stopped sooner.
    epochs: Annotated[int, Field(ge=1, le=10_000)] = 12
    # Trials proposed at a time, from what is known by then: the same ones on any number of workers.
    batch: Annotated[int, Field(ge=1, le=1000)] = 5
    # One that the study does not use, so that the winner's luck with it is not in the comparison.
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 1_000_000
    space: dict[str, Space]


class Experiments(BaseModel):
    """Baselines trained on the data seen otherwise: what each mechanism lives on."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    # The first so many of the study's.
    seeds: Annotated[int, Field(ge=1)] = 3
    # One fixed order of all pixels, the same for every image.
    permutation: Literal["fixed", "none"] = "fixed"
    # Accuracy against the number of training images; the baseline itself is the last point.
    training_sizes: tuple[Annotated[int, Field(ge=1, le=55_000)], ...] = (100, 300, 1000, 3000, 10_000, 30_000)
    # A small set has few steps an epoch: epochs go up until there are so many.
    least_steps: Annotated[int, Field(ge=1, le=10_000)] = 300
    # The training images in so many parts, each predicted by networks that did not see it, for suspected label errors.
    folds: Annotated[int | None, Field(ge=2, le=20)] = 5

    @model_validator(mode="after")
    def _sizes_once(self) -> Self:
        if len(set(self.training_sizes)) < len(self.training_sizes):
            raise ValueError(f"training_sizes {list(self.training_sizes)}: expected each size once")
        return self


def value_at(axis: Range | tuple[Value, ...], share: float) -> Any:
    """Return the value of an axis at a share in [0, 1): a number of a range, or one of the choices."""
    if isinstance(axis, Range):
        return axis.at(share)
    return axis[min(int(share * len(axis)), len(axis) - 1)]


def ends(axis: Range | tuple[Value, ...]) -> tuple[Any, ...]:
    """Return the values that have to be valid for all others to be: a range's ends, every choice."""
    return (axis.low, axis.high) if isinstance(axis, Range) else axis
