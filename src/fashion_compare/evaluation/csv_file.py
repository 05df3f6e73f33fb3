"""Predictions in a CSV file: its columns by their header, its labels by one reading for the whole column."""

import csv
import math
from array import array
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TextIO

import numpy as np
from numpy.typing import NDArray

from fashion_compare.errors import UserError
from fashion_compare.evaluation.label_column import Cell, read_labels, shown

Kind = Literal["logit", "probability"]
EXPECTED = "a .csv with a column 'label' and for each class a column 'logit_NAME' or 'probability_NAME'"

_KINDS: tuple[Kind, ...] = ("logit", "probability")
_DELIMITERS = ",;\t"
# A point beside decimal commas is no number's: whether it parts thousands is not known.
_COMMA_TO_POINT = str.maketrans(",.", ".?")


@dataclass(frozen=True)
class CsvPredictions:
    """What a CSV file holds.

    Attributes:
        labels: (n,) int64, the index of a class's column among the classes' columns.
        values: (n, classes) float64.
        kind: what the values are.
        class_names: of the columns, in the file's order.
    """

    labels: NDArray[np.int64]
    values: NDArray[np.float64]
    kind: Kind
    class_names: tuple[str, ...]


@dataclass(frozen=True)
class _Header:
    """Which column is what; `cells` are all names, without those of empty columns at the end."""

    delimiter: str
    cells: tuple[str, ...]
    kind: Kind
    label: int
    classes: tuple[int, ...]
    class_names: tuple[str, ...]


def read_csv(path: Path) -> CsvPredictions:
    """Read predictions whose columns are separated by commas, semicolons or tabs.

    Spaces around a cell, upper case in the header's words, a byte order mark and empty lines mean nothing. Between
    semicolons, numbers may have a decimal comma.

    Raises:
        UserError: it has other columns, a cell is not what it should be, or the labels have two meanings.
    """
    labels: list[Cell] = []
    values, decimal_mark = array("d"), ""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            header = _header(path, file)
            for line, row in _rows(path, file, header):
                labels.append(Cell(row[header.label].strip(), line))
                decimal_mark = decimal_mark or _decimal_mark(row, header)
                values.extend(_numbers(path, line, row, header, decimal_mark))
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path} is no CSV text in UTF-8 ({error}); expected {EXPECTED}") from error
    indices = read_labels(path, labels, header.class_names, decimal_mark or ".")
    table = np.array(values).reshape(len(labels), len(header.classes))
    return CsvPredictions(indices, table, header.kind, header.class_names)


def _filled(file: TextIO, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Yield each row that is not empty, from the file's beginning on, and the line that it ends on."""
    file.seek(0)
    reader = csv.reader(file, delimiter=delimiter, skipinitialspace=True)
    for row in reader:
        # Spreadsheets end in lines of delimiters alone.
        if any(cell and not cell.isspace() for cell in row):
            yield reader.line_num, row


def _header(path: Path, file: TextIO) -> _Header:
    """Return the header by the one delimiter under which it is one."""
    text = ""
    headers: list[_Header] = []
    for delimiter in _DELIMITERS:
        # By a delimiter that is not the file's own, a long line is one cell, longer than cells may be.
        with suppress(csv.Error):
            _, row = next(_filled(file, delimiter), (0, []))
            cells = [cell.strip() for cell in row]
            headers += _parsed(path, delimiter, cells)
            text = text or ", ".join(cells)
    if len(headers) != 1:
        raise UserError(f"{path} has the columns {text[:200] or '(none)'}; expected {EXPECTED}")
    return headers[0]


def _parsed(path: Path, delimiter: str, cells: list[str]) -> list[_Header]:
    """Return what the header's cells say, or nothing where they lack a label or every class."""
    columns = {
        kind: [i for i, cell in enumerate(cells) if cell[: len(kind) + 1].lower() == f"{kind}_"] for kind in _KINDS
    }
    labels = [i for i, cell in enumerate(cells) if cell.lower() == "label"]
    kinds = [kind for kind in _KINDS if columns[kind]]
    if not labels or not kinds:
        return []
    kind = kinds[0]
    names = tuple(cells[i][len(kind) + 1 :].strip() for i in columns[kind])
    if len(set(names)) < len(names) or len(labels) > 1 or len(kinds) > 1 or "" in names:
        raise UserError(
            f"{path} has a class or 'label' twice, a class without a name, or logits beside probabilities: "
            f"{', '.join(cells)[:200]}; expected {EXPECTED}"
        )
    while not cells[-1]:
        cells.pop()
    return [_Header(delimiter, tuple(cells), kind, labels[0], tuple(columns[kind]), names)]


def _rows(path: Path, file: TextIO, header: _Header) -> Iterator[tuple[int, list[str]]]:
    """Yield each row below the header with its line, all as wide as the header."""
    rows = _filled(file, header.delimiter)
    next(rows)
    width = len(header.cells)
    for line, row in rows:
        # One cell more is what a decimal comma between commas makes: every number behind it would be another's.
        if len(row) < width or any(cell.strip() for cell in row[width:]):
            raise UserError(
                f"{path}, line {line} has {len(row)} cells, the header {width}: '{shown(header.delimiter.join(row))}'; "
                f"expected a label and {len(header.classes)} numbers in the header's columns"
            )
        yield line, row


def _decimal_mark(row: list[str], header: _Header) -> str:
    """Return the mark of the row's first number that has one, which then goes for the whole file."""
    if header.delimiter != ";":
        # Between commas, and in the locales that use them, a comma inside a number may part thousands.
        return "."
    return next((mark for column in header.classes for mark in row[column] if mark in ",."), "")


def _numbers(path: Path, line: int, row: list[str], header: _Header, decimal_mark: str) -> list[float]:
    """Return the classes' numbers of one row."""
    numbers = []
    for column in header.classes:
        text = row[column].translate(_COMMA_TO_POINT) if decimal_mark == "," else row[column]
        number = _finite(text)
        if number is None:
            mark = ", with the decimal comma that the file began with" if decimal_mark == "," else " such as 0.25"
            raise UserError(
                f"{path}, line {line}, column '{shown(header.cells[column])}': got '{shown(row[column])}', expected a "
                f"finite number{mark}"
            )
        numbers.append(number)
    return numbers


def _finite(text: str) -> float | None:
    """Return the number, or None; Python's own separator of digits, as in 1_000, is none in a file."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) and "_" not in text else None
