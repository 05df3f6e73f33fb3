"""How fast the network from scratch trains, beside what people would use instead: same network, batches and threads.

Every contestant trains 784-256-128-10 with Adam for an epoch over the same images in float32. Rounds are interleaved
(each contestant once a round), so that a busy machine slows all of them alike; ratios are taken within a round.
"""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_info, threadpool_limits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from fashion_compare.classifier import build
from fashion_compare.classifier.configuration import FfnnConfiguration
from fashion_compare.classifier.ffnn import PIXELS
from fashion_compare.classifier.interface import Images, Labels

HIDDEN = (256, 128)
LEARNING_RATE = 1e-3
OURS = "from scratch"
# Multiply-accumulates of a training step for one image: forward, ∂W, and ∂x for all layers but the first.
_MULTIPLY_ACCUMULATES = 3 * (784 * 256 + 256 * 128 + 128 * 10) - 784 * 256

Epoch = Callable[[NDArray[np.int64]], None]


def compare_training(
    images: Images,
    labels: Labels,
    *,
    batch_sizes: tuple[int, ...] = (128, 256),
    repeats: int = 7,
    threads: int = 1,
    on_round: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """Time an epoch of each contestant, and the machine's own matrix product, side by side.

    Args:
        images: (n, 28, 28) uint8.
        labels: (n,).
        batch_sizes: measured one after the other.
        repeats: rounds; each contestant also runs one epoch before them that does not count.
        threads: of every contestant alike.
        on_round: told what is going on.

    Returns:
        JSON-ready: for each batch size and contestant the seconds of each round with median and quartiles, how many
        times as long as ours it takes, and the share of the sgemm rate (arithmetic done ÷ what
        256×784×256 products reach in the same round).
    """
    results = []
    for batch_size in batch_sizes:
        contestants = _contestants(images, labels, batch_size)
        seconds: dict[str, list[float]] = {name: [] for name in contestants}
        rates: list[float] = []
        for i in range(repeats + 1):
            order = np.random.default_rng([0, i]).permutation(len(labels))
            on_round(f"batch {batch_size}: " + (f"round {i} of {repeats}" if i else "warming up"))
            # After the first round: building a contestant may set its own number of threads.
            threadpool_limits(threads)
            torch.set_num_threads(threads)
            rates.append(_sgemm_rate())
            for name, epoch in contestants.items():
                started = time.perf_counter()
                epoch(order)
                seconds[name].append(time.perf_counter() - started)
        operations = 2 * _MULTIPLY_ACCUMULATES * len(labels)
        measured = {name: values[1:] for name, values in seconds.items()}
        results.append(
            {
                "batch_size": batch_size,
                "sgemm_gflops": _spread([rate / 1e9 for rate in rates[1:]]),
                "contestants": {
                    name: {
                        "seconds": _spread(values),
                        "times_ours": _spread([a / b for a, b in zip(values, measured[OURS], strict=True)]),
                        "share_of_sgemm": _spread(
                            [operations / second / rate for second, rate in zip(values, rates[1:], strict=True)]
                        ),
                    }
                    for name, values in measured.items()
                },
            }
        )
    return {
        "network": [PIXELS, *HIDDEN, 10],
        "images": len(labels),
        "repeats": repeats,
        "threads": threads,
        "blas": [f"{p['internal_api']} {p['version']} {p.get('architecture', '')}".strip() for p in threadpool_info()],
        "results": results,
    }


def _spread(values: list[float]) -> dict[str, Any]:
    lower, median, upper = np.quantile(values, [0.25, 0.5, 0.75]).tolist()
    return {"median": median, "quartiles": [lower, upper], "values": values}


def _contestants(images: Images, labels: Labels, batch_size: int) -> dict[str, Epoch]:
    """Return the epoch of each contestant, a function of the order of the images; all learn from here on."""
    mean, deviation = float(images.mean()), float(images.std())
    configuration = FfnnConfiguration(hidden_sizes=HIDDEN, learning_rate=LEARNING_RATE, batch_size=batch_size)
    ours = build(configuration, seed=0, mean=mean, deviation=deviation)
    prepared = ours.prepare(images)
    return {
        OURS: lambda order: void(ours.train_epoch(prepared, labels, order)),
        "torch eager, fused Adam": _torch_eager(prepared, labels, batch_size),
        "torch with DataLoader": _torch_loader(prepared, labels, batch_size),
        "scikit-learn MLPClassifier": _scikit_learn(prepared, labels, batch_size),
    }


def void(_: object) -> None:
    """Drop a value."""


def _torch_step() -> Callable[[torch.Tensor, torch.Tensor], float]:
    sizes = (PIXELS, *HIDDEN, 10)
    layers: list[nn.Module] = []
    for fan_in, fan_out in zip(sizes, sizes[1:], strict=False):
        layers += [nn.Linear(fan_in, fan_out), nn.ReLU()]
    module = nn.Sequential(*layers[:-1])
    optimizer = torch.optim.Adam(module.parameters(), lr=LEARNING_RATE, fused=True)

    def step(x: torch.Tensor, y: torch.Tensor) -> float:
        loss = nn.functional.cross_entropy(module(x), y)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def _torch_eager(prepared: NDArray[np.float32], labels: Labels, batch_size: int) -> Epoch:
    x, y, step = torch.from_numpy(prepared), torch.from_numpy(labels), _torch_step()

    def epoch(order: NDArray[np.int64]) -> None:
        for chosen in torch.from_numpy(order).split(batch_size):
            step(x[chosen], y[chosen])

    return epoch


def _torch_loader(prepared: NDArray[np.float32], labels: Labels, batch_size: int) -> Epoch:
    x, y, step = torch.from_numpy(prepared), torch.from_numpy(labels), _torch_step()

    def epoch(order: NDArray[np.int64]) -> None:
        loader = DataLoader(TensorDataset(x, y), batch_size=batch_size, sampler=order.tolist())
        for images, targets in loader:
            step(images, targets)

    return epoch


def _scikit_learn(prepared: NDArray[np.float32], labels: Labels, batch_size: int) -> Epoch:
    model = MLPClassifier(HIDDEN, alpha=0.0, batch_size=batch_size, learning_rate_init=LEARNING_RATE, random_state=0)
    classes = np.unique(labels)

    def epoch(order: NDArray[np.int64]) -> None:
        model.partial_fit(prepared, labels, classes=classes)

    return epoch


def _sgemm_rate() -> float:
    """Return the floating-point operations a second of 256×784×256 products in float32, the best of 50."""
    a, b = np.ones((256, 784), np.float32), np.ones((784, 256), np.float32)
    out = np.empty((256, 256), np.float32)
    fastest = min(_timed(lambda: np.matmul(a, b, out=out)) for _ in range(50))
    return 2 * a.size * 256 / fastest


def _timed(function: Callable[[], object]) -> float:
    started = time.perf_counter()
    function()
    return time.perf_counter() - started
