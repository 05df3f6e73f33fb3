"""The study's explanations: made once from saved weights, kept as files for the results and the report."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from fashion_compare.analysis.artifact_cache import cache_arrays, load_cached
from fashion_compare.analysis.faithfulness import SEEDS, describe_faithfulness, make_faithfulness
from fashion_compare.analysis.networks import TrainedRuns, finished
from fashion_compare.analysis.robustness import (
    compare_mechanisms,
    describe_mechanisms,
    evaluation_subset,
    make_mechanisms,
)
from fashion_compare.classifier.interface import Arrays
from fashion_compare.data.dataset import Dataset
from fashion_compare.evaluation.predictions import load_predictions
from fashion_compare.explanation.attribution import INTEGRATED, METHODS, explain
from fashion_compare.explanation.class_means import class_means, first_layer
from fashion_compare.explanation.confusion_examples import confused_images
from fashion_compare.explanation.gallery import REASONS, Gallery, make_gallery
from fashion_compare.study.spec import BASELINE, Study

if TYPE_CHECKING:
    from fashion_compare.classifier.cnn import CnnClassifier

_PLAYGROUND_IMAGES = 200
# Behind each cell of a confusion matrix.
CELL_IMAGES = 4
# Of integrated gradients in averages: far below what is seen in a picture.
_TOLERANCE = 0.05


def make_explanations(
    study: Study, best: Mapping[str, Any], dataset: Dataset, root: Path, say: Callable[[str], None]
) -> None:
    """Make what is not made yet: probes of the baselines, then gallery, averages and tests of the best configurations.

    Args:
        study: the resolved study.
        best: model → its best configuration, from results.json.
        dataset: the data.
        root: the study's directory.
        say: takes a line for people.
    """
    chosen = _chosen(study, best, root)
    if not chosen:
        return
    identities = {model: held.identity() for model, held in chosen.items()}
    cache_arrays(_gallery_path(root), identities, lambda: _gallery(chosen, dataset, say).arrays())
    cache_arrays(_playground_path(root), identities, lambda: _playground(chosen, dataset))
    cache_arrays(_confused_path(root), identities, lambda: _confused(chosen, dataset))
    cache_arrays(_averages_path(root), identities, lambda: _averages(chosen, dataset, say))
    for model in chosen:
        base = finished(study, model, BASELINE, root)
        if base.seeds:
            make_mechanisms(base, dataset, say)
        make_faithfulness(_tested(study, best, model, root), dataset, say)


def describe_explanations(study: Study, best: Mapping[str, Any], root: Path) -> dict[str, Any]:
    """Return the sections of results.json about them, empty where nothing was made of the study's present networks."""
    found: dict[str, Any] = {"gallery": None, "mechanisms": {}, "probe_leads": [], "faithfulness": {}}
    chosen = _chosen(study, best, root)
    identities = {model: held.identity() for model, held in chosen.items()}
    arrays = load_cached(_gallery_path(root), identities) if chosen else None
    if arrays is not None:
        found["gallery"] = _describe_gallery(Gallery.from_arrays(arrays), chosen) | {"identity": identities}
    for model in chosen:
        base = finished(study, model, BASELINE, root)
        for section, held in (
            ("mechanisms", describe_mechanisms(base) if base.seeds else None),
            ("faithfulness", describe_faithfulness(_tested(study, best, model, root))),
        ):
            if held is not None:
                found[section][model] = held
    if {"cnn", "ffnn"} <= found["mechanisms"].keys():
        baselines = (finished(study, model, BASELINE, root) for model in ("cnn", "ffnn"))
        found["probe_leads"] = compare_mechanisms(*baselines)
    return found


def read_gallery(results: Mapping[str, Any], root: Path) -> Gallery | None:
    """Return the gallery that the results speak of; None where there is none.

    Raises:
        UserError: its file is damaged.
    """
    arrays = _kept_for(results, _gallery_path(root))
    return Gallery.from_arrays(arrays) if arrays else None


def read_averages(results: Mapping[str, Any], root: Path) -> Arrays:
    """Return mean images (``images``), mean maps (``maps/MODEL/METHOD``) and first layers (``first/MODEL``), if made.

    Raises:
        UserError: their file is damaged.
    """
    return _kept_for(results, _averages_path(root))


def read_playground(results: Mapping[str, Any], root: Path) -> Arrays:
    """Return what the page needs to run both networks, if it was made: test images, weights, where maps are drawn.

    Names are ``index``, ``label``, ``images``, ``weights/MODEL/NAME`` and, with a cnn, ``place`` (pixels, units).

    Raises:
        UserError: its file is damaged.
    """
    return _kept_for(results, _playground_path(root))


def read_confused(results: Mapping[str, Any], root: Path) -> Arrays:
    """Return images behind the cells of the confusion matrices, if made.

    Names are ``images``, ``index``, ``label``, and for each model ``answer/MODEL`` and ``probability/MODEL``.

    Raises:
        UserError: their file is damaged.
    """
    return _kept_for(results, _confused_path(root))


def _kept_for(results: Mapping[str, Any], path: Path) -> Arrays:
    """Return what was made of the networks in the results: a stopped program may have left that of others."""
    return (load_cached(path, results["gallery"]["identity"]) or {}) if results["gallery"] else {}


def _playground_path(root: Path) -> Path:
    return root / "explanations" / "playground.npz"


def _confused_path(root: Path) -> Path:
    return root / "explanations" / "confused.npz"


def _gallery_path(root: Path) -> Path:
    return root / "explanations" / "gallery.npz"


def _averages_path(root: Path) -> Path:
    return root / "explanations" / "averages.npz"


def _chosen(study: Study, best: Mapping[str, Any], root: Path) -> dict[str, TrainedRuns]:
    """Return the first seed's network of each model's best configuration."""
    return {model: finished(study, model, best[model]["configuration"], root, 1) for model in best}


def _tested(study: Study, best: Mapping[str, Any], model: str, root: Path) -> TrainedRuns:
    return finished(study, model, best[model]["configuration"], root, SEEDS)


def _gallery(chosen: Mapping[str, TrainedRuns], dataset: Dataset, say: Callable[[str], None]) -> Gallery:
    say("Explaining single images …")
    # The cnn's answers choose, where there is one: it is what Grad-CAM explains.
    leader = chosen["cnn"] if "cnn" in chosen else next(iter(chosen.values()))
    test = load_predictions(leader.directory(leader.seeds[0]).predictions)["test"]
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
    tests = {m: load_predictions(held.directory(held.seeds[0]).predictions)["test"] for m, held in chosen.items()}
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


def _describe_gallery(gallery: Gallery, chosen: Mapping[str, TrainedRuns]) -> dict[str, Any]:
    """Return what results.json says: which networks, which images and why, the answers, how strong the maps are."""
    return {
        "networks": {model: {"configuration": held.name, "seed": held.seeds[0]} for model, held in chosen.items()},
        "images": [
            {
                "index": int(gallery.index[i]),
                "reason": REASONS[gallery.reason[i]],
                "label": int(gallery.label[i]),
                "answers": {
                    model: {
                        "predicted": int(gallery.predicted[model][i]),
                        "probability": float(gallery.probability[model][i]),
                        "maps": [
                            {
                                "method": method,
                                "peak": float(np.abs(maps[i]).max()),
                                "all_zero": bool(gallery.empty(model, method)[i]),
                            }
                            for method, maps in gallery.maps[model].items()
                        ],
                    }
                    for model in gallery.maps
                },
            }
            for i in range(len(gallery.index))
        ],
    }
