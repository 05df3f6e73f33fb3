"""Trained networks back from a run's directory."""

import hashlib

from fashion_compare.classifier import Classifier, build
from fashion_compare.classifier.configuration import Configuration
from fashion_compare.classifier.interface import Arrays
from fashion_compare.errors import UserError
from fashion_compare.store import RunDirectory, load_arrays


def run_as_done(directory: RunDirectory) -> list[str]:
    """Return what tells a finished run from any other: its definition's hash, and that of its predictions.

    The same definition trained again on another machine need not give the same network. Predictions tell, and are
    there even where weights were deleted to save space.

    Raises:
        UserError: there are none.
    """
    try:
        with directory.predictions.open("rb") as file:
            return [directory.claimed_hash(), hashlib.file_digest(file, "sha256").hexdigest()]
    except OSError as error:
        raise UserError(
            f"cannot read {directory.predictions} ({error.strerror}); delete {directory.path} to train it again"
        ) from error


def load_classifier(configuration: Configuration, directory: RunDirectory) -> Classifier:
    """Return the network of a run with the weights of its best epoch by validation.

    Raises:
        UserError: the weights cannot be read or belong to another network.
    """
    # Mean and deviation of the training images come with the weights.
    classifier = build(configuration, seed=0, mean=0.0, std=1.0)
    try:
        classifier.load_weights(best_weights(directory))
    except (KeyError, ValueError, RuntimeError) as error:
        raise UserError(
            f"{directory.weights} does not fit its run ({error}); delete {directory.path} to train it again"
        ) from error
    return classifier


def best_weights(directory: RunDirectory) -> Arrays:
    """Return the weights of a run's best epoch by validation."""
    arrays, _ = load_arrays(directory.weights)
    return {name.removeprefix("best."): value for name, value in arrays.items() if name.startswith("best.")}
