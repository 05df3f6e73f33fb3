"""From a study to its runs: which there are, where each lives, and what defines it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

from fashion_compare.classifier.configuration import Configuration, defining_settings, neutral_settings
from fashion_compare.data.dataset import Dataset
from fashion_compare.data.sources import Source
from fashion_compare.store import RunDirectory

# 1 named every setting and stored scores in result.json; 2 names what is not neutral and stores facts of the training.
RUN_FORMAT = 2
# Rough seconds of an epoch relative to each other, for the order and the first guess of the time left.
EPOCH_COST = {"ffnn": 1.0, "cnn": 5.0}
ALL_IMAGES = 55_000


class DataIdentity(TypedDict):
    """What identifies the data of a run: the data set's name, its files' hashes, and that of the split."""

    name: str
    sha256: dict[str, str]
    split_sha256: str


@dataclass(frozen=True)
class Run:
    """One training: small and picklable, for it travels to a worker.

    Attributes:
        model: ``ffnn`` or ``cnn``.
        name: of the configuration in its study.
        configuration: what to train, and how.
        seed: of everything random in it.
        training_images: how many the run sees; None for all.
        source: where its worker reads the data; None for a run that is only looked at.
        root: the study's directory.
        data: hashes that must hold for the data, part of the run's identity.
        permuted: whether it sees the pixels in another order.
        fold: (fold, folds) when it holds out that fold of the training images, and predicts it for the test set.
        pruning_thresholds: epoch → validation accuracy that has to be reached by its end, or the run ends there.
        device: where a cnn computes, as `--device` names it; no part of the run's identity, for results agree.
    """

    model: str
    name: str
    configuration: Configuration
    seed: int
    training_images: int | None
    source: Source | None
    root: Path
    data: DataIdentity
    permuted: bool = False
    fold: tuple[int, int] | None = None
    pruning_thresholds: tuple[tuple[int, float], ...] = ()
    device: str = "cpu"

    @property
    def directory(self) -> RunDirectory:
        """Where the run's files are."""
        return run_directory(self.root, self.model, self.name, self.seed)

    @property
    def label(self) -> str:
        """Model, configuration and seed, for people."""
        return run_label(self.model, self.name, self.seed)

    @property
    def identity(self) -> dict[str, Any]:
        """Everything that defines the run: what is done already under the same identity is not done again."""
        identity = run_identity(self.configuration, self.seed, self.data, self.training_images)
        # Only what is out of the ordinary, so that all other runs keep the identity that they always had.
        special = {
            "permuted": self.permuted,
            "fold": list(self.fold or ()),
            "bar": [list(step) for step in self.pruning_thresholds],
        }
        return identity | {name: value for name, value in special.items() if value}

    def claim(self) -> None:
        """Take the run's directory for it, or find that it is its already; raises as `RunDirectory.claim` does."""
        self.directory.claim(self.identity, neutral_settings(self.model))

    def verify(self) -> None:
        """Check that the run's directory is its own; raises as `RunDirectory.verify` does."""
        self.directory.verify(self.identity, neutral_settings(self.model))

    @property
    def epoch_cost(self) -> float:
        """A rough measure of how long an epoch takes."""
        return EPOCH_COST[self.model] * (self.training_images or ALL_IMAGES) / ALL_IMAGES

    @property
    def cost(self) -> float:
        """A rough measure of how long the run takes."""
        return self.epoch_cost * (self.configuration.epochs + 1)


def run_identity(
    configuration: Configuration, seed: int, data: DataIdentity, training_images: int | None
) -> dict[str, Any]:
    """Return what defines a run, JSON-ready."""
    return {
        "format": RUN_FORMAT,
        "model": configuration.model,
        "configuration": defining_settings(configuration),
        "seed": seed,
        "data": {**data, "training_images": training_images},
    }


def run_label(model: str, name: str, seed: int) -> str:
    """Return a run's name for people."""
    return f"{model}/{name}/seed-{seed}"


def run_directory(root: Path, model: str, name: str, seed: int) -> RunDirectory:
    """Return where a run's files are in its study's directory."""
    return RunDirectory(run_path(root, model, name, seed))


def run_path(root: Path, model: str, name: str, seed: int) -> Path:
    """Return the directory of a run in its study's directory."""
    return root / model / name / f"seed-{seed}"


def data_identity(dataset: Dataset) -> DataIdentity:
    """Return what a run's identity says about its data."""
    return {"name": dataset.name, "sha256": dataset.sha256, "split_sha256": dataset.split_sha256}
