"""Where the cnn trains: names and refusals without a GPU, and on one the same results as on the CPU."""

import os
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
import torch

from fashion_compare import device
from fashion_compare.classifier import build
from fashion_compare.classifier.cnn import CnnClassifier
from fashion_compare.classifier.configuration import CnnConfiguration
from fashion_compare.classifier.interface import NonFiniteLossError
from fashion_compare.errors import UsageError
from fashion_compare.runs.execute import execute
from fashion_compare.runs.run import Run, data_identity
from fashion_compare.store import RunDirectory, load_arrays, save_arrays
from fashion_compare.training import train
from tests.builders import train_epoch

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
without_gpu = pytest.mark.skipif(torch.cuda.is_available(), reason="a CUDA device is here")
# What sums in another order leave after a dozen steps in float32; two ways of convolving on one CPU differ by 1e-5.
LOGIT_TOLERANCE = 1e-3
# Batch normalisation cancels the biases before it: their gradients are rounding errors, and an optimiser that divides
# by their size (Adam, RMSProp) makes whole steps of them. Two ways on one CPU then differ by 0.1 in the logits already,
# so agreement is asked of batch normalisation with an optimiser that does not.
SETTINGS = [
    {},
    {"dropout": 0.0, "l1": 1e-5, "l2": 1e-4, "optimizer": "momentum", "gradient_clip_norm": 1.0},
    {"normalization": "batch", "ema_decay": 0.9, "optimizer": "nesterov", "label_smoothing": 0.1},
    {"optimizer": "rmsprop"},
    {"optimizer": "adamw", "weight_decay": 0.01},
]


def made(dataset, where="cpu", **settings):
    """A cnn on a device, and what it made of the training images."""
    configuration = CnnConfiguration(**({"batch_size": 64, "learning_rate": 0.003} | settings))
    mean, std = dataset.train_images.mean(), dataset.train_images.std()
    classifier = build(configuration, seed=3, mean=mean, std=std, device=where)
    return classifier, classifier.preprocess(dataset.train_images)


def trained(dataset, where="cpu", epochs=2, **settings):
    classifier, prepared = made(dataset, where, **settings)
    objectives = [
        train_epoch(classifier, prepared, dataset.train_labels, np.random.default_rng(i).permutation(400))
        for i in range(epochs)
    ]
    return classifier, prepared, objectives


def claimed(path):
    directory = RunDirectory(path)
    directory.claim({"run": "of the tests"})
    return directory


def call(*words, **environment):
    """The program, in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "fashion_compare", *words],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@without_gpu
def test_without_a_gpu_auto_is_the_cpu():
    """And `cuda` is refused by a line that says what torch sees and what to do."""
    assert device.choose_device("auto") == device.choose_device("cpu") == "cpu"
    with pytest.raises(UsageError, match=r"--device cuda: PyTorch \S+ sees no CUDA GPU here; use --device cpu or auto"):
        device.choose_device("cuda")


@needs_gpu
def test_with_a_gpu_auto_takes_it():
    """And says its name."""
    assert device.choose_device("auto") == device.choose_device("cuda") == "cuda"
    assert torch.cuda.get_device_name() in device.describe_device("auto")


@pytest.mark.parametrize("command", [("run", "quick"), ("sensitivity", "quick"), ("tune", "quick"), ("train", "cnn")])
def test_an_unknown_device_is_refused_in_one_line(command, tmp_path):
    """By every command that trains, before it looks for data or writes anything."""
    done = call(*command, "--data", "synthetic", "--out", str(tmp_path / "out"), "--device", "gpu")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "fashion-compare: --device gpu: expected one of auto, cpu, cuda\n"
    assert not (tmp_path / "out").exists()


@without_gpu
@pytest.mark.parametrize("command", [("run", "quick"), ("train", "cnn"), ("train", "ffnn")])
def test_cuda_without_one_is_refused_in_one_line(command, tmp_path):
    """Exit 2, nothing written."""
    done = call(*command, "--data", "synthetic", "--out", str(tmp_path / "out"), "--device", "cuda")
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    assert "sees no CUDA GPU here" in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["COLAB_TPU_ADDR", "COLAB_TPU_1VM", "TPU_ACCELERATOR_TYPE", "TPU_NAME"])
def test_a_tpu_is_recognised(name):
    """By any of the variables that such machines set; empty, as Colab's other machines have them, they say nothing."""
    assert device.has_tpu({name: "v5e-1"})
    assert not device.has_tpu({name: ""})


@without_gpu
def test_a_tpu_is_answered_plainly():
    """What trains there, and where the cnn would be faster; asked for by name it is refused with the same words."""
    said = device.describe_device("auto", {"COLAB_TPU_1VM": "1"})
    assert said.startswith("This is a TPU runtime")
    assert "Both models train on its CPU" in said
    assert "GPU runtime" in said
    assert device.describe_device("auto", {}) == "Both models train on the CPU."
    with pytest.raises(UsageError, match="--device tpu: a TPU computes nothing here"):
        device.check_device("tpu")


def test_the_network_from_scratch_trains_without_torch(tmp_path):
    """With `--device auto` as with `cpu`: no torch is imported, neither to choose a device nor to train."""
    program = """
import sys
from fashion_compare.device import device_for
from fashion_compare.classifier import build
from fashion_compare.classifier.configuration import FfnnConfiguration
import numpy as np
chosen = device_for(["ffnn"], "auto")
classifier = build(FfnnConfiguration(hidden_sizes=[8]), seed=0, mean=0, std=1, device=chosen)
images = np.zeros((4, 28, 28), np.uint8)
classifier.train_epoch(classifier.preprocess(images), np.arange(4), np.arange(4), np.full(1, 0.001))
sys.exit("torch" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", program], timeout=60, check=False).returncode == 0


def test_help_imports_no_torch():
    """The options of every command are there without it."""
    program = "import sys, fashion_compare.cli, fashion_compare.device; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], timeout=60, check=False).returncode == 0


@pytest.mark.parametrize("settings", SETTINGS)
def test_looking_at_losses_after_the_epoch_changes_no_bit(settings, tiny_dataset):
    """The way that a GPU is spared from waiting gives the bits of the one that looks at every step."""
    found = []
    for checks in (True, False):
        classifier, prepared = made(tiny_dataset, **settings)
        classifier._checks_each_step = checks
        objective = train_epoch(classifier, prepared, tiny_dataset.train_labels, np.arange(400))
        found.append((objective, {name: value.tobytes() for name, value in classifier.weights().items()}))
    assert found[0] == found[1]


@pytest.mark.parametrize("checks", [True, False])
def test_the_step_that_diverged_is_named(checks, tiny_dataset):
    """Whether losses are looked at in each step or after the epoch, the first that is not finite is named."""
    classifier, prepared = made(tiny_dataset, optimizer="sgd")
    classifier._checks_each_step = checks
    rates = np.array([0.01, 0.01, np.inf, 0.01, 0.01, 0.01, 0.01])
    with pytest.raises(NonFiniteLossError) as caught:
        classifier.train_epoch(prepared, tiny_dataset.train_labels, np.arange(400), rates)
    # The third step's rate is infinite, so the fourth is the first to see what it left.
    assert caught.value.step == 4


def test_the_device_is_no_part_of_a_runs_identity(tiny_dataset, tmp_path):
    """What was trained on one device is not trained again for another, and the result says where it was."""
    configuration = CnnConfiguration(epochs=0)
    run = Run("cnn", "baseline", configuration, 0, None, None, tmp_path, data_identity(tiny_dataset), device="cpu")
    assert run.identity == replace(run, device="cuda").identity
    record = execute(run, dataset=tiny_dataset)
    assert record.environment["device"] == "cpu"
    assert execute(replace(run, device="cuda"), dataset=tiny_dataset) == record


def test_a_run_that_changes_its_device_says_so(tiny_dataset, tmp_path):
    """A checkpoint names the device; going on on another is noted with the epoch."""
    configuration = CnnConfiguration(epochs=1, batch_size=64)
    directory, notes = claimed(tmp_path), []
    train(configuration, 0, tiny_dataset, directory)
    arrays, metadata = load_arrays(directory.checkpoint)
    assert metadata["device"] == "cpu"
    save_arrays(directory.checkpoint, arrays, metadata | {"device": "cuda"})
    train(configuration.model_copy(update={"epochs": 2}), 0, tiny_dataset, directory, on_note=notes.append)
    assert notes == [f"{tmp_path}: begun on cuda, went on from epoch 1 on cpu"]


@needs_gpu
@pytest.mark.parametrize("settings", SETTINGS)
def test_a_gpu_agrees_with_the_cpu(settings, tiny_dataset):
    """Same initial weights to the bit; after two epochs objectives and logits differ by rounding alone."""
    ours, theirs = (made(tiny_dataset, where, **settings)[0].weights() for where in ("cpu", "cuda"))
    assert all(np.array_equal(ours[name], theirs[name]) for name in ours)
    (cpu, cpu_images, cpu_objectives), (gpu, gpu_images, gpu_objectives) = (
        trained(tiny_dataset, where, **settings) for where in ("cpu", "cuda")
    )
    np.testing.assert_allclose(gpu_objectives, cpu_objectives, rtol=LOGIT_TOLERANCE)
    np.testing.assert_allclose(gpu.logits(gpu_images), cpu.logits(cpu_images), atol=LOGIT_TOLERANCE)
    gradients = [
        c.input_gradients(x[:20], tiny_dataset.train_labels[:20]) for c, x in ((cpu, cpu_images), (gpu, gpu_images))
    ]
    np.testing.assert_allclose(gradients[1], gradients[0], atol=LOGIT_TOLERANCE)
    assert gpu.complexity() == cpu.complexity()


@needs_gpu
def test_a_gpu_gives_the_same_bits_twice(tiny_dataset):
    """With dropout too."""
    first, second = (trained(tiny_dataset, "cuda", dropout=0.3)[0].weights() for _ in range(2))
    assert all(np.array_equal(first[name], second[name]) for name in first)


@needs_gpu
@pytest.mark.parametrize("settings", SETTINGS)
def test_no_step_waits_for_the_gpu(settings, tiny_dataset):
    """Torch itself raises on anything in a step that would synchronise."""
    classifier, prepared = made(tiny_dataset, "cuda", **settings)
    assert isinstance(classifier, CnnClassifier)
    train_epoch(classifier, prepared, tiny_dataset.train_labels, np.arange(400))
    targets = torch.from_numpy(tiny_dataset.train_labels).cuda()
    batches = torch.arange(400, device="cuda").split(64)
    torch.cuda.set_sync_debug_mode("error")
    try:
        classifier._take_steps(prepared, targets, batches, np.full(len(batches), 0.003))
    finally:
        torch.cuda.set_sync_debug_mode("default")


@needs_gpu
def test_a_run_on_a_gpu_goes_on_to_the_same_bits(tiny_dataset, tmp_path):
    """Interrupted after an epoch and gone on with, a run ends as an undisturbed one; all it wrote are CPU arrays."""
    configuration = CnnConfiguration(epochs=3, batch_size=64, dropout=0.3, ema_decay=0.9)
    whole, parted = claimed(tmp_path / "whole"), claimed(tmp_path / "parted")
    train(configuration, 0, tiny_dataset, whole, device="cuda")

    def stop(line):
        if line["epoch"] == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(configuration, 0, tiny_dataset, parted, stop, device="cuda")
    train(configuration, 0, tiny_dataset, parted, device="cuda")
    assert whole.weights.read_bytes() == parted.weights.read_bytes()


@needs_gpu
def test_a_gpu_is_faster_on_a_whole_epoch():
    """Seconds of an epoch of 55,000 images, printed for the log; a GPU that is slower than one core is a defect."""
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (55_000, 28, 28), dtype=np.uint8)
    labels, order = generator.integers(0, 10, 55_000), generator.permutation(55_000)
    seconds = {}
    for where in ("cpu", "cuda"):
        classifier = build(CnnConfiguration(), seed=0, mean=127.0, std=74.0, device=where)
        prepared = classifier.preprocess(images)
        train_epoch(classifier, prepared, labels, order[:6_400])
        started = time.perf_counter()
        train_epoch(classifier, prepared, labels, order)
        seconds[where] = time.perf_counter() - started
    print(seconds)
    assert seconds["cuda"] < seconds["cpu"]
