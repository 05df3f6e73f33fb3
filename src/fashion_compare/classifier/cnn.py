"""A torch architecture behind the classifier interface. The only module that imports torch for training."""

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from fashion_compare.architectures import load_architecture
from fashion_compare.classifier.averaging import WeightAverage
from fashion_compare.classifier.complexity import complexity
from fashion_compare.classifier.configuration import CnnConfiguration
from fashion_compare.classifier.interface import (
    Arrays,
    Labels,
    LayerComplexity,
    Logits,
    NonFiniteLossError,
    Pixels,
)
from fashion_compare.device import set_up_cuda

CLASSES = 10
_EVALUATION_BATCH = 500


def make_module(configuration: CnnConfiguration) -> nn.Module:
    """Return the untrained network that `configuration` describes, its weights drawn from torch's generator."""
    architecture = load_architecture(configuration.architecture)
    return architecture.build(CLASSES, configuration.dropout, configuration.normalization == "batch")


def layers_of(configuration: CnnConfiguration) -> list[LayerComplexity]:
    """Return the layers of the network that `configuration` describes, in no more memory than their description."""
    with torch.device("meta"):
        return complexity(make_module(configuration))


class CnnClassifier:
    """Adapts a torch module: normalises images once, keeps them in one tensor, walks through batches."""

    def __init__(
        self, configuration: CnnConfiguration, *, seed: int, mean: float, std: float, device: str = "cpu"
    ) -> None:
        torch.set_num_threads(1)
        if device == "cuda":
            set_up_cuda()
        self._device = torch.device(device)
        # On a GPU to look at every step's loss would have each step wait for the one before.
        self._checks_each_step = device == "cpu"
        torch.manual_seed(seed)
        self._configuration = configuration
        self._mean, self._std = np.float32(mean), np.float32(std)
        # Drawn on the CPU: the same initial weights on every device.
        self.architecture = load_architecture(configuration.architecture)
        self.module = make_module(configuration).to(self._device)
        for layer in self.module.modules():
            if isinstance(layer, nn.Flatten):
                layer.register_forward_pre_hook(_to_dense)
        # One flat vector, weights first, then biases, scales and shifts, as in the network from scratch: an optimiser
        # that walks through ten small tensors spends its time between them, and the penalised part is one slice.
        weights = [p for p in self.module.parameters() if p.ndim > 1]
        self._parameters = weights + [p for p in self.module.parameters() if p.ndim == 1]
        self._flat = nn.utils.parameters_to_vector(self._parameters).detach()
        nn.utils.vector_to_parameters(self._flat, self._parameters)
        self._weight_part = self._flat[: sum(w.numel() for w in weights)]
        self._optimizer = _optimizer(configuration, self._flat)
        statistics = [buffer for buffer in self.module.buffers() if buffer.is_floating_point()]
        self._average = WeightAverage(
            [self._flat, *statistics], configuration.ema_decay, copy=Tensor.clone, lerp=Tensor.lerp_
        )

    def preprocess(self, images: Pixels) -> Tensor:
        """Return (n, 1, 28, 28) float32 with the training set's mean 0 and deviation 1."""
        prepared = torch.from_numpy(images.astype(np.float32)).unsqueeze_(1)
        return prepared.sub_(float(self._mean)).div_(float(self._std)).to(self._device)

    def train_epoch(
        self,
        prepared: Tensor,
        labels: Labels,
        order: NDArray[np.int64],
        learning_rates: NDArray[np.float64],
    ) -> float:
        """Take one step per batch of `order`; return the mean objective by example."""
        targets = torch.from_numpy(labels).to(self._device)
        batches = _split(torch.from_numpy(order).to(self._device), self._configuration.batch_size)
        with self._average.training():
            objectives = self._take_steps(prepared, targets, batches, learning_rates)
        values: list[float] = torch.stack(objectives).tolist()
        total = 0.0
        for step, (objective, chosen) in enumerate(zip(values, batches, strict=True), start=1):
            _check_finite(objective, step)
            total += objective * len(chosen)
        return total / len(order)

    def _take_steps(
        self, prepared: Tensor, targets: Tensor, batches: Sequence[Tensor], learning_rates: NDArray[np.float64]
    ) -> list[Tensor]:
        """Take a step per batch and return each one's objective; on a GPU nothing in here waits for it."""
        objectives = []
        for step, (chosen, rate) in enumerate(zip(batches, learning_rates, strict=True), start=1):
            self._set_mode(len(chosen))
            scores = self.module(_for_convolutions(prepared.index_select(0, chosen)))
            loss = nn.functional.cross_entropy(
                scores, targets[chosen], label_smoothing=self._configuration.label_smoothing
            )
            objectives.append(loss.detach().double() + self._penalty())
            if self._checks_each_step:
                _check_finite(float(objectives[-1]), step)
            gradient = nn.utils.parameters_to_vector(torch.autograd.grad(loss, self._parameters))
            self._add_penalty_gradient(gradient[: len(self._weight_part)])
            self._flat.grad = gradient
            self._step(float(rate))
            self._average.update()
        return objectives

    def _set_mode(self, images: int) -> None:
        """Train; a batch of one has no variance in dense layers, so batch normalisation then uses running averages."""
        self.module.train()
        if images == 1:
            for layer in self.module.modules():
                if isinstance(layer, nn.modules.batchnorm._BatchNorm):
                    layer.eval()

    def _step(self, rate: float) -> None:
        """Clip the gradient, decay the weights and let the optimiser take its step."""
        if self._configuration.gradient_clip_norm is not None:
            nn.utils.clip_grad_norm_(self._flat, self._configuration.gradient_clip_norm)
        if self._configuration.weight_decay:
            self._weight_part.mul_(1 - rate * self._configuration.weight_decay)
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        self._optimizer.step()

    def logits(self, prepared: Tensor) -> Logits:
        """Return (n, 10) scores in evaluation mode."""
        self.module.eval()
        with torch.inference_mode():
            parts = [self.module(_for_convolutions(part)) for part in _split(prepared, _EVALUATION_BATCH)]
        logits: Logits = torch.cat(parts).cpu().numpy()
        return logits

    def input_gradients(self, prepared: Tensor, targets: Labels) -> NDArray[np.float32]:
        """Return the derivative of each image's target score, (n, 28, 28), per grey level."""
        self.module.eval()
        images = prepared.detach().requires_grad_()
        scores = self.module(images).gather(1, torch.from_numpy(targets).to(self._device)[:, None]).sum()
        (gradients,) = torch.autograd.grad(scores, images)
        return np.asarray(gradients[:, 0].cpu().numpy() / self._std, np.float32)

    def penalty(self) -> float:
        """Return l1·Σ|w| + l2·Σw²."""
        return float(self._penalty())

    def _penalty(self) -> Tensor | float:
        l1, l2 = self._configuration.l1, self._configuration.l2
        value: Tensor | float = 0.0
        if l1:
            value = value + l1 * self._weight_part.abs().sum().double()
        if l2:
            value = value + l2 * self._weight_part.square().sum().double()
        return value

    def _add_penalty_gradient(self, gradient: Tensor) -> None:
        """Add l1·sign(w) + 2·l2·w: autograd would give the same, with a graph to build for every step."""
        if self._configuration.l1:
            gradient.add_(self._weight_part.sign(), alpha=self._configuration.l1)
        if self._configuration.l2:
            gradient.add_(self._weight_part, alpha=2 * self._configuration.l2)

    def weights(self) -> Arrays:
        """Return the module's parameters and the normalisation."""
        named: Arrays = {"input.mean": np.array([self._mean]), "input.deviation": np.array([self._std])}
        for name, value in self.module.state_dict().items():
            named[name] = value.contiguous().cpu().numpy().copy()
        return named

    def load_weights(self, weights: Arrays) -> None:
        """Take over what `weights` returned."""
        self._mean, self._std = weights["input.mean"][0], weights["input.deviation"][0]
        self.module.load_state_dict({name: torch.from_numpy(weights[name]) for name in self.module.state_dict()})
        self._average.reset()

    def state(self) -> Arrays:
        """Return the optimiser's moments, torch's generators and, with averaging, the newest weights."""
        named: Arrays = {"generator": torch.get_rng_state().numpy().copy()}
        if self._device.type == "cuda":
            named["cuda_generator"] = torch.cuda.get_rng_state().numpy().copy()
        if self._configuration.ema_decay:
            named |= {"steps": np.array([self._average.steps])}
            named |= {"newest": torch.cat(self._average.shadow).cpu().numpy()}
        for name, value in self._optimizer.state_dict()["state"].get(0, {}).items():
            if value is not None:
                named[f"optimizer.{name}"] = value.cpu().numpy().copy()
        return named

    def load_state(self, state: Arrays) -> None:
        """Take over what `state` returned."""
        torch.set_rng_state(torch.from_numpy(state["generator"]))
        # A run that was begun on the CPU goes on with the GPU's generator as its seed left it.
        if self._device.type == "cuda" and "cuda_generator" in state:
            torch.cuda.set_rng_state(torch.from_numpy(state["cuda_generator"]))
        prefix = "optimizer."
        moments = {k.removeprefix(prefix): torch.tensor(v) for k, v in state.items() if k.startswith(prefix)}
        if moments:
            self._optimizer.load_state_dict(self._optimizer.state_dict() | {"state": {0: moments}})
        if self._configuration.ema_decay:
            self._average.steps = int(state["steps"][0])
            parts = torch.from_numpy(state["newest"]).split([len(tensor) for tensor in self._average.shadow])  # type: ignore[no-untyped-call]
            for shadow, value in zip(self._average.shadow, parts, strict=True):
                shadow.copy_(value)

    def complexity(self) -> list[LayerComplexity]:
        """Return the layers that compute or reshape."""
        return complexity(self.module)


def _for_convolutions(images: Tensor) -> Tensor:
    """Return the images in oneDNN's own layout where there is one: a fifth less time a step than any of torch's.

    Convolutions and pooling hand that layout on to each other; before the images are flattened it is turned back.
    A single image stays as it is: oneDNN has no derivative of batch normalisation by running averages.
    """
    available: bool = images.device.type == "cpu" and torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    return images.to_mkldnn() if available and len(images) > 1 else images


def _to_dense(_layer: nn.Module, inputs: tuple[Tensor]) -> Tensor:
    """Return a layer's input in torch's own layout."""
    (images,) = inputs
    return images.to_dense() if images.is_mkldnn else images


def _check_finite(objective: float, step: int) -> None:
    if not math.isfinite(objective):
        raise NonFiniteLossError(step)


def _split(tensor: Tensor, size: int) -> tuple[Tensor, ...]:
    """Return slices of `size` rows; torch's own split, which carries no types."""
    parts: tuple[Tensor, ...] = tensor.split(size)  # type: ignore[no-untyped-call]
    return parts


def _optimizer(configuration: CnnConfiguration, parameters: Tensor) -> torch.optim.Optimizer:
    """Make the optimiser, which is given a rate at each step."""
    momentum = configuration.momentum
    match configuration.optimizer:
        case "sgd":
            return torch.optim.SGD([parameters])
        case "momentum" | "nesterov" as name:
            return torch.optim.SGD([parameters], momentum=momentum, nesterov=name == "nesterov" and momentum > 0)
        case "rmsprop":
            return torch.optim.RMSprop([parameters])
        case "adam" | "adamw":
            # AdamW is Adam after a decay of the weights alone, which `_step` does.
            return torch.optim.Adam([parameters], fused=True)
