"""Trained networks back from their run directories."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fashion_compare.classifier import Classifier, build
from fashion_compare.classifier.configuration import Configuration
from fashion_compare.classifier.interface import Arrays
from fashion_compare.errors import UserError
from fashion_compare.store import RunDirectory, load_arrays
from fashion_compare.study.plan import run_path
from fashion_compare.study.spec import Study


@dataclass(frozen=True)
class Trained:
    """A configuration's finished runs.

    Attributes:
        model: ``ffnn`` or ``cnn``.
        name: of the configuration.
        configuration: its settings.
        seeds: of the finished runs.
        root: the study's directory.
    """

    model: str
    name: str
    configuration: Configuration
    seeds: tuple[int, ...]
    root: Path

    def directory(self, seed: int) -> RunDirectory:
        """Return where the run of a seed is."""
        return RunDirectory(run_path(self.root, self.model, self.name, seed))

    def classifier(self, seed: int) -> Classifier:
        """Return the network of a seed with the weights of its best epoch."""
        return load_classifier(self.configuration, self.directory(seed))

    def untrained(self, seed: int) -> Classifier:
        """Return a network of the same configuration as it is drawn."""
        return build(self.configuration, seed=seed, mean=0.0, deviation=1.0)

    def identity(self) -> dict[str, Any]:
        """Return what says which networks these are, JSON-ready."""
        hashes = [self.directory(seed).claimed_hash() for seed in self.seeds]
        return {"model": self.model, "configuration": self.name, "seeds": list(self.seeds), "runs": hashes}


def finished(study: Study, model: str, name: str, root: Path, most: int | None = None) -> Trained:
    """Return a configuration's finished runs, the first `most` of them."""
    seeds = [seed for seed in study.seeds if RunDirectory(run_path(root, model, name, seed)).is_done]
    return Trained(model, name, study.models[model][name], tuple(seeds[:most]), root)


def load_classifier(configuration: Configuration, directory: RunDirectory) -> Classifier:
    """Return the network of a run with the weights of its best epoch by validation.

    Raises:
        UserError: the weights cannot be read or belong to another network.
    """
    # Mean and deviation of the training images come with the weights.
    classifier = build(configuration, seed=0, mean=0.0, deviation=1.0)
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
