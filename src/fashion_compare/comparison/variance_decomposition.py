"""The variance of a score over a design, decomposed into Sobol indices: the types, without what computes them."""

from typing import Annotated

from pydantic import Field

from fashion_compare.json_record import JsonRecord


class SobolIndex(JsonRecord):
    """A Sobol index with its 95% bootstrap interval over the design's points."""

    mean: float
    interval: tuple[float, float]


class ParameterIndices(JsonRecord):
    """Shares of the score's variance over the space: of a parameter alone, and with all that it takes part in."""

    parameter: str
    first: SobolIndex
    total: SobolIndex


class PairIndex(JsonRecord):
    """The share of the variance that two parameters interact in, beyond what each is alone."""

    parameters: tuple[str, str]
    second: SobolIndex


class VarianceDecomposition(JsonRecord):
    """Which parameters the variance of a score over a design comes from."""

    points: int
    r2: Annotated[float, Field(description="of the surrogate, cross-validated over 10 folds")]
    indices: list[ParameterIndices]
    pairs: list[PairIndex]
