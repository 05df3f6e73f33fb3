"""Fetch files over https: resumed, bounded in size, and given their name only once their SHA-256 is right."""

import errno
import hashlib
import http.client
import os
import queue
import re
import ssl
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from fashion_compare.data.idx import GZIP_MAGIC, looks_like_a_web_page
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
# Longest silence of a mirror that has begun to send.
_STALL_SECONDS = 30.0
_LOCK_SECONDS = 600.0
_ATTEMPTS_PER_MIRROR = 3
_PIECE_BYTES = 1 << 16

# Called with bytes done, bytes in all (0 when the mirror does not say) and the file's name.
Progress = Callable[[int, int, str], None]


class NoMirrorReachable(DataError):  # noqa: N818 - the public name says what happened
    """No mirror answered in time: the one case in which a stand-in may take the data's place."""


class _MirrorError(Exception):
    """This mirror failed; another one may not."""


class _CutOffError(_MirrorError):
    """The connection ended early; what arrived is kept and can be resumed."""


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
                        _fetch(mirror + name, directory / name, files[name], maximum_bytes, progress)
            return
        except _MirrorError as error:
            failures[mirror] = str(error)
        except OSError as error:
            reason = error.strerror or str(error)
            raise DataError(f"cannot write into {directory}: {reason}; check space and rights") from error
    if failures:
        raise DataError(f"no mirror could deliver the data ({_listed(failures | unreachable)})")
    raise NoMirrorReachable(
        f"no mirror of the data could be reached within {reach_seconds:g} s ({_listed(unreachable)})"
    )


class _HttpsOnly(urllib.request.HTTPRedirectHandler):
    """Follows redirects, but never from https to anything else."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        if urlsplit(newurl).scheme != "https":
            fp.close()
            raise _MirrorError("redirects to an address without https")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _open(url: str, timeout: float, *, method: str = "GET", offset: int = 0) -> Any:
    if urlsplit(url).scheme != "https":
        raise _MirrorError("is not an https address")
    https = urllib.request.HTTPSHandler(context=ssl.create_default_context())
    opener = urllib.request.build_opener(https, _HttpsOnly)
    headers = {"User-Agent": "fashion-compare"} | ({"Range": f"bytes={offset}-"} if offset else {})
    request = urllib.request.Request(url, headers=headers, method=method)  # noqa: S310 - https, checked above
    return opener.open(request, timeout=timeout)


def _answering(mirrors: Sequence[str], name: str, seconds: float, unreachable: dict[str, str]) -> Iterator[str]:
    """Yield mirrors in the order in which they answer; the reasons of the others go into `unreachable`.

    Any HTTP answer counts, an error too. Daemon threads, because no timeout interrupts a hanging name server.
    """
    answers: queue.SimpleQueue[tuple[str, str]] = queue.SimpleQueue()

    def probe(mirror: str) -> None:
        reason = ""
        try:
            _open(mirror + name, seconds, method="HEAD").close()
        except urllib.error.HTTPError as error:
            error.close()
        except _MirrorError:
            # It answered; that its answer is of no use is for the download to say.
            pass
        except (OSError, ValueError, http.client.HTTPException) as error:
            reason = _reason(error)
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


def _fetch(url: str, target: Path, sha256: str, maximum_bytes: int, progress: Progress) -> None:
    """Bring `url` to `target`, which appears complete and right or not at all."""
    part = target.with_name(f"{target.name}.part")
    failure = _MirrorError("nothing was tried")
    for _ in range(_ATTEMPTS_PER_MIRROR):
        held = _size(part)
        # Whole already: the process was stopped between the last byte and the renaming.
        if not held or _sha256(part) != sha256:
            try:
                _transfer(url, part, maximum_bytes, progress)
            except _CutOffError as error:
                if _size(part) <= held:
                    raise
                failure = error
                continue
        if _sha256(part) == sha256:
            with part.open("rb+") as file:
                os.fsync(file.fileno())
            part.replace(target)
            return
        failure = _MirrorError(f"{target.name} {_what_it_is(part, sha256)}")
        part.unlink()
        if not held:
            break
        # What was resumed may have been the wrong half: once more, from the start.
    raise failure


def _transfer(url: str, part: Path, maximum_bytes: int, progress: Progress) -> None:
    """Write what `part` still lacks of `url`; a server that ignores Range has it started over."""
    name, held = part.name.removesuffix(".part"), _size(part)
    try:
        response = _open(url, _STALL_SECONDS, offset=held)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and held:
            part.unlink()
            return _transfer(url, part, maximum_bytes, progress)
        raise _MirrorError(f"{name}: HTTP {error.code}") from error
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise _MirrorError(f"{name}: {_reason(error)}") from error
    with response:
        if held and response.status == http.HTTPStatus.PARTIAL_CONTENT:
            if not re.match(rf"bytes {held}-", response.headers.get("Content-Range", "")):
                part.unlink()
                response.close()
                return _transfer(url, part, maximum_bytes, progress)
        else:
            held = 0
        length = response.headers.get("Content-Length", "")
        total = held + int(length) if length.isdecimal() else 0
        with part.open("ab" if held else "wb") as file:
            for piece in _pieces(response, name):
                held += len(piece)
                if max(held, total) > maximum_bytes:
                    part.unlink()
                    raise _MirrorError(f"{name} is larger than {maximum_bytes} bytes")
                file.write(piece)
                progress(held, total, name)
    if held < total:
        raise _CutOffError(f"{name} was cut off after {held} of {total} bytes")
    return None


def _pieces(response: Any, name: str) -> Iterator[bytes]:
    """Yield what arrives as it arrives, a slow mirror's few bytes too, so that progress is seen."""
    try:
        while piece := response.read1(_PIECE_BYTES):
            yield piece
    except (OSError, http.client.HTTPException) as error:
        raise _CutOffError(f"{name} was cut off ({_reason(error)})") from error


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


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _what_it_is(part: Path, expected_sha256: str) -> str:
    with part.open("rb") as file:
        start = file.read(64)
    if looks_like_a_web_page(start):
        return "came as a web page: a proxy's or a sign-in page?"
    if not start.startswith(GZIP_MAGIC):
        return "came as something that is not a gzip file"
    return f"came with SHA-256 {_sha256(part)}, expected {expected_sha256}"


def _reason(error: Exception) -> str:
    cause = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"certificate not trusted: {cause.verify_message}; SSL_CERT_FILE names the certificates to trust"
    if isinstance(cause, TimeoutError):
        return "timed out"
    text = (isinstance(cause, OSError) and cause.strerror) or str(cause) or type(cause).__name__
    # A proxy's own words may be in it.
    return "".join(character for character in text if character.isprintable())[:200]


def _listed(reasons: Mapping[str, str]) -> str:
    return "; ".join(f"{urlsplit(mirror).netloc}: {reason}" for mirror, reason in reasons.items())
