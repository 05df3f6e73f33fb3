"""Ctrl-C, SIGTERM and SIGHUP end the program alike: by an exception, so that whatever is under way is put in order."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from types import FrameType

# Windows has no SIGHUP.
ENDING = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
# One request may arrive twice: `timeout` signals its child and then its group, a closing terminal the same.
_ONE_REQUEST_SECONDS = 0.5


class Terminated(SystemExit):
    """SIGTERM or SIGHUP arrived; the code is 128 and the signal's number, as shells have it."""


def handle_signals() -> None:
    """Let the first of these signals raise KeyboardInterrupt or `Terminated`, and a second one end the process at once.

    A signal that was ignored when the process started, as `nohup` ignores SIGHUP, stays ignored.
    """
    first: list[float] = []

    def end(number: int, _: FrameType | None) -> None:
        now = time.monotonic()
        if not first:
            first.append(now)
            raise KeyboardInterrupt if number == signal.SIGINT else Terminated(128 + number)
        if now - first[0] > _ONE_REQUEST_SECONDS:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)

    for number in ENDING:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, end)


@contextmanager
def signals_blocked() -> Iterator[None]:
    """Let these signals wait; processes and threads started meanwhile never see one, not even while they import."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    try:
        # multiprocessing's own process must outlive a signal to the whole group too. Starting it unblocks two of these.
        resource_tracker.ensure_running()
        signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def ignore_signals() -> None:
    """Leave these signals to the parent process."""
    for number in ENDING:
        signal.signal(number, signal.SIG_IGN)
