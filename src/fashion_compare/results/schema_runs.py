"""What results.json says about runs: their scores, their configurations, and what these have in common."""

from typing import Annotated, Any, Literal

from pydantic import Field

from fashion_compare.runs.record_schema import Entry, Part, RunRecord

Pair = tuple[float, float]
Metric = Literal["accuracy", "f1_macro", "auc_macro_ovr", "loss"]


class Estimate(Entry):
    """A mean over seeds with its 95% interval."""

    mean: float
    interval: Pair
    deviation_over_seeds: float | None
    covers: Literal["seeds and images", "images only"]


class Change(Entry):
    """What a variation changes; the parameter of what tuning found is `tuning`, and all it changes moves together."""

    parameter: str
    # `from` is a word of Python's.
    from_: Annotated[Any, Field(alias="from")]
    to: Any
    together: Annotated[dict[str, Any], Field(description="other settings that differ from the baseline's")]


class Layer(Entry):
    """One layer's cost for one image, forward."""

    name: str
    kind: str
    output_shape: list[int]
    parameters: int
    multiply_accumulates: int


class Complexity(Entry):
    """A model's cost for one image, forward."""

    layers: list[Layer]
    parameters: int
    multiply_accumulates: int
    training_multiply_accumulates: Annotated[int, Field(description="forward and backward")]
    weights_bytes: int


class Fitting(Entry):
    """What the learning curves, averaged over seeds, say of over- and underfitting."""

    epochs: int
    gap: Annotated[float, Field(description="training minus validation accuracy at the last epoch")]
    lowest_loss_epoch: Annotated[int, Field(description="where validation loss is lowest")]
    rise: Annotated[
        float | None,
        Field(description="of validation loss since its minimum, as a share of it; None where it is 0"),
    ]
    still_improving: Annotated[bool, Field(description="whether validation loss is lowest at the last epoch")]
    training_accuracy: Annotated[float, Field(description="at the last epoch")]
    validation_accuracy: Annotated[float, Field(description="at the last epoch")]
    late_gain: Annotated[float, Field(description="of validation accuracy in the last third of the epochs")]
    plateau: bool
    overfitting: bool
    underfitting: bool


class Configuration(Entry):
    """A configuration: its settings, its runs, and what they have in common."""

    config: dict[str, Any]
    change: Change | None
    complexity: Complexity
    runs: list[RunRecord]
    mean: dict[str, Any] | None = None
    interval: dict[Part, dict[Metric, Estimate]] | None = None
    fitting: Fitting | None = None


class ModelResults(Entry):
    """Everything about one model."""

    complexity: Annotated[Complexity, Field(description="of the baseline")]
    configurations: dict[str, Configuration]
