"""How fast the network from scratch trains, beside what people would use instead: same network, batches, threads.

Every contestant trains 784-256-128-10 with Adam in float32 over the same images. Rounds are interleaved, each
contestant once a round, so that a busy machine slows all of them alike, and ratios are taken within a round.
"""

import itertools
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import sklearn
import torch
from numpy.typing import NDArray
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_info, threadpool_limits
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from fashion_compare.classifier import build
from fashion_compare.classifier.configuration import FfnnConfiguration
from fashion_compare.classifier.interface import Images, Labels
from fashion_compare.data.dataset import pixel_statistics

SIZES = (28 * 28, 256, 128, 10)
LEARNING_RATE = 1e-3
OURS = "from scratch"


class Contestant(NamedTuple):
    """A network in training: `epoch` takes the order of the images, `predict` gives their classes, (n,)."""

    epoch: Callable[[NDArray[np.int64]], object]
    predict: Callable[[], NDArray[np.int64]]


def compare_training(
    images: Images,
    labels: Labels,
    *,
    batch_sizes: tuple[int, ...] = (128, 256),
    rounds: int = 9,
    threads: int = 1,
    on_round: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """Time an epoch of each contestant and the machine's own matrix product, side by side.

    Args:
        images: (n, 28, 28) uint8.
        labels: (n,).
        batch_sizes: measured one after the other.
        rounds: that count; one more before them warms up.
        threads: of every contestant alike.
        on_round: told what is going on.

    Returns:
        JSON-ready. For each batch size the machine's sgemm rate, and for each contestant `seconds` an epoch, how
        many `times_ours` that is, and `share_of_sgemm`: the arithmetic that training needs, done at that rate, would
        take this share of the time; each with median, quartiles and the values of all rounds. And the `accuracy`
        that each has reached on these images in the end, as a sign that none was timed doing nothing.
    """
    return {
        "network": list(SIZES),
        "images": len(labels),
        "rounds": rounds,
        "threads": threads,
        "blas": [f"{p['internal_api']} {p['version']}" for p in threadpool_info() if p["user_api"] == "blas"],
        "versions": {"numpy": np.__version__, "torch": torch.__version__, "scikit-learn": sklearn.__version__},
        "batches": [_race(images, labels, size, rounds, threads, on_round) for size in batch_sizes],
    }


def _race(
    images: Images, labels: Labels, batch_size: int, rounds: int, threads: int, on_round: Callable[[str], None]
) -> dict[str, Any]:
    contestants = _contestants(images, labels, batch_size)
    threadpool_limits(threads)
    torch.set_num_threads(threads)
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    rates = []
    for i in range(rounds + 1):
        on_round(f"batch {batch_size}: " + (f"round {i} of {rounds}" if i else "warming up"))
        order = np.random.default_rng([0, i]).permutation(len(labels))
        rate = sgemm_rate()
        taken = {name: _seconds(partial(one.epoch, order)) for name, one in contestants.items()}
        if i:
            rates.append(rate)
            for name, value in taken.items():
                seconds[name].append(value)
    floor = operations_per_image() * len(labels) / np.array(rates)
    return {
        "batch_size": batch_size,
        "sgemm_gflops": _spread(np.array(rates) / 1e9),
        "contestants": {
            name: {
                "seconds": _spread(np.array(values)),
                "times_ours": _spread(np.array(values) / seconds[OURS]),
                "share_of_sgemm": _spread(floor / values),
                "accuracy": float(np.mean(contestants[name].predict() == labels)),
            }
            for name, values in seconds.items()
        },
    }


def operations_per_image() -> int:
    """Return the floating-point operations of training on one image: y, ∂W, and ∂x save the first layer's."""
    products = [fan_in * fan_out for fan_in, fan_out in itertools.pairwise(SIZES)]
    return 2 * (3 * sum(products) - products[0])


def sgemm_rate() -> float:
    """Return the floating-point operations a second of 256×784×256 products in float32, the best of 50."""
    generator = np.random.default_rng(0)
    a, b = (generator.random(shape, np.float32) for shape in ((256, 784), (784, 256)))
    out = np.empty((256, 256), np.float32)
    return 2 * 256 * 784 * 256 / min(_seconds(lambda: np.matmul(a, b, out=out)) for _ in range(50))


def _contestants(images: Images, labels: Labels, batch_size: int) -> dict[str, Contestant]:
    """Return the contestants, untrained."""
    configuration = FfnnConfiguration(hidden_sizes=SIZES[1:-1], learning_rate=LEARNING_RATE, batch_size=batch_size)
    mean, std = pixel_statistics(images)
    ours = build(configuration, seed=0, mean=mean, std=std)
    prepared = ours.preprocess(images)
    rates = np.full(-(-len(labels) // batch_size), LEARNING_RATE)
    mlp = MLPClassifier(SIZES[1:-1], alpha=0.0, batch_size=batch_size, learning_rate_init=LEARNING_RATE, random_state=0)
    x, y = torch.from_numpy(prepared), torch.from_numpy(labels)

    def in_one_tensor(order: NDArray[np.int64]) -> Iterable[Sequence[Tensor]]:
        return ((x[chosen], y[chosen]) for chosen in torch.from_numpy(order).split(batch_size))  # type: ignore[no-untyped-call]

    def loaded(order: NDArray[np.int64]) -> Iterable[Sequence[Tensor]]:
        return DataLoader(TensorDataset(x, y), batch_size=batch_size, sampler=order.tolist())

    return {
        OURS: Contestant(
            epoch=lambda order: ours.train_epoch(prepared, labels, order, rates),
            predict=lambda: ours.logits(prepared).argmax(axis=1),
        ),
        "torch eager, fused Adam": _torch(x, in_one_tensor),
        "torch with DataLoader": _torch(x, loaded),
        "scikit-learn MLPClassifier": Contestant(
            # It shuffles by itself.
            epoch=lambda _: mlp.partial_fit(prepared, labels, classes=np.arange(SIZES[-1])),
            predict=lambda: mlp.predict(prepared),
        ),
    }


def _torch(images: Tensor, batches: Callable[[NDArray[np.int64]], Iterable[Sequence[Tensor]]]) -> Contestant:
    layers: list[nn.Module] = []
    for fan_in, fan_out in itertools.pairwise(SIZES):
        layers += [nn.Linear(fan_in, fan_out), nn.ReLU()]
    module = nn.Sequential(*layers[:-1])
    optimizer = torch.optim.Adam(module.parameters(), lr=LEARNING_RATE, fused=True)

    def epoch(order: NDArray[np.int64]) -> float:
        total = 0.0
        for x, y in batches(order):
            loss = nn.functional.cross_entropy(module(x), y)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            total += loss.item() * len(x)
        return total / len(order)

    def predict() -> NDArray[np.int64]:
        with torch.inference_mode():
            answers: NDArray[np.int64] = module(images).argmax(dim=1).numpy()
        return answers

    return Contestant(epoch, predict)


def _seconds(function: Callable[[], object]) -> float:
    started = time.perf_counter()
    function()
    return time.perf_counter() - started


def _spread(values: NDArray[np.float64]) -> dict[str, Any]:
    lower, median, upper = np.quantile(values, [0.25, 0.5, 0.75]).tolist()
    return {"median": median, "quartiles": [lower, upper], "values": values.tolist()}
