"""What the page's pictures that answer to the pointer hold: learning curves, ROC curves, images behind confusions."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fashion_compare.classifier.interface import Arrays
from fashion_compare.evaluation.roc import RocCurve
from fashion_compare.report.inputs import Histories

_METRICS = ("loss", "accuracy")
_PARTS = ("train", "validation")
# Images a row of the sheet that holds those behind confusions.
SHEET_COLUMNS = 32


def curves_for_page(histories: Histories) -> list[dict[str, Any]]:
    """Return each configuration's curves: metric → part → each seed's values by epoch, four significant digits."""
    return [
        {
            "model": model,
            "configuration": name,
            **{
                metric: {
                    part: [[_short(line[f"{part}_{metric}"]) for line in history] for history in runs]
                    for part in _PARTS
                }
                for metric in _METRICS
            },
        }
        for model, configurations in histories.items()
        for name, runs in configurations.items()
    ]


def roc_for_page(curves: Mapping[str, Sequence[RocCurve | None]]) -> dict[str, list[list[list[float | None]] | None]]:
    """Return model → class → points of its curve: threshold, false and true positive rate; None without a curve.

    The first threshold is None: above it there is no probability, and nothing is called positive.
    """
    return {model: [_points(curve) if curve else None for curve in held] for model, held in curves.items()}


def _points(curve: RocCurve) -> list[list[float | None]]:
    """Return real points of a curve, dense where it bends: near each rate of two grids."""
    false, true = curve.false_positive_rate, curve.true_positive_rate
    near = np.concatenate(
        [
            [0, len(false) - 1],
            np.searchsorted(false, np.geomspace(1e-4, 1, 60)),
            np.searchsorted(true, np.linspace(0, 1, 60)),
        ]
    )
    return [
        [_short(curve.thresholds[i]) if i else None, _short(false[i]), _short(true[i])]
        for i in np.unique(np.minimum(near, len(false) - 1))
    ]


def confusions_for_page(kept: Arrays, models: Sequence[str], most: int) -> dict[str, Any]:
    """Return what is known of the images behind the confusion matrices, in the order of the sheet; `most` a cell."""
    return {
        "columns": SHEET_COLUMNS,
        "most": most,
        "index": kept["index"].tolist(),
        "label": kept["label"].tolist(),
        "answers": {
            model: {
                "answer": kept[f"answer/{model}"].tolist(),
                "probability": [_short(value) for value in kept[f"probability/{model}"]],
            }
            for model in models
        },
    }


def sheet(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return all images in rows of `SHEET_COLUMNS` on one sheet, dark on white."""
    rows = -(-len(images) // SHEET_COLUMNS)
    side = images.shape[1]
    padded = np.zeros((rows * SHEET_COLUMNS, side, side), np.uint8)
    padded[: len(images)] = images
    whole = padded.reshape(rows, SHEET_COLUMNS, side, side).swapaxes(1, 2).reshape(rows * side, -1)
    return np.asarray(255 - whole, np.uint8)


def _short(value: float) -> float:
    return float(f"{value:.4g}")
