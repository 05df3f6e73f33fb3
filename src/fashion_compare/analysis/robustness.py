"""What changed images do to the trained baselines, and what their layers tell apart: made once, kept, described."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fashion_compare.analysis.artifact_cache import cache_arrays, load_cached
from fashion_compare.analysis.networks import TrainedRuns
from fashion_compare.classifier.interface import Arrays, Images, Labels
from fashion_compare.comparison.ablations import leads
from fashion_compare.comparison.statistics import mean_interval
from fashion_compare.data.dataset import Dataset, evaluation_part
from fashion_compare.explanation.linear_probes import linear_probe, representations
from fashion_compare.explanation.perturbations import PERTURBATIONS, Perturbation, accuracy_under, shift_map


def make_mechanisms(networks: TrainedRuns, dataset: Dataset, say: Callable[[str], None]) -> None:
    """Perturbation a model's networks with changed images and read out their layers, unless that is done already."""
    cache_arrays(_path(networks), networks.identity(), lambda: _measure(networks, dataset, say))


def describe_mechanisms(networks: TrainedRuns) -> dict[str, Any] | None:
    """Return what results.json says about them; None when they were not made of these networks."""
    arrays = load_cached(_path(networks), networks.identity())
    if arrays is None:
        return None
    return {
        "configuration": networks.name,
        "seeds": list(networks.seeds),
        "images": int(arrays["layers"].shape[-1]),
        "probes": [
            {
                "probe": held.name,
                "unit": held.unit,
                "unchanged": held.unchanged,
                "points": [
                    {"amount": amount, "accuracy": mean_interval(right).as_dict(), "change": change}
                    for amount, right, change in _points(held, arrays[held.name])
                ],
            }
            for held in PERTURBATIONS
        ],
        "layers": [
            {"layer": str(name), "accuracy": mean_interval(arrays["layers"][:, i]).as_dict()}
            for i, name in enumerate(arrays["layer_names"])
        ],
        "shift_map": arrays["shift_map"].mean(axis=0).tolist(),
    }


def compare_mechanisms(cnn: TrainedRuns, ffnn: TrainedRuns) -> list[dict[str, Any]]:
    """Return for each probe by how much more accuracy the cnn keeps than the ffnn: a family, paired by seed and image.

    The mean over all changed amounts of the change from the unchanged images, the cnn's minus the ffnn's.
    """
    of_cnn, of_ffnn = (load_cached(_path(held), held.identity()) for held in (cnn, ffnn))
    seeds = sorted(set(cnn.seeds) & set(ffnn.seeds))
    if of_cnn is None or of_ffnn is None or not seeds:
        return []
    columns = [
        _mean_change(held, of_cnn[held.name], cnn, seeds) - _mean_change(held, of_ffnn[held.name], ffnn, seeds)
        for held in PERTURBATIONS
    ]
    judged = leads([dict(zip(seeds, column, strict=True)) for column in columns])
    return [{"probe": held.name, **lead} for held, lead in zip(PERTURBATIONS, judged, strict=True)]


def _mean_change(
    held: Perturbation, right: NDArray[Any], networks: TrainedRuns, seeds: list[int]
) -> NDArray[np.float64]:
    """Return the mean over changed amounts of the change from the unchanged images, (seeds, images)."""
    unchanged = held.amounts.index(held.unchanged)
    own = right[[networks.seeds.index(seed) for seed in seeds]].astype(np.float64)
    return np.asarray(np.delete(own, unchanged, axis=1).mean(axis=1) - own[:, unchanged])


def _points(held: Perturbation, right: NDArray[Any]) -> Iterator[tuple[float, NDArray[Any], dict[str, Any] | None]]:
    """Yield each amount, what (seeds, images) were right, and the change from the unchanged, paired by both."""
    unchanged = right[:, held.amounts.index(held.unchanged)].astype(np.float64)
    for i, amount in enumerate(held.amounts):
        change = None if amount == held.unchanged else mean_interval(right[:, i] - unchanged).as_dict()
        yield amount, right[:, i], change


def evaluation_subset(dataset: Dataset, images: int) -> NDArray[np.int64]:
    """Return which test images are looked at: fixed, random, and no more than there are."""
    return evaluation_part(len(dataset.test_labels), images)


def _path(networks: TrainedRuns) -> Path:
    return networks.root / "explanations" / f"mechanisms-{networks.model}.npz"


def _measure(networks: TrainedRuns, dataset: Dataset, say: Callable[[str], None]) -> Arrays:
    part, learned = (
        evaluation_subset(dataset, networks.sizes.probed),
        evaluation_part(len(dataset.train_labels), networks.sizes.readout),
    )
    images, labels = dataset.test_images[part], dataset.test_labels[part]
    mapped = networks.sizes.shift_map
    found: dict[str, list[NDArray[Any]]] = {}
    for seed in networks.seeds:
        say(f"Probing {networks.model}/{networks.name}/seed-{seed} with changed images …")
        classifier = networks.classifier(seed)

        def answers(changed: Images) -> Labels:
            return np.asarray(classifier.logits(classifier.preprocess(changed)).argmax(axis=1), np.int64)  # noqa: B023 - used within the turn

        for held in PERTURBATIONS:
            found.setdefault(held.name, []).append(accuracy_under(answers, images, labels, held))
        found.setdefault("shift_map", []).append(shift_map(answers, images[:mapped], labels[:mapped]))
        features = representations(networks.model, classifier, dataset.train_images[learned])
        tested = representations(networks.model, classifier, images)
        right = {
            layer: linear_probe(features[layer], dataset.train_labels[learned], tested[layer]) == labels
            for layer in features
        }
        found.setdefault("layers", []).append(np.stack(list(right.values())))
    return {name: np.stack(columns) for name, columns in found.items()} | {"layer_names": np.array(list(right))}
