"""The from-scratch network behind the classifier interface."""

import itertools
import json
import math

import numpy as np
from numpy.typing import NDArray

from fashion_compare.classifier.averaging import WeightAverage
from fashion_compare.classifier.configuration import FfnnConfiguration
from fashion_compare.classifier.interface import (
    Arrays,
    Labels,
    LayerComplexity,
    Logits,
    NonFiniteLossError,
    Pixels,
)
from fashion_compare.scratch import Network
from fashion_compare.scratch.optimizers import SGD, Adam, AdamW, Momentum, Nesterov, Optimizer, RMSProp, clip_norm

PIXELS, CLASSES = 28 * 28, 10
_EVALUATION_BATCH = 500


def layer_sizes(configuration: FfnnConfiguration) -> tuple[int, ...]:
    """Return the units from the image to the scores."""
    return (PIXELS, *configuration.hidden_sizes, CLASSES)


def layers_of(configuration: FfnnConfiguration) -> list[LayerComplexity]:
    """Return the layers with parameters: a dense one costs fan_in·fan_out multiply-accumulates."""
    layers = []
    for i, (fan_in, fan_out) in enumerate(itertools.pairwise(layer_sizes(configuration)), start=1):
        kind, parameters, products = f"dense {fan_in} → {fan_out}", (fan_in + 1) * fan_out, fan_in * fan_out
        layers.append(LayerComplexity(f"dense{i}", kind, (fan_out,), parameters, products))
        if configuration.normalization == "batch" and i <= len(configuration.hidden_sizes):
            layers.append(LayerComplexity(f"norm{i}", "batch normalisation", (fan_out,), 2 * fan_out, 0))
    return layers


class FfnnClassifier:
    """Adapts `scratch.Network`: flattens and normalises images, walks through batches."""

    def __init__(self, configuration: FfnnConfiguration, *, seed: int, mean: float, std: float) -> None:
        self._configuration = configuration
        self._mean, self._std = np.float32(mean), np.float32(std)
        self.network = Network(
            layer_sizes(configuration),
            seed=seed,
            activation=configuration.activation,
            initialization=configuration.initialization,
            batch_norm=configuration.normalization == "batch",
            dropout=configuration.dropout,
            label_smoothing=configuration.label_smoothing,
            l1=configuration.l1,
            l2=configuration.l2,
        )
        self._optimizer = _optimizer(configuration, weights=slice(self.network.weight_count))
        statistics = [vector for norm in self.network.norms for vector in (norm.mean, norm.variance)]
        self._average = WeightAverage(
            [self.network.parameters, *statistics], configuration.ema_decay, copy=np.copy, lerp=_lerp
        )

    def preprocess(self, images: Pixels) -> NDArray[np.float32]:
        """Return (n, 784) float32 with the training set's mean 0 and deviation 1."""
        prepared = images.reshape(len(images), PIXELS).astype(np.float32)
        prepared -= self._mean
        prepared /= self._std
        return prepared

    def train_epoch(
        self,
        prepared: NDArray[np.float32],
        labels: Labels,
        order: NDArray[np.int64],
        learning_rates: NDArray[np.float64],
    ) -> float:
        """Take one step per batch of `order`; return the mean objective by example."""
        network, size, clip = self.network, self._configuration.batch_size, self._configuration.gradient_clip_norm
        starts = range(0, len(order), size)
        total = 0.0
        batch = np.empty((size, PIXELS), np.float32)
        # A diverging run overflows before its loss is caught below: one clear error, not ten warnings.
        with self._average.training(), np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            for step, (start, rate) in enumerate(zip(starts, learning_rates, strict=True), start=1):
                chosen = order[start : start + size]
                # mode="clip" is the fast path: it skips a buffered copy, and the order is in range by construction.
                images = np.take(prepared, chosen, axis=0, out=batch[: len(chosen)], mode="clip")
                loss = network.loss_and_gradient(images, labels[chosen])
                if not math.isfinite(loss):
                    raise NonFiniteLossError(step)
                if clip is not None:
                    clip_norm(network.gradient, clip)
                self._optimizer.learning_rate = float(rate)
                self._optimizer.step(network.parameters, network.gradient)
                self._average.update()
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

    def input_gradients(self, prepared: NDArray[np.float32], targets: Labels) -> NDArray[np.float32]:
        """Return the derivative of each image's target score, (n, 28, 28), per grey level."""
        gradients = self.network.input_gradient(prepared, np.eye(CLASSES, dtype=np.float32)[targets])
        return (gradients / self._std).astype(np.float32).reshape(-1, 28, 28)

    def penalty(self) -> float:
        """Return l1·Σ|w| + l2·Σw²."""
        with np.errstate(over="ignore", invalid="ignore"):
            return self.network.penalty()

    def weights(self) -> Arrays:
        """Return what predicts, layer by layer, and the normalisation of the images."""
        normalisation = {"input.mean": np.array([self._mean]), "input.deviation": np.array([self._std])}
        return normalisation | {name: value.copy() for name, value in self._named().items()}

    def load_weights(self, weights: Arrays) -> None:
        """Take over what `weights` returned."""
        self._mean, self._std = weights["input.mean"][0], weights["input.deviation"][0]
        for name, value in self._named().items():
            if weights[name].shape != value.shape:
                raise ValueError(f"{name} has shape {weights[name].shape}, expected {value.shape}")
            value[...] = weights[name]
        self._average.reset()

    def _named(self) -> Arrays:
        """Return the network's own vectors and matrices by their names in files."""
        named: Arrays = {}
        for i, (W, b) in enumerate(zip(self.network.weights, self.network.biases, strict=True), start=1):
            named[f"dense{i}.weight"], named[f"dense{i}.bias"] = W, b
        for i, norm in enumerate(self.network.norms, start=1):
            named[f"norm{i}.weight"], named[f"norm{i}.bias"] = norm.gamma, norm.beta
            named[f"norm{i}.running_mean"], named[f"norm{i}.running_var"] = norm.mean, norm.variance
        return named

    def state(self) -> Arrays:
        """Return the optimiser's moments, the dropout generator and, with averaging, the newest weights."""
        generator = json.dumps(self.network.generator.bit_generator.state).encode()
        moments = {f"optimizer.{name}": value.copy() for name, value in self._optimizer.state.items()}
        state = {"generator": np.frombuffer(generator, np.uint8), **moments}
        if self._configuration.ema_decay:
            state |= {"steps": np.array([self._average.steps]), "newest": np.concatenate(self._average.shadow)}
        return state

    def load_state(self, state: Arrays) -> None:
        """Take over what `state` returned."""
        self.network.generator.bit_generator.state = json.loads(state["generator"].tobytes())
        prefix = "optimizer."
        self._optimizer.state = {k.removeprefix(prefix): v.copy() for k, v in state.items() if k.startswith(prefix)}
        if self._configuration.ema_decay:
            self._average.steps = int(state["steps"][0])
            parts = np.split(state["newest"], np.cumsum([len(vector) for vector in self._average.shadow])[:-1])
            for shadow, value in zip(self._average.shadow, parts, strict=True):
                shadow[...] = value

    def complexity(self) -> list[LayerComplexity]:
        """Return the layers with parameters."""
        return layers_of(self._configuration)


def _lerp(average: NDArray[np.float32], newest: NDArray[np.float32], weight: float) -> None:
    np.add(average, weight * (newest - average), out=average)


def _optimizer(configuration: FfnnConfiguration, weights: slice) -> Optimizer:
    """Make the optimiser, which is given a rate at each step; weight decay is for the weights alone."""
    match configuration.optimizer:
        case "sgd":
            return SGD()
        case "momentum":
            return Momentum(momentum=configuration.momentum)
        case "nesterov":
            return Nesterov(momentum=configuration.momentum)
        case "rmsprop":
            return RMSProp()
        case "adam":
            return Adam()
        case "adamw":
            return AdamW(weight_decay=configuration.weight_decay, mask=weights)
