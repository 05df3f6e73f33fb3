"""Fetch files over https: resumed, bounded in size, and given their name only once their SHA-256 is right."""

import errno
import http.client
import queue
import sys
import threading
import time
import urllib.error
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from fashion_compare.data.https import MirrorError, Progress, fetch, open_https, reason_of
from fashion_compare.errors import DataError

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

MIRRORS = (
    "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
    "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
)
REACH_SECONDS = 15.0
_LOCK_SECONDS = 600.0


class NoMirrorReachable(DataError):  # noqa: N818 - the public name says what happened
    """No mirror answered in time: the one case in which synthetic data may take the data's place."""


def download(
    directory: Path,
    files: Mapping[str, str],
    *,
    mirrors: Sequence[str] = MIRRORS,
    progress: Progress = lambda _done, _total, _name: None,
    announce: Callable[[str], None] = lambda _line: None,
    reach_seconds: float = REACH_SECONDS,
    maximum_bytes: int = 64 << 20,
) -> None:
    """Fetch the files that `directory` lacks.

    All mirrors are asked at once whether they answer; the first that does is used, and the next only when it
    fails. A partial file stays as ``NAME.part`` and the next call, or the next mirror, goes on from there.
    ``https_proxy`` and ``SSL_CERT_FILE`` are honoured.

    Args:
        directory: made when missing; one process at a time downloads into it, others wait.
        files: file name → SHA-256 of its bytes as published.
        mirrors: https addresses that end in ``/``.
        progress: called after every piece.
        announce: told when another process has to be waited for.
        reach_seconds: how long mirrors may take to answer at all.
        maximum_bytes: the largest file accepted.

    Raises:
        NoMirrorReachable: no mirror answered within `reach_seconds`.
        DataError: every mirror that answered failed, or the directory cannot be written.
    """
    if not (missing := [name for name in files if not (directory / name).is_file()]):
        return
    unreachable: dict[str, str] = {}
    failures: dict[str, str] = {}
    for mirror in _answering(mirrors, missing[0], reach_seconds, unreachable):
        try:
            directory.mkdir(parents=True, exist_ok=True)
            with _alone_in(directory, announce):
                for name in missing:
                    if not (directory / name).is_file():
                        fetch(mirror + name, directory / name, files[name], maximum_bytes, progress)
            return
        except MirrorError as error:
            failures[mirror] = str(error)
        except OSError as error:
            reason = error.strerror or str(error)
            raise DataError(f"cannot write into {directory}: {reason}; check space and rights") from error
    if failures:
        raise DataError(f"no mirror could deliver the data ({_listed(failures | unreachable)})")
    raise NoMirrorReachable(
        f"no mirror of the data could be reached within {reach_seconds:g} s ({_listed(unreachable)})"
    )


def _answering(mirrors: Sequence[str], name: str, seconds: float, unreachable: dict[str, str]) -> Iterator[str]:
    """Yield mirrors in the order in which they answer; the reasons of the others go into `unreachable`.

    Any HTTP answer counts, an error too. Daemon threads, because no timeout interrupts a hanging name server.
    """
    answers: queue.SimpleQueue[tuple[str, str]] = queue.SimpleQueue()

    def probe(mirror: str) -> None:
        reason = ""
        try:
            open_https(mirror + name, seconds, method="HEAD").close()
        except urllib.error.HTTPError as error:
            error.close()
        except MirrorError:
            # It answered; that its answer is of no use is for the download to say.
            pass
        except (OSError, ValueError, http.client.HTTPException) as error:
            reason = reason_of(error)
        answers.put((mirror, reason))

    for mirror in mirrors:
        threading.Thread(target=probe, args=(mirror,), daemon=True).start()
        unreachable[mirror] = "no answer"
    deadline = time.monotonic() + seconds
    for _ in mirrors:
        try:
            # An answer that came while the mirror before was in use is taken, late as it is.
            mirror, reason = answers.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            return
        if reason:
            unreachable[mirror] = reason
        else:
            del unreachable[mirror]
            yield mirror


@contextmanager
def _alone_in(directory: Path, announce: Callable[[str], None]) -> Iterator[None]:
    """Keep other processes out of `directory`; the system lifts the lock of a process that is killed."""
    with (directory / ".download.lock").open("ab") as file:
        deadline = time.monotonic() + _LOCK_SECONDS
        waiting = False
        while not _lock(file):
            if not waiting:
                announce(f"waiting for another process that downloads into {directory}")
                waiting = True
            if time.monotonic() > deadline:
                raise DataError(f"another process has been downloading into {directory} for too long; stop it")
            time.sleep(0.1)
        yield


def _lock(file: IO[bytes]) -> bool:
    """Try to take the lock that closing `file` lifts; True also where the file system has no locks."""
    try:
        if sys.platform == "win32":
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in {errno.EAGAIN, errno.EACCES, errno.EDEADLK}
    return True


def _listed(reasons: Mapping[str, str]) -> str:
    return "; ".join(f"{urlsplit(mirror).netloc}: {reason}" for mirror, reason in reasons.items())
