"""Robustness of the trained baselines to perturbed images, and linear probes of their layers; cached and described."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from fashion_compare.analysis.artifact_cache import cache_arrays, load_cached
from fashion_compare.analysis.networks import TrainedRuns
from fashion_compare.classifier.interface import Arrays, Images, Labels
from fashion_compare.comparison.ablations import ModelDifference, model_differences
from fashion_compare.comparison.statistics import Estimate, mean_interval
from fashion_compare.data.dataset import Dataset, evaluation_part
from fashion_compare.explanation.linear_probes import linear_probe, representations
from fashion_compare.explanation.perturbations import PERTURBATIONS, Perturbation, accuracy_under, shift_map
from fashion_compare.json_record import JsonRecord


class PerturbationPoint(JsonRecord):
    """Accuracy on test images that are perturbed by some amount."""

    amount: float
    accuracy: Estimate
    change: Annotated[Estimate | None, Field(description="from the unchanged images, paired; None for those")]


class PerturbationCurve(JsonRecord):
    """Accuracy over the amounts of one perturbation."""

    perturbation: str
    unit: str
    unchanged: float
    points: list[PerturbationPoint]


class LayerProbe(JsonRecord):
    """Test accuracy of a linear probe of one layer's output."""

    layer: str
    accuracy: Estimate


class Robustness(JsonRecord):
    """Accuracy of a model's baselines on perturbed images, and linear probes of their layers."""

    configuration: str
    seeds: list[int]
    images: Annotated[int, Field(description="test images, a fixed random part")]
    perturbations: list[PerturbationCurve]
    linear_probes: list[LayerProbe]
    shift_map: Annotated[
        list[list[float]],
        Field(description="accuracy by shift, rows from 6 pixels up to 6 down, columns likewise"),
    ]


class RobustnessDifference(ModelDifference):
    """The change of accuracy under a perturbation, mean over its amounts, of the cnn minus that of the ffnn."""

    perturbation: str


def make_robustness(networks: TrainedRuns, dataset: Dataset, say: Callable[[str], None]) -> None:
    """Evaluate a model's networks on perturbed images and probe their layers, unless that is cached."""
    cache_arrays(_path(networks), networks.identity(), lambda: _measure(networks, dataset, say))


def describe_robustness(networks: TrainedRuns) -> Robustness | None:
    """Return the section of the results; None when nothing is cached of these networks."""
    arrays = load_cached(_path(networks), networks.identity())
    if arrays is None:
        return None
    return Robustness(
        configuration=networks.name,
        seeds=list(networks.seeds),
        images=int(arrays["layers"].shape[-1]),
        perturbations=[
            PerturbationCurve(
                perturbation=perturbation.name,
                unit=perturbation.unit,
                unchanged=perturbation.unchanged,
                points=list(_points(perturbation, arrays[perturbation.name])),
            )
            for perturbation in PERTURBATIONS
        ],
        linear_probes=[
            LayerProbe(layer=str(name), accuracy=mean_interval(arrays["layers"][:, i]))
            for i, name in enumerate(arrays["layer_names"])
        ],
        shift_map=arrays["shift_map"].mean(axis=0).tolist(),
    )


def compare_robustness(cnn: TrainedRuns, ffnn: TrainedRuns) -> list[RobustnessDifference]:
    """Return how much less accuracy the cnn loses than the ffnn by each perturbation, a family.

    The mean over all amounts of the change from the unchanged images, the cnn's minus the ffnn's, paired by seed and
    image.
    """
    of_cnn, of_ffnn = (load_cached(_path(networks), networks.identity()) for networks in (cnn, ffnn))
    seeds = sorted(set(cnn.seeds) & set(ffnn.seeds))
    if of_cnn is None or of_ffnn is None or not seeds:
        return []
    columns = [
        _mean_change(one, of_cnn[one.name], cnn, seeds) - _mean_change(one, of_ffnn[one.name], ffnn, seeds)
        for one in PERTURBATIONS
    ]
    judged = model_differences([dict(zip(seeds, column, strict=True)) for column in columns])
    return [
        RobustnessDifference(**dict(difference), perturbation=one.name)
        for one, difference in zip(PERTURBATIONS, judged, strict=True)
    ]


def _mean_change(
    perturbation: Perturbation, right: NDArray[Any], networks: TrainedRuns, seeds: list[int]
) -> NDArray[np.float64]:
    """Return the mean over changed amounts of the change from the unchanged images, (seeds, images)."""
    unchanged = perturbation.amounts.index(perturbation.unchanged)
    of_seeds = right[[networks.seeds.index(seed) for seed in seeds]].astype(np.float64)
    return np.asarray(np.delete(of_seeds, unchanged, axis=1).mean(axis=1) - of_seeds[:, unchanged])


def _points(perturbation: Perturbation, right: NDArray[Any]) -> Iterator[PerturbationPoint]:
    """Yield each amount's accuracy and change from the unchanged images, paired by seed and image.

    Args:
        perturbation: the one applied.
        right: (seeds, amounts, images) share of variants predicted correctly.
    """
    unchanged = right[:, perturbation.amounts.index(perturbation.unchanged)].astype(np.float64)
    for i, amount in enumerate(perturbation.amounts):
        change = None if amount == perturbation.unchanged else mean_interval(right[:, i] - unchanged)
        yield PerturbationPoint(amount=amount, accuracy=mean_interval(right[:, i]), change=change)


def evaluation_subset(dataset: Dataset, images: int) -> NDArray[np.int64]:
    """Return the indices of a fixed random subset of the test images, no larger than the test set."""
    return evaluation_part(len(dataset.test_labels), images)


def _path(networks: TrainedRuns) -> Path:
    return networks.root / "explanations" / f"mechanisms-{networks.model}.npz"


def _measure(networks: TrainedRuns, dataset: Dataset, say: Callable[[str], None]) -> Arrays:
    tested = evaluation_subset(dataset, networks.sizes.probed)
    fitted = evaluation_part(len(dataset.train_labels), networks.sizes.readout)
    images, labels = dataset.test_images[tested], dataset.test_labels[tested]
    mapped = networks.sizes.shift_map
    found: dict[str, list[NDArray[Any]]] = {}
    for seed in networks.seeds:
        say(f"Evaluating {networks.model}/{networks.name}/seed-{seed} on perturbed images …")
        classifier = networks.classifier(seed)

        def predict(changed: Images) -> Labels:
            return np.asarray(classifier.logits(classifier.preprocess(changed)).argmax(axis=1), np.int64)  # noqa: B023 - used within the turn

        for perturbation in PERTURBATIONS:
            found.setdefault(perturbation.name, []).append(accuracy_under(predict, images, labels, perturbation))
        found.setdefault("shift_map", []).append(shift_map(predict, images[:mapped], labels[:mapped]))
        features = representations(networks.model, classifier, dataset.train_images[fitted])
        test_features = representations(networks.model, classifier, images)
        right = {
            layer: linear_probe(features[layer], dataset.train_labels[fitted], test_features[layer]) == labels
            for layer in features
        }
        found.setdefault("layers", []).append(np.stack(list(right.values())))
    return {name: np.stack(columns) for name, columns in found.items()} | {"layer_names": np.array(list(right))}
