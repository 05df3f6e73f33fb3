"""Arrays made from saved weights, kept with a note of what they were made from: nothing is made twice, or stale."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from fashion_compare.classifier.interface import Arrays
from fashion_compare.errors import UserError
from fashion_compare.store import load_npz, make_directory, read_json, write_atomically, write_json

# Raised when what is made changes, so that older files are made anew.
FORMAT = 1


def cache_arrays(path: Path, of: Mapping[str, Any], make: Callable[[], Arrays]) -> None:
    """Make the arrays and write them to `path`, an ``.npz``, unless it holds those that belong to `of` already.

    Args:
        path: the file; its note lies beside it.
        of: what they are made from, JSON-ready.
        make: returns them.
    """
    note = path.with_suffix(".json")
    if path.exists() and _names(note, of) is not None:
        return
    arrays = make()
    assert not any(value.dtype.hasobject for value in arrays.values()), "objects would be pickled"
    # The note goes first and comes last: it never stands beside arrays that it does not speak of.
    make_directory(path.parent)
    note.unlink(missing_ok=True)
    write_atomically(path, lambda file: np.savez_compressed(file, **arrays))  # type: ignore[arg-type]
    write_json(note, {"format": FORMAT, "of": of, "arrays": list(arrays)})


def load_cached(path: Path, of: Mapping[str, Any]) -> Arrays | None:
    """Return the arrays in `path` that were made from `of`; None where there are none.

    Raises:
        UserError: the file is damaged.
    """
    names = _names(path.with_suffix(".json"), of)
    if names is None or not path.exists():
        return None
    return load_npz(path, names, advice="delete it, and 'fashion-compare explain' makes it again")


def _names(note: Path, of: Mapping[str, Any]) -> list[str] | None:
    """Return the names of the arrays that a note speaks of, if they are of `of`."""
    if not note.exists():
        return None
    try:
        held = read_json(note)
        fits = held["format"] == FORMAT and held["of"] == of
        return [str(name) for name in held["arrays"]] if fits else None
    except (UserError, KeyError, TypeError):
        # Damaged, so what it speaks of is made again.
        return None
