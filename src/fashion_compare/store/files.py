"""Write files so that a crash at any moment leaves either the old content or the new, never half of one."""

import errno
import io
import json
import math
import os
import secrets
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from fashion_compare.errors import UserError

# What no file on that disk is spared from: full, over quota or over the size allowed, broken, read-only.
_DISK_FAILED = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS}


class DiskError(UserError):
    """The disk takes nothing more, so that whatever comes next would fail as well."""


def write_atomically(path: Path, write: Callable[[BinaryIO], object], *, keep: Path | None = None) -> None:
    """Replace `path` by what `write` writes: same-directory temporary file, fsync, replace, fsync directory.

    The directory must exist: made again, one that was deleted meanwhile would hold this one file.
    What was there before goes to `keep`, if that is given; a crash in between leaves `keep` alone, and whole.

    Raises:
        DiskError: the disk is full or broken.
        UserError: the directory cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
    try:
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
        raise _cannot_write(path, error) from error


def make_directory(path: Path, *, parents: bool = False) -> None:
    """Make a directory, and those above it where `parents`; it may exist.

    Raises:
        DiskError: the disk is full or broken.
        UserError: it cannot be made.
    """
    try:
        path.mkdir(parents=parents, exist_ok=True)
    except OSError as error:
        raise _cannot_write(path, error) from error


def _cannot_write(path: Path, error: OSError) -> UserError:
    kind = DiskError if error.errno in _DISK_FAILED else UserError
    return kind(f"cannot write {path}: {error.strerror or error}; check space and rights")


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


def read_bytes(path: Path, *, maximum_bytes: int, advice: str = "check the file and its rights") -> bytes:
    """Return the content of a file; nothing else that a name can stand for (a pipe, a device) is opened.

    Raises:
        UserError: it is none, cannot be read, or is larger than `maximum_bytes`; the line ends in `advice`.
    """
    check_file(path, maximum_bytes=maximum_bytes, advice=advice)
    try:
        with path.open("rb") as file:
            return file.read(maximum_bytes)
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}; {advice}") from error


def check_file(path: Path, *, maximum_bytes: int, advice: str) -> None:
    """Check that `path` is a file of at most `maximum_bytes`.

    Raises:
        UserError: it is not; the line ends in `advice`.
    """
    try:
        found = path.stat()
    except (OSError, ValueError) as error:
        # A name with a zero byte is a ValueError.
        raise UserError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}; {advice}") from error
    if not stat.S_ISREG(found.st_mode):
        raise UserError(f"cannot read {path}: not a file; {advice}")
    if found.st_size > maximum_bytes:
        raise UserError(f"cannot read {path}: larger than {maximum_bytes >> 20} MiB; {advice}")


def read_json(path: Path, *, maximum_bytes: int = 4 << 20) -> Any:
    """Return the content of a JSON file, which holds no number that JSON does not have.

    Raises:
        UserError: it cannot be read, is larger than `maximum_bytes`, or is not JSON.
    """
    content = read_bytes(path, maximum_bytes=maximum_bytes)
    try:
        return parse_json(content)
    except ValueError as error:
        raise UserError(f"{path} is not valid JSON ({error}); delete it to have it made again") from error


def parse_json(content: bytes) -> Any:
    """Return what JSON text says.

    Raises:
        ValueError: it is none, nests without end, or has a number that is not finite.
    """
    try:
        return json.loads(content, parse_float=_finite, parse_constant=_finite)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is no finite number")
    return number


def _fsync_directory(directory: Path) -> None:
    """Make a rename in `directory` durable, where the system can: Windows and some network drives cannot."""
    if os.name == "nt":
        return
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in {errno.EINVAL, errno.ENOTSUP, errno.ENOSYS}:
            raise
    finally:
        os.close(descriptor)
