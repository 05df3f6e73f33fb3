"""What results.json says about runs: their scores, their configurations, and what these have in common."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, WithJsonSchema, model_validator
from typing_extensions import TypeAliasType

from fashion_compare.evaluation import metrics
from fashion_compare.evaluation.metrics import COMPARED, METRIC, METRICS
from fashion_compare.runs.record import Entry, RunRecord, Split

Pair = tuple[float, float]


def _compared(name: str) -> str:
    if name not in COMPARED:
        raise ValueError(f"expected one of {', '.join(COMPARED)}")
    return name


def _every_metric(scores: dict[str, float | None]) -> dict[str, float | None]:
    """Check that there is every metric, and none that is undefined but may not be."""
    if scores.keys() != METRIC.keys():
        raise ValueError(f"expected {', '.join(METRIC)}")
    undefined = [name for name, value in scores.items() if value is None and not METRIC[name].may_be_undefined]
    if undefined:
        raise ValueError(f"{', '.join(undefined)}: expected a number")
    return scores


def _number(metric: "metrics.Metric") -> dict[str, Any]:
    """Return the JSON Schema of a metric's values."""
    number = {"type": "number"}
    return {"anyOf": [number, {"type": "null"}]} if metric.may_be_undefined else number


Metric = Annotated[str, AfterValidator(_compared), WithJsonSchema({"type": "string", "enum": list(COMPARED)})]
# Named, so that the schema describes it once.
Scores = TypeAliasType(
    "Scores",
    Annotated[
        dict[str, Annotated[float | None, Field(allow_inf_nan=False)]],
        AfterValidator(_every_metric),
        WithJsonSchema(
            {
                "type": "object",
                "title": "Scores",
                "description": "Every metric of one run on one part of the data, from the best epoch by validation.",
                "properties": {
                    metric.name: _number(metric) | {"description": metric.description} for metric in METRICS
                },
                "required": list(METRIC),
                "additionalProperties": False,
            }
        ),
    ],
)


class PerClass(Entry):
    """One class against the rest."""

    precision: float
    recall: float
    f1: float
    auc: Annotated[float | None, Field(description="None when the class is absent, or alone")]
    images: int | None = None


class ScoredRun(RunRecord):
    """One finished training and its scores, from the best epoch by validation."""

    train: Annotated[Scores, Field(description="on a fixed part of the training images")]
    validation: Scores
    test: Scores
    per_class: Annotated[list[PerClass], Field(description="test set, by class")]
    confusion: Annotated[list[list[int]], Field(description="test set, images: [class][answer]")]

    @model_validator(mode="after")
    def _same_classes(self) -> "ScoredRun":
        classes = len(self.per_class)
        if len(self.confusion) != classes or any(len(row) != classes for row in self.confusion):
            raise ValueError(f"the confusion matrix is not of the {classes} classes")
        return self


class Estimate(Entry):
    """A mean over seeds with its 95% interval."""

    mean: float
    interval: Pair
    std_over_seeds: float | None
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
    runs: list[ScoredRun]
    mean: dict[str, Any] | None = None
    interval: dict[Split, dict[Metric, Estimate]] | None = None
    fitting: Fitting | None = None


class ModelResults(Entry):
    """Everything about one model."""

    complexity: Annotated[Complexity, Field(description="of the baseline")]
    configurations: dict[str, Configuration]
