"""What results.json says about runs: their scores, their configurations, and what these have in common."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Pair = tuple[float, float]
Model = Literal["ffnn", "cnn"]
Part = Literal["train", "validation", "test"]
Metric = Literal["accuracy", "f1_macro", "auc_macro_ovr", "loss"]


class Entry(BaseModel):
    """A part of results.json: nothing in it but what is declared."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class PerClass(Entry):
    """One class against the rest."""

    precision: float
    recall: float
    f1: float
    auc: Annotated[float | None, Field(description="None when the class is absent, or alone")]
    images: int | None = None


class Scores(Entry):
    """Scores of one run on one part of the data, from the best epoch by validation."""

    loss: Annotated[float, Field(description="mean cross-entropy, without penalties")]
    accuracy: float
    precision_macro: float
    recall_macro: float
    f1_macro: float
    auc_macro_ovr: float | None
    auc_micro: float | None
    nll: Annotated[float, Field(description="the same number as loss, under the name of the calibration literature")]
    brier: Annotated[float, Field(description="sum over classes, mean over images")]
    ece: Annotated[float, Field(description="top label, 15 equal-width bins")]


class Run(Entry):
    """One finished training."""

    format: int
    dataset: Annotated[str, Field(description="fashion-mnist, garments for the stand-in, or idx- and digits of a hash")]
    model: Model
    configuration: str
    seed: int
    epochs: int
    best_epoch: int
    seconds: Annotated[float, Field(description="of training, evaluation excluded")]
    seconds_per_epoch: Annotated[float | None, Field(description="median")]
    train: Annotated[Scores, Field(description="on a fixed part of the training images")]
    validation: Scores
    test: Scores
    per_class: Annotated[list[PerClass], Field(description="test set, by class")]
    confusion: Annotated[list[list[int]], Field(description="test set, images: [class][answer]")]
    last: Annotated[dict[str, float | None], Field(description="the last epoch's line of metrics")]
    notes: Annotated[list[str], Field(description="what people should know about how it was trained")] = []
    environment: dict[str, Any]

    @model_validator(mode="after")
    def _same_classes(self) -> "Run":
        classes = len(self.per_class)
        if len(self.confusion) != classes or any(len(row) != classes for row in self.confusion):
            raise ValueError(f"the confusion matrix is not of the {classes} classes")
        return self


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
    runs: list[Run]
    mean: dict[str, Any] | None = None
    interval: dict[Part, dict[Metric, Estimate]] | None = None
    fitting: Fitting | None = None


class ModelResults(Entry):
    """Everything about one model."""

    complexity: Annotated[Complexity, Field(description="of the baseline")]
    configurations: dict[str, Configuration]
