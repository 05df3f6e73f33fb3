"""Faithfulness tests of the attribution maps, measured on the study's own networks; cached and described."""

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from fashion_compare.analysis.artifact_cache import cache_arrays, load_cached
from fashion_compare.analysis.networks import TrainedRuns
from fashion_compare.analysis.robustness import evaluation_subset
from fashion_compare.classifier.interface import Arrays
from fashion_compare.comparison.statistics import MINIMUM_SEEDS, Estimate, mean_interval
from fashion_compare.data.dataset import Dataset
from fashion_compare.explanation.attribution import METHODS, explain
from fashion_compare.explanation.faithfulness import (
    CONTROLS,
    area,
    cascading_randomization,
    control_maps,
    perturbation_curves,
    rank_correlations,
)
from fashion_compare.json_record import JsonRecord

SEEDS = 3
KINDS: tuple[Literal["deletion", "insertion"], ...] = ("deletion", "insertion")
# Rank correlation from which maps count as alike: a sixteenth of the ranks' variance.
ALIKE = 0.25
# Of integrated gradients: a tenth of a score of ten or more is nothing to the order of the pixels.
_TOLERANCE = 0.1
# Initial networks of the randomization test have seeds that no study uses by itself.
_UNTRAINED = 900_000


class AgainstControls(JsonRecord):
    """A method's area under its deletion or insertion curve, compared with model-independent controls."""

    area: Estimate
    differences: Annotated[dict[str, Estimate], Field(description="from each control, paired; above 0 is better")]
    beats: Annotated[list[str], Field(description="controls whose interval is above zero")]


class LayerCorrelation(JsonRecord):
    """Rank correlation of maps when this layer and all behind it have random weights."""

    layer: str
    correlation: Estimate


class MethodFaithfulness(JsonRecord):
    """How faithful a method's maps are to the network."""

    method: str
    deletion: AgainstControls
    insertion: AgainstControls
    cascading_randomization: list[LayerCorrelation]
    seed_to_seed_correlation: Annotated[
        float | None,
        Field(description="mean rank correlation between the maps of two trainings; None with one seed"),
    ]
    passes_randomization: Annotated[
        bool | None, Field(description="by the interval of the last correlation; None where it is inconclusive")
    ]


class ControlFaithfulness(JsonRecord):
    """The same areas of a control."""

    control: str
    deletion: Estimate
    insertion: Estimate


class Faithfulness(JsonRecord):
    """Faithfulness tests of the attribution maps of a model's best configuration."""

    configuration: str
    seeds: list[int]
    images: int
    randomization_images: int
    curves: Annotated[
        dict[Literal["deletion", "insertion"], dict[str, list[float]]],
        Field(description="mean probability of the predicted class after each 28 pixels, by method or control"),
    ]
    methods: list[MethodFaithfulness]
    controls: list[ControlFaithfulness]


def make_faithfulness(networks: TrainedRuns, dataset: Dataset, say: Callable[[str], None]) -> None:
    """Measure every attribution method of a model on its networks, unless that is cached."""
    cache_arrays(_path(networks), networks.identity(), lambda: _measure(networks, dataset, say))


def describe_faithfulness(networks: TrainedRuns) -> Faithfulness | None:
    """Return the section of the results; None when nothing is cached of these networks."""
    arrays = load_cached(_path(networks), networks.identity())
    if arrays is None:
        return None
    methods = METHODS[networks.model]
    return Faithfulness(
        configuration=networks.name,
        seeds=list(networks.seeds),
        images=int(arrays["deletion"].shape[2]),
        randomization_images=int(arrays["correlations"].shape[3]),
        curves={
            kind: {name: arrays[kind][i].mean(axis=(0, 1)).tolist() for i, name in enumerate((*methods, *CONTROLS))}
            for kind in KINDS
        },
        methods=[_method(arrays, i, method) for i, method in enumerate(methods)],
        controls=[
            ControlFaithfulness(
                control=control,
                deletion=mean_interval(area(arrays["deletion"][len(methods) + i])),
                insertion=mean_interval(area(arrays["insertion"][len(methods) + i])),
            )
            for i, control in enumerate(CONTROLS)
        ],
    )


def _method(arrays: Arrays, index: int, method: str) -> MethodFaithfulness:
    correlations = arrays["correlations"][index]
    steps = [
        LayerCorrelation(layer=str(layer), correlation=mean_interval(correlations[:, k]))
        for k, layer in enumerate(arrays["layer_names"])
    ]
    pairs = arrays.get("trained_again")
    return MethodFaithfulness(
        method=method,
        deletion=_against_controls(arrays["deletion"], index, -1),
        insertion=_against_controls(arrays["insertion"], index, 1),
        cascading_randomization=steps,
        seed_to_seed_correlation=None if pairs is None else float(pairs[index].mean()),
        passes_randomization=_passes(steps[-1].correlation, len(correlations)),
    )


def _against_controls(curves: NDArray[Any], method: int, sign: int) -> AgainstControls:
    """Compare a method's area under the curves with each control's; `sign` is -1 where a small area is better."""
    areas = area(curves)
    controls = areas[len(areas) - len(CONTROLS) :]
    differences = {name: mean_interval(sign * (areas[method] - controls[i])) for i, name in enumerate(CONTROLS)}
    beaten = [name for name, difference in differences.items() if difference.low > 0]
    return AgainstControls(area=mean_interval(areas[method]), differences=differences, beats=beaten)


def _passes(last: Estimate, seeds: int) -> bool | None:
    """Return whether a method passes the randomization test; None where it is inconclusive, as below three seeds.

    It passes when the correlation with the maps of a network with random weights lies within ±`ALIKE`, and fails when
    it lies outside, by its interval. Passing is necessary, not sufficient: a map that has nothing to do with the
    network passes as well. The correlation between two trainings is there for comparison, without an interval: pairs
    of the same few networks are not independent.
    """
    if seeds < MINIMUM_SEEDS:
        return None
    within, outside = last.low > -ALIKE and last.high < ALIKE, last.low > ALIKE or last.high < -ALIKE
    return within if within or outside else None


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
        predicted = classifier.logits(classifier.preprocess(images)).argmax(axis=1).astype(np.int64)
        maps = {
            method: explain(networks.model, classifier, images, predicted, method, tolerance=_TOLERANCE)
            for method in METHODS[networks.model]
        }
        generator = np.random.default_rng(1)
        curves = [
            perturbation_curves(classifier, images, predicted, heat, generator) for heat in (maps | controls).values()
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
        untrained = networks.initial_classifier(_UNTRAINED + seed)
        steps: dict[str, list[NDArray[np.float64]]] = {method: [] for method in methods}
        layers = []
        for layer in cascading_randomization(networks.classifier(seed), untrained):
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
