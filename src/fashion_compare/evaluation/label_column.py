"""A column of labels: all of them are classes' names, or all of them are positions, and never some of each."""

import re
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from fashion_compare.errors import UserError

_Key = TypeVar("_Key", bound=Hashable)
# What each label is by one reading: the index of a class, or None.
_Reading = dict[str, int | None]

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
# A cell may hold 128 KiB.
_SHOWN_CHARACTERS = 60


@dataclass(frozen=True)
class Cell:
    """A label as it stands in the file, without spaces around it."""

    text: str
    line: int


def read_labels(path: Path, cells: Sequence[Cell], names: Sequence[str], decimal_mark: str) -> NDArray[np.int64]:
    """Return each label's class, (n,) indices into `names`.

    As a name, a label is a class's own, else the same in other case or the same number, where one class alone fits. As
    a position it is a whole number from 0, which may be written as 9.0.

    Raises:
        UserError: the labels are neither all names nor all positions, or both with different classes.
    """
    first = {cell.text: cell.line for cell in reversed(cells)}
    as_names = _by_name(first, names, decimal_mark)
    as_positions = _by_position(first, len(names), decimal_mark)
    readings = [reading for reading in (as_names, as_positions) if None not in reading.values()]
    if not readings:
        raise UserError(f"{path}{_neither(first, as_names, as_positions, names)}")
    if len(readings) == 2 and as_names != as_positions:
        raise UserError(f"{path}{_both(first, as_names, as_positions, names)}")
    return np.array([readings[0][cell.text] for cell in cells], np.int64)


def shown(text: str) -> str:
    """Return text from a file at a length that a line has room for."""
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"


def _by_name(labels: Iterable[str], names: Sequence[str], decimal_mark: str) -> _Reading:
    exact = {name: i for i, name in enumerate(names)}
    folded = _unambiguous((name.casefold(), i) for name, i in exact.items())
    numbers = _unambiguous((_number(name, decimal_mark), i) for name, i in exact.items())
    numbers.pop(None, None)
    return {
        label: exact.get(label, folded.get(label.casefold(), numbers.get(_number(label, decimal_mark))))
        for label in labels
    }


def _by_position(labels: Iterable[str], classes: int, decimal_mark: str) -> _Reading:
    numbers = {label: _number(label, decimal_mark) for label in labels}
    return {
        label: int(number) if number is not None and number.is_integer() and 0 <= number < classes else None
        for label, number in numbers.items()
    }


def _unambiguous(pairs: Iterable[tuple[_Key, int]]) -> dict[_Key, int]:
    """Return the keys that one class alone has."""
    indices: dict[_Key, list[int]] = {}
    for key, index in pairs:
        indices.setdefault(key, []).append(index)
    return {key: of_key[0] for key, of_key in indices.items() if len(of_key) == 1}


def _number(text: str, decimal_mark: str) -> float | None:
    text = text.replace(decimal_mark, ".")
    return float(text) if _NUMBER.fullmatch(text) else None


def _neither(lines: dict[str, int], as_names: _Reading, as_positions: _Reading, names: Sequence[str]) -> str:
    """Say which label is neither, or which is a name alone and which a position alone."""
    no_names, no_positions = (
        [label for label in sorted(lines, key=lines.__getitem__) if reading[label] is None]
        for reading in (as_names, as_positions)
    )
    listed = ", ".join(map(shown, names[:10])) + (" …" if len(names) > 10 else "")
    expected = f"expected a class's name ({listed}) on every line, or a number from 0 to {len(names) - 1} on every line"
    for label in no_names:
        if as_positions[label] is None:
            return f", line {lines[label]}: got the label '{shown(label)}'; {expected}"
    name, position = no_positions[0], no_names[0]
    return (
        f": the label '{shown(name)}' on line {lines[name]} is a class's name, '{shown(position)}' on line "
        f"{lines[position]} a position; {expected}"
    )


def _both(lines: dict[str, int], as_names: _Reading, as_positions: _Reading, names: Sequence[str]) -> str:
    """Say what a label is as a name, and what as a position."""
    label = min((label for label in lines if as_names[label] != as_positions[label]), key=lines.__getitem__)
    by_name, by_position = (shown(names[reading[label] or 0]) for reading in (as_names, as_positions))
    return (
        f", line {lines[label]}: the label '{shown(label)}' is the class named '{by_name}', or by its position from 0 "
        f"the class '{by_position}', and all labels can be read either way; expected one meaning: columns numbered 0 "
        f"to {len(names) - 1} in their order, or classes named in words, in the header and in the labels"
    )
