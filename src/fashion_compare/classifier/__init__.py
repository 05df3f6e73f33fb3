"""Both models behind one interface: `build` makes one from its configuration."""

from threadpoolctl import threadpool_limits

from fashion_compare.classifier.configuration import CnnConfiguration, Configuration, FfnnConfiguration
from fashion_compare.classifier.interface import Classifier, LayerComplexity

__all__ = ["Classifier", "Configuration", "build", "layers_of"]


def build(configuration: Configuration, *, seed: int, mean: float, std: float, device: str = "cpu") -> Classifier:
    """Make the untrained classifier that `configuration` describes.

    From here on this process computes with one thread: these networks are small, so runs side by side beat
    threads within a run, and every timed comparison sees the same number.

    Args:
        configuration: architecture and training settings.
        seed: of the initial weights and of dropout.
        mean: of the training pixels, 0 … 255, subtracted from every image.
        std: standard deviation of the training pixels, by which every image is divided.
        device: ``cpu`` or ``cuda``, where the cnn computes; the network from scratch knows the CPU alone.
    """
    threadpool_limits(1)
    match configuration:
        case FfnnConfiguration():
            from fashion_compare.classifier.ffnn import FfnnClassifier

            return FfnnClassifier(configuration, seed=seed, mean=mean, std=std)
        case CnnConfiguration():
            # torch takes seconds to import, and the from-scratch network needs none of it.
            from fashion_compare.classifier.cnn import CnnClassifier

            return CnnClassifier(configuration, seed=seed, mean=mean, std=std, device=device)


def layers_of(configuration: Configuration) -> list[LayerComplexity]:
    """Return what `build(configuration, …).complexity()` does, without the memory that the weights would take."""
    match configuration:
        case FfnnConfiguration():
            from fashion_compare.classifier import ffnn

            return ffnn.layers_of(configuration)
        case CnnConfiguration():
            from fashion_compare.classifier import cnn

            return cnn.layers_of(configuration)
