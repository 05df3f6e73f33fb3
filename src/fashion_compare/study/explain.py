"""The study's explanations: made once from saved weights, kept as files for the report."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fashion_compare.classifier import build
from fashion_compare.classifier.interface import Arrays
from fashion_compare.data.dataset import Dataset
from fashion_compare.evaluation.predictions import load_predictions
from fashion_compare.explanation.gallery import load_gallery, save_gallery
from fashion_compare.store import RunDirectory, load_arrays, read_json, write_json
from fashion_compare.study.plan import run_path
from fashion_compare.study.spec import Study


def gallery_path(root: Path) -> Path:
    """Return where a study keeps its Grad-CAM gallery."""
    return root / "explanations" / "gradcam.npz"


def best_weights(directory: RunDirectory) -> Arrays:
    """Return the weights of a run's best epoch by validation."""
    arrays, _ = load_arrays(directory.weights)
    return {name.removeprefix("best."): value for name, value in arrays.items() if name.startswith("best.")}


def describe_gallery(root: Path) -> dict[str, Any] | None:
    """Return what results.json says about the gallery: which run, which images, and how strong their heat is."""
    gallery = load_gallery(gallery_path(root))
    note = gallery_path(root).with_suffix(".json")
    if gallery is None or not note.exists():
        return None
    images = [
        {
            "index": int(gallery.index[i]),
            "label": int(gallery.label[i]),
            "predicted": int(gallery.predicted[i]),
            "probability": float(gallery.probability[i]),
            "highest_heat": float(gallery.heat[i].max()),
            "all_zero": bool(gallery.empty[i]),
        }
        for i in range(len(gallery.index))
    ]
    of = read_json(note)
    return {"configuration": of["configuration"], "seed": of["seed"], "images": images}


def explain(study: Study, results: Mapping[str, Any], dataset: Dataset, root: Path) -> dict[str, Any] | None:
    """Make the Grad-CAM gallery of the cnn's best configuration (its first seed), unless it is there already.

    Returns:
        What results.json says about it.
    """
    if "cnn" in results["best"]:
        _make_gallery(study, results, dataset, root)
    return describe_gallery(root)


def _make_gallery(study: Study, results: Mapping[str, Any], dataset: Dataset, root: Path) -> None:
    name = results["best"]["cnn"]["configuration"]
    seed = results["models"]["cnn"]["configurations"][name]["runs"][0]["seed"]
    directory = RunDirectory(run_path(root, "cnn", name, seed))
    of = {"configuration": name, "seed": seed, "hash": read_json(directory.config)["hash"]}
    note = gallery_path(root).with_suffix(".json")
    if note.exists() and gallery_path(root).exists() and read_json(note) == of:
        return
    # captum imports torch, which nothing else of a report needs.
    from fashion_compare.classifier.cnn import CnnClassifier
    from fashion_compare.explanation.gallery import make_gallery

    classifier = build(study.models["cnn"][name], seed=seed, mean=0.0, deviation=1.0)
    assert isinstance(classifier, CnnClassifier)
    classifier.load_weights(best_weights(directory))
    test = load_predictions(directory.predictions)["test"]
    save_gallery(make_gallery(classifier, dataset.test_images, test.labels, test.logits), gallery_path(root))
    write_json(note, of)
