"""Where in the image a unit of a convolutional layer looks: the centre of its receptive field."""

from dataclasses import dataclass

from torch import nn

from fashion_compare.architectures.graph import IMAGE, TracedLayer, trace

# Each of their units sees what the unit before it sees.
_IN_PLACE = {"relu", "dropout", "batch normalisation", "identity", "addition"}


@dataclass(frozen=True)
class ReceptiveField:
    """Unit (i, j) of a layer sees `size` × `size` pixels centred on pixel (start + i·step, start + j·step)."""

    start: float
    step: float
    size: float


def receptive_field(module: nn.Module, layer: str) -> ReceptiveField:
    """Return the receptive field of the units of `layer`, from the layers on all ways to it.

    A layer with kernel k (counted with its dilation), stride s and padding p maps unit i to its inputs i·s - p …
    i·s - p + k - 1, whose centre is i·s + (k - 1)/2 - p; the rest is arithmetic from layer to layer (Araujo et al.,
    Computing receptive fields of convolutional neural networks, 2019, eq. 2 to 4). A sum sees what any of its terms
    sees.

    Raises:
        ValueError: there is no such layer, or one before it has no places in the image.
    """
    layers = trace(module, image_shape=None)
    fields = {IMAGE: ReceptiveField(0.0, 1.0, 1.0)}
    for held in layers:
        inputs = [fields[name] for name in held.inputs]
        fields[held.name] = _behind(held, layer, _joined(inputs, held.name))
        if held.name == layer:
            return fields[layer]
    raise ValueError(f"no layer '{layer}'; there are {', '.join(held.name for held in layers)}")


def _behind(held: TracedLayer, wanted: str, field: ReceptiveField) -> ReceptiveField:
    """Return the field of a layer's units from that of its inputs'."""
    match held.module:
        case nn.Conv2d() | nn.MaxPool2d() | nn.AvgPool2d() as window:
            settings = (window.kernel_size, window.stride, window.padding, getattr(window, "dilation", 1))
            kernel, stride, padding, dilation = (_one(value) for value in settings)
            reach = dilation * (kernel - 1)
            start = field.start + field.step * (reach / 2 - padding)
            return ReceptiveField(start, field.step * stride, field.size + field.step * reach)
        case _ if held.kind in _IN_PLACE:
            return field
    raise ValueError(f"layer '{held.name}' ({held.kind}) comes before '{wanted}' and has no place in the image")


def _joined(fields: list[ReceptiveField], name: str) -> ReceptiveField:
    """Return the field that covers all of these, of units at the same places."""
    if len({field.step for field in fields}) > 1:
        raise ValueError(f"layer '{name}' adds maps of different steps")
    low = min(field.start - field.size / 2 for field in fields)
    high = max(field.start + field.size / 2 for field in fields)
    return ReceptiveField((low + high) / 2, fields[0].step, high - low)


def _one(value: object) -> int:
    """Return the number behind torch's int-or-pair settings; both directions must be alike."""
    if isinstance(value, tuple):
        first, second = value
        if first != second:
            raise ValueError(f"kernel, stride and padding must be alike in both directions, got {value}")
        return int(first)
    assert isinstance(value, int)
    return value
