"""Over- and underfitting, measured: how far the training and the validation curve part, and since when."""

from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from fashion_compare.json_record import JsonRecord

# A rise of the mean validation loss that counts, as a share of its minimum: less is the curve's own jitter.
RISE = 0.02
# A gap between training and validation accuracy that counts, in points.
GAP = 0.02
# What the last third of the epochs has to add to the best validation accuracy, or the curve has reached its plateau.
PLATEAU = 0.002
# With fewer epochs a third of them says nothing.
_PLATEAU_EPOCHS = 6


class CurveDiagnosis(JsonRecord):
    """What the learning curves, averaged over seeds, say of over- and underfitting by the thresholds of this module."""

    epochs: int
    gap: Annotated[float, Field(description="training minus validation accuracy at the last epoch")]
    lowest_loss_epoch: Annotated[int, Field(description="where validation loss is lowest")]
    loss_increase: Annotated[
        float | None,
        Field(description="of validation loss after its minimum, as a share of it; None where it is 0"),
    ]
    still_improving: Annotated[bool, Field(description="whether validation loss is lowest at the last epoch")]
    training_accuracy: Annotated[float, Field(description="at the last epoch")]
    validation_accuracy: Annotated[float, Field(description="at the last epoch")]
    late_gain: Annotated[float, Field(description="of validation accuracy in the last third of the epochs")]
    plateau: bool
    overfitting: bool
    underfitting: bool


def diagnose(histories: Sequence[Sequence[dict[str, Any]]]) -> CurveDiagnosis:
    """Summarise a configuration's learning curves, averaged over its seeds.

    Args:
        histories: for each seed the lines of its ``metrics.jsonl``, an epoch each.
    """
    last = min(len(history) for history in histories) - 1
    curves = {
        name: np.mean([[line[name] for line in history[: last + 1]] for history in histories], axis=0)
        for name in ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy")
    }
    lowest = int(np.argmin(curves["validation_loss"]))
    gap = float(curves["train_accuracy"][last] - curves["validation_accuracy"][last])
    at_end, minimum = float(curves["validation_loss"][last]), float(curves["validation_loss"][lowest])
    still_improving = lowest == last and last > 0
    accuracy = curves["validation_accuracy"]
    late_gain = float(accuracy.max() - accuracy[: last - last // 3 + 1].max())
    return CurveDiagnosis(
        epochs=last,
        gap=gap,
        lowest_loss_epoch=lowest,
        # Float64 gives a network that is sure enough of every right answer a loss of exactly 0.
        loss_increase=at_end / minimum - 1 if minimum > 0 else None,
        still_improving=still_improving,
        training_accuracy=float(curves["train_accuracy"][last]),
        validation_accuracy=float(curves["validation_accuracy"][last]),
        late_gain=late_gain,
        plateau=last >= _PLATEAU_EPOCHS and late_gain < PLATEAU and not still_improving,
        overfitting=gap > GAP and at_end > (1 + RISE) * minimum,
        underfitting=still_improving and gap <= GAP,
    )
