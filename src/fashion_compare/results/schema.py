"""The typed results of a study: what results.json holds, in memory and in the file alike.

`results.schema.json` beside this file is the same as a JSON Schema; `python -m fashion_compare.results.schema` rewrites
it. A change that readers would notice raises `SCHEMA_VERSION`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from fashion_compare.analysis.ablations import AblationResults
from fashion_compare.analysis.data_audit import DataQuality
from fashion_compare.analysis.explanations import GalleryDescription
from fashion_compare.analysis.faithfulness import Faithfulness
from fashion_compare.analysis.hyperparameters import GlobalSensitivity, TuningResults
from fashion_compare.analysis.read import ScoredRun
from fashion_compare.analysis.robustness import Robustness, RobustnessDifference
from fashion_compare.classifier.interface import LayerComplexity
from fashion_compare.comparison.calibration import Calibration
from fashion_compare.comparison.head_to_head import HeadToHead
from fashion_compare.comparison.hyperparameters import Change, ParameterSensitivity
from fashion_compare.comparison.learning_curves import CurveDiagnosis
from fashion_compare.comparison.model_selection import BestConfiguration
from fashion_compare.comparison.paired import Comparison
from fashion_compare.comparison.per_class import ClassDifference, ConfusionChange
from fashion_compare.comparison.statistics import Estimate
from fashion_compare.evaluation.predictions import Split
from fashion_compare.evaluation.scores import ClassScores, ComparedMetric, Scores
from fashion_compare.json_record import JsonRecord
from fashion_compare.runs.run import DataIdentity
from fashion_compare.store import to_json
from fashion_compare.study.spec import BASELINE

SCHEMA_VERSION = 2


class DatasetDescription(JsonRecord):
    """The data that a study ran on."""

    name: Annotated[
        str,
        Field(pattern="^(fashion-mnist|garments|idx-[0-9a-f]{12})$", description="garments is the synthetic data"),
    ]
    source: str
    is_synthetic: bool
    class_names: list[str]
    sha256: dict[str, str]
    split_sha256: str
    counts: dict[Split, int]

    @property
    def identity(self) -> DataIdentity:
        """What a run's identity says about its data."""
        return {"name": self.name, "sha256": self.sha256, "split_sha256": self.split_sha256}


class StudySummary(JsonRecord):
    """Which study it was."""

    name: str
    description: str
    seeds: list[int]
    training_images: int | None


class RunFailure(JsonRecord):
    """A run that did not end."""

    run: str
    model: str
    configuration: str
    seed: int
    reason: str


class Finding(JsonRecord):
    """A statement made from measured numbers by a rule."""

    id: Annotated[str, Field(description="of the rule")]
    model: Annotated[str | None, Field(description="that it is about; None for both")]
    text: str
    values: Annotated[dict[str, Any], Field(description="the numbers in the text")]


class Complexity(JsonRecord):
    """A model's cost for one image."""

    layers: list[LayerComplexity]
    parameters: int
    multiply_accumulates: Annotated[int, Field(description="forward")]
    training_multiply_accumulates: Annotated[int, Field(description="forward and backward")]
    weights_bytes: int


class CostRatios(JsonRecord):
    """The cnn's baseline over the ffnn's."""

    parameters: float
    multiply_accumulates: float
    training_multiply_accumulates: float


class MeanScores(JsonRecord):
    """Means over a configuration's runs; None where a run has no such number."""

    train: Scores
    validation: Scores
    test: Scores
    per_class: list[ClassScores]
    confusion: list[list[float]]
    seconds: float
    best_epoch: float


class ConfigurationResults(JsonRecord):
    """A configuration: its settings, its runs, and what these have in common."""

    settings: dict[str, Any]
    change: Change | None
    complexity: Complexity
    runs: list[ScoredRun]
    mean: MeanScores | None = None
    interval: dict[Literal["validation", "test"], dict[ComparedMetric, Estimate]] | None = None
    curves: CurveDiagnosis | None = None


class ModelResults(JsonRecord):
    """Everything about one model."""

    complexity: Annotated[Complexity, Field(description="of the baseline")]
    configurations: dict[str, ConfigurationResults]


class ClassComparison(JsonRecord):
    """A variation (a) against its baseline (b), class by class."""

    model: str
    variation: str
    differences: list[ClassDifference]
    confusions: Annotated[list[ConfusionChange], Field(description="those that differ most")]


@dataclass(frozen=True)
class FinishedConfiguration:
    """A configuration with at least one finished run, which has all that others lack."""

    model: str
    name: str
    settings: dict[str, Any]
    change: Change | None
    complexity: Complexity
    runs: list[ScoredRun]
    mean: MeanScores
    interval: dict[Literal["validation", "test"], dict[ComparedMetric, Estimate]]
    curves: CurveDiagnosis


class Results(JsonRecord):
    """The content of results.json."""

    schema_version: Literal[2] = 2
    study: StudySummary
    dataset: DatasetDescription
    environment: dict[str, Any]
    models: dict[str, ModelResults]
    comparisons: Annotated[list[Comparison], Field(description="of variations with their baseline, on the test set")]
    classes: list[ClassComparison]
    best: Annotated[dict[str, BestConfiguration], Field(description="by model, chosen on validation")]
    sensitivity: dict[str, list[ParameterSensitivity]]
    global_sensitivity: dict[str, GlobalSensitivity]
    tuning: dict[str, TuningResults]
    cost_ratios: CostRatios | None
    head_to_head: Annotated[
        dict[Literal["baseline", "best"], HeadToHead], Field(description="the cnn (a) against the ffnn (b)")
    ]
    ablations: AblationResults | None
    calibration: Annotated[dict[str, Calibration], Field(description="of the best configurations")]
    gallery: GalleryDescription | None
    robustness: Annotated[dict[str, Robustness], Field(description="of the baselines")]
    robustness_differences: list[RobustnessDifference]
    faithfulness: dict[str, Faithfulness]
    data_quality: Annotated[DataQuality | None, Field(description="None for a study on a part of the training images")]
    findings: list[Finding]
    failures: list[RunFailure]
    missing: Annotated[list[str], Field(description="runs that were planned and have neither ended nor failed")]

    def finished(self) -> Iterator[FinishedConfiguration]:
        """Yield every configuration that has a finished run, in the study's order."""
        for model, configurations in self.models.items():
            for name in configurations.configurations:
                if (found := self.configuration(model, name)) is not None:
                    yield found

    def configuration(self, model: str, name: str = BASELINE) -> FinishedConfiguration | None:
        """Return a configuration; None where the study has no finished run of it."""
        results = self.models.get(model)
        found = results.configurations.get(name) if results else None
        if found is None or found.mean is None or found.interval is None or found.curves is None:
            return None
        return FinishedConfiguration(
            model, name, found.settings, found.change, found.complexity, found.runs, found.mean, found.interval,
            found.curves,
        )  # fmt: skip


def schema_text() -> str:
    """Return the schema as JSON."""
    return to_json(Results.model_json_schema())


def shipped_schema() -> str:
    """Return the schema file that comes with the package."""
    return (resources.files("fashion_compare.results") / "results.schema.json").read_text(encoding="utf-8")


if __name__ == "__main__":
    Path(__file__).with_name("results.schema.json").write_text(schema_text(), encoding="utf-8")
