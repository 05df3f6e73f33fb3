"""The study's explanations: made once from saved weights, cached as files for the results and the report."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import numpy as np
from pydantic import Field

from fashion_compare.analysis.artifact_cache import cache_arrays, load_cached
from fashion_compare.analysis.faithfulness import SEEDS, Faithfulness, describe_faithfulness, make_faithfulness
from fashion_compare.analysis.networks import TrainedRuns, finished
from fashion_compare.analysis.robustness import (
    Robustness,
    RobustnessDifference,
    compare_robustness,
    describe_robustness,
    evaluation_subset,
    make_robustness,
)
from fashion_compare.classifier.interface import Arrays
from fashion_compare.comparison.model_selection import BestConfiguration
from fashion_compare.data.dataset import Dataset
from fashion_compare.explanation.attribution import INTEGRATED, METHODS, explain
from fashion_compare.explanation.class_means import class_means, first_layer
from fashion_compare.explanation.confusion_examples import confused_images
from fashion_compare.explanation.gallery import REASONS, Gallery, Reason, make_gallery
from fashion_compare.json_record import JsonRecord
from fashion_compare.runs.record import read_predictions
from fashion_compare.study.context import StudyContext
from fashion_compare.study.spec import BASELINE

if TYPE_CHECKING:
    from fashion_compare.classifier.cnn import CnnClassifier

_PLAYGROUND_IMAGES = 200
# Behind each cell of a confusion matrix.
CELL_IMAGES = 4
# Of integrated gradients in averages: far below what is seen in a picture.
_TOLERANCE = 0.05


class ExplainedNetwork(JsonRecord):
    """The trained network of a model that the gallery explains."""

    configuration: str
    seed: int


class MapStrength(JsonRecord):
    """How strong a method's map for the predicted class is."""

    method: str
    peak: Annotated[
        float,
        Field(description="largest magnitude, in units of the score; gradients per grey level; Grad-CAM++ has no unit"),
    ]
    all_zero: bool


class ExplainedPrediction(JsonRecord):
    """What one network predicts for an image, and the maps for that class."""

    predicted: int
    probability: float
    maps: list[MapStrength]


class GalleryImage(JsonRecord):
    """One test image of the gallery."""

    index: int
    reason: Reason
    label: int
    predictions: Annotated[dict[str, ExplainedPrediction], Field(description="by model")]


class GalleryDescription(JsonRecord):
    """Which networks the gallery explains, and which images it shows."""

    networks: dict[str, ExplainedNetwork]
    images: list[GalleryImage]
    identity: Annotated[dict[str, Any], Field(description="what the explanations' files were made from, by model")]


class ExplanationResults(JsonRecord):
    """The sections of the results that come from explanations; empty where nothing was made."""

    gallery: GalleryDescription | None
    robustness: dict[str, Robustness]
    robustness_differences: list[RobustnessDifference]
    faithfulness: dict[str, Faithfulness]


def make_explanations(
    context: StudyContext, best: Mapping[str, BestConfiguration], dataset: Dataset, say: Callable[[str], None]
) -> None:
    """Make what is not cached: robustness of the baselines, and what explains the best configurations.

    Args:
        context: the study.
        best: model → its best configuration.
        dataset: the data.
        say: takes a line for people.
    """
    root, chosen = context.root, _chosen(context, best)
    if not chosen:
        return
    identities = {model: networks.identity() for model, networks in chosen.items()}
    cache_arrays(_gallery_path(root), identities, lambda: _gallery(chosen, dataset, say).arrays())
    cache_arrays(_playground_path(root), identities, lambda: _playground(chosen, dataset))
    cache_arrays(_confused_path(root), identities, lambda: _confused(chosen, dataset))
    cache_arrays(_averages_path(root), identities, lambda: _averages(chosen, dataset, say))
    for model in chosen:
        base = finished(context, model, BASELINE)
        if base.seeds:
            make_robustness(base, dataset, say)
        make_faithfulness(_tested(context, best, model), dataset, say)


def describe_explanations(context: StudyContext, best: Mapping[str, BestConfiguration]) -> ExplanationResults:
    """Return what is cached of the study's present networks."""
    chosen = _chosen(context, best)
    identities = {model: networks.identity() for model, networks in chosen.items()}
    arrays = load_cached(_gallery_path(context.root), identities) if chosen else None
    baselines = {model: base for model in chosen if (base := finished(context, model, BASELINE)).seeds}
    robustness = {model: found for model, base in baselines.items() if (found := describe_robustness(base))}
    both = {"cnn", "ffnn"} <= robustness.keys()
    return ExplanationResults(
        gallery=None if arrays is None else _describe_gallery(Gallery.from_arrays(arrays), chosen, identities),
        robustness=robustness,
        robustness_differences=compare_robustness(baselines["cnn"], baselines["ffnn"]) if both else [],
        faithfulness={
            model: tested for model in chosen if (tested := describe_faithfulness(_tested(context, best, model)))
        },
    )


def read_gallery(described: GalleryDescription | None, root: Path) -> Gallery | None:
    """Return the gallery that the results describe; None where there is none.

    Raises:
        UserError: its file is damaged.
    """
    arrays = _cached_for(described, _gallery_path(root))
    return Gallery.from_arrays(arrays) if arrays else None


def read_averages(described: GalleryDescription | None, root: Path) -> Arrays:
    """Return mean images (``images``), mean maps (``maps/MODEL/METHOD``) and first layers (``first/MODEL``), if made.

    Raises:
        UserError: their file is damaged.
    """
    return _cached_for(described, _averages_path(root))


def read_playground(described: GalleryDescription | None, root: Path) -> Arrays:
    """Return what the page needs to run both networks, if it was made: test images, weights, where maps are drawn.

    Names are ``index``, ``label``, ``images``, ``weights/MODEL/NAME`` and, with a cnn, ``place`` (pixels, units).

    Raises:
        UserError: its file is damaged.
    """
    return _cached_for(described, _playground_path(root))


def read_confused(described: GalleryDescription | None, root: Path) -> Arrays:
    """Return images behind the cells of the confusion matrices, if made.

    Names are ``images``, ``index``, ``label``, and for each model ``answer/MODEL`` and ``probability/MODEL``.

    Raises:
        UserError: their file is damaged.
    """
    return _cached_for(described, _confused_path(root))


def _cached_for(described: GalleryDescription | None, path: Path) -> Arrays:
    """Return what was made of the networks in the results: a stopped program may have left that of others."""
    return (load_cached(path, described.identity) or {}) if described else {}


def _playground_path(root: Path) -> Path:
    return root / "explanations" / "playground.npz"


def _confused_path(root: Path) -> Path:
    return root / "explanations" / "confused.npz"


def _gallery_path(root: Path) -> Path:
    return root / "explanations" / "gallery.npz"


def _averages_path(root: Path) -> Path:
    return root / "explanations" / "averages.npz"


def _chosen(context: StudyContext, best: Mapping[str, BestConfiguration]) -> dict[str, TrainedRuns]:
    """Return the first seed's network of each model's best configuration."""
    return {model: finished(context, model, best[model].configuration, 1) for model in best}


def _tested(context: StudyContext, best: Mapping[str, BestConfiguration], model: str) -> TrainedRuns:
    return finished(context, model, best[model].configuration, SEEDS)


def _gallery(chosen: Mapping[str, TrainedRuns], dataset: Dataset, say: Callable[[str], None]) -> Gallery:
    say("Explaining single images …")
    # The cnn's answers choose, where there is one: it is what Grad-CAM explains.
    leader = chosen["cnn"] if "cnn" in chosen else next(iter(chosen.values()))
    test = read_predictions(leader.directory(leader.seeds[0]))["test"]
    classifiers = {model: held.classifier(held.seeds[0]) for model, held in chosen.items()}
    return make_gallery(classifiers, dataset.test_images, test.labels, test.logits)


def _playground(chosen: Mapping[str, TrainedRuns], dataset: Dataset) -> Arrays:
    part = evaluation_subset(dataset, _PLAYGROUND_IMAGES)
    found: Arrays = {"index": part, "label": dataset.test_labels[part], "images": dataset.test_images[part]}
    for model, held in chosen.items():
        classifier = held.classifier(held.seeds[0])
        found |= {f"weights/{model}/{name}": value for name, value in classifier.weights().items()}
        if model == "cnn":
            from fashion_compare.architectures.graph import trace
            from fashion_compare.explanation.gradcam import interpolation_weights
            from fashion_compare.explanation.receptive_field import receptive_field

            cnn = cast("CnnClassifier", classifier)
            target = cnn.architecture.target_layer
            units = next(layer.output_shape[1] for layer in trace(cnn.module) if layer.name == target)
            found["place"] = interpolation_weights(
                units, receptive_field(cnn.module, target), dataset.test_images.shape[1]
            )
    return found


def _confused(chosen: Mapping[str, TrainedRuns], dataset: Dataset) -> Arrays:
    tests = {m: read_predictions(held.directory(held.seeds[0]))["test"] for m, held in chosen.items()}
    logits = {model: test.logits for model, test in tests.items()}
    found = confused_images(dataset.test_labels, logits, CELL_IMAGES)
    return found | {"images": dataset.test_images[found["index"].astype(np.int64)]}


def _averages(chosen: Mapping[str, TrainedRuns], dataset: Dataset, say: Callable[[str], None]) -> Arrays:
    say("Averaging maps by class …")
    part = evaluation_subset(dataset, next(iter(chosen.values())).sizes.averaged)
    images, labels, classes = dataset.test_images[part], dataset.test_labels[part], len(dataset.class_names)
    found: Arrays = {"images": class_means(images, labels, classes)}
    for model, held in chosen.items():
        classifier = held.classifier(held.seeds[0])
        found[f"first/{model}"] = first_layer(classifier.weights())
        for method in ("Grad-CAM", INTEGRATED):
            if method in METHODS[model]:
                maps = explain(model, classifier, images, labels, method, tolerance=_TOLERANCE)
                found[f"maps/{model}/{method}"] = class_means(maps, labels, classes)
    return found


def _describe_gallery(
    gallery: Gallery, chosen: Mapping[str, TrainedRuns], identities: dict[str, Any]
) -> GalleryDescription:
    def predicted(model: str, i: int) -> ExplainedPrediction:
        maps = [
            MapStrength(
                method=method, peak=float(np.abs(found[i]).max()), all_zero=bool(gallery.empty(model, method)[i])
            )
            for method, found in gallery.maps[model].items()
        ]
        return ExplainedPrediction(
            predicted=int(gallery.predicted[model][i]), probability=float(gallery.probability[model][i]), maps=maps
        )

    return GalleryDescription(
        networks={
            model: ExplainedNetwork(configuration=networks.name, seed=networks.seeds[0])
            for model, networks in chosen.items()
        },
        images=[
            GalleryImage(
                index=int(gallery.index[i]),
                reason=REASONS[gallery.reason[i]],
                label=int(gallery.label[i]),
                predictions={model: predicted(model, i) for model in gallery.maps},
            )
            for i in range(len(gallery.index))
        ],
        identity=identities,
    )
