"""One file from one https address: resumed, bounded in size, and in place only once its SHA-256 is right."""

import hashlib
import http.client
import os
import re
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from fashion_compare.data.idx import GZIP_MAGIC, looks_like_a_web_page

# Called with bytes done, bytes in all (0 when the mirror does not say) and the file's name.
Progress = Callable[[int, int, str], None]

# Longest silence of a mirror that has begun to send.
_STALL_SECONDS = 30.0
_ATTEMPTS_PER_MIRROR = 3
_PIECE_BYTES = 1 << 16


class MirrorError(Exception):
    """This mirror failed; another one may not."""


class _CutOffError(MirrorError):
    """The connection ended early; what arrived is kept and can be resumed."""


def fetch(url: str, target: Path, sha256: str, maximum_bytes: int, progress: Progress) -> None:
    """Bring `url` to `target`, which appears complete and right or not at all."""
    part = target.with_name(f"{target.name}.part")
    failure = MirrorError("nothing was tried")
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
        failure = MirrorError(f"{target.name} {_what_it_is(part, sha256)}")
        part.unlink()
        if not held:
            break
        # What was resumed may have been the wrong half: once more, from the start.
    raise failure


class _HttpsOnly(urllib.request.HTTPRedirectHandler):
    """Follows redirects, but never from https to anything else."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        if urlsplit(newurl).scheme != "https":
            fp.close()
            raise MirrorError("redirects to an address without https")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def open_https(url: str, timeout: float, *, method: str = "GET", offset: int = 0) -> Any:
    """Send a request and return the response; `timeout` in seconds, `offset` bytes are left out at the start.

    Raises:
        MirrorError: the address, or one it redirects to, is not https.
        urllib.error.URLError: no answer, or one that is an error.
    """
    if urlsplit(url).scheme != "https":
        raise MirrorError("is not an https address")
    https = urllib.request.HTTPSHandler(context=ssl.create_default_context())
    opener = urllib.request.build_opener(https, _HttpsOnly)
    headers = {"User-Agent": "fashion-compare"} | ({"Range": f"bytes={offset}-"} if offset else {})
    request = urllib.request.Request(url, headers=headers, method=method)  # noqa: S310 - https, checked above
    return opener.open(request, timeout=timeout)


def _transfer(url: str, part: Path, maximum_bytes: int, progress: Progress) -> None:
    """Write what `part` still lacks of `url`; a server that ignores Range has it started over."""
    name, held = part.name.removesuffix(".part"), _size(part)
    try:
        response = open_https(url, _STALL_SECONDS, offset=held)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and held:
            part.unlink()
            return _transfer(url, part, maximum_bytes, progress)
        raise MirrorError(f"{name}: HTTP {error.code}") from error
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise MirrorError(f"{name}: {reason_of(error)}") from error
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
                    raise MirrorError(f"{name} is larger than {maximum_bytes} bytes")
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
        raise _CutOffError(f"{name} was cut off ({reason_of(error)})") from error


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


def reason_of(error: Exception) -> str:
    """Return what went wrong with a connection, in a few words."""
    cause = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"certificate not trusted: {cause.verify_message}; SSL_CERT_FILE names the certificates to trust"
    if isinstance(cause, TimeoutError):
        return "timed out"
    text = (isinstance(cause, OSError) and cause.strerror) or str(cause) or type(cause).__name__
    # A proxy's own words may be in it.
    return "".join(character for character in text if character.isprintable())[:200]
