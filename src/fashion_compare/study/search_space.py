"""Spaces of configurations: what each setting may be, and the grids, designs and tuning that a study makes of them."""

import math
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)

from fashion_compare.classifier.configuration import Number, Whole
from fashion_compare.validation_errors import shown, unknown_key

_LARGEST = 1e12


class _Part(BaseModel):
    """A part of a study file, with the fields that it declares and no others."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _known(cls, content: Any) -> Any:
        problem = None if isinstance(content, cls) else unknown_key(content, cls.model_fields)
        if problem:
            raise ValueError(problem)
        return content


class Range(_Part):
    """A number from low to high, evenly spread on its scale; whole numbers when both ends are."""

    low: Annotated[Number | Whole, Field(description="the smallest value")]
    high: Annotated[Number | Whole, Field(description="the largest value")]
    scale: Annotated[
        Literal["linear", "log"], Field(description="on which values are evenly spread; log needs low above 0")
    ] = "linear"

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if max(abs(self.low), abs(self.high)) > _LARGEST:
            raise ValueError(f"expected low and high within ±{_LARGEST:g}")
        if self.low >= self.high:
            raise ValueError(f"low {self.low:g} and high {self.high:g}: expected low < high")
        if self.scale == "log" and self.low <= 0:
            raise ValueError(f"low {self.low:g}: expected a number above 0 with scale log")
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


def hashable_value(value: Any) -> Any:
    """Return layer sizes as text, such as 256-128, so that values of one kind sort; anything else as it is."""
    return "-".join(map(str, value)) if isinstance(value, list | tuple) else value


def _value(value: Any, check: ValidatorFunctionWrapHandler) -> Any:
    try:
        return check(value)
    except ValidationError as error:
        raise ValueError(f"got {shown(value)}, expected a number, a word, or a list of whole numbers") from error


def _kind(axis: Any) -> str | None:
    """Return which of its two forms an axis has; None for neither."""
    return "range" if isinstance(axis, dict | Range) else "choices" if isinstance(axis, list | tuple) else None


# A setting's value as study files have it: layer sizes are lists.
Value = Annotated[float | int | str | list[int], WrapValidator(_value)]
Choices = Annotated[tuple[Value, ...], Field(min_length=2, max_length=100)]
Axis = Annotated[Annotated[Range, Tag("range")] | Annotated[Choices, Tag("choices")], Discriminator(_kind)]
# Field of a configuration → what it may be.
Space = Annotated[dict[str, Axis], Field(min_length=1)]


class Design(_Part):
    """Runs all over a space, a seed each, for the influence of every parameter while the others vary too."""

    # Sobol's points are evenly spread when there are a power of two of them.
    points: Annotated[Literal[32, 64, 128, 256, 512], Field(description="runs of each model")]
    training_images: Annotated[
        Whole | None, Field(ge=1, le=55_000, description="of each run; null for the study's")
    ] = None
    space: Annotated[dict[str, Space], Field(description="model → setting → a range or a list of values")]


class Sensitivity(_Part):
    """What to try around the baseline, one parameter at a time, and all over the space."""

    seeds: Annotated[Whole, Field(ge=1, description="of each value of a grid: the first so many of the study's")] = 3
    grids: Annotated[
        dict[str, dict[str, Choices]],
        Field(description="model → setting → values to try one at a time, all other settings as in the baseline"),
    ] = {}
    design: Annotated[Design | None, Field(description="runs all over a space, every setting at once")] = None


class Tuning(_Part):
    """A search for the best configuration, with the same budget for every model."""

    trials: Annotated[Whole, Field(ge=1, le=1000, description="of each model")] = 30
    # The same for all, so that all may see as many examples.
    epochs: Annotated[
        Whole, Field(ge=1, le=10_000, description="of every trial; one that falls behind is stopped sooner")
    ] = 12
    batch: Annotated[
        Whole,
        Field(
            ge=1,
            le=1000,
            description="trials proposed at a time, from what is known by then: the same ones on any number of workers",
        ),
    ] = 5
    # So that the winner's luck with it is not in the comparison.
    seed: Annotated[
        Whole, Field(ge=0, lt=2**32, description="of the search and of every trial; one that the study does not use")
    ] = 1_000_000
    space: Annotated[
        dict[str, Space], Field(description="for each model of the study: setting → a range or a list of values")
    ]


class Experiments(_Part):
    """Baselines trained on the data seen otherwise: what each mechanism lives on."""

    seeds: Annotated[Whole, Field(ge=1, description="of each experiment: the first so many of the study's")] = 3
    permutation: Annotated[
        Literal["fixed", "none"],
        Field(description="fixed: train and test with all pixels in one other order, the same for every image"),
    ] = "fixed"
    # The baseline itself is the last point.
    training_sizes: Annotated[
        tuple[Annotated[Whole, Field(ge=1, le=55_000)], ...],
        Field(description="numbers of training images to train the baselines with, each set part of the next"),
    ] = (100, 300, 1000, 3000, 10_000, 30_000)
    least_steps: Annotated[
        Whole,
        Field(
            ge=1,
            le=10_000,
            description="of training_sizes: a small set has few steps an epoch; epochs go up until there are so many",
        ),
    ] = 300
    folds: Annotated[
        Whole | None,
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
