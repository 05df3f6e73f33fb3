"""Where a unit looks, against the support of its gradient with respect to the image."""

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn

from fashion_compare.architectures.lenet5 import LeNet5
from fashion_compare.explanation.receptive_field import ReceptiveField, receptive_field


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        ("conv1", ReceptiveField(0, 1, 5)),
        ("pool1", ReceptiveField(0.5, 2, 6)),
        ("conv2", ReceptiveField(4.5, 2, 14)),
        ("relu2", ReceptiveField(4.5, 2, 14)),
        ("pool2", ReceptiveField(5.5, 4, 16)),
    ],
)
def test_lenet5_by_hand(layer, expected):
    """The 10×10 maps of conv2 have their centres on pixels 4.5, 6.5, … 22.5 and see 14×14 pixels each."""
    assert receptive_field(LeNet5(), layer) == expected


def pixels_seen(module, layer, unit, size):
    """First and last row of the image on which the unit (unit, unit) of `layer` depends, by its gradient.

    Average pooling in max-pooling's place and weights of one: then every pixel that can count does.
    """
    image = torch.zeros(1, 1, size, size, dtype=torch.float64, requires_grad=True)
    values = image
    for name, child in module.named_children():
        if isinstance(child, nn.MaxPool2d):
            values = nn.functional.avg_pool2d(values, child.kernel_size, child.stride, child.padding)
        elif isinstance(child, nn.Conv2d):
            ones = torch.ones_like(child.weight, dtype=torch.float64)
            values = nn.functional.conv2d(values, ones, None, child.stride, child.padding, child.dilation)
        if name == layer:
            break
    values[0, 0, unit, unit].backward()
    rows = torch.nonzero(image.grad[0, 0].sum(dim=1))
    return int(rows.min()), int(rows.max())


LAYER = st.tuples(st.booleans(), st.integers(1, 4), st.integers(1, 3), st.integers(0, 2))


@given(drawn=st.lists(LAYER, min_size=1, max_size=4), unit=st.integers(0, 6))
@settings(deadline=None, max_examples=60)
def test_any_stack_of_convolutions_and_poolings(drawn, unit):
    """Centre and size are those of the pixels that the unit's gradient reaches, for units clear of the edge."""
    module = nn.Sequential()
    for i, (convolution, kernel, stride, padding) in enumerate(drawn):
        child = (
            nn.Conv2d(1, 1, kernel, stride, padding)
            if convolution
            else nn.MaxPool2d(kernel, stride, min(padding, kernel // 2))
        )
        module.add_module(f"layer{i}", child)
        module.add_module(f"relu{i}", nn.ReLU())
    layer = f"relu{len(drawn) - 1}"
    field = receptive_field(module, layer)
    size = 60
    centre, reach = field.start + unit * field.step, (field.size - 1) / 2
    assume(centre - reach >= 0)
    assume(centre + reach <= size - 1)
    first, last = pixels_seen(module, layer, unit, size)
    assert (first, last) == (centre - reach, centre + reach)


def test_the_oracle_agrees_on_lenet5():
    """The gradient of unit (4, 4) of conv2 reaches rows 6 to 19: 14 rows around 12.5 = 4.5 + 4·2."""
    assert pixels_seen(LeNet5(), "conv2", 4, 28) == (6, 19)


@pytest.mark.parametrize("layer", ["flatten", "dense1", "relu4"])
def test_a_dense_layer_has_no_place_in_the_image(layer):
    """Neither flattened nor dense layers, nor what comes after, are given a receptive field."""
    with pytest.raises(ValueError, match="no place in the image"):
        receptive_field(LeNet5(), layer)


def test_a_missing_layer_is_named():
    """The error lists the layers there are."""
    module = nn.Sequential()
    module.add_module("conv", nn.Conv2d(1, 1, 3))
    with pytest.raises(ValueError, match="no layer 'conv9'; there are conv"):
        receptive_field(module, "conv9")


def test_a_kernel_that_is_not_square_is_refused():
    """One number for both directions would be wrong for one of them."""
    module = nn.Sequential(nn.Conv2d(1, 1, (3, 5)))
    with pytest.raises(ValueError, match="alike in both directions"):
        receptive_field(module, "0")


def test_dilation_is_not_passed_over():
    """A 3×3 kernel with gaps of one reaches over five pixels: said so, or refused, but not taken for three."""
    module = nn.Sequential(nn.Conv2d(1, 1, 3, dilation=2))
    assert pixels_seen(module, "0", 5, 28) == (5, 9)
    try:
        field = receptive_field(module, "0")
    except ValueError:
        return
    assert field == ReceptiveField(2, 1, 5)


def test_centres_of_lenet5s_maps():
    """Ten centres two pixels apart, as far from the left edge as from the right one."""
    field = receptive_field(LeNet5(), "relu2")
    centres = field.start + field.step * np.arange(10)
    np.testing.assert_array_equal(centres + centres[::-1], 27)
