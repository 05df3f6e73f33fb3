"""The trained networks of a configuration, loaded from its run directories."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fashion_compare.classifier import Classifier, build
from fashion_compare.classifier.configuration import Configuration
from fashion_compare.runs.checkpoints import load_classifier, run_as_done
from fashion_compare.runs.run import run_directory
from fashion_compare.store import RunDirectory
from fashion_compare.study.context import StudyContext


@dataclass(frozen=True)
class ExplanationBudget:
    """How many images each part of the explanations looks at: fixed parts, drawn once.

    Attributes:
        probed: test images, changed in every way.
        shift_map: test images, shifted in every direction.
        readout: training images that a layer's readout is fitted to.
        perturbed: test images, deleted and inserted.
        randomised: test images for the randomised-weights check.
        averaged: test images in mean maps.
    """

    probed: int = 2_000
    shift_map: int = 500
    readout: int = 5_000
    perturbed: int = 300
    randomised: int = 100
    averaged: int = 500


# For a study on a part of the training images, which is a first look itself.
QUICK_BUDGET = ExplanationBudget(probed=500, shift_map=100, readout=2_000, perturbed=100, randomised=30, averaged=100)


@dataclass(frozen=True)
class TrainedRuns:
    """A configuration's finished runs.

    Attributes:
        model: ``ffnn`` or ``cnn``.
        name: of the configuration.
        configuration: its settings.
        seeds: of the finished runs.
        root: the study's directory.
        sizes: how many images its explanations look at.
    """

    model: str
    name: str
    configuration: Configuration
    seeds: tuple[int, ...]
    root: Path
    sizes: ExplanationBudget = ExplanationBudget()

    def directory(self, seed: int) -> RunDirectory:
        """Return where the run of a seed is."""
        return run_directory(self.root, self.model, self.name, seed)

    def classifier(self, seed: int) -> Classifier:
        """Return the network of a seed with the weights of its best epoch."""
        return load_classifier(self.configuration, self.directory(seed))

    def initial_classifier(self, seed: int) -> Classifier:
        """Return an untrained network of the same configuration."""
        return build(self.configuration, seed=seed, mean=0.0, std=1.0)

    def identity(self) -> dict[str, Any]:
        """Return what says which networks these are, and how closely they are looked at, JSON-ready."""
        runs = [run_as_done(self.directory(seed)) for seed in self.seeds]
        networks = {"model": self.model, "configuration": self.name, "seeds": list(self.seeds), "runs": runs}
        return networks | {"images": asdict(self.sizes)}


def finished(context: StudyContext, model: str, name: str, most: int | None = None) -> TrainedRuns:
    """Return a configuration's finished runs, the first `most` of them."""
    study, root = context.study, context.root
    seeds = [seed for seed in study.seeds if run_directory(root, model, name, seed).is_done]
    sizes = ExplanationBudget() if study.training_images is None else QUICK_BUDGET
    return TrainedRuns(model, name, study.models[model][name], tuple(seeds[:most]), root, sizes)
