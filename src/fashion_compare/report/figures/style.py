"""How every figure looks, and how it becomes an SVG that follows the page's light or dark theme."""

import io
import math
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from fashion_compare.comparison.statistics import Estimate
from fashion_compare.findings.wording import Cut

Rows = list[dict[str, Any]]

MODEL_COLOURS = {"ffnn": "#b4500a", "cnn": "#1f6fb4"}
# Okabe and Ito's colours for ten classes: distinct without red-green vision; the last two are light and dark grey.
CLASS_COLOURS = (
    "#e69f00", "#56b4e9", "#009e73", "#b8a800", "#0072b2",
    "#d55e00", "#cc79a7", "#7f3c8d", "#999999", "#555555",
)  # fmt: skip
# With more of them than this a log axis has no room for ticks within each.
_DECADES = 3
INK, GRID = "#123456", "#dddddd"
# Of the cells of a matrix, the same in both themes, since numbers stand on them. One step beside the models' colours,
# which an SVG replaces by the theme's.
_CELL_COLOURS = {"ffnn": "#b4500b", "cnn": "#1f6fb5"}

# Colours that change with the theme; a figure looked at by itself falls back to the light ones.
_THEMED = {
    INK: "currentColor",
    GRID: "var(--line, #dddddd)",
    MODEL_COLOURS["ffnn"]: f"var(--ffnn, {MODEL_COLOURS['ffnn']})",
    MODEL_COLOURS["cnn"]: f"var(--cnn, {MODEL_COLOURS['cnn']})",
}
SETTINGS: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "fashion-compare",
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
    **dict.fromkeys(
        ("text.color", "axes.labelcolor", "axes.edgecolor", "axes.titlecolor", "xtick.color", "ytick.color"),
        INK,
    ),
}


@dataclass(frozen=True)
class RenderedFigure:
    """A figure: its file name's stem, its SVG, the data behind it, and what it shows in words."""

    name: str
    svg: str
    rows: Rows
    caption: str


def rendered(draw: Callable[..., tuple[str, Figure, Rows, str]]) -> Callable[..., RenderedFigure]:
    """Run a drawing function in the project's style and turn its figure into SVG."""

    @wraps(draw)
    def styled(*arguments: Any) -> RenderedFigure:
        with mpl.rc_context(SETTINGS):
            name, figure, rows, caption = draw(*arguments)
            return RenderedFigure(name, to_svg(figure, caption), rows, caption)

    return styled


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure in inches; no global state is touched, and no window can open."""
    with mpl.rc_context(SETTINGS):
        return Figure(figsize=(width, height), layout="constrained")


def cell_colours(model: str) -> LinearSegmentedColormap:
    """Return a colour map from nothing at zero to the model's colour, as opaque as the value is large."""
    colour = _CELL_COLOURS[model]
    return LinearSegmentedColormap.from_list(model, [f"{colour}00", colour])


def percent_ends(row: Mapping[str, Any], cut: Cut) -> tuple[float, float]:
    """Return the ends of a row's interval in percent, cut off where no value can be; the row keeps its own."""
    low, high = cut((row["low"], row["high"]))
    return 100 * low, 100 * high


def interval_row(estimate: Estimate, **what: Any) -> dict[str, Any]:
    """Return a row of a figure's data: what it is, and its mean with the ends of the interval."""
    return {**what, "mean": estimate.mean, "low": estimate.low, "high": estimate.high}


def draw_interval(axes: Axes, row: Mapping[str, Any], y: float, colour: str, cut: Cut, *, filled: bool = True) -> None:
    """Draw a mean with its interval, in percent, from left to right."""
    axes.plot(percent_ends(row, cut), [y, y], color=colour, linewidth=1.6)
    axes.plot(100 * row["mean"], y, "D", color=colour, markersize=5, markerfacecolor=colour if filled else "white")


def log_ticks(axis: Axis, factors: Sequence[int]) -> None:
    """Put ticks of a log axis at `factors` of each power of ten; at powers alone where there are many of those.

    Matplotlib's own locator draws no tick at all where there is no room for each factor.
    """
    low, high = axis.get_view_interval()
    decades = math.ceil(math.log10(high)) - math.floor(math.log10(low))
    axis.set_major_locator(mpl.ticker.LogLocator(subs=factors if decades <= _DECADES else (1,)))
    axis.set_major_formatter(mpl.ticker.FormatStrFormatter("%g"))
    axis.set_minor_formatter(mpl.ticker.NullFormatter())


def to_svg(figure: Figure, title: str) -> str:
    """Return the figure as an SVG element with `title` as its accessible name; the same figure gives the same text."""
    out = io.StringIO()
    with mpl.rc_context(SETTINGS), warnings.catch_warnings():
        # The text stays text, in whatever font the reader has; Matplotlib only measures it with its own.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font", category=UserWarning)
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    text = out.getvalue()
    text = text[text.index("<svg") :]
    for colour, themed in _THEMED.items():
        text = text.replace(colour, themed)
    # The page scales the drawing by its viewBox, and its own font is used.
    text = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", text, count=1)
    text = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", text, count=1)
    text = re.sub(r"font: ([^;\"]*?)'?DejaVu Sans'?[^;\"]*", r"font: \1system-ui, sans-serif", text)
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    return text.replace("<svg ", f'<svg role="img" aria-label="{_attribute(title)}" ', 1)


def standalone(svg: str) -> str:
    """Return the SVG as a file of its own, readable on light and on dark; in the page, the page's theme decides."""
    light = f"color:#22252b;--line:{GRID};--ffnn:{MODEL_COLOURS['ffnn']};--cnn:{MODEL_COLOURS['cnn']}"
    dark = "color:#e6e6e3;--line:#3a3e46;--ffnn:#f0914d;--cnn:#6fb3ee"
    style = f"<style>svg{{{light}}}@media(prefers-color-scheme:dark){{svg{{{dark}}}}}</style>"
    end = svg.index(">") + 1
    return f"{svg[:end]}\n{style}{svg[end:]}"


def _attribute(text: str) -> str:
    return text.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
