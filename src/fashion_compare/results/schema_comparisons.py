"""What results.json says about comparisons: differences, classes, the best configuration."""

from typing import Annotated, Literal

from pydantic import Field

from fashion_compare.results.schema_runs import Metric, Pair
from fashion_compare.runs.record import Entry, Model, Split


class Side(Entry):
    """One side of a comparison; the ensemble is the mean of two models' probabilities."""

    model: Model | Literal["ensemble"]
    configuration: str


class Comparison(Entry):
    """a - b, paired by seed and image."""

    a: Side
    b: Side
    part: Split
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
    smallest_sign_flip_p: float
    sign_flip_can_reject: bool
    probability_of_improvement: Annotated[float, Field(description="share of seeds in which a is better, ties half")]
    minimum_detectable_difference: float | None
    equivalence_bound: Annotated[
        float | None, Field(description="when nothing is decided and the interval is within what is worth speaking of")
    ]
    seeds_needed: int | None
    verdict: Literal["better", "worse", "undecided", "no verdict"]


class VariationComparison(Comparison):
    """A variation (a) against its baseline (b), on the test set."""

    model: Model
    variation: str
    baseline: str


class Agreement(Entry):
    """What two trained networks of one seed get right, in test images."""

    seed: int
    both_right: int
    only_a_right: int
    only_b_right: int
    both_wrong: int
    mcnemar_p: float


class AgreementShares(Entry):
    """Mean shares of the test images over the seeds' pairs of networks."""

    both_right: float
    only_a_right: float
    only_b_right: float
    both_wrong: float


class ClassDifference(Entry):
    """a - b for one class on the test set; Holm's correction runs over the classes."""

    class_: Annotated[int, Field(alias="class")]
    metric: Literal["precision", "recall", "f1"]
    mean: float
    interval: Pair
    p_holm: float | None
    verdict: Literal["better", "worse", "undecided", "no verdict"]


class ConfusionChange(Entry):
    """How often images of one class get another's name, as a share of the class, under a and under b."""

    class_: Annotated[int, Field(alias="class")]
    answer: int
    share_a: float
    share_b: float
    mean: Annotated[float, Field(description="a - b")]
    interval: Pair | None
    p_holm: Annotated[float | None, Field(description="over all confusions that occur")]
    verdict: Literal["mended", "made", "undecided", "no verdict"]


class ClassComparison(Entry):
    """A variation (a) against its baseline (b), class by class."""

    model: Model
    variation: str
    baseline: str
    differences: list[ClassDifference]
    confusions: Annotated[list[ConfusionChange], Field(description="those that differ most")]


class HeadToHead(Entry):
    """The cnn (a) against the ffnn (b)."""

    comparisons: list[Comparison]
    agreement: list[Agreement]
    shares: AgreementShares
    classes: list[ClassDifference]
    confusions: Annotated[list[ConfusionChange], Field(description="those that differ most")]
    ensemble: Annotated[list[Comparison], Field(description="the mean of both models' probabilities against each")]


class Ranked(Entry):
    """A configuration's place by validation."""

    configuration: str
    validation_accuracy: float
    interval: Pair
    validation_loss: float


class Best(Entry):
    """The configuration chosen on validation, and why."""

    configuration: str
    is_baseline: bool
    chosen_by: str
    ranking: list[Ranked]
    evidence: list[Comparison]
    indistinguishable: list[str]
    incomplete: Annotated[list[str], Field(description="not eligible: finished for fewer seeds than others")]
