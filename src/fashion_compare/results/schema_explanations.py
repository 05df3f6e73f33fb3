"""What results.json says about mechanisms: explanations and how good they are, probes, experiments, calibration."""

from typing import Annotated, Any, Literal

from pydantic import Field

from fashion_compare.results.schema_comparisons import Comparison
from fashion_compare.results.schema_runs import Estimate
from fashion_compare.runs.record import Entry, Model


class Network(Entry):
    """One trained network."""

    configuration: str
    seed: int


class MapStrength(Entry):
    """How strong a method's map for the network's answer is."""

    method: str
    peak: Annotated[
        float,
        Field(description="largest magnitude, in units of the score; gradients per grey level; Grad-CAM++ has no unit"),
    ]
    all_zero: bool


class Answer(Entry):
    """What one network says about an image."""

    predicted: int
    probability: float
    maps: list[MapStrength]


class Explained(Entry):
    """One test image of the gallery."""

    index: int
    reason: Literal["most confident right", "most confident wrong", "least certain"]
    label: int
    answers: dict[Model, Answer]


class Gallery(Entry):
    """Which networks the gallery explains, and which images it shows."""

    networks: dict[Model, Network]
    images: list[Explained]
    identity: Annotated[dict[Model, Any], Field(description="what the explanations' files were made from")]


class ProbePoint(Entry):
    """Accuracy on test images that are changed by some amount."""

    amount: float
    accuracy: Estimate
    change: Annotated[Estimate | None, Field(description="from the unchanged images, paired; None for those")]


class ProbeCurve(Entry):
    """One way to change images."""

    probe: str
    unit: str
    unchanged: float
    points: list[ProbePoint]


class Lead(Entry):
    """By how much the cnn is ahead of the ffnn, paired by seed and image."""

    seeds: list[int]
    lead: Estimate
    p: Annotated[float | None, Field(description="paired t-test over seeds, two-sided")]
    p_holm: Annotated[float | None, Field(description="corrected over the family that it belongs to")]
    family: Annotated[int, Field(description="leads that the correction runs over")]
    verdict: Literal["better", "worse", "undecided", "no verdict"]


class ProbeLead(Lead):
    """How much more accuracy the cnn keeps than the ffnn, mean over all changed amounts."""

    probe: str


class LayerReadout(Entry):
    """How well a linear readout of a layer tells the classes apart."""

    layer: str
    accuracy: Estimate


class Mechanisms(Entry):
    """What changed images do to a model's baselines, and what their layers tell apart."""

    configuration: str
    seeds: list[int]
    images: Annotated[int, Field(description="test images, a fixed random part")]
    probes: list[ProbeCurve]
    layers: list[LayerReadout]
    shift_map: Annotated[
        list[list[float]],
        Field(description="accuracy by shift, rows from 6 pixels up to 6 down, columns likewise"),
    ]


class AgainstControls(Entry):
    """A method's area under its deletion or insertion curve, beside maps that know nothing of the network."""

    area: Estimate
    leads: Annotated[dict[str, Estimate], Field(description="by how much it is better than each control, paired")]
    beats: Annotated[list[str], Field(description="controls whose lead's interval is above zero")]


class LayerCorrelation(Entry):
    """Rank correlation of maps when this layer and all behind it have random weights."""

    layer: str
    correlation: Estimate


class MethodQuality(Entry):
    """How good a method's maps are."""

    method: str
    deletion: AgainstControls
    insertion: AgainstControls
    randomised: list[LayerCorrelation]
    trained_again: Annotated[
        float | None,
        Field(description="mean rank correlation between the maps of two trainings; None with one seed"),
    ]
    passes_randomisation: Annotated[
        bool | None, Field(description="by the interval of the last correlation; None where it decides nothing")
    ]


class ControlQuality(Entry):
    """The same areas of a control."""

    control: str
    deletion: Estimate
    insertion: Estimate


class Faithfulness(Entry):
    """How far the explanations of a model's best configuration can be trusted."""

    configuration: str
    seeds: list[int]
    images: int
    randomised_images: int
    curves: Annotated[
        dict[Literal["deletion", "insertion"], dict[str, list[float]]],
        Field(description="mean probability of the answer after each 28 pixels, by method or control"),
    ]
    methods: list[MethodQuality]
    controls: list[ControlQuality]


class Permutation(Entry):
    """Training and testing with all pixels in one other order."""

    changes: Annotated[dict[Model, Comparison], Field(description="permuted (a) against the baseline (b)")]
    cnn_minus_ffnn: Annotated[Lead | None, Field(description="how much more the cnn changes")]


class SizePoint(Entry):
    """Test accuracy with so many training images."""

    images: int
    seeds: list[int]
    accuracy: Estimate


class SizeLead(Lead):
    """How far the cnn is ahead with so many training images."""

    images: int


class Experiments(Entry):
    """Baselines trained on the data seen otherwise."""

    least_steps: Annotated[int, Field(description="that smaller training sets are given, by more epochs")]
    permutation: Permutation
    training_sizes: dict[Model, list[SizePoint]]
    lead_of_the_cnn: list[SizeLead]


class ReliabilityBin(Entry):
    """Answers of like confidence."""

    images: int
    confidence: float
    accuracy: float


class CalibrationSummary(Entry):
    """How well probabilities mean what they say on the test set, mean over seeds."""

    ece: float
    brier: float
    loss: float
    bins: list[ReliabilityBin]


class Calibration(Entry):
    """Calibration of a model's best configuration as it is, and with a temperature fitted on validation."""

    configuration: str
    seeds: list[int]
    temperatures: list[float]
    before: CalibrationSummary
    after: CalibrationSummary
    loss_change: Estimate


class Copies(Entry):
    """Images that repeat an earlier one."""

    parts: Annotated[tuple[str, str], Field(description="of the earlier image and of the one that repeats it")]
    mirrored: bool
    images: int
    labels_differ: int


class NearPair(Entry):
    """An image and its nearest neighbour."""

    index: int
    neighbour: tuple[str, int]
    shift: Annotated[tuple[int, int], Field(description="pixels down and to the right that the neighbour has to move")]
    distance: float
    labels_agree: bool


class Near(Entry):
    """How many images of a part have a near neighbour among those that may be trained on."""

    images: int
    threshold: Annotated[float, Field(description="root mean square difference a pixel, in grey levels")]
    near: int
    share_near: float
    labels_differ: int
    share_differing: float | None
    median_distance: float
    nearest: list[NearPair]


class SuspectedPair(Entry):
    """Images of one class that probably belong to another."""

    given: int
    suggested: int
    images: int


class SuspectedImage(Entry):
    """One image whose label is probably wrong."""

    index: int
    given: int
    suggested: int
    margin: Annotated[float, Field(description="probability of the given label minus the highest other one")]


class Suspected(Entry):
    """Images whose label is probably wrong, by confident learning."""

    suspected: int
    estimated_share: Annotated[float, Field(description="of wrong labels, from the calibrated joint")]
    pairs: list[SuspectedPair]
    most_suspicious: list[SuspectedImage]


class WithAndWithout(Entry):
    """Test accuracy of a baseline on all images, and without the suspected ones: a secondary figure."""

    all: Estimate
    without_suspected: Annotated[Estimate | None, Field(description="None where fewer than two images are left")]


class SuspectedTest(Suspected):
    """Suspected test images, by the mean probabilities of all baselines."""

    accuracy: dict[Model, WithAndWithout]


class LabelErrors(Entry):
    """Suspected label errors of training images, by networks that did not see them, and of test images."""

    models: list[Model]
    folds: int
    train: Suspected
    test: SuspectedTest | None


class Audit(Entry):
    """What the data say about themselves."""

    class_counts: dict[Literal["train", "validation", "test"], list[int]]
    copies: list[Copies]
    repeated_test_images: Annotated[int, Field(description="that equal or mirror a training or validation image")]
    neighbours: Annotated[
        dict[Literal["test", "validation"], Near],
        Field(description="test images' among all others; validation images' among training images"),
    ]
    label_errors: LabelErrors | None
