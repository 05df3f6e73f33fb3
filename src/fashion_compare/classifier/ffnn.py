"""The from-scratch network behind the classifier interface."""

import itertools
import json
import math

import numpy as np
from numpy.typing import NDArray

from fashion_compare.classifier.configuration import FfnnConfiguration
from fashion_compare.classifier.interface import (
    Arrays,
    Images,
    Labels,
    LayerComplexity,
    Logits,
    NonFiniteLossError,
)
from fashion_compare.scratch import Network
from fashion_compare.scratch.optimizers import SGD, Adam, Momentum, Optimizer

PIXELS, CLASSES = 28 * 28, 10
_EVALUATION_BATCH = 500


class FfnnClassifier:
    """Adapts `scratch.Network`: flattens and normalises images, walks through batches."""

    def __init__(self, configuration: FfnnConfiguration, *, seed: int, mean: float, deviation: float) -> None:
        self._configuration = configuration
        self._mean, self._deviation = np.float32(mean), np.float32(deviation)
        self.network = Network(
            (PIXELS, *configuration.hidden_sizes, CLASSES),
            seed=seed,
            activation=configuration.activation,
            initialization=configuration.initialization,
            dropout=configuration.dropout,
            l1=configuration.l1,
            l2=configuration.l2,
        )
        self._optimizer = _optimizer(configuration)

    def prepare(self, images: Images) -> NDArray[np.float32]:
        """Return (n, 784) float32 with the training set's mean 0 and deviation 1."""
        prepared = images.reshape(len(images), PIXELS).astype(np.float32)
        prepared -= self._mean
        prepared /= self._deviation
        return prepared

    def train_epoch(self, prepared: NDArray[np.float32], labels: Labels, order: NDArray[np.int64]) -> float:
        """Take one step per batch of `order`; return the mean objective by example."""
        total = 0.0
        size = self._configuration.batch_size
        batch = np.empty((size, PIXELS), np.float32)
        # A diverging run overflows before its loss is caught below: one clear error, not ten warnings.
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            for step, start in enumerate(range(0, len(order), size), start=1):
                chosen = order[start : start + size]
                # mode="clip" is the fast path: it skips a buffered copy, and the order is in range by construction.
                images = np.take(prepared, chosen, axis=0, out=batch[: len(chosen)], mode="clip")
                loss = self.network.loss_and_gradient(images, labels[chosen])
                if not math.isfinite(loss):
                    raise NonFiniteLossError(step)
                self._optimizer.step(self.network.parameters, self.network.gradient)
                total += loss * len(chosen)
        return total / len(order)

    def logits(self, prepared: NDArray[np.float32]) -> Logits:
        """Return (n, 10) scores, computed in slices that stay in the processor's cache."""
        result = np.empty((len(prepared), CLASSES), np.float32)
        with np.errstate(over="ignore", invalid="ignore"):
            for start in range(0, len(prepared), _EVALUATION_BATCH):
                part = slice(start, start + _EVALUATION_BATCH)
                result[part] = self.network.logits(prepared[part])
        return result

    def penalty(self) -> float:
        """Return l1·Σ|w| + l2·Σw²."""
        with np.errstate(over="ignore", invalid="ignore"):
            return self.network.penalty()

    def weights(self) -> Arrays:
        """Return the weight matrices and biases layer by layer, and the normalisation."""
        named: Arrays = {"input.mean": np.array([self._mean]), "input.deviation": np.array([self._deviation])}
        for i, (W, b) in enumerate(zip(self.network.weights, self.network.biases, strict=True), start=1):
            named[f"dense{i}.weight"], named[f"dense{i}.bias"] = W.copy(), b.copy()
        return named

    def load_weights(self, weights: Arrays) -> None:
        """Take over what `weights` returned."""
        self._mean, self._deviation = weights["input.mean"][0], weights["input.deviation"][0]
        for i, (W, b) in enumerate(zip(self.network.weights, self.network.biases, strict=True), start=1):
            W[...], b[...] = weights[f"dense{i}.weight"], weights[f"dense{i}.bias"]

    def state(self) -> Arrays:
        """Return the optimiser's moments and the dropout generator."""
        generator = json.dumps(self.network.generator.bit_generator.state).encode()
        moments = {f"optimizer.{name}": value.copy() for name, value in self._optimizer.state.items()}
        return {"generator": np.frombuffer(generator, np.uint8), **moments}

    def load_state(self, state: Arrays) -> None:
        """Take over what `state` returned."""
        self.network.generator.bit_generator.state = json.loads(state["generator"].tobytes())
        prefix = "optimizer."
        self._optimizer.state = {k.removeprefix(prefix): v.copy() for k, v in state.items() if k.startswith(prefix)}

    def complexity(self) -> list[LayerComplexity]:
        """Return the dense layers: W (fan_in, fan_out) costs fan_in·fan_out multiply-accumulates."""
        return [
            LayerComplexity(
                f"dense{i}",
                f"dense {fan_in} → {fan_out}",
                (fan_out,),
                (fan_in + 1) * fan_out,
                fan_in * fan_out,
            )
            for i, (fan_in, fan_out) in enumerate(itertools.pairwise(self.network.layer_sizes), start=1)
        ]


def _optimizer(configuration: FfnnConfiguration) -> Optimizer:
    match configuration.optimizer:
        case "sgd":
            return SGD(learning_rate=configuration.learning_rate)
        case "momentum":
            return Momentum(learning_rate=configuration.learning_rate, momentum=configuration.momentum)
        case "adam":
            return Adam(learning_rate=configuration.learning_rate)
