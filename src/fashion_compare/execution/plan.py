"""All runs of a study, and the directory that it lives in."""

from pathlib import Path

from fashion_compare.data.dataset import FASHION_MNIST, Dataset
from fashion_compare.runs.run import Run
from fashion_compare.study.context import StudyContext


def plan(context: StudyContext) -> list[Run]:
    """Return the study's runs, the longest first, so that no worker is left with a long one at the end."""
    study, root = context.study, context.root
    runs = [
        Run(model, name, configuration, seed, study.training_images, context.source, root, context.data)
        for model, configurations in study.models.items()
        for name, configuration in configurations.items()
        for seed in study.seeds
    ]
    return sorted(runs, key=lambda run: -run.cost)


def root_of(out: Path, name: str, dataset: Dataset) -> Path:
    """Return the directory of the study of that name; on other data than Fashion-MNIST it has a name of its own."""
    if dataset.name == FASHION_MNIST:
        return out / name
    return out / f"{name}-{'synthetic' if dataset.is_synthetic else dataset.name}"
