"""The from-scratch network behind the classifier interface."""

import itertools
import json
import math
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from fashion_compare.classifier.configuration import FfnnConfiguration
from fashion_compare.classifier.interface import (
    Arrays,
    Labels,
    LayerComplexity,
    Logits,
    NonFiniteLossError,
    Pixels,
    averaging_share,
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

    def __init__(self, configuration: FfnnConfiguration, *, seed: int, mean: float, deviation: float) -> None:
        self._configuration = configuration
        self._mean, self._deviation = np.float32(mean), np.float32(deviation)
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
        # What a moving average is taken of: parameters, and the statistics that belong to them. The network holds the
        # averages and `_aside` the newest values; while it trains, it is the other way round.
        self._averaged = [self.network.parameters]
        self._averaged += [vector for norm in self.network.norms for vector in (norm.mean, norm.variance)]
        self._aside = [vector.copy() for vector in self._averaged]
        self._steps = 0

    def prepare(self, images: Pixels) -> NDArray[np.float32]:
        """Return (n, 784) float32 with the training set's mean 0 and deviation 1."""
        prepared = images.reshape(len(images), PIXELS).astype(np.float32)
        prepared -= self._mean
        prepared /= self._deviation
        return prepared

    def train_epoch(
        self,
        prepared: NDArray[np.float32],
        labels: Labels,
        order: NDArray[np.int64],
        learning_rates: NDArray[np.float64] | None = None,
    ) -> float:
        """Take one step per batch of `order`; return the mean objective by example."""
        network, size, clip = self.network, self._configuration.batch_size, self._configuration.gradient_clip_norm
        starts = range(0, len(order), size)
        if learning_rates is None:
            learning_rates = np.full(len(starts), self._configuration.learning_rate)
        total = 0.0
        batch = np.empty((size, PIXELS), np.float32)
        # A diverging run overflows before its loss is caught below: one clear error, not ten warnings.
        with self._newest_values(), np.errstate(over="ignore", invalid="ignore", divide="ignore"):
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
                self._average()
                total += loss * len(chosen)
        return total / len(order)

    @contextmanager
    def _newest_values(self) -> Iterator[None]:
        """Put the averages aside and the newest values into the network, and back in the end."""
        self._exchange()
        try:
            yield
        finally:
            self._exchange()

    def _exchange(self) -> None:
        if self._configuration.ema_decay:
            for held, aside in zip(self._averaged, self._aside, strict=True):
                newest = aside.copy()
                aside[...] = held
                held[...] = newest

    def _average(self) -> None:
        """Move the averages, now aside, towards the values that the last step led to."""
        if self._configuration.ema_decay:
            self._steps += 1
            share = averaging_share(self._configuration.ema_decay, self._steps)
            for newest, average in zip(self._averaged, self._aside, strict=True):
                np.add(average, share * (newest - average), out=average)

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
        return (gradients / self._deviation).astype(np.float32).reshape(-1, 28, 28)

    def penalty(self) -> float:
        """Return l1·Σ|w| + l2·Σw²."""
        with np.errstate(over="ignore", invalid="ignore"):
            return self.network.penalty()

    def weights(self) -> Arrays:
        """Return what predicts, layer by layer, and the normalisation of the images."""
        normalisation = {"input.mean": np.array([self._mean]), "input.deviation": np.array([self._deviation])}
        return normalisation | {name: value.copy() for name, value in self._named().items()}

    def load_weights(self, weights: Arrays) -> None:
        """Take over what `weights` returned."""
        self._mean, self._deviation = weights["input.mean"][0], weights["input.deviation"][0]
        for name, value in self._named().items():
            if weights[name].shape != value.shape:
                raise ValueError(f"{name} has shape {weights[name].shape}, expected {value.shape}")
            value[...] = weights[name]
        for held, aside in zip(self._averaged, self._aside, strict=True):
            aside[...] = held

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
            state |= {"steps": np.array([self._steps]), "newest": np.concatenate(self._aside)}
        return state

    def load_state(self, state: Arrays) -> None:
        """Take over what `state` returned."""
        self.network.generator.bit_generator.state = json.loads(state["generator"].tobytes())
        prefix = "optimizer."
        self._optimizer.state = {k.removeprefix(prefix): v.copy() for k, v in state.items() if k.startswith(prefix)}
        if self._configuration.ema_decay:
            self._steps = int(state["steps"][0])
            parts = np.split(state["newest"], np.cumsum([len(vector) for vector in self._aside])[:-1])
            for aside, value in zip(self._aside, parts, strict=True):
                aside[...] = value

    def complexity(self) -> list[LayerComplexity]:
        """Return the layers with parameters."""
        return layers_of(self._configuration)


def _optimizer(configuration: FfnnConfiguration, weights: slice) -> Optimizer:
    """Make the optimiser; weight decay is for the weights alone."""
    rate, momentum = configuration.learning_rate, configuration.momentum
    match configuration.optimizer:
        case "sgd":
            return SGD(learning_rate=rate)
        case "momentum":
            return Momentum(learning_rate=rate, momentum=momentum)
        case "nesterov":
            return Nesterov(learning_rate=rate, momentum=momentum)
        case "rmsprop":
            return RMSProp(learning_rate=rate)
        case "adam":
            return Adam(learning_rate=rate)
        case "adamw":
            return AdamW(learning_rate=rate, weight_decay=configuration.weight_decay, mask=weights)
