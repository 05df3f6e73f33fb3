"""What the two networks cost for one image, against torch's own count and arithmetic on paper."""

import math

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from fashion_compare.architectures.lenet5 import LeNet5
from fashion_compare.classifier import build
from fashion_compare.classifier.configuration import CnnConfiguration, FfnnConfiguration
from fashion_compare.classifier.interface import LayerComplexity


def complexity(configuration):
    return build(configuration, seed=0, mean=0.0, std=1.0).complexity()


def test_lenet5_against_torch():
    """61,706 parameters and 416,520 multiply-accumulates: half the operations that torch counts."""
    layers = complexity(CnnConfiguration())
    module = LeNet5()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        logits = module(torch.zeros(1, 1, 28, 28))
    assert logits.shape == (1, 10)
    assert sum(layer.multiply_accumulates for layer in layers) == 416_520 == counter.get_total_flops() // 2
    assert sum(layer.parameters for layer in layers) == 61_706 == sum(p.numel() for p in module.parameters())


def test_lenet5_layer_by_layer():
    """LeCun et al. 1998: two 5×5 convolutions with pooling, then 120, 84 and 10 units."""
    layers = [(x.name, x.output_shape, x.parameters, x.multiply_accumulates) for x in complexity(CnnConfiguration())]
    assert layers == [
        ("conv1", (6, 28, 28), 6 * 26, 28 * 28 * 6 * 25),
        ("pool1", (6, 14, 14), 0, 0),
        ("conv2", (16, 10, 10), 16 * 151, 10 * 10 * 16 * 150),
        ("pool2", (16, 5, 5), 0, 0),
        ("dense1", (120,), 120 * 401, 400 * 120),
        ("dense2", (84,), 84 * 121, 120 * 84),
        ("dense3", (10,), 10 * 85, 84 * 10),
    ]


def test_dropout_costs_nothing():
    """Dropout adds neither parameters nor multiply-accumulates, nor a layer to the table."""
    assert complexity(CnnConfiguration(dropout=0.5)) == complexity(CnnConfiguration())
    assert complexity(FfnnConfiguration(dropout=0.5)) == complexity(FfnnConfiguration())


def test_the_fully_connected_network():
    """784-256-128-10 has 235,146 parameters: 234,752 weights, a multiply-accumulate each, and 394 biases."""
    layers = complexity(FfnnConfiguration())
    assert sum(layer.parameters for layer in layers) == 235_146
    assert sum(layer.multiply_accumulates for layer in layers) == 234_752
    assert [layer.output_shape for layer in layers] == [(256,), (128,), (10,)]


@pytest.mark.parametrize("configuration", [CnnConfiguration(), FfnnConfiguration(hidden_sizes=(7,))])
def test_the_table_counts_what_is_saved(configuration):
    """The parameters of the table are as many as the numbers in the saved weights, the normalisation aside."""
    classifier = build(configuration, seed=0, mean=0.0, std=1.0)
    saved = sum(math.prod(v.shape) for name, v in classifier.weights().items() if not name.startswith("input."))
    assert sum(layer.parameters for layer in classifier.complexity()) == saved


def test_the_first_layer_of_lenet_by_hand():
    """156 parameters are used at 784 places, and the layer says what it is."""
    assert complexity(CnnConfiguration())[0] == LayerComplexity(
        name="conv1",
        kind="convolution 5×5, 1 → 6 maps",
        output_shape=(6, 28, 28),
        parameters=156,
        multiply_accumulates=117_600,
    )
