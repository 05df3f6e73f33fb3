"""The scores of one run on one split, typed: every metric of the table of metrics, and those of each class."""

from typing import Annotated, Any

from pydantic import AfterValidator, Field, WithJsonSchema
from typing_extensions import TypeAliasType

from fashion_compare.evaluation.metrics import COMPARED, METRIC, METRICS, Metric, f1, precision, recall
from fashion_compare.evaluation.predictions import Predictions
from fashion_compare.json_record import JsonRecord


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


def _number(metric: Metric) -> dict[str, Any]:
    """Return the JSON Schema of a metric's values."""
    number = {"type": "number"}
    return {"anyOf": [number, {"type": "null"}]} if metric.may_be_undefined else number


ComparedMetric = Annotated[str, AfterValidator(_compared), WithJsonSchema({"type": "string", "enum": list(COMPARED)})]
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
                "description": "Every metric of one run on one split, from the best epoch by validation.",
                "properties": {
                    metric.name: _number(metric) | {"description": metric.description} for metric in METRICS
                },
                "required": list(METRIC),
                "additionalProperties": False,
            }
        ),
    ],
)


class ClassScores(JsonRecord):
    """One class against the rest."""

    precision: float
    recall: float
    f1: float
    auc: Annotated[float | None, Field(description="None when the class is absent, or alone")]
    images: Annotated[int | None, Field(description="None in a mean over seeds")] = None


def class_scores(predictions: Predictions) -> list[ClassScores]:
    """Return precision, recall, F1, AUC and the number of images of each class, by its index."""
    counts = predictions.confusion
    return [
        ClassScores(precision=p, recall=r, f1=f, auc=auc, images=images)
        for p, r, f, auc, images in zip(
            precision(counts).tolist(),
            recall(counts).tolist(),
            f1(counts).tolist(),
            predictions.one_vs_rest_auc[0],
            counts.sum(axis=1).tolist(),
            strict=True,
        )
    ]
