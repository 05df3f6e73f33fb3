"""Both models behind one interface: same normalisation, same objective, same steps as plain PyTorch in float64."""

import copy
import subprocess
import sys

import numpy as np
import pytest
import scipy.special
import threadpoolctl
import torch
from tests.builders import train_epoch
from torch.nn import functional

from fashion_compare.architectures.lenet5 import LeNet5
from fashion_compare.classifier import build
from fashion_compare.classifier.configuration import CnnConfiguration, FfnnConfiguration
from fashion_compare.classifier.interface import NonFiniteLossError

MODELS = ["ffnn", "cnn"]


def configure(model, **settings):
    """A configuration of either model with the same settings; the fully connected one made small."""
    return FfnnConfiguration(hidden_sizes=(16, 12), **settings) if model == "ffnn" else CnnConfiguration(**settings)


def made(configuration, dataset, seed=3):
    """A classifier and what it made of the training images."""
    mean, std = dataset.train_images.mean(), dataset.train_images.std()
    classifier = build(configuration, seed=seed, mean=mean, std=std)
    return classifier, classifier.preprocess(dataset.train_images)


def with_biases(classifier, value=0.3):
    """Give every bias a value, so that a penalty on biases would show."""
    weights = classifier.weights()
    for name in weights:
        if name.endswith(".bias"):
            weights[name][...] = value
    classifier.load_weights(weights)


def trainable(weights):
    return {name: value for name, value in weights.items() if not name.startswith("input.")}


def reference_logits(model, x, p):
    """Either network in torch's functions: `p` its parameters by name, `x` (n, 784)."""
    if model == "ffnn":
        for i in (1, 2):
            x = torch.relu(x @ p[f"dense{i}.weight"] + p[f"dense{i}.bias"])
        return x @ p["dense3.weight"] + p["dense3.bias"]
    x = functional.conv2d(x.view(-1, 1, 28, 28), p["conv1.weight"], p["conv1.bias"], padding=2)
    x = functional.max_pool2d(torch.relu(x), 2)
    x = functional.conv2d(x, p["conv2.weight"], p["conv2.bias"])
    x = functional.max_pool2d(torch.relu(x), 2).reshape(len(x), -1)
    for i in (1, 2):
        x = torch.relu(functional.linear(x, p[f"dense{i}.weight"], p[f"dense{i}.bias"]))
    return functional.linear(x, p["dense3.weight"], p["dense3.bias"])


@pytest.mark.parametrize("model", MODELS)
def test_prepare_normalises(model, tiny_dataset):
    """Pixels become (x - mean)/std of the training set, float32, for whichever images are given."""
    classifier, train = made(configure(model), tiny_dataset)
    images = tiny_dataset.train_images.astype(np.float64)
    mean, std = images.mean(), images.std()
    for given, prepared in (
        (tiny_dataset.train_images, train),
        (tiny_dataset.test_images, classifier.preprocess(tiny_dataset.test_images)),
    ):
        normalised = np.asarray(prepared)
        assert normalised.dtype == np.float32
        expected = (given.reshape(len(given), -1) - mean) / std
        np.testing.assert_allclose(normalised.reshape(len(given), -1), expected, atol=2e-6)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(("l1", "l2"), [(0.0, 0.0), (0.002, 0.0), (0.0, 0.03), (0.002, 0.03)])
def test_the_objective_is_defined_alike_for_both_models(model, l1, l2, tiny_dataset):
    """One step over the whole data reports cross-entropy + l1·Σ|w| + l2·Σw² before it, weights and not biases."""
    n = len(tiny_dataset.train_labels)
    classifier, images = made(configure(model, l1=l1, l2=l2, batch_size=n), tiny_dataset)
    with_biases(classifier)
    logits = classifier.logits(images).astype(np.float64)
    weights = [value.astype(np.float64) for name, value in classifier.weights().items() if name.endswith(".weight")]
    assert len(weights) == (3 if model == "ffnn" else 5)
    cross_entropy = -scipy.special.log_softmax(logits, axis=1)[np.arange(n), tiny_dataset.train_labels].mean()
    penalty = sum(l1 * np.abs(w).sum() + l2 * np.square(w).sum() for w in weights)
    assert classifier.penalty() == pytest.approx(penalty, rel=1e-5)
    objective = train_epoch(classifier, images, tiny_dataset.train_labels, np.arange(n))
    assert objective == pytest.approx(cross_entropy + penalty, rel=1e-5)


REFERENCE_OPTIMIZERS = {
    "sgd": ({"learning_rate": 0.05}, lambda p: torch.optim.SGD(p, lr=0.05)),
    "momentum": (
        {"learning_rate": 0.02, "momentum": 0.8},
        lambda p: torch.optim.SGD(p, lr=0.02, momentum=0.8),
    ),
    "nesterov": (
        {"learning_rate": 0.02, "momentum": 0.8},
        lambda p: torch.optim.SGD(p, lr=0.02, momentum=0.8, nesterov=True),
    ),
    "rmsprop": ({"learning_rate": 0.001}, lambda p: torch.optim.RMSprop(p, lr=0.001)),
    "adam": ({"learning_rate": 0.003}, lambda p: torch.optim.Adam(p, lr=0.003)),
    "adamw": (
        {"learning_rate": 0.003, "weight_decay": 2.0},
        lambda p: torch.optim.AdamW(
            [{"params": [v for v in p if v.ndim > 1]}, {"params": [v for v in p if v.ndim == 1], "weight_decay": 0.0}],
            lr=0.003,
            weight_decay=2.0,
        ),
    ),
}


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("optimizer", REFERENCE_OPTIMIZERS)
def test_an_epoch_is_that_of_plain_torch(model, optimizer, tiny_dataset):
    """Three steps, the last on fewer images, penalties on: weights and mean objective of autograd and torch.optim.

    The reference computes in float64 and knows nothing of memory layouts or fused kernels.
    """
    l1, l2 = 1e-4, 1e-3
    settings, of_torch = REFERENCE_OPTIMIZERS[optimizer]
    configuration = configure(model, optimizer=optimizer, l1=l1, l2=l2, batch_size=150, **settings)
    classifier, images = made(configuration, tiny_dataset)
    with_biases(classifier, 0.05)
    start = trainable(classifier.weights())
    parameters = {name: torch.from_numpy(v.astype(np.float64)).requires_grad_() for name, v in start.items()}
    reference = of_torch(list(parameters.values()))
    order = np.random.default_rng(5).permutation(len(tiny_dataset.train_labels))

    objective = train_epoch(classifier, images, tiny_dataset.train_labels, order)

    x = torch.from_numpy(np.asarray(images).reshape(len(order), -1).astype(np.float64))
    labels = torch.from_numpy(tiny_dataset.train_labels)
    total = 0.0
    for chosen in (order[:150], order[150:300], order[300:]):
        loss = functional.cross_entropy(reference_logits(model, x[chosen], parameters), labels[chosen])
        for name, w in parameters.items():
            if name.endswith("weight"):
                loss = loss + l1 * w.abs().sum() + l2 * w.square().sum()
        reference.zero_grad()
        loss.backward()
        reference.step()
        total += loss.item() * len(chosen)
    assert objective == pytest.approx(total / len(order), rel=1e-5)
    end = classifier.weights()
    for name, value in parameters.items():
        expected = value.detach().numpy() - start[name]
        # These divide by the gradient's size, so the rounding of the smallest gradients shows in their steps.
        tolerance = 1e-2 if optimizer in ("adam", "adamw", "rmsprop") else 1e-4
        assert np.linalg.norm(end[name] - start[name] - expected) <= tolerance * np.linalg.norm(expected), name


def one_epoch(model, dataset, order, **settings):
    """Weights before and after an epoch of the model, and its mean objective."""
    classifier, images = made(configure(model, **settings), dataset)
    start = trainable(classifier.weights())
    objective = train_epoch(classifier, images, dataset.train_labels, order)
    return start, trainable(classifier.weights()), objective, images


@pytest.mark.parametrize("model", MODELS)
def test_label_smoothing_and_clipping_are_pytorchs_for_both(model, tiny_dataset):
    """Two steps of SGD with smoothed labels and a gradient clipped as a whole, against torch in float64."""
    smoothing, clip, rate = 0.2, 0.05, 0.5
    order = np.arange(400)
    start, end, objective, images = one_epoch(
        model,
        tiny_dataset,
        order,
        optimizer="sgd",
        learning_rate=rate,
        label_smoothing=smoothing,
        gradient_clip_norm=clip,
        batch_size=200,
    )
    parameters = {name: torch.from_numpy(v.astype(np.float64)).requires_grad_() for name, v in start.items()}
    x = torch.from_numpy(np.asarray(images).reshape(400, -1).astype(np.float64))
    labels, total = torch.from_numpy(tiny_dataset.train_labels), 0.0
    reference = torch.optim.SGD(parameters.values(), lr=rate)
    for chosen in (slice(200), slice(200, None)):
        logits = reference_logits(model, x[chosen], parameters)
        loss = functional.cross_entropy(logits, labels[chosen], label_smoothing=smoothing)
        reference.zero_grad()
        loss.backward()
        # The clipping is at work: the gradient is longer than it lets through.
        assert torch.nn.utils.clip_grad_norm_(parameters.values(), clip) > 2 * clip
        reference.step()
        total += loss.item() / 2
    assert objective == pytest.approx(total, rel=1e-5)
    for name, value in parameters.items():
        np.testing.assert_allclose(end[name], value.detach().numpy(), rtol=0, atol=1e-5, err_msg=name)


@pytest.mark.parametrize("model", MODELS)
def test_each_step_takes_its_own_learning_rate(model, tiny_dataset):
    """Rates given for the steps are used in their order: with 0 in all but the second, only that batch is learnt."""
    configuration = configure(model, optimizer="sgd", batch_size=100)
    ends = []
    for order, rates in ((np.arange(400), [0.0, 0.3, 0.0, 0.0]), (np.arange(100, 200), [0.3])):
        classifier, images = made(configuration, tiny_dataset)
        start = classifier.weights()
        classifier.train_epoch(images, tiny_dataset.train_labels, order, np.array(rates))
        ends.append(classifier.weights())
    for name, value in ends[0].items():
        np.testing.assert_array_equal(value, ends[1][name], err_msg=name)
    assert not np.array_equal(ends[0]["dense1.weight"], start["dense1.weight"])


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("normalization", ["none", "batch"])
@pytest.mark.parametrize("decay", [0.5, 0.9])
def test_averaged_weights(model, normalization, decay, tiny_dataset):
    """With averaging, the weights are the moving average of those after each step, and training goes on from the last.

    The average is worked out here from the weights of the same training without averaging. Batch normalisation's
    running statistics are averaged alike, for they belong to the weights of their step.
    """
    settings = {"optimizer": "momentum", "learning_rate": 0.02, "batch_size": 40, "normalization": normalization}
    plain, images = made(configure(model, **settings), tiny_dataset)
    averaged, _ = made(configure(model, **settings, ema_decay=decay), tiny_dataset)
    order, labels = np.random.default_rng(0).permutation(400), tiny_dataset.train_labels
    before = trainable(averaged.weights())
    for name, value in trainable(plain.weights()).items():
        np.testing.assert_array_equal(before[name], value)
    expected: dict[str, np.ndarray] = {name: np.zeros(value.shape) for name, value in before.items()}
    steps = 0
    for _ in range(2):
        for start in range(0, 400, 40):
            train_epoch(plain, images, labels, order[start : start + 40])
            steps += 1
            share = max(1 - decay, 1 / steps)
            for name, value in trainable(plain.weights()).items():
                expected[name] += share * (value.astype(np.float64) - expected[name])
        train_epoch(averaged, images, labels, order)
        for name, value in trainable(averaged.weights()).items():
            if not name.endswith("num_batches_tracked"):
                np.testing.assert_allclose(value, expected[name], rtol=2e-5, atol=2e-6, err_msg=name)


@pytest.mark.parametrize("model", MODELS)
def test_training_goes_on_from_loaded_weights(model, tiny_dataset):
    """Weights that were loaded are what the next step moves, averaging or not: a tiny step leaves them in place."""
    source, images = made(configure(model), tiny_dataset, seed=8)
    weights = source.weights()
    for decay in (0.0, 0.9):
        classifier, _ = made(configure(model, ema_decay=decay, optimizer="sgd", learning_rate=1e-8), tiny_dataset)
        classifier.load_weights(weights)
        train_epoch(classifier, images, tiny_dataset.train_labels, np.arange(400))
        for name, value in classifier.weights().items():
            np.testing.assert_allclose(value, weights[name], rtol=0, atol=1e-6, err_msg=name)


@pytest.mark.parametrize("model", MODELS)
def test_learning_rates_have_to_fit_the_steps(model, tiny_dataset):
    """One rate too few would drop a batch: it is an error."""
    classifier, images = made(configure(model, batch_size=100), tiny_dataset)
    with pytest.raises(ValueError, match="zip"):
        classifier.train_epoch(images, tiny_dataset.train_labels, np.arange(400), np.full(3, 0.1))


@pytest.mark.parametrize("model", MODELS)
def test_nesterov_without_momentum_is_sgd(model, tiny_dataset):
    """A momentum of 0 has nothing to look ahead with, and is no error either."""
    ends = []
    for settings in ({"optimizer": "nesterov", "momentum": 0.0}, {"optimizer": "sgd"}):
        classifier, images = made(configure(model, batch_size=200, **settings), tiny_dataset)
        train_epoch(classifier, images, tiny_dataset.train_labels, np.arange(400))
        ends.append(classifier.weights())
    for name, value in ends[0].items():
        np.testing.assert_allclose(value, ends[1][name], rtol=0, atol=1e-7, err_msg=name)


@pytest.mark.parametrize("model", MODELS)
def test_batch_normalisation_is_pytorchs_for_both(model, tiny_dataset):
    """Two epochs with a last batch of one: running averages, scales and shifts move as torch's do in float64.

    The batch of one is normalised with the running averages, and does not move them.
    """
    torch.manual_seed(0)
    order = np.arange(121)
    settings = {"optimizer": "sgd", "learning_rate": 0.1, "batch_size": 60, "normalization": "batch", "l2": 1e-3}
    classifier, images = made(configure(model, **settings), tiny_dataset)
    start = trainable(classifier.weights())
    assert {"norm1.weight", "norm1.running_mean", "norm2.running_var"} <= set(start)
    module = LeNet5(batch_norm=True).double() if model == "cnn" else DenseReference((784, 16, 12, 10))
    if model == "ffnn":
        start = {n: v.T if n.startswith("dense") and v.ndim == 2 else v for n, v in start.items()}
    state = {name: torch.from_numpy(np.array(value, np.float64)) for name, value in start.items()}
    module.load_state_dict(module.state_dict() | state)
    reference = torch.optim.SGD(module.parameters(), lr=0.1)
    x = torch.from_numpy(np.asarray(images).astype(np.float64))
    labels = torch.from_numpy(tiny_dataset.train_labels)
    for _ in range(2):
        train_epoch(classifier, images, tiny_dataset.train_labels, order)
        for chosen in (slice(60), slice(60, 120), slice(120, 121)):
            # A batch of one in torch's evaluation mode: the same definition, there is no dropout here.
            module.train(len(x[chosen]) > 1)
            loss = functional.cross_entropy(module(x[chosen]), labels[chosen])
            loss = loss + 1e-3 * sum(p.square().sum() for p in module.parameters() if p.ndim > 1)
            reference.zero_grad()
            loss.backward()
            reference.step()
    end = trainable(classifier.weights())
    for name, value in module.state_dict().items():
        if not name.endswith("num_batches_tracked"):
            found = end[name].T if model == "ffnn" and value.ndim == 2 else end[name]
            np.testing.assert_allclose(found, value.numpy(), rtol=0, atol=1e-3, err_msg=name)
    module.eval()
    np.testing.assert_allclose(classifier.logits(images), module(x).detach().numpy(), rtol=0, atol=1e-2)


class DenseReference(torch.nn.Sequential):
    """A fully connected network of torch's modules, named as ours are."""

    def __init__(self, sizes):
        super().__init__()
        for i in range(1, len(sizes)):
            self.add_module(f"dense{i}", torch.nn.Linear(sizes[i - 1], sizes[i]))
            if i < len(sizes) - 1:
                self.add_module(f"norm{i}", torch.nn.BatchNorm1d(sizes[i]))
                self.add_module(f"relu{i}", torch.nn.ReLU())
        self.double()


@pytest.mark.parametrize("model", MODELS)
def test_the_penalty_gradient_is_autograds(model, tiny_dataset):
    """A step with penalties differs from one without by η·∂penalty of autograd, and in no bias."""
    l1, l2, learning_rate = 0.4, 0.7, 0.01
    ends = []
    for penalties in ({}, {"l1": l1, "l2": l2}):
        configuration = configure(model, optimizer="sgd", learning_rate=learning_rate, batch_size=400, **penalties)
        classifier, images = made(configuration, tiny_dataset)
        start = trainable(classifier.weights())
        train_epoch(classifier, images, tiny_dataset.train_labels, np.arange(400))
        ends.append(classifier.weights())
    for name, value in start.items():
        if name.endswith("bias"):
            np.testing.assert_array_equal(ends[0][name], ends[1][name])
            continue
        w = torch.from_numpy(value.astype(np.float64)).requires_grad_()
        (l1 * w.abs().sum() + l2 * w.square().sum()).backward()
        difference = ends[1][name].astype(np.float64) - ends[0][name]
        np.testing.assert_allclose(difference, -learning_rate * w.grad.numpy(), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("optimizer", REFERENCE_OPTIMIZERS)
def test_weights_and_state_are_all_that_the_next_epoch_depends_on(model, optimizer, tiny_dataset):
    """A classifier of another seed that takes over weights and state goes on bit for bit, dropout on."""
    everything = {"dropout": 0.3, "normalization": "batch", "ema_decay": 0.9, "batch_size": 64}
    settings = {"learning_rate": 0.01} | ({"weight_decay": 0.1} if optimizer == "adamw" else {})
    configuration = configure(model, optimizer=optimizer, **settings, **everything)
    first, images = made(configuration, tiny_dataset)
    order = np.random.default_rng(0).permutation(400)
    labels = tiny_dataset.train_labels
    train_epoch(first, images, labels, order)
    weights, state = copy.deepcopy((first.weights(), first.state()))
    train_epoch(first, images, labels, order)

    second = build(configuration, seed=99, mean=0.0, std=1.0)
    second.load_weights(weights)
    second.load_state(state)
    np.testing.assert_array_equal(second.preprocess(tiny_dataset.train_images), images)
    train_epoch(second, images, labels, order)
    for kept, taken_over in ((first.weights(), second.weights()), (first.state(), second.state())):
        assert kept.keys() == taken_over.keys()
        for name, value in kept.items():
            assert taken_over[name].dtype == value.dtype
            np.testing.assert_array_equal(taken_over[name], value, err_msg=name)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("optimizer", REFERENCE_OPTIMIZERS)
def test_a_saved_state_does_not_move_on(model, optimizer, tiny_dataset):
    """What `weights` and `state` returned are copies: training on leaves them as they were."""
    decay = 0.1 if optimizer == "adamw" else 0.0
    classifier, images = made(configure(model, optimizer=optimizer, weight_decay=decay, dropout=0.3), tiny_dataset)
    order = np.arange(400)
    train_epoch(classifier, images, tiny_dataset.train_labels, order)
    saved = classifier.weights() | classifier.state()
    before = copy.deepcopy(saved)
    train_epoch(classifier, images, tiny_dataset.train_labels, order)
    now = classifier.weights() | classifier.state()
    for name, value in before.items():
        np.testing.assert_array_equal(saved[name], value, err_msg=name)
    # It did move on: every weight and the generator.
    moved = [name for name, value in before.items() if not np.array_equal(now[name], value)]
    assert {name for name in before if name.endswith(".weight")} | {"generator"} <= set(moved)


@pytest.mark.parametrize("model", MODELS)
def test_the_same_seed_gives_the_same_bits(model, tiny_dataset):
    """Initial weights, dropout and so the trained weights are a function of the seed."""

    def trained(seed):
        classifier, images = made(configure(model, dropout=0.3), tiny_dataset, seed)
        train_epoch(classifier, images, tiny_dataset.train_labels, np.arange(400))
        return b"".join(value.tobytes() for value in classifier.weights().values())

    assert trained(1) == trained(1)
    assert trained(1) != trained(2)


@pytest.mark.parametrize("model", MODELS)
def test_measuring_changes_nothing(model, tiny_dataset):
    """Logits, penalty and complexity asked for between epochs leave training as it is, and dropout is off in them."""
    ends = []
    for measured in (False, True):
        classifier, images = made(configure(model, dropout=0.5, l2=1e-3), tiny_dataset)
        for _ in range(2):
            if measured:
                logits = classifier.logits(images)
                np.testing.assert_array_equal(classifier.logits(images), logits)
                classifier.penalty()
                classifier.complexity()
            train_epoch(classifier, images, tiny_dataset.train_labels, np.arange(400))
        ends.append(classifier.weights())
    for name, value in ends[0].items():
        np.testing.assert_array_equal(ends[1][name], value, err_msg=name)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("n", [1, 499, 500, 501, 1003])
def test_logits_of_any_number_of_images(model, n, tiny_dataset):
    """Each image's logits are the float64 reference's, wherever the slices of the evaluation fall."""
    classifier, _ = made(configure(model), tiny_dataset)
    images = np.resize(tiny_dataset.train_images, (n, 28, 28))
    prepared = classifier.preprocess(images)
    logits = classifier.logits(prepared)
    assert logits.shape == (n, 10)
    assert logits.dtype == np.float32
    x = torch.from_numpy(np.asarray(prepared).reshape(n, -1).astype(np.float64))
    parameters = {k: torch.from_numpy(v.astype(np.float64)) for k, v in trainable(classifier.weights()).items()}
    np.testing.assert_allclose(logits, reference_logits(model, x, parameters), atol=1e-5)


@pytest.mark.parametrize("model", MODELS)
def test_a_non_finite_loss_names_its_step(model, tiny_dataset):
    """An absurd learning rate stops within the first step whose objective is not finite: those before it are."""
    configuration = configure(model, optimizer="sgd", learning_rate=100.0, l2=10.0, batch_size=10)
    labels, order = tiny_dataset.train_labels, np.arange(400)
    classifier, images = made(configuration, tiny_dataset)
    with pytest.raises(NonFiniteLossError, match=r"^non-finite loss at step \d+$") as caught:
        train_epoch(classifier, images, labels, order)
    step = caught.value.step
    assert 1 < step < 40
    classifier, _ = made(configuration, tiny_dataset)
    assert np.isfinite(train_epoch(classifier, images, labels, order[: 10 * (step - 1)]))
    with pytest.raises(NonFiniteLossError) as caught:
        train_epoch(classifier, images, labels, order[10 * (step - 1) :])
    assert caught.value.step == 1


def test_computing_takes_one_thread(tiny_dataset):
    """From `build` on, NumPy's and torch's libraries compute with one thread each."""
    with threadpoolctl.threadpool_limits(2):
        torch.set_num_threads(2)
        for model in MODELS:
            build(configure(model), seed=0, mean=0.0, std=1.0)
        threads = {pool["user_api"]: pool["num_threads"] for pool in threadpoolctl.threadpool_info()}
        assert threads["blas"] == 1
        assert torch.get_num_threads() == 1


def test_the_fully_connected_network_trains_without_torch():
    """In a new interpreter, the training loop and an epoch of the ffnn load neither torch nor scikit-learn."""
    program = """
import sys
import numpy as np
import fashion_compare.training
from fashion_compare.classifier import build
from fashion_compare.classifier.configuration import FfnnConfiguration
classifier = build(FfnnConfiguration(), seed=0, mean=0.0, std=1.0)
prepared = classifier.preprocess(np.ones((4, 28, 28), np.uint8))
print(classifier.train_epoch(prepared, np.arange(4), np.arange(4), np.full(1, 0.001)) > 0, *sys.modules)
"""
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    trained, *loaded = shown.stdout.split()
    assert trained == "True"
    assert not {"torch", "sklearn", "scipy", "captum", "matplotlib"} & set(loaded)
