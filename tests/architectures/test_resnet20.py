"""ResNet-20: its costs, what its units see, its Grad-CAM in closed form, and an epoch of training."""

import numpy as np
import pytest
import torch
from tests.builders import train_epoch
from torch.utils.flop_counter import FlopCounterMode

from fashion_compare.architectures.resnet20 import ARCHITECTURE, ResNet20
from fashion_compare.classifier import build
from fashion_compare.classifier.cnn import CnnClassifier
from fashion_compare.classifier.configuration import CnnConfiguration
from fashion_compare.data.dataset import Dataset
from fashion_compare.explanation.class_means import first_layer
from fashion_compare.explanation.gradcam import grad_cam
from fashion_compare.explanation.linear_probes import representations
from fashion_compare.explanation.receptive_field import receptive_field


def test_costs_are_torchs_and_those_of_paper() -> None:
    """272,186 parameters and 31,021,952 multiply-accumulates: half the operations that torch counts."""
    layers = build(CnnConfiguration(architecture="resnet20"), seed=0, mean=0.0, std=1.0).complexity()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        assert ResNet20()(torch.zeros(1, 1, 28, 28)).shape == (1, 10)
    stages = ((16, 16, 28), (16, 32, 14), (32, 64, 7))
    convolutions = 9 * 16 + sum(9 * (i * o + 5 * o * o) + (i * o if i != o else 0) for i, o, _ in stages)
    norms = 2 * (16 + sum(6 * o + (o if i != o else 0) for i, o, _ in stages))
    assert sum(layer.parameters for layer in layers) == convolutions + norms + 65 * 10 == 272_186
    products = 9 * 16 * 784 + 640
    products += sum((9 * (i * o + 5 * o * o) + (i * o if i != o else 0)) * side**2 for i, o, side in stages)
    assert sum(layer.multiply_accumulates for layer in layers) == products == 31_021_952
    assert counter.get_total_flops() == 2 * products


@pytest.mark.parametrize(
    ("layer", "unit"),
    [("relu", 30), ("stage1.0.relu2", 30), ("stage1.2.relu2", 30), ("stage2.0.relu2", 20), ("stage3.0.conv1", 16)],
)
def test_a_units_receptive_field_is_what_reaches_it(layer: str, unit: int) -> None:
    """With positive weights the gradient of a unit is not zero on just the pixels that its receptive field covers."""
    torch.manual_seed(0)
    module = ResNet20().double().eval()
    with torch.no_grad():
        for weights in module.parameters():
            weights.abs_().add_(0.01)
    image = torch.ones(1, 1, 144, 144, dtype=torch.float64, requires_grad=True)
    given = []
    module.get_submodule(layer).register_forward_hook(lambda _module, _inputs, output: given.append(output))
    module(image)
    (gradient,) = torch.autograd.grad(given[0][0, :, unit, unit].sum(), image)
    rows = torch.nonzero(gradient[0, 0].sum(dim=1))[:, 0]
    field = receptive_field(module, layer)
    centre, reach = field.start + unit * field.step, (field.size - 1) / 2
    assert (int(rows.min()), int(rows.max())) == (centre - reach, centre + reach)


def test_grad_cam_is_the_dense_layers_weights_times_the_maps() -> None:
    """Behind the mean over places there is one dense layer, so Grad-CAM has a closed form: relu(Σ w_ck A_k / 49)."""
    torch.manual_seed(1)
    module = ResNet20().eval()
    images, targets = torch.randn(4, 1, 28, 28), np.array([0, 3, 9, 3])
    given = []
    hook = module.get_submodule(ARCHITECTURE.target_layer).register_forward_hook(lambda _m, _i, out: given.append(out))
    module(images)
    hook.remove()
    weights = module.dense.weight[torch.from_numpy(targets)]
    expected = torch.relu((weights[:, :, None, None] * given[0]).sum(dim=1) / 49).detach().numpy()
    for method in ("Grad-CAM", "HiResCAM"):
        coarse, placed = grad_cam(module, images, targets, ARCHITECTURE.target_layer, method)
        np.testing.assert_allclose(coarse, expected, rtol=1e-4, atol=1e-7)
        assert placed.shape == (4, 28, 28)
        assert placed.any()


def test_an_epoch_of_training_lowers_the_loss_and_is_resumed_to_the_bit(tiny_dataset: Dataset) -> None:
    """Three epochs on blurred prototypes; the last from saved weights and state gives the same weights."""
    configuration = CnnConfiguration(architecture="resnet20", batch_size=40, learning_rate=0.003)
    classifier, again = (build(configuration, seed=0, mean=90.0, std=50.0) for _ in range(2))
    images, order = classifier.preprocess(tiny_dataset.train_images), np.arange(400)
    first, second = (train_epoch(classifier, images, tiny_dataset.train_labels, order) for _ in range(2))
    assert second < first
    again.load_weights(classifier.weights())
    again.load_state(classifier.state())
    for one in (classifier, again):
        train_epoch(one, images, tiny_dataset.train_labels, order)
    theirs = again.weights()
    assert all(np.array_equal(value, theirs[name]) for name, value in classifier.weights().items())


def test_layers_for_linear_probes_are_blocks_of_bounded_size(tiny_dataset: Dataset) -> None:
    """After the first convolution a stage a block, then the dense layer; none has more than 2,000 features."""
    classifier = build(CnnConfiguration(architecture="resnet20"), seed=0, mean=90.0, std=50.0)
    assert isinstance(classifier, CnnClassifier)
    found = representations("cnn", classifier, tiny_dataset.test_images[:5])
    blocks = [f"stage{stage}.{block}" for stage in (1, 2, 3) for block in (0, 1, 2)]
    assert list(found) == ["pixels", "conv", *blocks, "dense"]
    assert {name: values.shape[1] for name, values in found.items()} == {
        "pixels": 784, "conv": 1936, **dict.fromkeys(blocks[:3], 1936), **dict.fromkeys(blocks[3:6], 1568),
        **dict.fromkeys(blocks[6:8], 1600), "stage3.2": 64, "dense": 10,
    }  # fmt: skip


def test_its_first_kernels_are_found_whatever_they_are_called() -> None:
    """Sixteen kernels of 3×3 weights, the strongest first."""
    weights = build(CnnConfiguration(architecture="resnet20"), seed=0, mean=0.0, std=1.0).weights()
    kernels = weights["conv.weight"][:, 0]
    order = np.argsort(-np.linalg.norm(kernels.reshape(16, 9).astype(np.float64), axis=1), kind="stable")
    np.testing.assert_array_equal(first_layer(weights), kernels[order])


def test_batch_normalisation_is_a_part_of_it() -> None:
    """`normalization: batch` would change nothing, and is refused as settings without effect are."""
    with pytest.raises(ValueError, match="normalization 'batch' has no effect with architecture 'resnet20'"):
        CnnConfiguration(architecture="resnet20", normalization="batch")
    with pytest.raises(ValueError, match="expected one of lenet5, resnet20"):
        CnnConfiguration(architecture="resnet18")
