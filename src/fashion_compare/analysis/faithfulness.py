"""How far the explanations can be trusted, measured on the study's own networks: made once, kept, described."""

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fashion_compare.analysis.artifact_cache import cache_arrays, load_cached
from fashion_compare.analysis.networks import TrainedRuns
from fashion_compare.analysis.robustness import evaluation_subset
from fashion_compare.classifier.interface import Arrays
from fashion_compare.comparison.statistics import MINIMUM_SEEDS, mean_interval
from fashion_compare.data.dataset import Dataset
from fashion_compare.explanation.attribution import METHODS, explain
from fashion_compare.explanation.faithfulness import (
    CONTROLS,
    area,
    control_maps,
    perturbation_curves,
    randomised,
    rank_correlations,
)

SEEDS = 3
# Rank correlation from which maps count as alike: a sixteenth of the ranks' variance.
ALIKE = 0.25
# Of integrated gradients: a tenth of a score of ten or more is nothing to the order of the pixels.
_TOLERANCE = 0.1
# Networks drawn for the randomised-weights check have seeds that no study uses by itself.
_UNTRAINED = 900_000


def make_faithfulness(networks: TrainedRuns, dataset: Dataset, say: Callable[[str], None]) -> None:
    """Measure every method of explaining a model on its networks, unless that is done already."""
    cache_arrays(_path(networks), networks.identity(), lambda: _measure(networks, dataset, say))


def describe_faithfulness(networks: TrainedRuns) -> dict[str, Any] | None:
    """Return what results.json says about it; None when it was not made of these networks."""
    arrays = load_cached(_path(networks), networks.identity())
    if arrays is None:
        return None
    methods = METHODS[networks.model]
    layers = [str(name) for name in arrays["layer_names"]]
    return {
        "configuration": networks.name,
        "seeds": list(networks.seeds),
        "images": int(arrays["deletion"].shape[2]),
        "randomised_images": int(arrays["correlations"].shape[3]),
        "curves": {
            kind: {name: arrays[kind][i].mean(axis=(0, 1)).tolist() for i, name in enumerate((*methods, *CONTROLS))}
            for kind in ("deletion", "insertion")
        },
        "methods": [
            {"method": method}
            | {kind: _against_controls(arrays[kind], i, kind) for kind in ("deletion", "insertion")}
            | _randomisation(arrays, i, layers)
            for i, method in enumerate(methods)
        ],
        "controls": [
            {"control": control}
            | {
                kind: mean_interval(area(arrays[kind][len(methods) + i])).as_dict()
                for kind in ("deletion", "insertion")
            }
            for i, control in enumerate(CONTROLS)
        ],
    }


def _against_controls(curves: NDArray[Any], method: int, kind: str) -> dict[str, Any]:
    """Return a method's area under the curves, its lead over each control, and which of them it beats."""
    areas = area(curves)
    sign = -1 if kind == "deletion" else 1
    controls = areas[len(areas) - len(CONTROLS) :]
    leads = {name: mean_interval(sign * (areas[method] - controls[i])).as_dict() for i, name in enumerate(CONTROLS)}
    beaten = [name for name, lead in leads.items() if lead["interval"][0] > 0]
    return {"area": mean_interval(areas[method]).as_dict(), "leads": leads, "beats": beaten}


def _randomisation(arrays: Arrays, method: int, layers: list[str]) -> dict[str, Any]:
    """Return how alike maps stay while weights become random, and how alike those of two trainings are.

    A method passes when the correlation with the maps of a network that learned nothing lies within ±`ALIKE`, and
    fails when it lies outside, by its interval; between the two, and below three seeds, nothing is decided. A map that
    has nothing to do with the network passes as well: the check can only convict. What two trainings have in common
    is there for comparison, without an interval: pairs of the same few networks are not independent.
    """
    correlations = arrays["correlations"][method]
    steps = [mean_interval(correlations[:, i]).as_dict() for i in range(len(layers))]
    low, high = steps[-1]["interval"]
    passes = None
    if len(correlations) >= MINIMUM_SEEDS:
        within, outside = low > -ALIKE and high < ALIKE, low > ALIKE or high < -ALIKE
        passes = within if within or outside else None
    return {
        "randomised": [{"layer": layer, "correlation": step} for layer, step in zip(layers, steps, strict=True)],
        "trained_again": float(arrays["trained_again"][method].mean()) if "trained_again" in arrays else None,
        "passes_randomisation": passes,
    }


def _path(networks: TrainedRuns) -> Path:
    return networks.root / "explanations" / f"faithfulness-{networks.model}.npz"


def _measure(networks: TrainedRuns, dataset: Dataset, say: Callable[[str], None]) -> Arrays:
    say(f"Testing the explanations of {networks.model}/{networks.name} …")
    found = _perturb(networks, dataset) | _randomise(networks, dataset)
    return {name: np.asarray(values) for name, values in found.items()}


def _perturb(networks: TrainedRuns, dataset: Dataset) -> Arrays:
    """Return deletion and insertion curves, (methods and controls, seeds, images, steps)."""
    part = evaluation_subset(dataset, networks.sizes.perturbed)
    images = dataset.test_images[part]
    # The controls are the same for every network.
    controls = control_maps(images, np.random.default_rng(0))
    deletion, insertion = [], []
    for seed in networks.seeds:
        classifier = networks.classifier(seed)
        answers = classifier.logits(classifier.preprocess(images)).argmax(axis=1).astype(np.int64)
        maps = {
            method: explain(networks.model, classifier, images, answers, method, tolerance=_TOLERANCE)
            for method in METHODS[networks.model]
        }
        generator = np.random.default_rng(1)
        curves = [
            perturbation_curves(classifier, images, answers, heat, generator) for heat in (maps | controls).values()
        ]
        deletion.append([deleted for deleted, _ in curves])
        insertion.append([inserted for _, inserted in curves])
    return {"deletion": np.swapaxes(deletion, 0, 1), "insertion": np.swapaxes(insertion, 0, 1)}


def _randomise(networks: TrainedRuns, dataset: Dataset) -> Arrays:
    """Return correlations of maps for the right class: (methods, seeds, layers, images), and between trainings."""
    part = evaluation_subset(dataset, networks.sizes.randomised)
    images, labels = dataset.test_images[part], dataset.test_labels[part]

    def maps_of(classifier: Any, method: str) -> NDArray[np.float32]:
        return explain(networks.model, classifier, images, labels, method, tolerance=_TOLERANCE)

    methods = METHODS[networks.model]
    whole = {
        seed: {method: maps_of(networks.classifier(seed), method) for method in methods} for seed in networks.seeds
    }
    correlations: dict[str, list[list[NDArray[np.float64]]]] = {method: [] for method in methods}
    for seed in networks.seeds:
        untrained = networks.untrained(_UNTRAINED + seed)
        steps: dict[str, list[NDArray[np.float64]]] = {method: [] for method in methods}
        layers = []
        for layer in randomised(networks.classifier(seed), untrained):
            layers.append(layer)
            for method in methods:
                steps[method].append(rank_correlations(whole[seed][method], maps_of(untrained, method)))
        for method in methods:
            correlations[method].append(steps[method])
    found = {"correlations": np.array([correlations[method] for method in methods]), "layer_names": np.array(layers)}
    if len(networks.seeds) > 1:
        pairs = list(itertools.combinations(networks.seeds, 2))
        found["trained_again"] = np.array(
            [[rank_correlations(whole[a][method], whole[b][method]) for a, b in pairs] for method in methods]
        )
    return found
