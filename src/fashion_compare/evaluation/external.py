"""Predictions of any model, from a file that somebody saved: npz or CSV, logits or probabilities, any classes."""

import csv
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fashion_compare.errors import UserError
from fashion_compare.evaluation.predictions import Predictions
from fashion_compare.store import check_file, load_npz

_KINDS = ("logit", "probability")
_MAXIMUM_BYTES = 2 << 30
_LARGEST_LOGIT = 1e6
_EXPECTED = (
    "expected an .npz with 'labels' (n,) and 'logits' or 'probabilities' (n, classes), or a .csv with a column 'label' "
    "and for each class a column 'logit_NAME' or 'probability_NAME'"
)


@dataclass(frozen=True)
class External:
    """What a file holds: predictions, and what its classes are called where it says so."""

    predictions: Predictions
    class_names: tuple[str, ...]
    # Of the numbers' type at 1: what a probability of zero counts as, for log loss.
    resolution: float


def read_external(path: Path) -> External:
    """Read predictions of one model on one set of images, in that set's order.

    Raises:
        UserError: it cannot be read, is of another form, or its numbers are no predictions; the line says which.
    """
    try:
        check_file(path, maximum_bytes=_MAXIMUM_BYTES, advice=_EXPECTED)
        if path.suffix == ".npz":
            labels, values, kind = _from_npz(path)
            names: tuple[str, ...] = ()
        elif path.suffix == ".csv":
            labels, values, kind, names = _from_csv(path)
        else:
            raise UserError(f"{path}: {_EXPECTED}")
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}; {_EXPECTED}") from error
    _check(path, labels, values, kind)
    labels = labels.astype(np.int64)
    names = tuple("".join(c if c.isprintable() else "?" for c in name) for name in names)
    resolution = float(np.finfo(values.dtype).eps)
    if kind == "probability":
        return External(Predictions.from_probabilities(labels, values), names, resolution)
    return External(Predictions(labels, values), names, resolution)


def alike(files: Sequence[External]) -> list[Predictions]:
    """Return the files' predictions, with one floor for their probabilities: log loss must not depend on the type."""
    floor = max(held.resolution for held in files)
    return [
        held.predictions
        if held.predictions.probabilities is None
        else Predictions.from_probabilities(held.predictions.labels, held.predictions.probabilities, floor)
        for held in files
    ]


def _from_npz(path: Path) -> tuple[NDArray[Any], NDArray[Any], str]:
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


def _from_csv(path: Path) -> tuple[NDArray[Any], NDArray[Any], str, tuple[str, ...]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            header = next(csv.reader(file), [])
            kind = next((kind for kind in _KINDS if any(name.startswith(f"{kind}_") for name in header)), "")
            columns = [i for i, name in enumerate(header) if kind and name.startswith(f"{kind}_")]
            if "label" not in header or not columns:
                raise UserError(f"{path} has the columns {', '.join(header)[:200] or '(none)'}; {_EXPECTED}")
            kinds = {known for known in _KINDS if any(name.startswith(f"{known}_") for name in header)}
            names = tuple(header[i].removeprefix(f"{kind}_") for i in columns)
            if len(set(names)) < len(names) or header.count("label") > 1 or len(kinds) > 1:
                raise UserError(f"{path} has a class or 'label' twice, or logits beside probabilities; {_EXPECTED}")
            # Spreadsheets end in blank lines.
            rows = [row for row in csv.reader(file) if row]
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path} is no CSV text in UTF-8; {_EXPECTED}") from error
    place = header.index("label")
    numbers = {name: c for c, name in enumerate(names)}
    labels, values = np.empty(len(rows), np.int64), np.empty((len(rows), len(columns)))
    for i, row in enumerate(rows):
        try:
            labels[i] = numbers[row[place]] if row[place] in numbers else int(row[place])
            values[i] = [float(row[column]) for column in columns]
        except (ValueError, IndexError, OverflowError) as error:
            raise UserError(
                f"{path}, line {i + 2}: expected a label (a class's number or name) and {len(columns)} numbers"
            ) from error
    return labels, values, kind, names


def _check(path: Path, labels: NDArray[Any], values: NDArray[Any], kind: str) -> None:
    """Refuse what cannot be predictions."""
    if labels.ndim != 1 or values.ndim != 2 or len(labels) != len(values) or labels.dtype.kind not in "iu":
        raise UserError(
            f"{path}: labels are {labels.dtype} {labels.shape}, values {values.dtype} {values.shape}; {_EXPECTED}"
        )
    images, classes = values.shape
    if images < 2 or classes < 2:
        raise UserError(f"{path} has {images} images and {classes} classes; expected two or more of each")
    if values.dtype.kind != "f" or not np.isfinite(values).all():
        raise UserError(f"{path}: expected finite floating-point numbers for every image and class")
    if labels.min() < 0 or labels.max() >= classes:
        raise UserError(f"{path}: labels run from {labels.min()} to {labels.max()}, expected 0 to {classes - 1}")
    if kind == "logit" and np.abs(values).max() > _LARGEST_LOGIT:
        raise UserError(f"{path}: logits up to {np.abs(values).max():.3g}; expected none beyond ±{_LARGEST_LOGIT:g}")
    if kind == "probability":
        sums = values.sum(axis=1, dtype=np.float64)
        if values.min() < 0 or np.abs(sums - 1).max() > 0.001:
            raise UserError(
                f"{path}: probabilities run from {values.min():g} and sum to {sums.min():g} … {sums.max():g} an image; "
                "expected none below 0, and sums of 1 (scores of another kind may be logits)"
            )
