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

    low: Annotated[float | int, Field(description="the smallest value")]
    high: Annotated[float | int, Field(description="the largest value")]
    scale: Annotated[
        Literal["linear", "log"], Field(description="on which values are evenly spread; log needs low above 0")
    ] = "linear"

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
    points: Annotated[Literal[32, 64, 128, 256, 512], Field(description="runs of each model")]
    training_images: Annotated[int | None, Field(ge=1, le=55_000, description="of each run; null for the study's")] = (
        None
    )
    space: Annotated[dict[str, Space], Field(description="model → setting → a range or a list of values")]


class Sensitivity(BaseModel):
    """What to try around the baseline, one parameter at a time, and all over the space."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seeds: Annotated[int, Field(ge=1, description="of each value of a grid: the first so many of the study's")] = 3
    grids: Annotated[
        dict[str, dict[str, Choices]],
        Field(description="model → setting → values to try one at a time, all other settings as in the baseline"),
    ] = {}
    design: Annotated[Design | None, Field(description="runs all over a space, every setting at once")] = None


class Tuning(BaseModel):
    """A search for the best configuration, with the same budget for every model."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    trials: Annotated[int, Field(ge=1, le=1000, description="of each model")] = 30
    # The same for all, so that all may see as many examples.
    epochs: Annotated[
        int, Field(ge=1, le=10_000, description="of every trial; one that falls behind is stopped sooner")
    ] = 12
    batch: Annotated[
        int,
        Field(
            ge=1,
            le=1000,
            description="trials proposed at a time, from what is known by then: the same ones on any number of workers",
        ),
    ] = 5
    # So that the winner's luck with it is not in the comparison.
    seed: Annotated[
        int, Field(ge=0, lt=2**32, description="of the search and of every trial; one that the study does not use")
    ] = 1_000_000
    space: Annotated[
        dict[str, Space], Field(description="for each model of the study: setting → a range or a list of values")
    ]


class Experiments(BaseModel):
    """Baselines trained on the data seen otherwise: what each mechanism lives on."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seeds: Annotated[int, Field(ge=1, description="of each experiment: the first so many of the study's")] = 3
    permutation: Annotated[
        Literal["fixed", "none"],
        Field(description="fixed: train and test with all pixels in one other order, the same for every image"),
    ] = "fixed"
    # The baseline itself is the last point.
    training_sizes: Annotated[
        tuple[Annotated[int, Field(ge=1, le=55_000)], ...],
        Field(description="numbers of training images to train the baselines with, each set part of the next"),
    ] = (100, 300, 1000, 3000, 10_000, 30_000)
    least_steps: Annotated[
        int,
        Field(
            ge=1,
            le=10_000,
            description="of training_sizes: a small set has few steps an epoch; epochs go up until there are so many",
        ),
    ] = 300
    folds: Annotated[
        int | None,
        Field(
            ge=2,
            le=20,
            description="the training images in so many parts, each predicted by networks that did not see it, for "
            "suspected label errors; null for none",
        ),
    ] = 5

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
