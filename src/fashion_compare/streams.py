"""Standard streams that are closed, full or cut off: work goes on without them, and its end tells what was lost."""

import contextlib
import io
import os
import sys
from typing import Any, TextIO

from fashion_compare import transliterate


class _Lossy(io.FileIO):
    """A file that drops everything from its first failed write on, and remembers the failure."""

    failure: OSError | None = None

    def write(self, data: Any) -> int:
        if self.failure is None:
            try:
                return super().write(data) or 0
            except OSError as error:
                self.failure = error
        return memoryview(data).nbytes


def replace_streams() -> None:
    """Replace stdout and stderr by streams on which no write fails; what they cannot encode is spelled in ASCII."""
    _fill_closed_descriptors()
    sys.stdout, sys.stderr = _replacement(sys.stdout), _replacement(sys.stderr)


def stdout_failure() -> OSError | None:
    """Return why stdout lost something, once all is written; that nobody reads it any more is no failure."""
    sys.stdout.flush()
    failure = getattr(_raw(sys.stdout), "failure", None)
    return None if isinstance(failure, BrokenPipeError) else failure


def _fill_closed_descriptors() -> None:
    """Open the null device in place of closed standard streams: the next file would take their place otherwise.

    Whatever a library or a child process writes to its standard streams would end up in that file.
    """
    with contextlib.suppress(OSError):
        while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
            os.set_inheritable(descriptor, True)
        os.close(descriptor)


def _replacement(stream: TextIO | None) -> TextIO:
    if stream is None:
        return open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123 - as long as the process lives
    raw = _raw(stream)
    # A Windows console is no file, and a test's or a notebook's stream is none of the system's.
    if type(raw) is not io.FileIO:
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=transliterate.ERRORS)
        return stream
    assert isinstance(stream, io.TextIOWrapper)
    lossy = _Lossy(raw.fileno(), "w", closefd=False)
    return io.TextIOWrapper(
        # Under `python -u` there is no buffer.
        lossy if raw is stream.buffer else io.BufferedWriter(lossy),
        encoding=stream.encoding,
        errors=transliterate.ERRORS,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


def _raw(stream: TextIO) -> object:
    """Return what a text stream writes to in the end."""
    buffer = getattr(stream, "buffer", None)
    return getattr(buffer, "raw", buffer)
