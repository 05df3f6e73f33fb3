"""What results.json says about settings: grids, designs over a whole space, tuning."""

from typing import Annotated, Any, Literal

from pydantic import Field

from fashion_compare.results.schema_comparisons import Comparison
from fashion_compare.results.schema_runs import Pair
from fashion_compare.runs.record import Entry


class MeanInterval(Entry):
    """A mean with its 95% interval."""

    mean: float
    interval: Pair


class Point(Entry):
    """One value of a parameter."""

    configuration: str
    value: Any
    together: Annotated[dict[str, Any], Field(description="other settings that differ from the baseline's")]
    validation_accuracy: MeanInterval
    change: MeanInterval | None


class Sensitivity(Entry):
    """What the values tried of one parameter did to validation accuracy."""

    parameter: str
    points: list[Point]
    span: float
    usable: Annotated[
        list[Any],
        Field(
            description="values that are not shown to be worse than the best, by a paired interval that reaches zero"
        ),
    ]


class Index(Entry):
    """A Sobol index with its 95% bootstrap interval over the design's points."""

    mean: float
    interval: Pair


class ParameterIndices(Entry):
    """Shares of the score's variance over the space: of a parameter alone, and with all that it takes part in."""

    parameter: str
    first: Index
    total: Index


class PairIndex(Entry):
    """Share of the variance that two parameters are behind together, beyond what each is alone."""

    parameters: tuple[str, str]
    second: Index


class GlobalSensitivity(Entry):
    """Which parameters the spread of validation accuracy over a whole space comes from."""

    points: int
    planned: int
    training_images: int | None
    space: dict[str, Any]
    lowest: float
    highest: float
    r2: Annotated[float, Field(description="of the surrogate, cross-validated")]
    indices: list[ParameterIndices]
    pairs: list[PairIndex]


class TuningTrial(Entry):
    """One proposal and what came of it."""

    number: int
    settings: dict[str, Any]
    state: Literal["complete", "pruned", "failed", "open"]
    failure: str | None
    validation_accuracy: Annotated[float | None, Field(description="with the tuning's seed, at the best epoch")]
    epochs: int
    seconds: float
    best_so_far: Annotated[float | None, Field(description="validation accuracy; None before a trial has one")]


class Tuning(Entry):
    """A search for a model's best configuration, and what it spent."""

    planned: int
    epochs: Annotated[int, Field(description="most that a trial may train")]
    winner: Annotated[int | None, Field(description="the best trial's number; None where no trial has ended whole")]
    settings: Annotated[dict[str, Any] | None, Field(description="the winner's, where it differs from the baseline")]
    epochs_allowed: int
    epochs_seen: int
    seconds: float
    trials: list[TuningTrial]
    gain: Annotated[Comparison | None, Field(description="the winner against the best by hand, on the test set")]
