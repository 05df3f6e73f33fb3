"""One process at a time in a study's directory: a lock that ends with its process, however that ended."""

import json
import os
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from fashion_compare.errors import UserError

_NAME = ".lock"


@contextmanager
def exclusive(directory: Path) -> Iterator[Callable[[], None]]:
    """Hold `directory` for this process as long as the context lasts, and yield a check that it still exists.

    The operating system holds the lock and gives it up when the process ends, even killed: what a dead process left
    in the file is only who it was, and does not count.

    Raises:
        UserError: another process works there; the line says which, where and since when. From the check, and in
            place of whatever failed for that reason: the directory was deleted or moved meanwhile.
    """
    path = directory / _NAME
    try:
        directory.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o644)
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}; check its rights") from error
    try:
        if not _take(descriptor):
            raise UserError(
                f"{directory} is in use by {_holder(descriptor)}; wait until it has finished, or choose another --out"
            )
        os.ftruncate(descriptor, 0)
        since = datetime.now(UTC).isoformat("T", "seconds")
        os.write(
            descriptor, json.dumps({"process": os.getpid(), "host": socket.gethostname(), "since": since}).encode()
        )

        def check() -> None:
            if _is_deleted(descriptor, path):
                raise UserError(
                    f"{directory} was deleted or moved while it was in use, and nothing more is written there; give "
                    "the command again to start anew, or move it back first to go on"
                )

        try:
            yield check
        except Exception:
            check()
            raise
        check()
        os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def holder(directory: Path) -> str | None:
    """Return who works in `directory` right now, for people, or None."""
    try:
        descriptor = os.open(directory / _NAME, os.O_RDWR)
    except OSError:
        return None
    try:
        return None if _take(descriptor) else _holder(descriptor)
    finally:
        os.close(descriptor)


def _is_deleted(descriptor: int, path: Path) -> bool:
    """Return whether the file that is locked is no longer the one at `path`."""
    try:
        there = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        # A drive that does not answer is not a deleted directory.
        return False
    locked = os.fstat(descriptor)
    # On some network drives a file's number alone is no proof.
    return locked.st_nlink == 0 and not os.path.samestat(locked, there)


def _take(descriptor: int) -> bool:
    """Take the lock if nobody has it."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _holder(descriptor: int) -> str:
    """Say who has the lock, as far as it wrote it down."""
    try:
        who = json.loads(os.read(descriptor, 1000))
        return f"process {int(who['process'])} on {who['host']} since {who['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"
