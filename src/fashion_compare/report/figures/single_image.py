"""The explanation of one image as a figure of its own."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from fashion_compare.analysis.single_image import ImageExplanation
from fashion_compare.explanation.saliency import Maps
from fashion_compare.report.figures.attribution import SIGNED, draw_picture
from fashion_compare.report.figures.style import MODEL_COLOURS, Rows, new_figure, rendered


@rendered
def explanation(
    title: str,
    image: NDArray[np.uint8],
    explained: ImageExplanation,
    maps: Mapping[str, Mapping[str, Maps]],
    class_names: Sequence[str],
) -> tuple[str, Figure, Rows, str]:
    """The image, the probabilities, and each method's maps for the predicted class and, where it differs, the label."""
    methods = list(next(iter(maps.values())))
    figure = new_figure(1.25 * (len(methods) + 3), 1.45 * len(maps) + 0.7)
    grid = figure.add_gridspec(len(maps), len(methods) + 3)
    axes = figure.add_subplot(grid[:, 0])
    draw_picture(axes, image, "Greys", 0, 255)
    # The name of a file may hold what looks like a formula.
    axes.set_title(title, fontsize=8, parse_math=False)
    axes = figure.add_subplot(grid[:, 1:3])
    targets = {"predicted": explained.predicted, "label": explained.label or 0}
    probabilities = explained.probabilities
    axes.barh(range(len(class_names)), [100 * p for p in probabilities], color=MODEL_COLOURS[explained.model])
    axes.set_yticks(range(len(class_names)), class_names, fontsize=6.5)
    axes.tick_params(axis="x", labelsize=6.5)
    axes.invert_yaxis()
    axes.set_xlim(0, 100)
    axes.set_title("probability (%)", fontsize=8)
    for i, (target, held) in enumerate(maps.items()):
        # One scale a method, so that the maps for prediction and label compare.
        for k, method in enumerate(methods):
            peak = max(float(np.abs(of[method]).max()) for of in maps.values()) or 1.0
            axes = figure.add_subplot(grid[i, k + 3])
            draw_picture(axes, image, "Greys", 0, 600)
            draw_picture(axes, held[method], SIGNED, -peak, peak)
            axes.set_title(f"{method}\nfor {class_names[targets[target]]}", fontsize=7, fontweight="normal")
    rows = [{"class": name, "probability": p} for name, p in zip(class_names, probabilities, strict=True)]
    known = "" if explained.label is None else f", label {class_names[explained.label]}"
    caption = (
        f"{title}: the {explained.model} ({explained.configuration}, {explained.run}) predicts "
        f"{class_names[explained.predicted]}{known}. Red is positive, blue negative attribution."
    )
    return "explanation", figure, rows, caption
