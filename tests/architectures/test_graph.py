"""Tracing finds a network's layers, their connections and shapes, whatever its shape."""

import operator

import pytest
import torch
from torch import Tensor, nn

from fashion_compare.architectures import architecture_names, load_architecture
from fashion_compare.architectures.graph import IMAGE, outputs_of, single_paths, trace


class Residual(nn.Module):
    """One convolution with a shortcut around it, then pooling and a dense layer."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 1, 3, padding=1)
        self.pool = nn.AvgPool2d(4)
        self.flatten = nn.Flatten()
        self.dense = nn.Linear(49, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.dense(self.flatten(self.pool(torch.relu(self.conv(x) + x))))


def test_a_shortcut_is_an_input_of_the_addition() -> None:
    """The addition takes the convolution's output and the image; shapes and costs are those of pen and paper."""
    layers = {layer.name: layer for layer in trace(Residual())}
    assert [layer.kind for layer in layers.values()] == [
        "convolution", "addition", "relu", "average-pooling", "flatten", "dense",
    ]  # fmt: skip
    assert layers["add"].inputs == ("conv", IMAGE)
    assert layers["pool"].output_shape == (1, 7, 7)
    assert (layers["conv"].parameters, layers["conv"].multiply_accumulates) == (10, 28 * 28 * 9)
    assert (layers["dense"].parameters, layers["dense"].multiply_accumulates) == (150, 147)


def test_layers_beside_a_shortcut_carry_not_all() -> None:
    """What the convolution gives is not all that reaches the output: the image goes around it."""
    assert single_paths(trace(Residual())) == ["add", "relu", "pool", "flatten", "dense"]


def test_outputs_are_those_of_the_forward_pass() -> None:
    """Recorded outputs equal the operations done by hand, and tracing leaves the module in training mode."""
    module, images = Residual(), torch.randn(2, 1, 28, 28)
    trace(module)
    assert module.training
    found = outputs_of(module, images, {"add", "dense"})
    torch.testing.assert_close(found["add"], module.conv(images) + images)
    torch.testing.assert_close(found["dense"], module(images))


def test_an_operation_that_is_not_known_is_named() -> None:
    """A layer of another kind is refused by its name and class, an operation by its own."""
    with pytest.raises(ValueError, match=r"layer '0' \(Softplus\) is not known"):
        trace(nn.Sequential(nn.Softplus()), image_shape=None)

    class Product(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return operator.mul(x, x)

    with pytest.raises(ValueError, match="mul"):
        trace(Product(), image_shape=None)


def test_architectures_are_the_files_of_their_folder() -> None:
    """LeNet-5 and ResNet-20 are there; each says what it is called and where it comes from."""
    assert {"lenet5", "resnet20"} <= set(architecture_names())
    with pytest.raises(KeyError):
        load_architecture("graph")


@pytest.mark.parametrize("name", architecture_names())
@pytest.mark.parametrize("classes", [2, 10, 17])
def test_every_architecture_has_what_is_derived_from_it(name: str, classes: int) -> None:
    """It returns a score a class, its target layer is on the way with places in the image, and it names its source."""
    architecture = load_architecture(name)
    module = architecture.build(classes, 0.0, False)
    layers = {layer.name: layer for layer in trace(module)}
    assert list(layers.values())[-1].output_shape == (classes,)
    assert len(layers[architecture.target_layer].output_shape) == 3
    assert architecture.label
    assert architecture.reference
