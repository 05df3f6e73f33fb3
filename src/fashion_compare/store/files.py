"""Write files so that a crash at any moment leaves either the old content or the new, never half of one."""

import io
import json
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from fashion_compare.errors import UserError


def write_atomically(path: Path, write: Callable[[BinaryIO], object], *, keep: Path | None = None) -> None:
    """Replace `path` by what `write` writes: same-directory temporary file, fsync, replace, fsync directory.

    What was there before goes to `keep`, if that is given; a crash in between leaves `keep` alone, and whole.

    Raises:
        UserError: the directory cannot be written or the disk is full.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with temporary.open("xb") as file:
                write(file)
                file.flush()
                os.fsync(file.fileno())
            if keep is not None and path.exists():
                path.replace(keep)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
        _fsync_directory(path.parent)
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror or error}; check space and rights") from error


def write_bytes(path: Path, content: bytes) -> None:
    """Write `content` to `path` atomically."""
    write_atomically(path, lambda file: file.write(content))


def write_text(path: Path, content: str) -> None:
    """Write `content` to `path` atomically, as UTF-8."""
    write_bytes(path, content.encode())


def to_json(value: Any, *, indent: int | None = 1) -> str:
    """Return `value` as JSON with sorted keys; NaN and infinity are errors, for they are not JSON."""
    return json.dumps(value, indent=indent, sort_keys=True, allow_nan=False) + "\n"


def write_json(path: Path, value: Any) -> None:
    """Write `value` to `path` atomically as JSON, piece by piece: a large study's would fill the memory as one text."""

    def write(file: BinaryIO) -> None:
        text = io.TextIOWrapper(file, encoding="utf-8", newline="\n", write_through=False)
        json.dump(value, text, indent=1, sort_keys=True, allow_nan=False)
        text.write("\n")
        text.flush()
        # The file is the caller's to close.
        text.detach()

    write_atomically(path, write)


def read_json(path: Path, *, maximum_bytes: int = 64 << 20) -> Any:
    """Return the content of a JSON file.

    Raises:
        UserError: it cannot be read, is larger than `maximum_bytes`, or is not JSON.
    """
    try:
        if path.stat().st_size > maximum_bytes:
            raise UserError(f"{path} is larger than {maximum_bytes >> 20} MiB: not a file of this program")
        return json.loads(path.read_bytes())
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is not valid JSON ({error}); delete it to have it made again") from error


def _fsync_directory(directory: Path) -> None:
    """Make a rename in `directory` durable; a system that cannot open directories (Windows) needs none."""
    if os.name == "nt":
        return
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
