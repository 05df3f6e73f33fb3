"""Figures: each is a function from the typed thing that it draws to an SVG, its data and its caption.

The sections' templates draw them: ``{{ figure(draw.scores.overview(results)) }}``.
"""

from fashion_compare.report.figures import (
    architecture,
    attribution,
    classes,
    hyperparameters,
    learning_curves,
    robustness,
    scores,
    tuning,
)

__all__ = [
    "architecture",
    "attribution",
    "classes",
    "hyperparameters",
    "learning_curves",
    "robustness",
    "scores",
    "tuning",
]
