"""A drawing of each network, to scale: maps as stacked squares, vectors as bars."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from fashion_compare.classifier.interface import LayerComplexity
from fashion_compare.report.figures.style import GRID, INK, MODEL_COLOURS, Rows, new_figure, rendered

_IMAGE = (1, 28, 28)
# Squares drawn of a stack, and how far each is behind the one before it, in pixels.
_MAPS, _BEHIND = 6, 1.6
# Height of a bar in pixels, for the square root of its units; and its width.
_BAR, _WIDTH = 1.6, 3.0
_BETWEEN = 13.0
# Of LeNet-5: shorter networks are drawn to the same scale.
_LENGTH = 215.0


@rendered
def architecture(model: str, layers: Sequence[LayerComplexity]) -> tuple[str, Figure, Rows, str]:
    """What an image is turned into by each layer, with the layer's parameters on the way."""
    stages: list[tuple[str, tuple[int, ...], int | None]] = [("image", _IMAGE, None)]
    stages += [(layer.kind, layer.output_shape, layer.parameters) for layer in layers]
    colour = MODEL_COLOURS[model]
    figure = new_figure(7.6, 2.3)
    axes = figure.add_subplot()
    x, ends = 0.0, []
    for _, shape, _ in stages:
        begin = x
        x = _stack(axes, x, shape, colour) if len(shape) == 3 else _bar(axes, x, shape[0], colour)
        ends.append((begin, x))
        x += _BETWEEN
    for (_, end), (begin, _), (kind, _, parameters) in zip(ends, ends[1:], stages[1:], strict=False):
        axes.annotate("", (begin - 0.8, 0), (end + 0.8, 0), arrowprops={"arrowstyle": "->", "color": INK, "lw": 0.9})
        text = kind.split(" ")[0].replace("-", "-\n")
        counted = f"\n{parameters:,}" if parameters else ""
        axes.text((end + begin) / 2, 1.2, f"{text}{counted}", ha="center", va="bottom", fontsize=5.6)
    # Below the tallest of them.
    low = -max(20.0, max(_BAR * max(shape) ** 0.5 / 2 for _, shape, _ in stages if len(shape) == 1) + 1)
    for (begin, end), (_, shape, _) in zip(ends, stages, strict=True):
        axes.text((begin + end) / 2, low - 1.5, "×".join(map(str, shape)), ha="center", va="top", fontsize=6.5)
    axes.set_xlim(-2, max(x - _BETWEEN, _LENGTH) + 2)
    axes.set_ylim(low - 8, -low + 1)
    axes.set_aspect("equal", anchor="W")
    axes.axis("off")
    rows = [
        {"stage": kind, "shape": "x".join(map(str, shape)), "parameters": count or 0} for kind, shape, count in stages
    ]
    caption = (
        f"The {model}, to scale: squares are maps (at most {_MAPS} drawn of each stack), bars are vectors, as long as "
        "the square root of their units; on the arrows each layer's kind and parameters."
    )
    return f"architecture-{model}", figure, rows, caption


def _stack(axes: Axes, x: float, shape: Sequence[int], colour: str) -> float:
    maps, height, width = shape
    drawn_maps = min(maps, _MAPS)
    for k in reversed(range(drawn_maps)):
        corner = (x + k * _BEHIND, -height / 2 + k * _BEHIND - drawn_maps * _BEHIND / 2)
        axes.add_patch(Rectangle(corner, width, height, facecolor=GRID, edgecolor=colour, linewidth=0.9))
    return x + width + (drawn_maps - 1) * _BEHIND


def _bar(axes: Axes, x: float, units: int, colour: str) -> float:
    height = _BAR * units**0.5
    axes.add_patch(Rectangle((x, -height / 2), _WIDTH, height, facecolor=GRID, edgecolor=colour, linewidth=0.9))
    return x + _WIDTH
