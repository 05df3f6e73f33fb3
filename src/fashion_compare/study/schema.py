"""What results.json holds: the shape that other programs can rely on, checked whenever one is written.

`results.schema.json` beside this file is the same as a JSON Schema; `python -m fashion_compare.study.schema` rewrites
it. A change that readers would notice raises `SCHEMA_VERSION`.
"""

from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from fashion_compare.errors import UserError
from fashion_compare.store import read_json, to_json

SCHEMA_VERSION = 1
Pair = tuple[float, float]
Model = Literal["ffnn", "cnn"]
Part = Literal["train", "validation", "test"]
Metric = Literal["accuracy", "f1_macro", "auc_macro_ovr", "loss"]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class PerClass(_Entry):
    """One class against the rest."""

    precision: float
    recall: float
    f1: float
    auc: Annotated[float | None, Field(description="None when the class is absent, or alone")]
    images: int | None = None


class Scores(_Entry):
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


class Run(_Entry):
    """One finished training."""

    format: int
    dataset: Annotated[str, Field(description="fashion-mnist, or garments for the stand-in")]
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


class Estimate(_Entry):
    """A mean over seeds with its 95% interval."""

    mean: float
    interval: Pair
    deviation_over_seeds: float | None
    covers: Literal["seeds and images", "images only"]


class Change(_Entry):
    """What a variation changes; the parameter of what tuning found is `tuning`, and all it changes moves together."""

    parameter: str
    # `from` is a word of Python's.
    from_: Annotated[Any, Field(alias="from")]
    to: Any
    together: Annotated[dict[str, Any], Field(description="other settings that differ from the baseline's")]


class Layer(_Entry):
    """One layer's cost for one image, forward."""

    name: str
    kind: str
    output_shape: list[int]
    parameters: int
    multiply_accumulates: int


class Complexity(_Entry):
    """A model's cost for one image, forward."""

    layers: list[Layer]
    parameters: int
    multiply_accumulates: int
    training_multiply_accumulates: Annotated[int, Field(description="forward and backward")]
    weights_bytes: int


class Configuration(_Entry):
    """A configuration: its settings, its runs, and what they have in common."""

    config: dict[str, Any]
    change: Change | None
    complexity: Complexity
    runs: list[Run]
    mean: dict[str, Any] | None = None
    interval: dict[Part, dict[Metric, Estimate]] | None = None
    fitting: dict[str, float | int | bool] | None = None


class ModelResults(_Entry):
    """Everything about one model."""

    complexity: Annotated[Complexity, Field(description="of the baseline")]
    configurations: dict[str, Configuration]


class Side(_Entry):
    """One side of a comparison; the ensemble is the mean of two models' probabilities."""

    model: Model | Literal["ensemble"]
    configuration: str


class Comparison(_Entry):
    """a - b, paired by seed and image."""

    a: Side
    b: Side
    part: Part
    metric: Metric
    seeds: list[int]
    differences: Annotated[list[float], Field(description="one per seed")]
    mean: float
    interval: Pair
    interval_covers: Literal["seeds and images", "images only"]
    p: Annotated[float | None, Field(description="paired t-test over seeds, two-sided")]
    p_holm: float | None
    family: Annotated[int, Field(description="comparisons that Holm's correction runs over")]
    p_sign_flip: Annotated[float | None, Field(description="exact; None above 16 seeds")]
    sign_flip_floor: float
    sign_flip_can_decide: bool
    probability_better: Annotated[float, Field(description="share of seeds in which a is better, ties half")]
    smallest_difference_shown: float | None
    no_difference_larger_than: Annotated[
        float | None, Field(description="when nothing is decided and the interval is within what is worth speaking of")
    ]
    seeds_needed: int | None
    verdict: Literal["better", "worse", "undecided", "no verdict"]


class VariationComparison(Comparison):
    """A variation (a) against its baseline (b), on the test set."""

    model: Model
    variation: str
    baseline: str


class Agreement(_Entry):
    """What two trained networks of one seed get right, in test images."""

    seed: int
    both_right: int
    only_a_right: int
    only_b_right: int
    both_wrong: int
    mcnemar_p: float


class ClassDifference(_Entry):
    """a - b for one class on the test set; Holm's correction runs over the classes."""

    class_: Annotated[int, Field(alias="class")]
    metric: Literal["precision", "recall", "f1"]
    mean: float
    interval: Pair
    p_holm: float | None
    verdict: Literal["better", "worse", "undecided", "no verdict"]


class ConfusionChange(_Entry):
    """How often images of one class get another's name, as a share of the class, under a and under b."""

    class_: Annotated[int, Field(alias="class")]
    answer: int
    share_a: float
    share_b: float
    mean: Annotated[float, Field(description="a - b")]
    interval: Pair | None
    p_holm: Annotated[float | None, Field(description="over all confusions that occur")]
    verdict: Literal["mended", "made", "undecided", "no verdict"]


class ClassComparison(_Entry):
    """A variation (a) against its baseline (b), class by class."""

    model: Model
    variation: str
    baseline: str
    differences: list[ClassDifference]
    confusions: Annotated[list[ConfusionChange], Field(description="those that differ most")]


class HeadToHead(_Entry):
    """The cnn (a) against the ffnn (b)."""

    comparisons: list[Comparison]
    agreement: list[Agreement]
    classes: list[ClassDifference]
    confusions: Annotated[list[ConfusionChange], Field(description="those that differ most")]
    ensemble: Annotated[list[Comparison], Field(description="the mean of both models' probabilities against each")]


class Ranked(_Entry):
    """A configuration's place by validation."""

    configuration: str
    validation_accuracy: float
    interval: Pair
    validation_loss: float


class Best(_Entry):
    """The configuration chosen on validation, and why."""

    configuration: str
    is_baseline: bool
    chosen_by: str
    ranking: list[Ranked]
    evidence: list[Comparison]
    indistinguishable: list[str]
    incomplete: Annotated[list[str], Field(description="not eligible: finished for fewer seeds than others")]


class MeanInterval(_Entry):
    """A mean with its 95% interval."""

    mean: float
    interval: Pair


class Point(_Entry):
    """One value of a parameter."""

    configuration: str
    value: Any
    together: Annotated[dict[str, Any], Field(description="other settings that differ from the baseline's")]
    validation_accuracy: MeanInterval
    change: MeanInterval | None


class Sensitivity(_Entry):
    """What the values tried of one parameter did to validation accuracy."""

    parameter: str
    points: list[Point]
    span: float
    usable: Annotated[list[Any], Field(description="values whose mean lies within the interval of the best")]


class Index(_Entry):
    """A Sobol index with its 95% bootstrap interval over the design's points."""

    mean: float
    interval: Pair


class ParameterIndices(_Entry):
    """Shares of the score's variance over the space: of a parameter alone, and with all that it takes part in."""

    parameter: str
    first: Index
    total: Index


class PairIndex(_Entry):
    """Share of the variance that two parameters are behind together, beyond what each is alone."""

    parameters: tuple[str, str]
    second: Index


class GlobalSensitivity(_Entry):
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


class TuningTrial(_Entry):
    """One proposal and what came of it."""

    number: int
    settings: dict[str, Any]
    state: Literal["complete", "pruned", "failed", "open"]
    failure: str | None
    validation_accuracy: Annotated[float | None, Field(description="with the tuning's seed, at the best epoch")]
    epochs: int
    seconds: float
    best_so_far: float


class Tuning(_Entry):
    """A search for a model's best configuration, and what it spent."""

    planned: int
    epochs: Annotated[int, Field(description="most that a trial may train")]
    winner: int | None
    settings: Annotated[dict[str, Any] | None, Field(description="the winner's, where it differs from the baseline")]
    epochs_allowed: int
    epochs_seen: int
    seconds: float
    trials: list[TuningTrial]
    gain: Annotated[Comparison | None, Field(description="the winner against the best by hand, on the test set")]


class Dataset(_Entry):
    """What the study ran on."""

    name: Literal["fashion-mnist", "garments"]
    source: str
    is_stand_in: bool
    class_names: list[str]
    sha256: dict[str, str]
    split_sha256: str
    counts: dict[Part, int]


class Study(_Entry):
    """Which study it was."""

    name: str
    description: str
    seeds: list[int]
    training_images: int | None


class Failure(_Entry):
    """A run that did not end."""

    run: str
    model: Model
    configuration: str
    seed: int
    reason: str


class Explained(_Entry):
    """One test image of the Grad-CAM gallery."""

    index: int
    label: int
    predicted: int
    probability: float
    highest_heat: Annotated[float, Field(description="of the map for the predicted class, in units of the score")]
    all_zero: bool


class Gallery(_Entry):
    """Which run the Grad-CAM gallery explains, and which images it shows."""

    configuration: str
    seed: int
    images: list[Explained]


class Finding(_Entry):
    """A statement made from measured numbers."""

    id: str
    model: Model | None
    text: str
    values: dict[str, Any]


class Results(_Entry):
    """The content of results.json."""

    schema_version: Literal[1]
    study: Study
    dataset: Dataset
    environment: dict[str, Any]
    models: dict[Model, ModelResults]
    comparisons: list[VariationComparison]
    classes: list[ClassComparison]
    best: dict[Model, Best]
    sensitivity: dict[Model, list[Sensitivity]]
    global_sensitivity: dict[Model, GlobalSensitivity]
    tuning: dict[Model, Tuning]
    head_to_head: dict[Literal["baseline", "best"], HeadToHead]
    gradcam: Gallery | None
    findings: list[Finding]
    failures: list[Failure]
    missing: Annotated[list[str], Field(description="runs that were planned and have neither ended nor failed")]


def check(results: Any) -> None:
    """Check results against the schema.

    Raises:
        UserError: something does not fit, as when a run's result.json was edited.
    """
    # Configuration by configuration: ten thousand runs as objects would take more memory than all the rest.
    models = results.get("models", {})
    emptied = {model: {**held, "configurations": {}} for model, held in models.items()}
    _check(Results, results | {"models": emptied} if models else results, "")
    for model, held in models.items():
        for name, configuration in held["configurations"].items():
            _check(Configuration, configuration, f"models.{model}.configurations.{name}.")


def _check(kind: type[BaseModel], content: Any, place: str) -> None:
    try:
        kind.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        place += ".".join(str(part) for part in first["loc"])
        raise UserError(
            f"results do not fit their schema at {place} ({first['msg']}); if a result.json was edited, delete its "
            "directory to train the run again"
        ) from error


def check_dataset(description: Any, path: Path) -> None:
    """Check the description of the data that was read from `path`.

    Raises:
        UserError: it is none.
    """
    try:
        Dataset.model_validate(description)
    except ValidationError as error:
        raise UserError(f"{path} does not describe a data set; 'fashion-compare run' rewrites it") from error


def recorded_failures(path: Path) -> list[Failure]:
    """Return the failures in an earlier results.json.

    Raises:
        UserError: it cannot be read or holds something else.
    """
    # A study of ten thousand runs has 70 MB of them.
    content = read_json(path, maximum_bytes=1 << 30)
    try:
        return TypeAdapter(list[Failure]).validate_python(content["failures"])
    except (ValidationError, KeyError, TypeError) as error:
        raise UserError(f"{path} is not a study's results; delete it to have it made again") from error


def schema_text() -> str:
    """Return the schema as JSON."""
    return to_json(Results.model_json_schema(by_alias=True))


def shipped_schema() -> str:
    """Return the schema file that comes with the package."""
    return (resources.files("fashion_compare.study") / "results.schema.json").read_text(encoding="utf-8")


if __name__ == "__main__":
    Path(__file__).with_name("results.schema.json").write_text(schema_text(), encoding="utf-8")
