"""One image explained by one trained run."""

import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from fashion_compare.classifier.configuration import Configuration, from_defining_settings
from fashion_compare.classifier.functional import softmax
from fashion_compare.data.variants import pixel_order
from fashion_compare.errors import UsageError, UserError
from fashion_compare.explanation.attribution import METHODS, explain
from fashion_compare.explanation.saliency import Maps
from fashion_compare.json_record import JsonRecord
from fashion_compare.runs.checkpoints import load_classifier
from fashion_compare.runs.run import DataIdentity
from fashion_compare.store import RunDirectory, read_json, to_json

PIXELS = 28 * 28
# What tells one picture's results from another's, in the results.
PIXELS_SHA256 = "pixels_sha256"


class ImageExplanation(JsonRecord):
    """What the network of one run predicts for one image."""

    model: str
    configuration: str
    run: str
    predicted: int
    label: int | None
    probabilities: list[float]
    logits: list[float]


def explain_image(
    directory: RunDirectory, image: NDArray[np.uint8], label: int | None
) -> tuple[ImageExplanation, dict[str, dict[str, Maps]]]:
    """Explain an image with the network of a finished run.

    Args:
        directory: of the run.
        image: (28, 28) uint8.
        label: the right class, if it is known.

    Returns:
        What the network predicts, and the maps: ``predicted`` and, where that is wrong, ``label`` → method → (28, 28).

    Raises:
        UserError: the run is not finished, or its files are damaged.
    """
    model, configuration, order = _definition(directory)
    classifier = load_classifier(configuration, directory)
    seen = image.reshape(-1)[order].reshape(1, *image.shape)
    logits = classifier.logits(classifier.preprocess(seen))
    predicted = int(logits.argmax())
    targets = {"predicted": predicted} | ({"label": label} if label not in (None, predicted) else {})

    def map_of(target: int, method: str) -> Maps:
        found = np.empty(image.size, np.float32)
        # Back to where the pixels were.
        found[order] = explain(model, classifier, seen, np.array([target]), method).reshape(-1)
        return found.reshape(image.shape)

    maps = {name: {method: map_of(target, method) for method in METHODS[model]} for name, target in targets.items()}
    explained = ImageExplanation(
        model=model,
        configuration=directory.path.parent.name,
        run=directory.path.name,
        predicted=predicted,
        label=label,
        probabilities=softmax(logits)[0].tolist(),
        logits=logits[0].tolist(),
    )
    return explained, maps


def pixels_sha256(image: NDArray[np.uint8]) -> str:
    """Return the SHA-256 of an image's pixels."""
    return hashlib.sha256(image.tobytes()).hexdigest()


def own_stem(directory: Path, stem: str, image: NDArray[np.uint8]) -> str:
    """Return the name under which an image's results are written: `stem`, with twelve digits if another image has that.

    The name is taken at once, so that two processes do not take the same one.
    """
    own = pixels_sha256(image)
    path = directory / f"{stem}.json"
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(to_json({PIXELS_SHA256: own}))
    except FileExistsError:
        try:
            results = read_json(path)
        except UserError:
            results = None
        if not isinstance(results, dict) or results.get(PIXELS_SHA256) != own:
            return f"{stem}-{own[:12]}"
    except OSError:
        # The line about it is that of writing the results.
        pass
    return stem


def check_run_directory(path: Path) -> RunDirectory:
    """Return the run directory at `path`.

    Raises:
        UsageError: there is none, or its run is not finished.
    """
    directory = RunDirectory(path)
    if not directory.config.exists():
        known = sorted(str(config.parent) for config in path.glob("*/*/seed-*/config.json"))
        such = known[0] if known else "runs/default/cnn/baseline/seed-0"
        raise UsageError(f"{path} is no run's directory; expected one such as {such}")
    if not directory.is_done:
        raise UsageError(f"{path}: the run is not finished; 'fashion-compare run' or 'train' goes on with it")
    return directory


def data_of(directory: RunDirectory) -> DataIdentity:
    """Return what a run's definition says about its data.

    Raises:
        UserError: it says nothing.
    """
    held = read_json(directory.config)
    try:
        name, sha256, split = (held["data"][key] for key in ("name", "sha256", "split_sha256"))
        return {"name": str(name), "sha256": dict(sha256), "split_sha256": str(split)}
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(
            f"{directory.config} does not define a run; delete {directory.path} to train it again"
        ) from error


def _definition(directory: RunDirectory) -> tuple[str, Configuration, NDArray[np.int64]]:
    """Return a run's model, its configuration, and the order in which it sees the pixels."""
    held = read_json(directory.config)
    try:
        configuration = from_defining_settings(held["configuration"])
        order = pixel_order(PIXELS) if held.get("permuted") else np.arange(PIXELS)
        return held["model"], configuration, order
    except (KeyError, TypeError, ValidationError) as error:
        raise UserError(
            f"{directory.config} does not define a run; delete {directory.path} to train it again"
        ) from error
