"""The typed record of one finished run, its result.json."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Model = Literal["ffnn", "cnn"]


Part = Literal["train", "validation", "test"]


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


class RunRecord(Entry):
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
    def _same_classes(self) -> "RunRecord":
        classes = len(self.per_class)
        if len(self.confusion) != classes or any(len(row) != classes for row in self.confusion):
            raise ValueError(f"the confusion matrix is not of the {classes} classes")
        return self
