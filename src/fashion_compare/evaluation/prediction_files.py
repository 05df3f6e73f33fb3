"""Predictions of any model, from a file that somebody saved: npz or CSV, logits or probabilities, any classes."""

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fashion_compare.errors import UserError
from fashion_compare.evaluation.csv_file import EXPECTED, Kind, read_csv
from fashion_compare.evaluation.predictions import Predictions
from fashion_compare.evaluation.probabilities import normalised
from fashion_compare.store import check_file, load_npz

_MAXIMUM_BYTES = 2 << 30
_LARGEST_LOGIT = 1e6
_EXPECTED = f"expected an .npz with 'labels' (n,) and 'logits' or 'probabilities' (n, classes), or {EXPECTED}"
_PERCENT = 100


@dataclass(frozen=True)
class External:
    """What a file holds: predictions, and what its classes are called where it says so."""

    predictions: Predictions
    class_names: tuple[str, ...]
    # What a probability of zero counts as, for log loss.
    resolution: float
    # What was done to its numbers, for people.
    note: str | None = None


def read_external(path: Path) -> External:
    """Read predictions of one model on one set of images, in that set's order.

    Raises:
        UserError: it cannot be read, is of another form, or its numbers are no predictions; the line says which.
    """
    names: tuple[str, ...] = ()
    try:
        check_file(path, maximum_bytes=_MAXIMUM_BYTES, advice=_EXPECTED)
        if path.suffix.lower() == ".npz":
            labels, values, kind = _from_npz(path)
            keys = {"logit": "'logits'", "probability": "'probabilities'"}
        elif path.suffix.lower() == ".csv":
            table = read_csv(path)
            labels, values, kind, names = table.labels, table.values, table.kind, table.class_names
            keys = {"logit": "'logit_NAME'", "probability": "'probability_NAME'"}
        else:
            raise UserError(f"{path}: {_EXPECTED}")
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}; {_EXPECTED}") from error
    labels = _checked(path, labels, values)
    names = tuple("".join(c if c.isprintable() else "?" for c in name) for name in names)
    if kind == "probability":
        return _probabilities(path, labels, values, names, keys["logit"])
    return _logits(path, labels, values, names, keys["probability"])


def alike(files: Sequence[External]) -> list[Predictions]:
    """Return the files' predictions, with one floor for their probabilities: log loss must not depend on the type."""
    floor = max(held.resolution for held in files)
    return [
        held.predictions
        if held.predictions.stated_probabilities is None
        else Predictions.from_probabilities(held.predictions.labels, held.predictions.stated_probabilities, floor)
        for held in files
    ]


def _from_npz(path: Path) -> tuple[NDArray[Any], NDArray[Any], Kind]:
    try:
        with zipfile.ZipFile(path) as archive:
            names = {name.removesuffix(".npy") for name in archive.namelist()}
    except zipfile.BadZipFile as error:
        raise UserError(f"{path} is no .npz file; {_EXPECTED}") from error
    key = "logits" if "logits" in names else "probabilities"
    if not {"labels", key} <= names:
        raise UserError(f"{path} holds {', '.join(sorted(names)) or 'nothing'}; {_EXPECTED}")
    arrays = load_npz(path, ("labels", key), advice=_EXPECTED, maximum_bytes=_MAXIMUM_BYTES)
    return arrays["labels"], arrays[key], "logit" if key == "logits" else "probability"


def _checked(path: Path, labels: NDArray[Any], values: NDArray[Any]) -> NDArray[np.int64]:
    """Refuse what cannot be predictions, and return the labels, which may be whole numbers of a floating type."""
    if labels.ndim != 1 or values.ndim != 2 or len(labels) != len(values) or labels.dtype.kind not in "iuf":
        raise UserError(
            f"{path}: labels are {labels.dtype} {labels.shape}, values {values.dtype} {values.shape}; {_EXPECTED}"
        )
    images, classes = values.shape
    if images < 2 or classes < 2:
        raise UserError(f"{path} has {images} images and {classes} classes; expected two or more of each")
    if values.dtype.kind != "f":
        raise UserError(f"{path}: the values are {values.dtype}; expected finite floating-point numbers")
    if not np.isfinite(values).all():
        image, number = np.argwhere(~np.isfinite(values))[0]
        raise UserError(
            f"{path}: got {values[image, number]} at [{image}, {number}]; expected finite floating-point numbers for "
            "every image and class"
        )
    whole = np.isfinite(labels) & (np.floor(labels) == labels)
    if not whole.all():
        image = int(whole.argmin())
        raise UserError(
            f"{path}: labels are {labels.dtype}, with {labels[image]} at [{image}]; expected whole numbers from 0 to "
            f"{classes - 1}"
        )
    if labels.min() < 0 or labels.max() >= classes:
        low, high = int(labels.min()), int(labels.max())
        raise UserError(f"{path}: labels run from {low} to {high}, expected 0 to {classes - 1}")
    return labels.astype(np.int64)


def _logits(path: Path, labels: NDArray[np.int64], values: NDArray[Any], names: tuple[str, ...], key: str) -> External:
    """Return logits; `key` is what probabilities are saved under.

    Raises:
        UserError: some are too large, or they are probabilities, of which the softmax would be taken again.
    """
    largest = float(np.abs(values).max())
    if largest > _LARGEST_LOGIT:
        raise UserError(f"{path}: logits up to {largest:.3g}; expected none beyond ±{_LARGEST_LOGIT:g}")
    if normalised(values) or normalised(values / _PERCENT):
        sums = values.sum(axis=1, dtype=np.float64)
        percent = " divided by 100" if sums.max() > _PERCENT / 2 else ""
        raise UserError(
            f"{path}: the logits of each image are 0 or more and sum to {_range(sums)}, so they are probabilities; "
            f"expected these{percent} under {key}, or logits, from before softmax"
        )
    # Half precision, whose sums overflow, as the same numbers in single.
    values = values.astype(np.promote_types(values.dtype, np.float32))
    return External(Predictions(labels, values), names, float(np.finfo(values.dtype).eps))


def _probabilities(
    path: Path, labels: NDArray[np.int64], values: NDArray[Any], names: tuple[str, ...], key: str
) -> External:
    """Return probabilities, of sums of 1 where they had been rounded; `key` is what logits are saved under.

    Raises:
        UserError: they are something else.
    """
    rows = normalised(values)
    if rows is None:
        sums = values.sum(axis=1, dtype=np.float64)
        raise UserError(
            f"{path}: probabilities run from {values.min():g} and sum to {_range(sums)} an image; expected none below "
            f"0, and sums of 1{_other_scale(values, key)}"
        )
    note = None
    if rows.decimals is not None:
        note = (
            f"{path}: probabilities are rounded to {rows.decimals} decimals and sum to {_range(rows.sums)} an image: "
            f"divided by their sums, and in log loss none counts as less than {rows.smallest:g}"
        )
    predictions = Predictions.from_probabilities(labels, rows.values, rows.smallest)
    return External(predictions, names, rows.smallest, note)


def _other_scale(values: NDArray[Any], key: str) -> str:
    """Say what to do with percentages, and with logarithms of probabilities, which are logits; else nothing."""
    if normalised(values / _PERCENT):
        return ": these are percentages, divide them by 100"
    if values.max() <= 0 and normalised(np.exp(values.astype(np.float64))):
        return f": these are logarithms of probabilities, save them under {key}"
    return ""


def _range(sums: Sequence[float] | NDArray[np.float64]) -> str:
    return " … ".join(dict.fromkeys(f"{bound:g}" for bound in (min(sums), max(sums))))
