"""Where in the image a unit of a convolutional layer looks: the centre of its receptive field."""

from dataclasses import dataclass

from torch import nn


@dataclass(frozen=True)
class ReceptiveField:
    """Unit (i, j) of a layer sees `size` × `size` pixels centred on pixel (start + i·step, start + j·step)."""

    start: float
    step: float
    size: float


def receptive_field(module: nn.Module, layer: str) -> ReceptiveField:
    """Return the receptive field of the units of `layer`, a direct child of `module`, from the layers up to it.

    A layer with kernel k (counted with its dilation), stride s and padding p maps unit i to its inputs i·s - p …
    i·s - p + k - 1, whose centre is i·s + (k - 1)/2 - p; the rest is arithmetic from layer to layer (Araujo et al.,
    Computing receptive fields of convolutional neural networks, 2019, eq. 2 to 4).

    Raises:
        ValueError: there is no such layer, or one before it is not a convolution, pooling or element-wise layer.
    """
    start, step, size = 0.0, 1.0, 1.0
    for name, child in module.named_children():
        match child:
            case nn.Conv2d() | nn.MaxPool2d():
                settings = (child.kernel_size, child.stride, child.padding, child.dilation)
                kernel, stride, padding, dilation = (_one(value) for value in settings)
                reach = dilation * (kernel - 1)
                start += step * (reach / 2 - padding)
                size += step * reach
                step *= stride
            case nn.ReLU() | nn.Tanh() | nn.Dropout() | nn.BatchNorm2d() | nn.Identity():
                pass
            case _:
                raise ValueError(
                    f"layer '{name}' ({type(child).__name__}) comes before '{layer}' and has no place in the image"
                )
        if name == layer:
            return ReceptiveField(start, step, size)
    raise ValueError(f"no layer '{layer}'; there are {', '.join(name for name, _ in module.named_children())}")


def _one(value: object) -> int:
    """Return the number behind torch's int-or-pair settings; both directions must be alike."""
    if isinstance(value, tuple):
        first, second = value
        if first != second:
            raise ValueError(f"kernel, stride and padding must be alike in both directions, got {value}")
        return int(first)
    assert isinstance(value, int)
    return value
