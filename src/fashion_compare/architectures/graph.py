"""The layers of a network, how they are connected and what shapes they give, found by tracing its module (torch.fx)."""

import operator
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor, fx, nn
from torch.fx.passes.shape_prop import ShapeProp

IMAGE = "image"
IMAGE_SHAPE = (1, 28, 28)
_KINDS: tuple[tuple[type[nn.Module], str], ...] = (
    (nn.Conv2d, "convolution"),
    (nn.Linear, "dense"),
    (nn.BatchNorm2d, "batch normalisation"),
    (nn.BatchNorm1d, "batch normalisation"),
    (nn.MaxPool2d, "max-pooling"),
    (nn.AvgPool2d, "average-pooling"),
    (nn.AdaptiveAvgPool2d, "average-pooling"),
    (nn.ReLU, "relu"),
    (nn.Flatten, "flatten"),
    (nn.Dropout, "dropout"),
    (nn.Identity, "identity"),
)
_FUNCTIONS: dict[Callable[..., object], str] = {
    operator.add: "addition",
    operator.iadd: "addition",
    torch.add: "addition",
    torch.relu: "relu",
    nn.functional.relu: "relu",
    torch.flatten: "flatten",
}


@dataclass(frozen=True)
class TracedLayer:
    """One operation of a network.

    Attributes:
        name: dotted, as in the module's state; for an operation without a module, one that `torch.fx` gave it.
        kind: what it does, such as ``convolution`` or ``addition``.
        inputs: names of the layers whose outputs it takes; `IMAGE` is the network's input.
        output_shape: for one image.
        module: with its settings and weights; None for an operation without them.
    """

    name: str
    kind: str
    inputs: tuple[str, ...]
    output_shape: tuple[int, ...]
    module: nn.Module | None = field(compare=False, repr=False, default=None)

    @property
    def parameters(self) -> int:
        """How many weights it has, biases included."""
        return 0 if self.module is None else sum(p.numel() for p in self.module.parameters())

    @property
    def multiply_accumulates(self) -> int:
        """Multiply-accumulates for one image, forward."""
        if isinstance(self.module, nn.Conv2d):
            channels, height, width = self.output_shape
            return channels * height * width * self.module.weight[0].numel()
        return self.module.weight.numel() if isinstance(self.module, nn.Linear) else 0


def trace(module: nn.Module, image_shape: tuple[int, ...] | None = IMAGE_SHAPE) -> list[TracedLayer]:
    """Return the layers of a module in the order of its forward pass.

    Args:
        module: a network for images of any size that it can take.
        image_shape: of one image; None to leave the layers' shapes empty.

    Raises:
        ValueError: an operation in it is none of the known kinds.
    """
    traced = fx.symbolic_trace(module)
    if image_shape is not None:
        _propagate(traced, image_shape)
    names = {node: _name(node) for node in traced.graph.nodes}
    layers = []
    for node in traced.graph.nodes:
        if node.op in ("placeholder", "output"):
            continue
        inputs = tuple(names[source] for source in node.all_input_nodes)
        shape = tuple(node.meta["tensor_meta"].shape[1:]) if image_shape is not None else ()
        inside = module.get_submodule(str(node.target)) if node.op == "call_module" else None
        layers.append(TracedLayer(names[node], _kind(node, inside), inputs, shape, inside))
    return layers


def single_paths(layers: list[TracedLayer]) -> list[str]:
    """Return the names of the layers through which alone everything before them reaches the output.

    Inside a residual block there are two paths, and no layer carries all.
    """
    last_use = {name: position for position, layer in enumerate(layers) for name in layer.inputs}
    found, alive = [], {IMAGE}
    for position, layer in enumerate(layers):
        alive = {name for name in alive if last_use.get(name, -1) > position} | {layer.name}
        if alive == {layer.name}:
            found.append(layer.name)
    return found


def outputs_of(module: nn.Module, images: Tensor, wanted: set[str]) -> dict[str, Tensor]:
    """Return the outputs of the layers of these names, in evaluation mode, in the order of the forward pass."""
    module.eval()
    found: dict[str, Tensor] = {}

    class Recorder(fx.Interpreter):
        def run_node(self, n: fx.Node) -> object:
            value = super().run_node(n)
            if _name(n) in wanted and isinstance(value, Tensor):
                # A layer behind it may work in place.
                found[_name(n)] = value.clone()
            return value

    with torch.inference_mode():
        Recorder(fx.symbolic_trace(module)).run(images)
    return found


def _propagate(traced: fx.GraphModule, image_shape: tuple[int, ...]) -> None:
    """Note the shape of every layer's output, in evaluation mode, and leave the module in the mode that it was in."""
    was_training = traced.training
    traced.eval()
    first = next(traced.parameters())
    with torch.inference_mode():
        ShapeProp(traced).propagate(torch.zeros(1, *image_shape, device=first.device, dtype=first.dtype))
    traced.train(was_training)


def _name(node: fx.Node) -> str:
    if node.op == "placeholder":
        return IMAGE
    return str(node.target) if node.op == "call_module" else node.name


def _kind(node: fx.Node, module: nn.Module | None) -> str:
    for known, kind in _KINDS:
        if isinstance(module, known):
            return kind
    if module is None and node.op == "call_function" and node.target in _FUNCTIONS:
        return _FUNCTIONS[node.target]
    what = type(module).__name__ if module is not None else str(node.target)
    raise ValueError(
        f"layer '{_name(node)}' ({what}) is not known; known are {', '.join(k.__name__ for k, _ in _KINDS)}"
    )
